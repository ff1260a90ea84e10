"""What the store keeps, as frozen values: the rows, without a database's types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from hammerstone.requests.frame import PLAIN, Frame
from hammerstone.tools.tool import Recipe, Tool
from hammerstone.types import JSON, Chat, Instance, Role, Route, Usage

__all__ = [
    "Answered",
    "Attempt",
    "Build",
    "BuildState",
    "Call",
    "Disagreement",
    "Queued",
    "Stage",
    "StoredInstance",
    "StoredTool",
    "Task",
    "ToolState",
]


Stage = Literal["reply", "checks", "verify", "gate", "passed"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A family of requests. `instances` counts those stored; `built_at` is that count at the last build, 0 before.

    `frame` is what all of its requests have in common, and `chat` the first one of them: `None` for questions alone.
    """

    id: int
    name: str
    description: str
    instances: int = 0
    built_at: int = 0
    frame: Frame = PLAIN
    chat: Chat | None = None


@dataclass(frozen=True, kw_only=True)
class StoredInstance(Instance):
    """An instance with its row id. `former_answer` is the label that a second opinion or a person replaced."""

    id: int
    request_id: str
    former_answer: str | None = None


class ToolState(StrEnum):
    LIVE = "live"
    DISABLED = "disabled"  # by a person; kept, and can be enabled again
    REPLACED = "replaced"  # by a later version


@dataclass(frozen=True, kw_only=True)
class StoredTool:
    """A version of a task's tool. At most one version of a task is live."""

    tool: Tool
    task: str
    version: int
    state: ToolState
    created: str


class BuildState(StrEnum):
    RUNNING = "running"
    LIVE = "live"
    NEEDS_REVIEW = "needs-review"  # agrees with all instances but one: somebody must say who is right
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """The one instance on which a needs-review tool and the stored answer differ."""

    instance_id: int
    question: str
    stored: str
    tool: str


@dataclass(frozen=True, kw_only=True)
class Build:
    """One run of the maker for a task. `reason` says in a sentence why it ended as it did."""

    id: int
    task: str
    state: BuildState
    instances: int
    started: str
    reason: str = ""
    tool: Tool | None = None
    disagreement: Disagreement | None = None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One reply of the maker and what the harness found. `stage` is where it ended."""

    recipe: Recipe
    number: int
    stage: Stage
    source: str
    problems: tuple[str, ...]
    usage: Usage
    cost_usd: float | None


@dataclass(frozen=True, kw_only=True)
class Call:
    """One paid completion, stored before its reply is used."""

    key: str
    role: Role
    model: str
    prompt: Mapping[str, JSON]
    text: str
    usage: Usage
    cost_usd: float | None
    seconds: float
    request_id: str | None
    task: str | None


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One request with its answer: the line that `solve --json` prints, and a row of the ledger."""

    id: str
    question: str
    answer: str | None
    route: Route | None
    task: str | None = None
    tool: str | None = None
    version: int | None = None
    model_calls: int = 0
    cost_usd: float | None = 0.0
    ms: float = 0.0
    error: str | None = None
    correct: bool | None = None
    refusals: tuple[str, ...] = ()  # why the cheaper routes did not answer


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A request in the labeler's queue; without an `answer` it still waits."""

    id: int
    request_id: str
    question: str
    task: str | None
    queued: str
    answer: str | None = None
    chat: Chat | None = None
