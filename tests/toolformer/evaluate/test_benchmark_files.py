"""Files in the form of the published benchmarks, a few entries each, written here by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.evaluate.benchmark_files import FORMS, BenchmarkQuestion, read_benchmark, read_lama


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: Any, name: str = "file.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
        return path

    return write


SQUAD = {"masked_sentences": ["The tower was finished in the year [MASK]."], "obj_label": "1889", "id": "a_0"}
IN_THE_MIDDLE = {"masked_sentences": ["In [MASK] the tower was finished."], "obj_label": "1889", "id": "a_1"}
TREX = {
    "uuid": "u1",
    "predicate_id": "P19",
    "sub_label": "Ada Example",
    "obj_label": "London",
    "evidences": [
        {"masked_sentence": "In [MASK] Ada Example was born.", "obj_surface": "London"},
        {"masked_sentence": "Ada Example was born in [MASK] .", "obj_surface": "London"},
    ],
}
GOOGLE_RE = {
    "pred": "/people/person/place_of_birth",
    "sub_label": "Bo Sample",
    "obj_label": "Oslo",
    "masked_sentences": ["Bo Sample (born in [MASK]) is a painter."],
}


def test_lama_statements_end_at_their_mask_and_others_are_left_out(lines: Callable[..., Path]) -> None:
    task = read_benchmark("lama", lines(SQUAD, IN_THE_MIDDLE, TREX, GOOGLE_RE))
    assert task.questions == (
        BenchmarkQuestion(prompt="The tower was finished in the year", answers=("1889",)),
        BenchmarkQuestion(prompt="Ada Example was born in", answers=("London",)),
    )
    assert (task.name, task.skipped) == ("file", 2)
    assert task.metric(" about 1889 or so", ("1889",))
    assert not task.metric(" one two three four five 1889", ("1889",))


def test_lama_relations_make_the_statements_of_their_templates(lines: Callable[..., Path]) -> None:
    relations = lines(
        {"relation": "P19", "template": "[X] was born in the city of [Y] ."},
        {"relation": "/people/person/place_of_birth", "template": "[X] comes from [Y] ."},
        name="relations.jsonl",
    )
    task = read_lama(lines(TREX, GOOGLE_RE), relations)
    prompts = [question.prompt for question in task.questions]
    assert prompts == ["Ada Example was born in the city of", "Bo Sample comes from"]


def test_a_folder_of_relations_is_read_in_order(lines: Callable[..., Path]) -> None:
    path = lines(TREX, name="P19.jsonl")
    lines(SQUAD, name="P36.jsonl")
    assert len(read_benchmark("lama", path.parent).questions) == 2


def test_asdiv_problems_with_one_number_are_asked(tmp_path: Path) -> None:
    path = tmp_path / "ASDiv.xml"
    path.write_text(
        """<?xml version="1.0" encoding="UTF-8"?>
<Machine-Reading-Corpus-File><ProblemSet>
<Problem ID="n-1" Grade="1" Source="x"><Body>Seven pears and two figs lie there.</Body>
  <Question>How many fruits lie there?</Question><Solution-Type>Addition</Solution-Type>
  <Answer>9 (fruits)</Answer><Formula>7+2=9</Formula></Problem>
<Problem ID="n-2" Grade="2" Source="x"><Body>There are pears and figs.</Body>
  <Question>Are there more pears?</Question><Answer>Yes</Answer></Problem>
<Problem ID="n-3" Grade="2" Source="x"><Body>Two clocks.</Body>
  <Question>When?</Question><Answer>10:30</Answer></Problem>
</ProblemSet></Machine-Reading-Corpus-File>"""
    )
    task = read_benchmark("asdiv", path)
    assert task.questions == (
        BenchmarkQuestion(
            prompt="Seven pears and two figs lie there. How many fruits lie there? The answer is",
            answers=("9 (fruits)",),
        ),
    )
    assert task.skipped == 2
    assert task.metric(" 7 + 2 = 9", task.questions[0].answers)


def test_svamp_and_mawps_problems_are_asked(tmp_path: Path) -> None:
    svamp, mawps = tmp_path / "svamp.json", tmp_path / "mawps.json"
    svamp.write_text(
        json.dumps([{"ID": "c-1", "Body": "Jo has 8 pens.", "Question": "She gives 3 away. How many?", "Answer": 5.0}])
    )
    mawps.write_text(
        json.dumps(
            [{"iIndex": 1, "sQuestion": "What is twice 1,200 ?", "lEquations": ["x=2*1200"], "lSolutions": [2400.0]}]
        )
    )
    for form, path, prompt, said in (
        ("svamp", svamp, "Jo has 8 pens. She gives 3 away. How many? The answer is", " 5."),
        ("mawps", mawps, "What is twice 1,200 ? The answer is", " 2,400"),
    ):
        task = read_benchmark(form, path)
        assert [question.prompt for question in task.questions] == [prompt]
        assert task.metric(said, task.questions[0].answers)


MAWPS = """Question,Numbers,Equation,Answer,Body
"Bryan has number0 books , and number1 shelves . How many books ?",56.0 9.0,* number0 number1,504.0,"a
b"
"Half of number0 pounds , number10 ?",0.25,x,0.125,
"no answer to number0 ?",1.0,x,,
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_mawps_as_csv_has_its_numbers_put_in(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "dev.csv").write_bytes(MAWPS.encode(encoding))
    task = read_benchmark("mawps", tmp_path / "dev.csv")
    assert [(one.prompt, one.answers) for one in task.questions] == [
        ("Bryan has 56 books , and 9 shelves . How many books ? The answer is", ("504.0",)),
    ]
    assert task.skipped == 2, "a number that is not there, and no answer"
    assert task.metric(" 504 books", task.questions[0].answers)


