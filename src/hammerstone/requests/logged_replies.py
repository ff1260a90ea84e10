"""The answer in a reply, as providers send it and logs keep it: whole, or as the chunks of a stream.

Replies of OpenAI's chat completions and responses and of Anthropic's messages are read. A reply that is no whole text
is refused by name: an error, a call of a tool, one that was cut short, several answers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from hammerstone.requests.json_text import load_json, object_of, objects_of
from hammerstone.requests.rows import NotForToolsError, UnreadableRowError

if TYPE_CHECKING:
    from hammerstone.requests.rows import Fields

__all__ = ["CUT", "FAILED", "SEVERAL", "TOOLS", "answer_in", "reply_in"]

FAILED, CUT, TOOLS, SEVERAL = "the call failed", "cut short or filtered", "calls of tools", "several answers"

_ENDED = (None, "stop", "end_turn", "completed", "stop_sequence")
_CALLED = ("tool_calls", "function_call", "tool_use")
_EVENT = re.compile(r"^data: *(.+)$", re.MULTILINE)


def reply_in(response: object) -> Fields:
    """The reply itself, without what a batch file or a log has around it. Raises `UnreadableRowError`."""
    if isinstance(response, list):
        return _assembled(objects_of(cast("object", response)))
    if type(response) is str:
        return _assembled(_events(response))
    fields = object_of(response)
    status = fields.get("status_code", fields.get("status", 200))
    if str(status).isdigit() and str(status) != "200":
        raise NotForToolsError(f"its response has status {status}", FAILED)
    return reply_in(fields["body"]) if fields.get("body") else fields


def answer_in(response: object) -> str | None:
    """The text of a reply; `None` if it has none.

    Raises `UnreadableRowError` for an error, several answers, or one that was cut short.
    """
    fields = reply_in(response)
    if fields.get("error"):
        raise NotForToolsError("its response is an error", FAILED)
    if "choices" in fields:
        return _of_choices(fields["choices"])
    if isinstance(fields.get("output"), list):
        _check_end(fields.get("status"))
        said = [one for one in objects_of(fields["output"]) if one.get("type") != "reasoning"]
        return _text([part for one in said for part in _parts(one)])
    if isinstance(fields.get("content"), list) and ("stop_reason" in fields or fields.get("type") == "message"):
        _check_end(fields.get("stop_reason"))
        return _text(objects_of(fields["content"]))
    return None


def _of_choices(value: object) -> str | None:
    choices = objects_of(value)
    if len(choices) != 1:
        raise NotForToolsError("its response does not hold exactly one of `choices`", SEVERAL)
    choice = choices[0]
    message = object_of(choice.get("message"))
    if message.get("tool_calls") or message.get("function_call"):
        raise NotForToolsError("its response calls a tool", TOOLS)
    _check_end(choice.get("finish_reason"))
    content = message.get("content", choice.get("text"))
    if isinstance(content, list):
        return _text(objects_of(cast("object", content)))
    return content if isinstance(content, str) and content.strip() else None


def _check_end(reason: object) -> None:
    if reason in _CALLED:
        raise NotForToolsError(f"its response ended by {reason!r}", TOOLS)
    if reason not in _ENDED:
        raise NotForToolsError(f"its response ended by {reason!r}, not at its own end", CUT)


def _parts(item: Fields) -> list[Fields]:
    """The parts of an item of a response's output; the item itself where it is no message."""
    return objects_of(item.get("content")) if item.get("type") in (None, "message") else [item]


def _text(parts: list[Fields]) -> str | None:
    spoken = [one for one in parts if one.get("type") not in ("thinking", "redacted_thinking")]
    if any(one.get("type") not in (None, "text", "output_text") for one in spoken):
        raise NotForToolsError("its response holds more than text", TOOLS)
    text = "".join(str(one.get("text") or "") for one in spoken)
    return text if text.strip() else None


def _assembled(chunks: list[Fields]) -> Fields:
    """The reply that the chunks of a stream make."""
    if any("message" in one for chunk in chunks for one in objects_of(chunk.get("choices"))):
        return chunks[0]  # a list of whole replies
    kinds = [one.get("type") for one in chunks]
    if "message_start" in kinds:
        return _assembled_message(chunks)
    ended = next((one for one in chunks if one.get("type") == "response.completed"), None)
    if ended is not None:
        return object_of(ended.get("response"))
    pieces = [one for chunk in chunks for one in objects_of(chunk.get("choices"))]
    deltas = [object_of(one.get("delta")) for one in pieces]
    if any(str(one.get("index") or "0") != "0" for one in pieces):
        raise NotForToolsError("its response does not hold exactly one of `choices`", SEVERAL)
    text = "".join(str(one.get("content") or "") for one in deltas)
    called = [call for one in deltas if (call := one.get("tool_calls"))]
    reason = next((one["finish_reason"] for one in reversed(pieces) if one.get("finish_reason")), "no end")
    usage = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None)
    message = {"content": text, "tool_calls": called}
    return {"choices": [{"message": message, "finish_reason": reason}], "usage": usage} if pieces else {}


def _assembled_message(chunks: list[Fields]) -> Fields:
    """Anthropic's stream."""
    begun = next(object_of(one.get("message")) for one in chunks if one.get("type") == "message_start")
    blocks = [object_of(one.get("content_block")) for one in chunks if one.get("type") == "content_block_start"]
    deltas = [object_of(one.get("delta")) for one in chunks if one.get("type") == "content_block_delta"]
    ends = [one for one in chunks if one.get("type") == "message_delta"]
    text = "".join(str(one.get("text") or "") for one in deltas if one.get("type") == "text_delta")
    others = [one for one in blocks if one.get("type") not in ("text", "thinking")]
    usage = object_of(begun.get("usage")) | (object_of(ends[-1].get("usage")) if ends else {})
    reason = object_of(ends[-1].get("delta")).get("stop_reason") if ends else "no end"
    return {"content": [{"type": "text", "text": text}, *others], "stop_reason": reason, "usage": usage}


def _events(text: str) -> list[Fields]:
    """The objects of server-sent events; none in any other text."""
    found: list[Fields] = []
    for data in _EVENT.findall(text):
        if data.strip() != "[DONE]":
            try:
                found.append(object_of(load_json(data)))
            except (ValueError, RecursionError) as error:
                raise UnreadableRowError("its response holds events that are not JSON") from error
    return found
