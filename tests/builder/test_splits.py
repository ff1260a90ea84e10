from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.builder.splits import independent, most_varied, split_instances
from hammerstone.settings import Numbers
from hammerstone.store.records import StoredInstance
from hammerstone.types import Source

NUMBERS = Numbers(shown=3, verified=2, held_out=2, retries=3)


def stored(questions: list[str]) -> list[StoredInstance]:
    return [
        StoredInstance(id=number, request_id=str(number), question=question, answer="", source=Source.SOLVER)
        for number, question in enumerate(questions)
    ]


def test_the_most_varied_are_shown() -> None:
    alike = [f"Sort these words: apple pear plum {word}" for word in ("fig", "kiwi", "lime")]
    questions = [*alike, "Sort these words: ox", "Sort these words: sparrow heron eagle owl wren stork"]
    shown = most_varied(stored(questions), 3)
    assert [one.id for one in shown] == [0, 4, 3]


@given(st.lists(st.text(min_size=1, max_size=40), max_size=30, unique=True), st.booleans())
def test_the_parts_are_disjoint_and_hold_nothing_else(questions: list[str], spare: bool) -> None:
    instances = stored(questions)
    split = split_instances(instances, NUMBERS, spare=spare)
    ids = [one.id for one in split.all]
    assert len(ids) == len(set(ids))
    assert set(ids) <= {one.id for one in instances}
    room = len(instances) - NUMBERS.needed if spare else 0
    assert NUMBERS.shown <= len(split.shown) + max(0, NUMBERS.shown - len(instances))
    assert len(split.shown) <= min(len(instances), NUMBERS.shown + max(0, room))


@given(st.lists(st.text(min_size=1, max_size=40), max_size=20, unique=True))
def test_the_same_instances_are_divided_the_same_way(questions: list[str]) -> None:
    assert split_instances(stored(questions), NUMBERS, spare=True) == split_instances(
        stored(questions), NUMBERS, spare=True
    )


@pytest.mark.parametrize(
    ("count", "spare", "sizes"),
    [
        (7, True, (3, 2, 2)),
        (7, False, (3, 2, 2)),
        (13, True, (3, 5, 5)),
        (13, False, (3, 2, 2)),
        (8, True, (3, 2, 3)),
    ],
)
def test_what_is_beyond_the_numbers_is_used_only_where_it_costs_nothing(
    count: int, spare: bool, sizes: tuple[int, int, int]
) -> None:
    split = split_instances(
        stored([f"What is the answer to question {n}?" for n in range(count)]), NUMBERS, spare=spare
    )
    assert (len(split.shown), len(split.verified), len(split.held_out)) == sizes


PHRASED = ("Sort these words: {}", "Please put into alphabetical order the following: {}", "A to Z, if you would: {}")
PHRASED += (
    "Which of them comes first in a dictionary, which next, and so on? {}",
    "Arrange by first letter, quickly: {}",
)


@pytest.mark.parametrize(("count", "forms"), [(7, 3), (8, 4), (9, 5), (30, 5)])
def test_where_instances_are_left_one_of_each_way_of_phrasing_is_shown(count: int, forms: int) -> None:
    words = "ox yak emu gnu owl eel ant bee cow pig hen fox rat bat cat dog ape elk hog jay kid nit ram roe sow tit asp"
    questions = [
        PHRASED[k % 5].format(word) for k, word in zip(range(count), f"{words} cod dab ide".split(), strict=False)
    ]
    split = split_instances(stored(sorted(questions, key=len)), NUMBERS, spare=True)
    shown = {form for form in PHRASED if any(one.question.startswith(form[:-2]) for one in split.shown)}
    assert len(shown) == forms


def test_what_is_not_shown_keeps_the_order_of_arrival() -> None:
    split = split_instances(stored([f"question {n}" for n in range(12)]), NUMBERS, spare=True)
    rest = [one.id for one in split.verified + split.held_out]
    assert rest == sorted(rest)


@pytest.mark.parametrize(
    "spelling",
    [
        "{} ",
        "{}\n",
        "{}\r\n",
        " {}",
        "\ufeff{}",
        "\u200b{}",
        "{}\u00a0",
        "{}\u3000",
        "A  caf\u00e9?",
        "A\ncafe\u0301?",
        "A\tcaf\u00e9\uff1f",
    ],
)
def test_spellings_of_one_question_count_once(spelling: str) -> None:
    question = "A caf\u00e9?"
    given = stored([question, spelling.format(question), "Another?"])
    assert [one.id for one in independent(given)] == [0, 2]


def labeled(answer: str, source: Source, *, spaces: int, former: str | None = None) -> StoredInstance:
    question = f"A{' ' * spaces}b?"
    return StoredInstance(
        id=spaces, request_id="r", question=question, answer=answer, source=source, former_answer=former
    )


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (("old", Source.SOLVER), ("new", Source.CALLER), "new"),
        (("old", Source.CALLER), ("new", Source.CALLER), "new"),
        (("kept", Source.CALLER), ("other", Source.SOLVER), "kept"),
        (("kept", Source.SOLVER), ("other", Source.SOLVER), "kept"),
        (("5", Source.SOLVER), ("5.0", Source.CALLER), "5"),
    ],
)
def test_of_two_spellings_the_later_label_of_a_person_or_caller_counts(
    first: tuple[str, Source], second: tuple[str, Source], kept: str
) -> None:
    (one,) = independent([labeled(*first, spaces=1), labeled(*second, spaces=2)])
    assert one.answer == kept


def test_a_corrected_label_counts_wherever_its_spelling_stood() -> None:
    corrected = labeled("new", Source.CALLER, spaces=1, former="old")
    assert independent([corrected, labeled("old", Source.CALLER, spaces=2)]) == (corrected,)


@pytest.mark.parametrize("other", ["A b c!", "a b c?", "A bc?", "A b d?", "A b 1 c?", "A b, c?"])
def test_what_says_something_else_counts(other: str) -> None:
    assert len(independent(stored(["A b c?", other]))) == 2
