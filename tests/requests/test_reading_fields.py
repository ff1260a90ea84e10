"""Every field that belongs to a question is in it; one that could change the answer is never dropped."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hammerstone.errors import InputError
from hammerstone.requests import Unreadable, read_requests
from hammerstone.requests.fields import IGNORED
from hammerstone.types import Request

WORDS = "Sort the following words alphabetically: List: pear fig"


def read(folder: Path, *rows: object) -> list[Request | Unreadable]:
    """Rows of JSON lines; a string is a line as it stands."""
    path = folder / "rows.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return list(read_requests(path))


def asked(folder: Path, **fields: object) -> Request:
    (item,) = read(folder, fields)
    assert isinstance(item, Request), item
    return item


def refused(folder: Path, **fields: object) -> str:
    """Why a row is unreadable; the rows around it are read."""
    before, item, after = read(folder, {"question": "before"}, fields, {"question": "after"})
    assert isinstance(before, Request)
    assert isinstance(after, Request)
    assert isinstance(item, Unreadable)
    assert item.line == 2
    return item.why


def bigbench(folder: Path, *examples: object, **fields: object) -> list[Request | Unreadable]:
    path = folder / "task.json"
    path.write_text(json.dumps({"name": "a", "description": "d", "keywords": ["k"], **fields, "examples": examples}))
    return list(read_requests(path))


# The question


def test_what_stands_before_a_question_is_part_of_it(tmp_path: Path) -> None:
    request = asked(
        tmp_path,
        question=WORDS,
        context="Pear is apple.",
        title="Fruit",
        instruction="Read.",
        system="Be brief.",
    )
    assert request.question == f"Be brief.\n\nRead.\n\nFruit\n\nPear is apple.\n\n{WORDS}"


def test_an_instruction_stands_before_its_input_or_alone(tmp_path: Path) -> None:
    assert asked(tmp_path, instruction="Reverse.", input=WORDS, output="2") == Request.plain(
        id="1", question=f"Reverse.\n\n{WORDS}", answer="2"
    )
    assert asked(tmp_path, instruction="Name a fruit.", input="", output="fig").question == "Name a fruit."
    assert asked(tmp_path, instruction="Name a fruit.").question == "Name a fruit."


def test_parts_are_kept_character_for_character(tmp_path: Path) -> None:
    request = asked(tmp_path, system=" a\t\n", question="\n b  ")
    assert request.question == " a\t\n\n\n\n b  "


def test_empty_parts_leave_nothing_behind(tmp_path: Path) -> None:
    assert asked(tmp_path, question="Q", system="", context=None, choices=[]).question == "Q"


@pytest.mark.parametrize("name", ["system", "context", "instruction", "title", "question", "input"])
@pytest.mark.parametrize("value", [7, ["text"], {"text": "x"}, True])
def test_a_part_that_is_no_text_is_refused_by_name(tmp_path: Path, name: str, value: object) -> None:
    assert f"its {name} is not a string" in refused(tmp_path, **{"question": "Q", name: value})


def test_a_question_and_an_input_that_differ_are_refused(tmp_path: Path) -> None:
    assert "both a `question` and an `input`" in refused(tmp_path, question="Q", input="data")
    assert asked(tmp_path, question="Q", input="Q").question == "Q"


# Choices


def test_choices_are_listed_and_a_position_names_one(tmp_path: Path) -> None:
    request = asked(tmp_path, question=WORDS, choices=["fig pear", "pear fig"], answer=0)
    assert request.question == f"{WORDS}\n\nChoices:\n- fig pear\n- pear fig"
    assert request.answer == "fig pear"


@pytest.mark.parametrize("choices", [{"text": ["x", "y"], "label": ["A", "B"]}, {"A": "x", "B": "y"}])
def test_choices_with_labels_show_them_and_a_label_is_the_answer(tmp_path: Path, choices: object) -> None:
    for answer in ("B", "y"):
        request = asked(tmp_path, question="Which?", choices=choices, answerKey=answer)
        assert request.question == "Which?\n\nChoices:\nA: x\nB: y"
        assert request.answer == "B"


@pytest.mark.parametrize(
    ("choices", "answer", "named"),
    [(["x", "y"], "y", "y"), (["x", "y"], "B", "y"), ([10, 20], 20, "20"), (["B", "A"], "A", "A"), (["x"], None, None)],
)
def test_an_answer_is_one_of_its_choices(tmp_path: Path, choices: list[object], answer: object, named: str) -> None:
    assert asked(tmp_path, question="Q", choices=choices, answer=answer).answer == named


@pytest.mark.parametrize(
    ("choices", "answer", "why"),
    [
        (["x", "y"], "z", "is none of its choices"),
        (["x", "y"], "C", "is none of its choices"),
        (["x", "y"], 2, "is none of its choices"),
        (["x", "y"], int("9" * 4_000), "is none of its choices"),
        (["1", "2", "3"], 1, "may be a choice or the position of another one"),
        (["x", "x"], 0, "two of its choices are the same"),
        (["x", {"y": 1}], 0, "neither a string nor a number"),
        ("x, y", 0, "its choices are not a list"),
        ({"text": ["x", "y"], "label": ["A"]}, "A", "as many labels as texts"),
    ],
)
def test_an_answer_that_could_be_several_choices_or_none_is_refused(
    tmp_path: Path, choices: object, answer: object, why: str
) -> None:
    assert why in refused(tmp_path, question="Q", choices=choices, answer=answer)


# BIG-bench


def test_a_bigbench_question_has_its_prefix_and_its_choices_and_the_best_scored_is_the_answer(tmp_path: Path) -> None:
    example = {"input": "Take 7 steps left.", "target_scores": {"True": 0, "False": 1}}
    assert bigbench(tmp_path, example, task_prefix="Do you return?", append_choices_to_input=True) == [
        Request.plain(
            id="1", question="Do you return?\n\nTake 7 steps left.\n\nChoices:\n- True\n- False", answer="False"
        )
    ]


def test_bigbench_appends_choices_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    example = {"input": "I", "target_scores": {"a": 0.25, "b": 0.75}}
    (shown,), (hidden,) = bigbench(tmp_path, example), bigbench(tmp_path, example, append_choices_to_input=False)
    assert shown == Request.plain(id="1", question="I\n\nChoices:\n- a\n- b", answer="b")
    assert hidden == Request.plain(id="1", question="I", answer="b")


def test_what_a_bigbench_file_puts_around_its_examples_is_there(tmp_path: Path) -> None:
    around = {"example_input_prefix": "\nSentence: ", "choice_prefix": "\n  choice: ", "example_output_prefix": "\nIs:"}
    (item,) = bigbench(tmp_path, {"input": "I", "target_scores": {"a": 1, "b": 0}}, **around)
    assert item == Request.plain(id="1", question="Sentence: I\n  choice: a\n  choice: b\nIs:", answer="a")


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        ({"a": 1, "b": 1}, "2 of its `target_scores` are the best"),
        ({"a": "1"}, "is not a number"),
        ({"a": True}, "is not a number"),
        ([], "is not an object"),
        ({}, "is not an object"),
    ],
)
def test_scores_without_one_best_choice_cost_their_own_example(tmp_path: Path, scores: object, why: str) -> None:
    bad, good = bigbench(tmp_path, {"input": "I", "target_scores": scores}, {"input": "J", "target": "a"})
    assert isinstance(bad, Unreadable)
    assert why in bad.why
    assert good == Request.plain(id="2", question="J", answer="a")


def test_a_target_decides_between_equal_scores_and_may_not_contradict_them(tmp_path: Path) -> None:
    scores = {"a": 1, "b": 1, "c": 0}
    good, bad = bigbench(
        tmp_path,
        {"input": "I", "target_scores": scores, "target": ["b", "a"]},
        {"input": "I", "target_scores": scores, "target": "c"},
    )
    assert isinstance(good, Request)
    assert good.answer == "b"
    assert isinstance(bad, Unreadable)
    assert "give different answers" in bad.why


@pytest.mark.parametrize("value", ["Answer in capitals.", ["rule"], {"rule": 1}])
def test_an_unknown_field_of_a_bigbench_file_refuses_it(tmp_path: Path, value: object) -> None:
    with pytest.raises(InputError, match="`rules` could change the answers") as told:
        bigbench(tmp_path, {"input": "I"}, rules=value)
    assert told.value.hint


# The answer


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ('{"words": ["fig", 1.50], "é": null}', '{"words":["fig",1.50],"é":null}'),
        ('["fig", "pear"]', '["fig","pear"]'),
        ('[["fig"], [true]]', '[["fig"],[true]]'),
        ("[]", "[]"),
        ("{}", "{}"),
        ("1e400", "1e400"),
        ('"  fig \\n"', "  fig \n"),
        ('""', None),
        ('" \\n"', None),
    ],
)
def test_an_answer_is_its_text_or_its_json(tmp_path: Path, written: str, answer: str | None) -> None:
    assert read(tmp_path, f'{{"question": "Q", "answer": {written}}}') == [
        Request.plain(id="1", question="Q", answer=answer)
    ]


@pytest.mark.parametrize(
    "answers",
    [
        ["fig", "Fig"],
        "fig",
        {"text": ["fig", "Fig"], "answer_start": [0, 7]},
        [{"text": "fig", "answer_start": 0}, {"text": "Fig", "answer_start": 7}],
    ],
)
def test_of_several_accepted_answers_the_first_is_taken(tmp_path: Path, answers: object) -> None:
    assert asked(tmp_path, question="Q", answers=answers).answer == "fig"


def test_a_question_without_accepted_answers_has_none(tmp_path: Path) -> None:
    assert asked(tmp_path, question="Q", answers={"text": [], "answer_start": []}).answer is None
    assert asked(tmp_path, question="Q", target=[]).answer is None


def test_two_answers_that_differ_are_refused(tmp_path: Path) -> None:
    assert "answer, target give different answers" in refused(tmp_path, question="Q", answer="1", target="2")
    assert asked(tmp_path, question="Q", answer="2", answers=["1", "2"]).answer == "2"


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "[NaN]", '{"a": -Infinity}'])
def test_what_is_no_json_is_fine_where_it_is_ignored_and_an_error_where_it_is_used(
    tmp_path: Path, written: str
) -> None:
    before, bad, after = read(
        tmp_path,
        f'{{"question": "Q", "score": {written}}}',
        f'{{"question": "Q", "answer": {written}}}',
        f'{{"question": "Q", "loss": {written}}}',
    )
    assert isinstance(before, Request)
    assert isinstance(after, Request)
    assert isinstance(bad, Unreadable)
    assert "its answer cannot be read" in bad.why
    assert "is not JSON" in bad.why


@pytest.mark.parametrize(("answer", "output"), [("5", 5.0), ('{"a": 1}', {"a": 1.0}), ("x ", "x")])
def test_two_fields_with_one_label_in_two_spellings_do_not_differ(tmp_path: Path, answer: str, output: object) -> None:
    (item,) = read(tmp_path, {"question": "Q", "answer": answer, "output": output})
    assert isinstance(item, Request)
    assert item.answer == answer


def test_two_choices_of_one_value_are_two_answers(tmp_path: Path) -> None:
    row = {"question": "Q", "choices": ["5", "5.0"], "answer": "5", "target": "5.0"}
    assert "different answers" in refused(tmp_path, **row)


# Other fields


@pytest.mark.parametrize("name", ["prompt", "result", "options", "Context2", "hint"])
@pytest.mark.parametrize("value", ["text", ["text"], {"role": "user"}])
def test_a_field_that_could_change_the_answer_refuses_its_row_by_name(tmp_path: Path, name: str, value: object) -> None:
    assert f"could change the answer: `{name.lower()}`" in refused(tmp_path, **{"question": "Q", name: value})


def test_a_row_without_a_question_names_what_it_has_instead(tmp_path: Path) -> None:
    why = refused(tmp_path, prompt="Q")
    assert why == "it has no `question` (or `input`), but a field that is not read: `prompt`"


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_fields_about_a_request_are_ignored_with_a_word(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"question": "Q", name: {"any": ["thing"]}}))
    told: list[Any] = []
    assert list(read_requests(path, on_ignored=told.extend)) == [Request.plain(id="1", question="Q")]
    assert told == [name]


def test_each_ignored_field_is_reported_once(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"question": "Q", "n": 1}, {"question": "Q", "n": 2, "flag": True}, {"question": "Q", "n": 3, "note": ""}]
    path.write_text("\n".join(map(json.dumps, rows)))
    told: list[Any] = []
    assert len(list(read_requests(path, on_ignored=told.append))) == 3
    assert told == [["n"], ["flag"], ["note"]]


def test_a_field_twice_in_a_row_is_refused(tmp_path: Path) -> None:
    rows = ('{"question": "Q", "question": "R"}', '{"question": "Q", "Question": "R"}', '{"question": "Q"}')
    twice, cased, good = read(tmp_path, *rows)
    assert isinstance(twice, Unreadable)
    assert "`question` is there twice" in twice.why
    assert isinstance(cased, Unreadable)
    assert "letter case only" in cased.why
    assert isinstance(good, Request)


def test_half_characters_and_nuls_are_kept_in_every_field(tmp_path: Path) -> None:
    row = '{"id": "\\udc80", "question": "a\\ud800\\u0000b", "task": "\\udfff", "answer": "\\u0000\\ud83d"}'
    assert read(tmp_path, row) == [
        Request.plain(id="\udc80", question="a\ud800\x00b", task="\udfff", answer="\x00\ud83d")
    ]


def test_a_request_knows_its_line(tmp_path: Path) -> None:
    items = read(tmp_path, "", '{"id": "a", "question": "Q"}', "", '{"question": "R"}')
    assert [item.line for item in items] == [2, 4]


# Size


@pytest.mark.parametrize(
    "bad",
    [
        '{"question": "Q", "answer": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"question": "Q", "answer": ' + "[" * 900 + "]" * 900 + "}",
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"question": "' + "x" * 10_000_000 + '"}',
        "{" + ",".join(f'"c{number}": "x"' for number in range(100_000)) + "}",
    ],
    ids=["deep list", "deep answer", "deep object", "long line", "many fields"],
)
def test_a_monstrous_line_costs_itself_alone(tmp_path: Path, bad: str) -> None:
    before, item, after = read(tmp_path, {"question": "before"}, bad, {"question": "after"})
    assert isinstance(before, Request)
    assert isinstance(after, Request)
    assert isinstance(item, Unreadable) or len(item.answer or "") == 1800
    assert item.line == 2


# The guide


def test_the_guides_example_and_its_list_of_ignored_fields_hold(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "requests.md").read_text(encoding="utf-8")
    row, question = re.findall(r"```json\n(\{\"context.*?)\n```.*?```text\n(.*?)\n```", guide, re.DOTALL)[0]
    assert read(tmp_path, row) == [Request.plain(id="1", question=question, answer="pear")]
    listed = guide.partition("where a request came from:")[2].partition(". What is ignored")[0]
    assert {name.lower() for name in re.findall(r"`(\w+)`", listed)} == IGNORED