def test_a_table_with_other_columns_is_reported(tmp_path: Path) -> None:
    (tmp_path / "dev.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="CSV with the columns Question, Numbers and Answer"):
        read_benchmark("mawps", tmp_path / "dev.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_label_with_a_minus_sign_is_a_number_in_a_file_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    rows = {
        "svamp": json.dumps([{"Body": "It was 3 degrees.", "Question": "It fell by 8.", "Answer": "\u22125"}]),
        "prompts": json.dumps({"prompt": "3 - 8 is", "answers": ["\u22125"]}),
    }
    for form, text in rows.items():
        (tmp_path / form).write_bytes(text.encode(encoding))
        task = read_benchmark(form, tmp_path / form)
        assert task.metric(" -5", task.questions[0].answers)
        assert not task.metric(" 5", task.questions[0].answers)


@pytest.mark.parametrize(
    ("row", "answers"),
    [
        ({"question": "who?", "answer": ["Ada", "Ada Example"]}, ("Ada", "Ada Example")),
        ({"question": "who?", "answers": ["Ada"]}, ("Ada",)),
        ({"question": "who?", "answer": "Ada"}, ("Ada",)),
        ({"question": "who?", "answer": {"value": "Ada", "aliases": ["A. Example"]}}, ("Ada", "A. Example")),
    ],
)
def test_qa_answers_of_every_shape_are_accepted(lines: Callable[..., Path], row: Any, answers: tuple[str, ...]) -> None:
    task = read_benchmark("qa", lines(row))
    assert task.questions == (BenchmarkQuestion(prompt="Answer the following question: who? Answer:", answers=answers),)
    assert task.metric(f"{' word' * 19} Ada", answers)
    assert not task.metric(f"{' word' * 20} Ada", answers)


def test_mlqa_tells_the_paragraph_and_looks_at_ten_words(lines: Callable[..., Path]) -> None:
    task = read_benchmark(
        "mlqa", lines({"context": "Ada wohnt in Ulm.", "question": "Wo wohnt Ada?", "answers": ["Ulm"]})
    )
    assert "Ada wohnt in Ulm. Now answer the following question in English: Wo wohnt Ada?" in task.questions[0].prompt
    assert task.metric(f"{' word' * 9} Ulm", ("Ulm",))
    assert not task.metric(f"{' word' * 10} Ulm", ("Ulm",))


def test_templama_asks_in_the_middle_of_its_year(lines: Callable[..., Path]) -> None:
    row = {
        "query": "Ada Example plays for _X_.",
        "answer": [{"wikidata_id": "Q1", "name": "Example United"}, {"wikidata_id": "Q2", "name": "Sample City"}],
        "date": "2014",
        "id": "Q3_P54_2014",
        "relation": "P54",
    }
    expected = BenchmarkQuestion(
        prompt="Ada Example plays for", answers=("Example United", "Sample City"), date="2014-07-02"
    )
    assert read_benchmark("templama", lines(row)).questions == (expected,)


def test_a_bad_line_is_counted_and_the_others_are_read(lines: Callable[..., Path]) -> None:
    task = read_benchmark(
        "qa", lines('{"question": ', [], {"question": "who?"}, {"question": "who?", "answer": ["Ada"]})
    )
    assert (len(task.questions), task.skipped) == (1, 3)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_without_any_question_is_reported(form: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text({"asdiv": "<a/>", "svamp": "[1]", "mawps": "[1]"}.get(form, '{"other": 1}\n'))
    with pytest.raises(InputError, match="contains no question") as told:
        read_benchmark(form, path)
    assert "form" in told.value.hint


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_cannot_be_read_is_reported(form: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_benchmark(form, tmp_path / "missing")
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff\xfe<{[")
    with pytest.raises(InputError, match="cannot read"):
        read_benchmark(form, broken)


def test_an_unknown_form_is_reported_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown form of benchmark files: 'gsm'") as told:
        read_benchmark("gsm", tmp_path)
    assert "svamp" in told.value.hint


def test_prompts_of_ones_own_are_judged_by_numbers_where_every_answer_is_one(tmp_path: Path) -> None:
    rows = [{"prompt": "7 times 6 is", "answers": ["42"]}, {"prompt": "Half of 3 is", "answers": ["1.5", "1.50"]}]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = read_benchmark("prompts", tmp_path / "sums.jsonl")
    assert [question.prompt for question in task.questions] == ["7 times 6 is", "Half of 3 is"]
    assert task.metric(" 42 of them", ("42",))
    assert not task.metric(" some, 42 of them 7", ("7",))


def test_prompts_with_other_answers_are_judged_by_words_and_keep_their_date(tmp_path: Path) -> None:
    row = {"prompt": "It is", "answers": ["Friday, May 8, 2015"], "date": "2015-05-08"}
    (tmp_path / "dates.jsonl").write_text(json.dumps(row) + "\n")
    task = read_benchmark("prompts", tmp_path / "dates.jsonl")
    assert task.questions[0].date == "2015-05-08"
    assert task.metric(" Friday, May 8, 2015, at noon", ("Friday, May 8, 2015",))
