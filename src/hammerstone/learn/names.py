"""A name and a description for a kind, suggested by the maker: people read them, and so do later builds."""

from __future__ import annotations

from collections.abc import Collection

from anyio import to_thread

from hammerstone.errors import ModelError, RecordingError
from hammerstone.learn.kinds import LogKind
from hammerstone.loop import Hammerstone
from hammerstone.models import Model
from hammerstone.requests import frame_of
from hammerstone.routes import NewTask, dispatch
from hammerstone.store import AccountedModel, Bill
from hammerstone.types import Role

__all__ = ["suggest_name"]


async def suggest_name(
    loop: Hammerstone, model: Model, kind: LogKind, taken: Collection[str], bill: Bill
) -> str | None:
    """The name for the new task of a kind; `None` if the maker has no new one, or its reply cannot be read.

    A name in `taken` is another kind's. A run that was interrupted may have stored the name already, and nothing under
    it.

    Raises `StoreError`.
    """
    if not loop.store.keeping.is_whole_chat(kind.first.chat):
        return None
    asked = AccountedModel(model, Role.DISPATCHER, loop.store, loop.settings.roles.of(Role.DISPATCHER))
    tasks = await to_thread.run_sync(loop.store.tasks)
    chat = kind.first.chat
    try:
        verdict = await dispatch(asked, tasks, kind.first.question, bill)
    except (ModelError, RecordingError):
        return None
    if verdict is None or verdict.name in taken:
        return None
    there = next((one for one in tasks if one.name == verdict.name), None)
    if there is not None:
        return there.name if not there.instances and there.frame == frame_of(chat) else None
    if not isinstance(verdict, NewTask):
        return None
    first = None if chat.plain else chat
    await to_thread.run_sync(loop.store.add_task, verdict.name, verdict.description, frame_of(chat), first)
    return verdict.name
