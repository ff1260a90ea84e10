"""The paper's benchmarks, read from the files as they are published, and how each is asked and judged.

    form      file                                   asked                                           right if
    lama      jsonl of LAMA: SQuAD, Google-RE, T-REx  the statement up to its mask                    in 5 words
    asdiv     xml                                     the problem, then "The answer is"               first number
    svamp     json                                    the same                                        first number
    mawps     json, or csv as in SVAMP's data          the same                                        first number
    qa        jsonl: question, answers                "Answer the following question: … Answer:"      in 20 words
    mlqa      the same with a context                 the paragraph, then the question                in 10 words
    templama  jsonl: query, answer, date              the statement up to its mask, in its year       in 5 words

As in the paper, statements whose mask is not at the end are skipped. Those and the lines that cannot be read are
counted in `Benchmark.skipped`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast
from xml.etree import ElementTree

from hammerstone.errors import InputError, SettingsError
from hammerstone.text_files import read_text, text_lines
from hammerstone.toolformer.evaluate.metrics import (
    MINUS,
    Metric,
    first_number,
    first_number_is,
    plain_number,
    within_words,
)

__all__ = ["FORMS", "Benchmark", "BenchmarkQuestion", "question_prompt", "read_benchmark", "read_lama"]

_FileEntry: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class BenchmarkQuestion:
    """The prompt to continue, the accepted answers, and the date on which it is asked (ISO form)."""

    prompt: str
    answers: tuple[str, ...]
    date: str | None = None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Questions that one metric judges. `skipped` counts the other entries of the file."""

    name: str
    questions: tuple[BenchmarkQuestion, ...]
    metric: Metric
    skipped: int = 0


def read_benchmark(form: str, path: Path) -> Benchmark:
    """Read a file (or a folder of `*.jsonl`) of one of `FORMS`. The benchmark gets the name of the file.

    Raises `SettingsError` for an unknown form, `InputError` for a file that cannot be read or has no question.
    """
    if form not in FORMS:
        raise SettingsError(f"unknown form of benchmark files: {form!r}", hint=f"one of: {', '.join(FORMS)}")
    return FORMS[form](path)


def read_lama(path: Path, relations: Path | None = None) -> Benchmark:
    """LAMA's statements. With its `relations.jsonl`, those of T-REx and Google-RE are filled in from templates."""
    templates = {row["relation"]: row["template"] for row in _lines(relations)} if relations is not None else {}
    return _task(path, _lines(path), lambda row: _lama(row, templates), within_words(5))


def _lama(row: _FileEntry, templates: Mapping[str, str]) -> BenchmarkQuestion | None:
    template = templates.get(row.get("predicate_id") or row.get("pred") or "")
    if template is not None:
        statements = [template.replace("[X]", row["sub_label"]).replace("[Y]", "[MASK]")]
    elif "masked_sentences" in row:
        statements = [" ".join(row["masked_sentences"])]
    else:
        statements = [evidence["masked_sentence"] for evidence in row["evidences"]]
    prompt = next(filter(None, (_up_to(statement, "[MASK]") for statement in statements)), None)
    return None if prompt is None else BenchmarkQuestion(prompt=prompt, answers=(row["obj_label"],))


def _up_to(statement: str, mask: str) -> str | None:
    """The statement before its mask; `None` if a word follows the mask, or nothing precedes it."""
    before, found, after = statement.partition(mask)
    return before.rstrip() if found and before.strip() and not re.search(r"\w", after) else None


def read_asdiv(path: Path) -> Benchmark:
    try:
        problems = ElementTree.parse(path).iter("Problem")  # noqa: S314 - expat bounds the growth of entities, and loads none
    except (OSError, ElementTree.ParseError) as error:
        raise _unreadable(path, error) from error
    rows = ({part.tag: part.text or "" for part in problem} for problem in problems)
    return _task(path, rows, lambda row: _problem(f"{row['Body']} {row['Question']}", row["Answer"]), first_number_is)


def read_svamp(path: Path) -> Benchmark:
    return _task(
        path, _list(path), lambda row: _problem(f"{row['Body']} {row['Question']}", row["Answer"]), first_number_is
    )


def read_mawps(path: Path) -> Benchmark:
    """Read MAWPS as JSON, or as CSV whose questions have `number0`, `number1`, … for the numbers of another column."""
    try:
        is_list = read_text(path).lstrip().startswith("[")
    except OSError as error:
        raise _unreadable(path, error) from error
    if is_list:
        return _task(path, _list(path), lambda row: _problem(row["sQuestion"], row["lSolutions"][0]), first_number_is)
    return _task(path, _table(path), lambda row: _problem(_filled(row), row["Answer"]), first_number_is)


def _filled(row: _FileEntry) -> str:
    """The question of a CSV row with its numbers: "number1" is the second of them, and 27.0 is written as 27."""
    numbers = [re.sub(r"\.0+$", "", number) for number in row["Numbers"].split()]
    return re.sub(r"\bnumber(\d+)\b", lambda match: numbers[int(match[1])], row["Question"])


