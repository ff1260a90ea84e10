"""Checks and generators against public files that nobody here wrote; skipped where those are not at hand.

Where they are looked for is in `public_files.py`.
"""

from __future__ import annotations

import re

import pytest

from hammerstone.evals.tasks import generate_instances, task
from hammerstone.requests import read_requests
from hammerstone.types import Request

from ..public_files import FILES, without_files

SCENED = ["chinese_remainder", "logical_deduction", "tracking_shuffled_objects"]
PEOPLE = {"Alice", "Bob", "Claire", "Dave", "Eve"}

pytestmark = without_files


def labelled(name: str) -> list[tuple[str, str]]:
    requests = [item for item in read_requests(FILES[name]) if isinstance(item, Request)]
    return [(request.question, request.answer or "") for request in requests]


def spoiled(name: str, label: str) -> str:
    if name == "chinese_remainder":
        return str(int(label) + 1)
    if name == "word_sorting":
        return " ".join(reversed(label.split()))
    if name == "dyck":
        return label[:-1] + (")" if label[-1] != ")" else "]")
    return f"({'BCDEA'['ABCDE'.index(label[1])]})"


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_public_label_is_accepted_and_a_wrong_one_is_not(name: str) -> None:
    examples = labelled(name)
    assert len(examples) == 250
    for question, label in examples:
        assert task(name).check(question, label), question
        assert not task(name).check(question, spoiled(name, label)), question


def templates(question: str) -> set[str]:
    """The question's sentences and options with its own names and numbers masked, and those names beside them."""
    text, _, options = question.partition("\nOptions:\n")
    text, options = re.sub(r"\d+", "#", text), re.sub(r"\([A-E]\) ", "", options)
    listed = re.split(r", (?:and )?(?:an? )?", re.sub(r"^.*?: (?:an? )?|\..*$", "", text.split("paragraph.")[-1]))
    if "five objects arranged" in text:
        names = set(listed)
    elif options:
        names = set(options.split("\n")) | PEOPLE
    else:
        names = set(re.findall(r"(?:# |There is a )(\w+)", text))
    mask = "|".join(sorted((re.escape(name) for name in names), key=len, reverse=True))
    masked = re.sub(rf"(?<!\w)(an? )?({mask})(?!\w)", "@", f"{text}\n{options}")
    scene = re.sub(r"[:.].*", "", masked.split("paragraph.")[-1].strip(), flags=re.DOTALL)
    return {f"{scene} | {part}" for part in (*names, *re.split(r"\. |\.?\n", masked)) if "#" not in part or "@" in part}


@pytest.mark.parametrize("name", SCENED)
def test_every_sentence_and_name_of_the_public_file_is_generated_and_no_other(name: str) -> None:
    public = set().union(*(templates(question) for question, _ in labelled(name)))
    own = set().union(*(templates(instance.question) for instance in generate_instances(name, 800, 1)))
    assert public == own
    assert len(own) > 30
