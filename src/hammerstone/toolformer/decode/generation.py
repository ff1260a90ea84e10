"""Settings of decoding, and the text that it generates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.apis.api import CallContext
from hammerstone.toolformer.call_format import ApiCall

__all__ = ["DecodeSettings", "EndReason", "GeneratedText", "TokenPiece", "one_context_each"]

EndReason = Literal["end", "length", "context", "stop"]
"""The model ended its text; `max_tokens` were sampled; the model's context is full; a stop string was written."""


@dataclass(frozen=True, kw_only=True)
class DecodeSettings:
    """Settings of `generate`. Raises `SettingsError` for invalid values.

    `k`: a call begins wherever `[` is among the k most likely tokens ("we find k = 10 to work well"). With 1, only
    where it is the most likely; with 0, never.
    `calls`: maximum calls in one row ("at most one API call for each input"), including nested ones.
    `nested`: a call may be in the argument of another, which gets its result. The paper could not do that. There, `[`
    begins a call only if the model chooses it: after `(` it is often among ten, and calls would pile up.
    `max_tokens`: maximum tokens to sample in a row, not counting inserted ones.
    `longest_input`: maximum sampled tokens of an argument. A longer call is taken back.
    `on_failure`: what replaces the result of a failed call: nothing, or the message.
    `timeout_seconds`: for one call of a tool.
    `temperature`: 0 takes the most likely token ("greedy decoding"). Otherwise each row samples by itself from `seed`:
    its draws do not depend on the other rows.
    `stop`: strings that end a row as soon as the model writes one outside a call.
    `rows`: maximum rows in progress, including those that wait for a tool; the others queue.
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
                raise SettingsError(f"{name} is {getattr(self, name)}", hint=f"{name} must be at least {bound}")
        if not self.timeout_seconds > 0:
            raise SettingsError(f"timeout_seconds is {self.timeout_seconds}", hint="give a tool more than 0 seconds")
        if "" in self.stop:
            raise SettingsError("a stop string is empty", hint="leave it out: every text contains it")


@dataclass(frozen=True, kw_only=True)
class TokenPiece:
    """Tokens of a row that have become final: `sampled` by the model, or inserted for a tool.

    The tokens of a call come once it has its result, since it may be taken back until then.
    """

    row: int
    ids: tuple[int, ...]
    sampled: bool


@dataclass(frozen=True, kw_only=True)
class GeneratedText:
    """The continuation of one prompt.

    `sampled` says for each of `ids` whether the model wrote it, or it was inserted with a result. `text` is the text of
    `ids`, but ends before a stop string. `calls` are those in the text, in the order in which they were run, with the
    input that the tool received and the result as inserted; `failures` are the reasons of failed calls. `taken_back`
    counts brackets that were written and taken back because they did not lead to a call.
    """

    text: str
    ids: tuple[int, ...]
    sampled: tuple[bool, ...]
    calls: tuple[ApiCall, ...]
    failures: tuple[str, ...]
    taken_back: int
    ended: EndReason


def one_context_each(prompts: Sequence[str], contexts: Sequence[CallContext] | None) -> Sequence[CallContext]:
    """Empty contexts if none were given. Raises `InputError` unless there is one per prompt."""
    contexts = contexts if contexts is not None else [CallContext()] * len(prompts)
    if len(contexts) != len(prompts):
        raise InputError(f"{len(prompts)} prompts and {len(contexts)} contexts", hint="give one context per prompt")
    return contexts