def _problem(text: str, answer: Any) -> BenchmarkQuestion | None:
    """A problem whose answer is a single number, with or without a unit ("9 (apples)"); `None` for any other."""
    written = str(answer).strip()
    if re.fullmatch(rf"[{MINUS}$]*[\d,]*\.?\d+(\s*\(.*\))?", written) is None or first_number(written) is None:
        return None
    return BenchmarkQuestion(prompt=f"{' '.join(text.split())} The answer is", answers=(written,))


def read_qa(path: Path) -> Benchmark:
    return _task(path, _lines(path), _qa, within_words(20))


def read_mlqa(path: Path) -> Benchmark:
    return _task(path, _lines(path), _mlqa, within_words(10))


def _qa(row: _FileEntry) -> BenchmarkQuestion:
    return BenchmarkQuestion(prompt=question_prompt(row["question"]), answers=_answers(row))


def _mlqa(row: _FileEntry) -> BenchmarkQuestion:
    prompt = (
        f"Your task is to answer a question based on the following paragraph: {row['context']} "
        f"Now answer the following question in English: {row['question']} Answer:"
    )
    return BenchmarkQuestion(prompt=prompt, answers=_answers(row))


def question_prompt(question: str) -> str:
    """The prompt for a plain question."""
    return f"Answer the following question: {question.strip()} Answer:"


def read_templama(path: Path) -> Benchmark:
    return _task(path, _lines(path), _templama, within_words(5))


def _templama(row: _FileEntry) -> BenchmarkQuestion | None:
    prompt = _up_to(row["query"], "_X_")
    # A year is asked about on its second of July, its middle: a fact of that year is likely to hold then.
    return (
        None
        if prompt is None
        else BenchmarkQuestion(prompt=prompt, answers=_answers(row), date=f"{int(row['date'])}-07-02")
    )


def read_prompts(path: Path) -> Benchmark:
    """Your own questions: `prompt`, `answers`, and optionally a `date`. If every answer is a number, the first number
    is judged; otherwise the first 10 words."""
    task = _task(path, _lines(path), _prompt, within_words(10))
    answers = [answer for question in task.questions for answer in question.answers]
    return replace(task, metric=first_number_is) if all(map(_is_number, answers)) else task


def _prompt(row: _FileEntry) -> BenchmarkQuestion:
    return BenchmarkQuestion(prompt=row["prompt"], answers=_answers(row), date=row.get("date"))


def _is_number(text: str) -> bool:
    found = first_number(text)
    return found is not None and plain_number(text).strip() == str(found)


def _answers(row: _FileEntry) -> tuple[str, ...]:
    """The answers in a string, a list, TriviaQA's value with aliases, or TempLAMA's named entities."""
    given: Any = row["answers"] if "answers" in row else row["answer"]
    if isinstance(given, str):
        given = [given]
    elif isinstance(given, dict):
        value = cast("dict[str, Any]", given)
        given = [value["value"], *value.get("aliases", ())]
    listed = cast("list[Any]", given)
    answers = tuple(str(cast("_FileEntry", one)["name"] if isinstance(one, dict) else one) for one in listed)
    if not answers:
        raise ValueError("no answer")
    return answers


FORMS: Mapping[str, Callable[[Path], Benchmark]] = {
    "lama": read_lama,
    "asdiv": read_asdiv,
    "svamp": read_svamp,
    "mawps": read_mawps,
    "qa": read_qa,
    "mlqa": read_mlqa,
    "templama": read_templama,
    "prompts": read_prompts,
}


def _task(
    path: Path, rows: Iterable[_FileEntry], question: Callable[[_FileEntry], BenchmarkQuestion | None], metric: Metric
) -> Benchmark:
    questions: list[BenchmarkQuestion] = []
    skipped = 0
    for row in rows:
        try:
            found = question(row)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):  # an entry of another shape
            found = None
        if found is None:
            skipped += 1
        else:
            questions.append(found)
    if not questions:
        raise InputError(
            f"{path} contains no question ({skipped} entries were skipped)", hint="check that the form fits the file"
        )
    return Benchmark(name=path.stem, questions=tuple(questions), metric=metric, skipped=skipped)


def _lines(path: Path) -> Iterator[_FileEntry]:
    """The objects of JSON lines; for a folder, of all its files in order. Any other line gives an empty object."""
    paths: Sequence[Path] = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    for one in paths:
        try:
            yield from (_object(line) for line in text_lines(one) if line.strip())
        except OSError as error:
            raise _unreadable(one, error) from error


def _object(line: str) -> _FileEntry:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return cast("_FileEntry", value) if isinstance(value, dict) else {}


def _list(path: Path) -> list[_FileEntry]:
    """The objects of a JSON array."""
    try:
        value: Any = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(value, list):
        raise _unreadable(path, "it is not a JSON array")
    return cast("list[_FileEntry]", value)


def _table(path: Path) -> list[_FileEntry]:
    """The rows of a CSV file, by its header."""
    try:
        rows = [*csv.DictReader(io.StringIO(read_text(path), newline=""))]
    except (OSError, csv.Error) as error:
        raise _unreadable(path, error) from error
    if rows and not {"Question", "Numbers", "Answer"} <= rows[0].keys():
        raise _unreadable(path, "it is neither a JSON array nor CSV with the columns Question, Numbers and Answer")
    return [*rows]


def _unreadable(path: Path, why: object) -> InputError:
    return InputError(f"cannot read {path}: {why}", hint="check the path, and that the form fits the file")
