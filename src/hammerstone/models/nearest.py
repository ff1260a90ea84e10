"""Why was this prompt not found? Shows the most similar recorded prompt and where the two differ."""

from __future__ import annotations

import difflib
import json
import re
import textwrap
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hammerstone.models.model import Prompt

__all__ = ["difference", "nearest_prompt"]

LINE_WIDTH = 100  # longer lines are folded, so that a change within a long line is seen
LINES_SHOWN = 24


def nearest_prompt(prompt: Prompt, candidates: Iterable[Prompt]) -> Prompt | None:
    """The candidate that shares most pairs of neighbouring words with `prompt`, or `None` where there is none.

    Similarity is the Dice coefficient of the two multisets of word pairs: linear in the text, where an alignment
    (`difflib.SequenceMatcher`) is quadratic and would take minutes for hundreds of long prompts.
    """
    wanted = _word_pairs(prompt)

    def similarity(candidate: Prompt) -> float:
        pairs = _word_pairs(candidate)
        return 2 * (wanted & pairs).total() / (wanted.total() + pairs.total())

    return max(candidates, key=similarity, default=None)


def difference(recorded: Prompt, asked: Prompt) -> str:
    """A unified diff of the two prompts as text, cut after a screenful."""
    diff = list(
        difflib.unified_diff(list(_wrapped(recorded)), list(_wrapped(asked)), "recorded", "asked", lineterm="", n=0)
    )
    cut = [f"… {len(diff) - LINES_SHOWN} more lines"] if len(diff) > LINES_SHOWN else []
    return "\n".join(diff[:LINES_SHOWN] + cut)


def _word_pairs(prompt: Prompt) -> Counter[tuple[str, str]]:
    words = re.findall(r"\w+|[^\w\s]", " ".join(_lines(prompt)))
    return Counter(pairwise(words))


def _wrapped(prompt: Prompt) -> Iterator[str]:
    for line in _lines(prompt):
        yield from textwrap.wrap(line, LINE_WIDTH, drop_whitespace=False) or [""]


def _lines(prompt: Prompt) -> Iterator[str]:
    yield f"temperature={prompt.temperature} sample={prompt.sample}"
    if prompt.response_format is not None or prompt.requested_model is not None:
        format_of_reply = json.dumps(prompt.response_format, sort_keys=True)
        yield f"requested_model={prompt.requested_model} response_format={format_of_reply}"
    for message in prompt.messages:
        yield f"[{message.role}]"
        yield from message.content.splitlines()
