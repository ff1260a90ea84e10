"""OpenAI's legacy `POST /v1/completions`: a text that is continued."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hammerstone.requests import MAX_QUESTION_CHARS, object_of, objects_of
from hammerstone.server.protocols.chat_completions import openai_error, usage_of
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
from hammerstone.types import JSON, Chat, Message, Usage

__all__ = ["Completions"]

_CONTINUES: JSON = {
    "type": "continuation"
}  # what is answered to a chat does not continue a text, and so it is another frame
_READ = frozenset(
    """best_of echo frequency_penalty logit_bias max_tokens metadata model n presence_penalty prompt seed stop stream
    stream_options temperature top_p user""".split()
)


class Completions:
    """See `TextApi`."""

    path = "/v1/completions"

    def read(self, body: Body) -> Chat:
        check_wish(body)
        prompt, model = _one_text(body.get("prompt")), body.get("model")
        if not prompt.strip() or len(prompt) > MAX_QUESTION_CHARS:
            raise NotServedError("its prompt is not one text")
        if type(model) is not str:
            raise NotServedError("its model is not named")
        check_fields(body, _READ)
        if body.get("echo") is True or any(str(body.get(name) or 1) != "1" for name in ("n", "best_of")):
            raise NotServedError("it asks for more than one text")
        return Chat(messages=(Message(role="user", content=prompt),), model=model, response_format=_CONTINUES)

    def fits(self, text: str, body: Body) -> bool:
        return fits(text, {"max_tokens": 16, **body}, limits=("max_tokens",), stops=("stop",))  # 16 is OpenAI's default

    def reports_end(self, body: Body) -> bool:
        return not body.get("stop")

    def streams(self, body: Body) -> bool:
        return body.get("stream") is True

    def whole(self, completion: Completion) -> Mapping[str, Any]:
        return {**_head(completion), "choices": [_choice(completion.text, "stop")], "usage": usage_of(completion)}

    def events(self, completion: Completion) -> Sequence[bytes]:
        head = _head(completion)
        counted = object_of(completion.body.get("stream_options")).get("include_usage") is True
        said = [_choice(piece, None) for piece in pieces(completion.text)]
        chunks: list[Mapping[str, Any]] = [{**head, "choices": [one]} for one in (*said, _choice("", "stop"))]
        if counted:
            chunks = [
                *({**one, "usage": None} for one in chunks),
                {**head, "choices": [], "usage": usage_of(completion)},
            ]
        return [*(server_event(json.dumps(one)) for one in chunks), server_event("[DONE]")]

    def answer_in(self, reply: Mapping[str, Any]) -> str | None:
        return self.answer_streamed([reply])

    def answer_streamed(self, events: Sequence[Mapping[str, Any]]) -> str | None:
        parts: list[object] = []
        reason = None
        for event in events:
            choices = objects_of(event.get("choices"))
            if event.get("error") or not isinstance(event.get("choices"), list) or len(choices) > 1:
                return None
            for choice in choices:
                if reason is not None:
                    return None
                parts.append(choice.get("text"))
                reason = choice.get("finish_reason")
        return text_of(parts) if reason == "stop" else None

    def usage_in(self, reply: Mapping[str, Any]) -> Usage:
        return tokens_in(reply.get("usage"), "prompt_tokens", "completion_tokens")

    def usage_streamed(self, events: Sequence[Mapping[str, Any]]) -> Usage:
        return next((self.usage_in(event) for event in reversed(events) if event.get("usage")), Usage())

    def error(self, message: str, *, kind: str, code: str) -> Mapping[str, Any]:
        return openai_error(message, kind=kind, code=code)


def _head(completion: Completion) -> dict[str, Any]:
    return {
        "id": f"cmpl-{completion.id}",
        "object": "text_completion",
        "created": completion.created,
        "model": completion.model,
        "system_fingerprint": None,
    }


def _choice(text: str, reason: str | None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}


def _one_text(prompt: object) -> str:
    """A prompt, which may be a list of one; empty for anything else."""
    match prompt:
        case str(text) | [str(text)]:
            return text
        case _:
            return ""
