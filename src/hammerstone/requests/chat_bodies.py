"""Requests of other APIs as chat completions have them: the same turns are the same chat, whatever API they came by."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hammerstone.requests.json_text import object_of, objects_of

if TYPE_CHECKING:
    from hammerstone.requests.rows import Fields

__all__ = ["as_chat_completion", "turns_of"]

_OF_RESPONSES = frozenset(("truncation", "include", "text", "max_tool_calls"))
_OF_MESSAGES = frozenset(("inference_geo", "speed", "cache_control"))
_NAMES = {"max_output_tokens": "max_completion_tokens", "reasoning": "reasoning_effort", "stop_sequences": "stop"}
"""Parameters that chat completions have under another name."""


def as_chat_completion(body: Fields) -> Fields:
    """The request of OpenAI's responses or Anthropic's messages in the form of chat completions; others as they are."""
    read = {name: value for name, value in body.items() if value is not None}
    if "input" in read and "messages" not in read:
        read = _of_responses(read)
    system = read.pop("system", None)
    if isinstance(messages := read.get("messages"), list):
        first = [{"role": "system", "content": system}] if system else []
        read["messages"] = _as_text([*first, *cast("list[object]", messages)])
    return {_NAMES.get(name, name): value for name, value in read.items() if name not in _OF_MESSAGES}


def turns_of(value: object) -> list[object]:
    """Messages. A text alone is that of a user, and an object the only message."""
    if type(value) is str:
        return [{"role": "user", "content": value}]
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _of_responses(body: Fields) -> Fields:
    text = object_of(body.get("text"))
    instructions, form = body.get("instructions"), object_of(text.get("format"))
    read = {name: value for name, value in body.items() if name not in {*_OF_RESPONSES, "input", "instructions"}}
    first = [{"role": "system", "content": instructions}] if instructions else []
    read["messages"] = [*first, *turns_of(body["input"])]
    if "verbosity" in text:
        read["verbosity"] = text["verbosity"]
    if form.get("type") == "json_schema":
        schema = {name: value for name, value in form.items() if name != "type"}
        read["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif form:
        read["response_format"] = form
    return read


def _as_text(turns: list[object]) -> list[object]:
    """Parts without what says how a provider keeps them, and each text under one name; other parts as they are."""
    return [_turn(cast("Fields", one)) if isinstance(one, dict) else one for one in turns]


def _turn(turn: Fields) -> Fields:
    read = {name: value for name, value in turn.items() if not (name == "type" and value == "message")}
    if isinstance(turn.get("content"), list):
        read["content"] = [_part(one) for one in objects_of(turn["content"])]
    return read


def _part(part: Fields) -> Fields:
    kept = {name: value for name, value in part.items() if name != "cache_control"}
    return {**kept, "type": "text"} if part.get("type") in ("input_text", "output_text") else kept
