"""OpenAI's `POST /v1/responses`, as far as it asks for one text and leaves nothing on the server to go on from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hammerstone.requests import UnreadableRowError, as_json, chat_of, object_of, objects_of
from hammerstone.server.protocols import fields
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
from hammerstone.server.protocols.limits import fits
from hammerstone.types import Chat, Usage

__all__ = ["Responses"]

_TURNS = fields.list_of(
    fields.object_with(
        type=fields.one_of("message"),
        role=fields.text,
        content=fields.content("input_text", "output_text"),
        id=fields.text,
        status=fields.one_of("completed"),
    )
)
_READ: Mapping[str, fields.Check] = {
    "input": lambda value: fields.text(value) or _TURNS(value),
    "temperature": fields.not_negative,
    "text": fields.object_with(format=fields.an_object, verbosity=fields.one_of("medium")),
    "reasoning": fields.object_with(effort=fields.text),
    "tool_choice": fields.one_of("auto", "none"),
    "metadata": fields.scalars,
    "stream_options": fields.object_with(include_obfuscation=fields.flag),
    "top_logprobs": fields.zero,
    **fields.each("parallel_tool_calls store stream", fields.flag),
    **fields.each("max_output_tokens max_tool_calls top_p", fields.number),
    **fields.each("instructions model prompt_cache_key prompt_cache_retention safety_identifier", fields.text),
    **fields.each("service_tier truncation user", fields.text),
}
_WISHES = (
    *("instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "prompt_cache_key", "reasoning"),
    *("safety_identifier", "service_tier", "temperature", "text", "top_p", "truncation", "user"),
)
_REPLY = frozenset(
    """billing completed_at created_at id instructions max_output_tokens max_tool_calls metadata model object output
    output_text parallel_tool_calls prompt_cache_key prompt_cache_retention reasoning safety_identifier service_tier
    status store temperature text tool_choice top_p truncation usage user""".split()
)
_MESSAGE = frozenset("content id phase role status type".split())
_EVENTS = frozenset(
    """keepalive response.completed response.content_part.added response.content_part.done response.created
    response.in_progress response.output_item.added response.output_item.done response.output_text.delta
    response.output_text.done response.queued response.reasoning_summary_part.added
    response.reasoning_summary_part.done response.reasoning_summary_text.delta response.reasoning_summary_text.done
    response.reasoning_text.delta response.reasoning_text.done""".split()
)


class Responses:
    """See `TextApi`. A chat of this API and one of chat completions with the same turns are one request.

    A response that the client wants stored (which is OpenAI's default) could be continued by its id, which the upstream
    would not know: so hits need `"store": false`.
    """

    path = "/v1/responses"

    def read(self, body: Body) -> Chat:
        fields.check_fields(body, _READ)
        if body.get("store") is not False:
            raise NotServedError('it may be continued by its id, as it does not say `"store": false`')
        turns = [*_instructions(body), *_input(body.get("input"))]
        form = _format(body.get("text"))
        if form is not None and not fields.is_form(form):
            raise NotServedError("it asks for a form that is not known: `text`")
        asked = {"model": body.get("model"), "messages": turns, "response_format": form}
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
        output = reply.get("output")
        if fields.tells_more(reply, _REPLY) or reply.get("status") != "completed" or not isinstance(output, list):
            return None
        items = objects_of(cast("list[object]", output))
        said = [one for one in items if one.get("type") != "reasoning"]
        content = said[0].get("content") if len(said) == 1 and _is_final(said[0]) else None
        if not isinstance(content, list):
            return None
        parts = objects_of(cast("list[object]", content))
        if any(one.get("type") != "output_text" or fields.tells_more(one, {"type", "text"}) for one in parts):
            return None
        return text_of(one.get("text") for one in parts)

    def answer_streamed(self, events: Sequence[Mapping[str, Any]]) -> str | None:
        """That of the response at the end, if it is what the client was sent piece by piece."""
        kinds = [one.get("type") for one in events]
        if not _EVENTS.issuperset(map(str, kinds)) or kinds[-1:] != ["response.completed"]:
            return None
        answer = self.answer_in(object_of(events[-1].get("response")))
        sent = [one.get("delta") for one in events if one.get("type") == "response.output_text.delta"]
        return answer if not sent or text_of(sent) == answer else None

    def usage_in(self, reply: Mapping[str, Any]) -> Usage:
        return tokens_in(reply.get("usage"), "input_tokens", "output_tokens")

    def usage_streamed(self, events: Sequence[Mapping[str, Any]]) -> Usage:
        return self.usage_in(object_of(events[-1].get("response"))) if events else Usage()

    def error(self, message: str, *, kind: str, code: str) -> Mapping[str, Any]:
        return openai_error(message, kind=kind, code=code)


def _is_final(item: Mapping[str, Any]) -> bool:
    """Whether an item of the output is a message that ended, and not one on the way to it."""
    return (
        item.get("type") == "message"
        and item.get("status") in (None, "completed")
        and item.get("phase") in (None, "final_answer")
        and not fields.tells_more(item, _MESSAGE)
    )


def _instructions(body: Body) -> list[Mapping[str, Any]]:
    text = body.get("instructions")
    return [{"role": "system", "content": text}] if text else []


def _input(value: object) -> list[Mapping[str, Any]]:
    """A text, or messages; anything else that a model may be given (calls, files, reasoning) is not for a tool."""
    if not isinstance(value, list):
        return [{"role": "user", "content": value}]
    return [
        {name: _texts(field) for name, field in item.items() if name in {"role", "content"}}
        for item in objects_of(cast("list[object]", value))
    ]


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
