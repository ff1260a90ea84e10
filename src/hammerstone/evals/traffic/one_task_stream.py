"""A stream of one task's requests as chats: what a caller sends whose program asks one kind of question."""

from __future__ import annotations

import random
from dataclasses import replace

from hammerstone.evals.tasks import COMPANIES, TASKS, generate_instances, task
from hammerstone.types import Chat, Instance, Message

__all__ = ["FAMILIES", "one_task_stream"]

FAMILIES: tuple[str, ...] = (*TASKS, *COMPANIES)
"""The generated tasks, and families of requests of the kind that companies send."""

_SYSTEM = "You answer questions of one kind. {} Reply with the answer alone, in the form that the question asks for."


def one_task_stream(name: str, n: int, seed: int) -> tuple[Instance, ...]:
    """`n` requests with their right answers, no question twice: a chat with the same system prompt each.

    Half of a generated task's come in its own form, and half in one of its paraphrases, in a drawn order. A company's
    messages are as free as it draws them. The first k are the same for every n. Raises `NotFoundError` for an unknown
    name.
    """
    if name in COMPANIES:
        return generate_instances(name, n, seed)
    rng = random.Random(f"{name} stream {seed}")  # noqa: S311 - samples, not secrets
    found = task(name)
    system = Message(role="system", content=_SYSTEM.format(found.DESCRIPTION))
    drawn = (found.paraphrase(one, rng) if rng.random() < 0.5 else one for one in generate_instances(name, n, seed))
    return tuple(_as_chat(one, system) for one in drawn)


def _as_chat(one: Instance, system: Message) -> Instance:
    return replace(one, chat=Chat(messages=(system, Message(role="user", content=one.question))))
