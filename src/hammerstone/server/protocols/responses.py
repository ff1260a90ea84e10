"""OpenAI's `POST /v1/responses`, as far as it asks for one text and leaves nothing on the server to go on from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hammerstone.requests import UnreadableRowError, as_json, chat_of, object_of, objects_of
from hammerstone.server.protocols.chat_completions import openai_error
from hammerstone.server.protocols.contract import (
    Body,
    Completion,
    NotServedError,
    pieces,
    server_event,
    text_of,
    tokens_in,
)
from hammerstone.server.protocols.limits import check_fields, check_wish, fits
from hammerstone.types import Chat, Usage

__all__ = ["Responses"]

_HARMLESS = frozenset(
    """input instructions max_output_tokens max_tool_calls metadata model parallel_tool_calls prompt_cache_key
    prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature text
    top_p truncation user""".split()
)
_WISHES = (
    *("instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "prompt_cache_key", "reasoning"),
    *("safety_identifier", "service_tier", "temperature", "text", "top_p", "truncation", "user"),
)
_OF_MESSAGE = frozenset(("type", "role", "content", "id", "status"))


class Responses:
    """See `TextApi`. A chat of this API and one of chat completions with the same turns are one request.

    A response that the client wants stored (which is OpenAI's default) could be continued by its id, which the upstream
    would not know: so hits need `"store": false`.
    """

    path = "/v1/responses"

    def read(self, body: Body) -> Chat:
        check_wish(body)
        check_fields(body, _HARMLESS)
        if body.get("store") is not False:
            raise NotServedError('it may be continued by its id, as it does not say `"store": false`')
        turns = [*_instructions(body), *_input(body.get("input"))]
        asked = {"model": body.get("model"), "messages": turns, "response_format": _format(body.get("text"))}
        try:
            chat, answer = chat_of({name: value for name, value in asked.items() if value is not None})
        except UnreadableRowError as error:
            raise NotServedError(str(error)) from None
        if answer is not None:
            raise NotServedError("its last message is the assistant's")
        return chat

    def fits(self, text: str, body: Body) -> bool:
        return fits(text, body, limits=("max_output_tokens",), stops=())

    def reports_end(self, body: Body) -> bool:
        del body
        return True

    def streams(self, body: Body) -> bool:
        return body.get("stream") is True

    def whole(self, completion: Completion) -> Mapping[str, Any]:
        return _response(completion, "completed", [_message(completion, completion.text, "completed")])

    def events(self, completion: Completion) -> Sequence[bytes]:
        item_id = f"msg_{completion.id}"
        place = {"item_id": item_id, "output_index": 0, "content_index": 0}
        begun = _response(completion, "in_progress", [])
        message, part = _message(completion, completion.text, "completed"), _part(completion.text)
        events: list[tuple[str, Mapping[str, Any]]] = [
            ("response.created", {"response": begun}),
            ("response.in_progress", {"response": begun}),
            (
                "response.output_item.added",
                {"output_index": 0, "item": {**_message(completion, "", "in_progress"), "content": []}},
            ),
            ("response.content_part.added", {**place, "part": _part("")}),
            *(
                ("response.output_text.delta", {**place, "delta": one, "logprobs": []})
                for one in pieces(completion.text)
            ),
            ("response.output_text.done", {**place, "text": completion.text, "logprobs": []}),
            ("response.content_part.done", {**place, "part": part}),
            ("response.output_item.done", {"output_index": 0, "item": message}),
            ("response.completed", {"response": self.whole(completion)}),
        ]
        return [
            server_event(json.dumps({"type": kind, **data, "sequence_number": number}), kind)
            for number, (kind, data) in enumerate(events)
        ]

    def answer_in(self, reply: Mapping[str, Any]) -> str | None:
        """Its only message; reasoning beside it is no part of the answer."""
        said = [one for one in objects_of(reply.get("output")) if one.get("type") != "reasoning"]
        if reply.get("status") != "completed" or reply.get("error") or [one.get("type") for one in said] != ["message"]:
            return None
        parts = objects_of(said[0].get("content"))
        if any(one.get("type") != "output_text" or one.get("annotations") for one in parts):
            return None
        return text_of(one.get("text") for one in parts)

    def answer_streamed(self, events: Sequence[Mapping[str, Any]]) -> str | None:
        last = object_of(events[-1] if events else None)
        return self.answer_in(object_of(last.get("response"))) if last.get("type") == "response.completed" else None

    def usage_in(self, reply: Mapping[str, Any]) -> Usage:
        return tokens_in(reply.get("usage"), "input_tokens", "output_tokens")

    def usage_streamed(self, events: Sequence[Mapping[str, Any]]) -> Usage:
        return self.usage_in(object_of(events[-1].get("response"))) if events else Usage()

    def error(self, message: str, *, kind: str, code: str) -> Mapping[str, Any]:
        return openai_error(message, kind=kind, code=code)


def _instructions(body: Body) -> list[Mapping[str, Any]]:
    text = body.get("instructions")
    if text is None:
        return []
    if type(text) is not str:
        raise NotServedError("its instructions are not a text")
    return [{"role": "system", "content": text}]


def _input(value: object) -> list[Mapping[str, Any]]:
    """A text, or messages; anything else that a model may be given (calls, files, reasoning) is not for a tool."""
    if type(value) is str:
        return [{"role": "user", "content": value}]
    if not isinstance(value, list):
        raise NotServedError("its input is neither a text nor messages")
    turns: list[Mapping[str, Any]] = []
    for item in objects_of(cast("list[object]", value)):
        if item.get("type", "message") != "message":
            raise NotServedError("its input holds more than messages")
        check_fields(item, _OF_MESSAGE)
        turns.append({name: _texts(field) for name, field in item.items() if name in {"role", "content"}})
    return turns


def _texts(content: object) -> object:
    """Parts of this API as those of chat completions. An assistant's are `output_text`."""
    if not isinstance(content, list):
        return content
    parts = objects_of(cast("list[object]", content))
    return [{**one, "type": "text"} if one.get("type") in ("input_text", "output_text") else one for one in parts]


def _format(text: object) -> object:
    """`response_format` as chat completions have it."""
    named = object_of(text).get("format")
    form = object_of(named)
    if named is None or form.get("type") == "text":
        return None
    if form.get("type") == "json_schema":
        return {"type": "json_schema", "json_schema": {name: one for name, one in form.items() if name != "type"}}
    return named


def _response(completion: Completion, status: str, output: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The response object, which repeats the request's parameters as OpenAI's do."""
    wishes = {name: completion.body[name] for name in _WISHES if completion.body.get(name) is not None}
    echoed: Mapping[str, Any] = json.loads(as_json(wishes))
    return {
        "id": f"resp_{completion.id}",
        "object": "response",
        "created_at": completion.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": completion.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        **echoed,
        "text": {"format": {"type": "text"}, **object_of(echoed.get("text"))},
        "usage": _usage(completion) if status == "completed" else None,
    }


def _usage(completion: Completion) -> Mapping[str, Any]:
    return {
        "input_tokens": completion.read,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": completion.written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": completion.read + completion.written,
    }


def _message(completion: Completion, text: str, status: str) -> Mapping[str, Any]:
    return {
        "id": f"msg_{completion.id}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [_part(text)],
    }


def _part(text: str) -> Mapping[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
