"""The key of a prompt: what was recorded before is found again, whatever a reply may cost and however it comes."""

from __future__ import annotations

import pytest

from hammerstone.models import Message, Prompt
from hammerstone.models.model import may_be_longer

from .local_provider import ask


def test_the_key_of_a_prompt_is_that_of_the_first_release() -> None:
    prompt = Prompt(messages=(Message(role="user", content="How many is a dozen?"),), temperature=0.0, sample=1)
    assert prompt.key == "0e207c17be65b27be6a536c11b5d234c808a8710eb6b248619ccb2d5cee36fda"


def test_limits_and_schema_are_no_part_of_the_key() -> None:
    limited = ask("q", max_tokens=9, timeout_s=1.5, schema={"type": "null"})
    assert limited.key == ask("q").key


@pytest.mark.parametrize(
    "other",
    [
        ask("p"),
        ask("q", temperature=0.0),
        ask("q", sample=1),
        ask("q", response_format={"type": "json_object"}),
        ask("q", requested_model="gpt-9"),
    ],
)
def test_what_is_asked_is_all_of_the_key(other: Prompt) -> None:
    assert other.key != ask("q").key


def test_a_prompt_with_a_schema_or_a_format_can_be_in_a_set() -> None:
    assert len({ask("q", schema={"type": "null"}), ask("q", schema={"type": "null"}), ask("q")}) == 2
    assert len({ask("q", response_format={"type": "json_object"}), ask("q")}) == 2


@pytest.mark.parametrize(
    ("limit", "cut_at", "longer"),
    [(9, 9, False), (8, 9, False), (10, 9, True), (None, 9, True), (9, None, True), (None, None, False)],
)
def test_a_cut_reply_may_be_longer_under_a_higher_limit_or_another_of_unknown_height(
    limit: int | None, cut_at: int | None, longer: bool
) -> None:
    assert may_be_longer(limit, cut_at) is longer
