"""The kinds of a log's requests, found without a model, and which of them are worth a tool."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hammerstone.requests import normalise
from hammerstone.routes import Kind, KindsOfTasks
from hammerstone.tools import task_name
from hammerstone.types import Request

__all__ = ["KindKey", "LogKind", "find_kinds"]

KindKey = tuple[str, str]
"""The tenant and the name of the task: one tenant's requests teach nothing to another's tools."""


@dataclass(kw_only=True)
class LogKind:
    """Requests of one kind. `different` counts the questions of the first part, each once.

    `named` says that the log or the home has a name for it, rather than the first words of its first request.
    """

    key: KindKey
    first: Request
    named: bool
    lines: int = 0
    different: int = 0

    @property
    def name(self) -> str:
        return self.key[1]


def find_kinds(
    lines: Sequence[Request], training: int, known: Mapping[str, KindsOfTasks]
) -> tuple[list[KindKey], list[LogKind]]:
    """The kind of each line, and all kinds, the most frequent first. `known` are the tasks that each tenant has.

    A line that names its task is of that one; the others are sorted by frame and wording, as the gateway sorts them.
    """
    sorters = {tenant: known.get(tenant) or KindsOfTasks() for tenant in {one.tenant for one in lines}}
    sorted_: list[tuple[str, Kind | None]] = []
    old: set[KindKey] = set()
    for line in lines:
        named = task_name(line.task or "")
        kind = None if named else sorters[line.tenant].sort(line.chat)
        if kind is not None and sorters[line.tenant].is_known(kind):
            old.add((line.tenant, sorters[line.tenant].name(kind, line.chat)))
        sorted_.append((named, kind))
    keys = [
        (line.tenant, named if kind is None else sorters[line.tenant].name(kind, line.chat))
        for line, (named, kind) in zip(lines, sorted_, strict=True)
    ]
    old |= {key for key, (name, _) in zip(keys, sorted_, strict=True) if name}
    return keys, _counted(lines, training, keys, old)


def _counted(lines: Sequence[Request], training: int, keys: Sequence[KindKey], named: set[KindKey]) -> list[LogKind]:
    kinds: dict[KindKey, LogKind] = {}
    questions: defaultdict[KindKey, set[str]] = defaultdict(set)
    for number, (line, key) in enumerate(zip(lines, keys, strict=True)):
        kind = kinds.setdefault(key, LogKind(key=key, first=line, named=key in named))
        kind.lines += 1
        if number < training:
            questions[key].add("\0".join(normalise(one.content) for one in line.chat.messages))
    for key, kind in kinds.items():
        kind.different = len(questions[key])
    ranks = Counter({key: kind.lines for key, kind in kinds.items()})
    return [kinds[key] for key, _ in ranks.most_common()]
