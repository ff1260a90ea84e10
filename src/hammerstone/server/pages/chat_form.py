"""A chat as somebody types it: turns, a model, and the form that the answer is to have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, get_args

from hammerstone.errors import InputError
from hammerstone.requests import as_json
from hammerstone.server.bodies import fields_in
from hammerstone.types import Chat, Message, TurnRole

__all__ = ["ROLES", "ChatForm"]

ROLES: tuple[TurnRole, ...] = get_args(TurnRole)
MOST_TURNS = 40
_ROLE: dict[str, TurnRole] = {one: one for one in ROLES}


@dataclass(frozen=True, kw_only=True)
class ChatForm:
    """What stands in the fields. Turns without text are no part of the chat."""

    model: str = ""
    turns: tuple[Message, ...] = (Message(role="system", content=""), Message(role="user", content=""))
    response_format: str = ""

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Self:
        """Read the fields `role-0`, `content-0`, `role-1`, …, as far as they go."""
        turns: list[Message] = []
        while (content := form.get(f"content-{len(turns)}")) is not None and len(turns) < MOST_TURNS:
            role = form.get(f"role-{len(turns)}", "")
            turns.append(Message(role=_ROLE.get(role, "user"), content=content))
        response_format = form.get("response_format", "").strip()
        return cls(model=form.get("model", "").strip(), turns=tuple(turns), response_format=response_format)

    @classmethod
    def of(cls, question: str, chat: Chat | None) -> Self:
        """The form of a stored request."""
        if chat is None:
            return cls(turns=(Message(role="user", content=question),))
        wanted = chat.response_format
        response_format = "" if wanted is None else json.dumps(wanted, indent=2, ensure_ascii=False)
        return cls(model=chat.model or "", turns=chat.messages, response_format=response_format)

    def with_a_turn(self) -> Self:
        """The same form with one more turn, the other side's."""
        if len(self.turns) >= MOST_TURNS:
            return self
        follows = self.turns and self.turns[-1].role == "user"
        return replace(self, turns=(*self.turns, Message(role="assistant" if follows else "user", content="")))

    def body(self) -> Mapping[str, Any]:
        """The request body that a client of the API would send. Raises `InputError`."""
        turns = [{"role": one.role, "content": one.content} for one in self.turns if one.content]
        if not turns:
            raise InputError("there is nothing in any turn", hint="write a question")
        own = {"model": self.model} if self.model else {}
        text = as_json({**own, "messages": turns}).encode(errors="backslashreplace")
        return {**(fields_in(text) or {}), **self._response_format()}

    def _response_format(self) -> Mapping[str, Any]:
        if not self.response_format:
            return {}
        text = f'{{"response_format": {self.response_format}}}'.encode(errors="backslashreplace")
        fields = fields_in(text)
        if fields is None or set(fields) != {"response_format"}:
            raise InputError(
                "the response format cannot be read as JSON", hint='such as {"type": "json_object"}; leave it empty'
            )
        return fields
