"""Review: a tool and one stored answer differ, and somebody says which of the two is right."""

from __future__ import annotations

from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.requests import ChatPart, parts_of
from hammerstone.store import Build, BuildState, Disagreement, Store

__all__ = ["disputed_request", "in_review", "settle"]


def in_review(store: Store, name: str) -> Build | None:
    """The build of task `name` whose tool needs review, unless a later one ended with a tool."""
    return next(iter(store.builds_in_review(task=name)), None)


def disputed_request(store: Store, task: str, differ: Disagreement) -> tuple[ChatPart, ...]:
    """The whole request that a tool and a stored answer of `task` disagree about."""
    chat = next((one.chat for one in store.instances(task) if one.id == differ.instance_id), None)
    return parts_of(differ.question, chat)


def settle(store: Store, name: str, *, tool_is_right: bool) -> Build:
    """End the needs-review build of task `name`: the tool goes live and the label is corrected, or the label stands.

    Raises `NotFoundError` if no tool of this task needs review, or a later one passed the gate, and `SettingsError` if
    the tool is to go live although the label was corrected since: it was never held to the new one.
    """
    held = in_review(store, name)
    if held is None or held.tool is None or held.disagreement is None:
        raise NotFoundError(f"no tool of {name} needs review", hint="`hammerstone tasks list` shows which tasks do")
    if tool_is_right:
        differ = held.disagreement
        labels = {one.id: one.answer for one in store.instances(name)}
        if labels.get(differ.instance_id) != differ.stored:
            hint = "run `hammerstone make` again with the corrected labels"
            raise SettingsError("the stored answer has been corrected since this tool was made", hint=hint)
        store.publish_over_label(held.tool, build_id=held.id, instance_id=differ.instance_id, answer=differ.tool)
    else:
        store.end_build(held.id, BuildState.FAILED, reason="the stored answer stands; the tool was wrong")
    return next(one for one in store.builds(name) if one.id == held.id)
