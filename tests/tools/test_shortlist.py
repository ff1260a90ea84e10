"""The shortlist: an index that must give exactly what trying every tool would."""

from __future__ import annotations

import random
import string

from hypothesis import given
from hypothesis import strategies as st

from hammerstone.requests.comparison import normalise
from hammerstone.tools.shortlist import GRAM_CHARS, MAX_WORDING, Shortlist, grams, holds_wording, wording

few = st.text(alphabet="ab é\n", max_size=14)  # few letters, so that n-grams meet
questions = st.lists(few | st.text(max_size=14), min_size=1, max_size=4)
required = st.lists(few.map(lambda text: text[:GRAM_CHARS]), unique=True, max_size=6) | questions.map(wording)


@given(st.lists(required, max_size=8), few | st.text(max_size=30))
def test_the_index_gives_what_the_rule_gives(wordings: list[list[str]], question: str) -> None:
    index = Shortlist(enumerate(wordings))
    assert index.candidates(question) == [i for i, one in enumerate(wordings) if holds_wording(question, one)]


@given(questions)
def test_every_instance_holds_the_wording_of_its_task(instances: list[str]) -> None:
    shared = wording(instances)
    assert all(holds_wording(one, shared) for one in instances if shared)
    assert all(gram in normalise(one) for one in instances for gram in shared)


@given(questions)
def test_the_wording_does_not_depend_on_the_order_of_the_instances(instances: list[str]) -> None:
    assert wording(instances) == wording(instances[::-1])
    assert list(wording(instances)) == sorted(set(wording(instances)))


@given(st.text())
def test_a_tool_without_wording_is_never_a_candidate(question: str) -> None:
    assert Shortlist([("none", ()), ("some", sorted(grams(question)))]).candidates(question) == ["some"]


@given(st.text(max_size=40))
def test_the_grams_of_a_text_are_its_windows(text: str) -> None:
    plain = normalise(text)
    if len(plain) <= GRAM_CHARS:
        assert grams(text) == {plain}
    else:
        assert grams(text) == {plain[i : i + GRAM_CHARS] for i in range(len(plain) - GRAM_CHARS + 1)}


def test_without_questions_there_is_no_wording() -> None:
    assert wording([]) == ()


def test_questions_that_share_nothing_have_no_wording() -> None:
    assert wording(["what is the sum", "XXXXXXXXXXXXXX"]) == ()


def test_a_long_wording_is_thinned_and_still_held() -> None:
    letters = random.Random(1)  # noqa: S311 - the same text each time
    text = "".join(letters.choice(string.ascii_letters) for _ in range(5_000))
    shared = wording([text, text + " end"])
    assert MAX_WORDING / 2 < len(shared) <= MAX_WORDING
    assert holds_wording(text, shared)


def test_nine_tenths_of_the_wording_are_enough_and_less_are_not() -> None:
    ten = [letter * 5 for letter in "abcdefghij"]
    assert holds_wording(" ".join(ten[:9]), ten)
    assert not holds_wording(" ".join(ten[:8]), ten)


def test_a_thousand_tools_give_the_same_shortlist_as_trying_each() -> None:
    numbers = random.Random(2)  # noqa: S311 - the same questions each time
    words = ["".join(numbers.choices("abcdefgh", k=4)) for _ in range(60)]

    def question(kind: list[str]) -> str:
        return " ".join([*kind, str(numbers.randrange(1000))])

    kinds = [numbers.choices(words, k=6) for _ in range(1000)]
    tools = [(i, wording([question(kind) for _ in range(3)])) for i, kind in enumerate(kinds)]
    index = Shortlist(tools)
    asked = [question(kind) for kind in kinds[::50]] + [" ".join(numbers.choices(words, k=8)) for _ in range(20)]
    found = [index.candidates(one) for one in asked]
    assert found == [[i for i, shared in tools if holds_wording(one, shared)] for one in asked]
    assert all(i in found[n] for n, i in enumerate(range(0, 1000, 50)))
    assert sum(map(len, found)) < 1000  # it does leave most tools out
