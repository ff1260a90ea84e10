"""How to decode, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.apis.api import Context
from hammerstone.toolformer.call_format import Call

__all__ = ["DecodeSettings", "Ended", "Generated", "Piece", "one_context_each"]

Ended = Literal["end", "length", "context", "stop"]
"""The model ended its text; `max_tokens` were sampled; the model can read no more; a stop string came."""


@dataclass(frozen=True, kw_only=True)
class DecodeSettings:
    """Settings of `generate`. Raises `SettingsError` for those that make no sense.

    `k`: a call begins wherever `[` is among the k most likely tokens ("we find k = 10 to work well"); 1: only where it
    is the most likely; 0: no calls at all.
    `calls`: the most calls in one row ("at most one API call for each input"), nested ones counted.
    `nested`: a call may stand in the argument of another, which gets its result. The paper could not do that. There,
    `[` begins a call only as the model's own choice: after `(` it is often among ten, and calls would pile up.
    `max_tokens`: the most tokens to be sampled in a row; what is inserted comes on top.
    `longest_input`: of an argument, in sampled tokens. A call that goes on for longer is taken back.
    `on_failure`: what stands for the result of a tool that fails: nothing, or its message.
    `timeout_seconds`: for one run of a tool.
    `temperature`: 0 takes the most likely token ("greedy decoding"). Otherwise rows draw with `seed`, each for itself:
    what a row draws does not depend on the rows beside it.
    `stop`: strings that end a row as soon as the model writes one outside of a call.
    `rows`: the most rows that are under way at a time, those that wait for a tool counted; the others wait for a place.
    """

    k: int = 10
    calls: int = 1
    nested: bool = False
    max_tokens: int = 64
    longest_input: int = 64
    on_failure: Literal["empty", "message"] = "empty"
    timeout_seconds: float = 10.0
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    rows: int = 32

    def __post_init__(self) -> None:
        least = {"k": 0, "calls": 0, "max_tokens": 0, "temperature": 0, "longest_input": 1, "rows": 1}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise SettingsError(f"{name} is {getattr(self, name)}", hint=f"{name} starts at {bound}")
        if not self.timeout_seconds > 0:
            raise SettingsError(f"timeout_seconds is {self.timeout_seconds}", hint="give a tool more than 0 seconds")
        if "" in self.stop:
            raise SettingsError("a stop string is empty", hint="leave it out: every text holds it")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some tokens of a row, as they become final: `sampled` by the model, or inserted for a tool.

    Tokens of a call come when the call has its result, as it may be taken back until then.
    """

    row: int
    ids: tuple[int, ...]
    sampled: bool


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What was written after one prompt.

    `sampled` says of each of `ids` whether the model wrote it or a tool's result brought it. `text` is theirs, but ends
    before a stop string. `calls` are those in the text, in the order in which they were run, with the input that the
    tool got and the result as it stands in the text; `failures` are the reasons of those that failed. `taken_back`
    counts brackets that were written and taken back, because no call of a tool came of them.
    """

    text: str
    ids: tuple[int, ...]
    sampled: tuple[bool, ...]
    calls: tuple[Call, ...]
    failures: tuple[str, ...]
    taken_back: int
    ended: Ended


def one_context_each(prompts: Sequence[str], contexts: Sequence[Context] | None) -> Sequence[Context]:
    """Empty ones where none were given. Raises `InputError` if there is not one for each prompt."""
    contexts = contexts if contexts is not None else [Context()] * len(prompts)
    if len(contexts) != len(prompts):
        raise InputError(f"{len(prompts)} prompts and {len(contexts)} contexts", hint="give one context for each")
    return contexts
