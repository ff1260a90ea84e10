"""The one text in a reply of OpenAI's completions, of a chat or not: whole, or put together from a stream's chunks.

Providers of this API add fields of their own. Those that say nothing of the answer are known here; a reply with any
other is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from hammerstone.requests import object_of
from hammerstone.server.protocols.fields import tells_more

__all__ = ["assembled", "only_choice"]

_REPLY = frozenset(
    """choices created id model obfuscation object prompt_filter_results provider service_tier stats system_fingerprint
    time_info timings usage x_groq""".split()
)
_CHOICE = frozenset("content_filter_results finish_reason matched_stop native_finish_reason stop_reason".split())


def only_choice(reply: Mapping[str, Any], *, says: str) -> Mapping[str, Any] | None:
    """The choice of a whole reply that has no other and ended by itself, with its text in the field `says`."""
    choices = reply.get("choices")
    if tells_more(reply, _REPLY) or not isinstance(choices, list) or len(cast("list[object]", choices)) != 1:
        return None
    choice = object_of(cast("list[object]", choices)[0])
    return choice if choice.get("finish_reason") == "stop" and not tells_more(choice, {says, *_CHOICE}) else None


def assembled(
    events: Sequence[Mapping[str, Any]], *, says: str, joined: Callable[[Sequence[object]], Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The whole reply that the chunks of a stream make: `joined` has what their choices say in the field `says`.

    `None` where there are several choices, one goes on after its end, or has a field that nobody knows.
    """
    beside: dict[str, Any] = {}
    said: list[object] = []
    ended = None
    for event in events:
        choices: object = event.get("choices") or []  # none in a chunk that counts tokens, or says what was filtered
        if not isinstance(choices, list) or len(cast("list[object]", choices)) > 1:
            return None
        beside |= {name: value for name, value in event.items() if value}
        for choice in map(object_of, cast("list[object]", choices)):
            reason = choice.get("finish_reason")
            if tells_more(choice, {says, *_CHOICE}) or (
                ended and (_says_something(choice.get(says)) or reason not in (None, ended))
            ):
                return None
            said.append(choice.get(says))
            ended = ended or reason
    return {**beside, "choices": [{**joined(said), "finish_reason": ended}]}


def _says_something(said: object) -> bool:
    delta = object_of(said)
    return tells_more(delta, {"role"}) if delta else bool(said)
