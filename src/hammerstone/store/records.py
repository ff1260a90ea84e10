"""What the store keeps, as frozen values: the rows, without a database's types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from hammerstone.requests import PLAIN, Frame
from hammerstone.tools import Recipe, Tool
from hammerstone.types import JSON, Chat, Instance, Role, Route, Usage

__all__ = [
    "Actor",
    "Agreement",
    "Answered",
    "Attempt",
    "Build",
    "BuildState",
    "Change",
    "Comparison",
    "ComparisonKind",
    "Correction",
    "Disagreement",
    "GivenCorrection",
    "Kept",
    "LedgerEntry",
    "Merged",
    "MergedLabel",
    "Move",
    "Opinion",
    "PaidCall",
    "Queued",
    "Stage",
    "StoredInstance",
    "StoredTool",
    "Tally",
    "Task",
    "ToolState",
    "UnreadableTool",
]


Stage = Literal["reply", "checks", "verify", "gate", "passed"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A family of requests. `instances` counts those stored; `built_at` is that count at the last build, 0 before.

    `frame` is what all of its requests have in common, and `chat` the first one of them: `None` for questions alone.
    Answers of one that is `time_dependent` are given again by no cache.
    """

    id: int
    name: str
    description: str
    instances: int = 0
    built_at: int = 0
    frame: Frame = PLAIN
    chat: Chat | None = None
    time_dependent: bool = False


@dataclass(frozen=True, kw_only=True)
class StoredInstance(Instance):
    """An instance with its row id. `former_answer` is the label that a second opinion or a person replaced."""

    id: int
    request_id: str
    former_answer: str | None = None
    created: str = ""


class ToolState(StrEnum):
    GATED = "gated"  # passed the gate, and waits for a person's approval
    SHADOW = "shadow"  # answers beside the upstream and is compared; serves nothing
    LIVE = "live"
    QUARANTINED = "quarantined"  # was found to be wrong; serves nothing
    DISABLED = "disabled"  # by a person; kept, and can be enabled again
    REPLACED = "replaced"  # by a later version


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How a version's answers compared with the upstream's, in shadow and in audits together.

    `false_hits` are the disagreements that no second opinion decided in its favour, `in_a_row` the agreements since the
    last disagreement, or since it came into shadow.
    """

    compared: int = 0
    disagreed: int = 0
    false_hits: int = 0
    in_a_row: int = 0


@dataclass(frozen=True, kw_only=True)
class StoredTool:
    """A version of a task's tool. At most one version of a task is live, and at most one is in shadow."""

    tool: Tool
    task: str
    version: int
    state: ToolState
    created: str
    tally: Tally = Tally()


@dataclass(frozen=True, kw_only=True)
class UnreadableTool:
    """A version that is damaged, or of another release: it serves nothing, and can be removed. `why` is a sentence."""

    task: str
    version: int
    state: str
    why: str


class Actor(StrEnum):
    """Who changed the state of a tool."""

    GATE = "gate"
    COMPARISONS = "comparisons"  # with the upstream's answers, and second opinions on them
    CORRECTION = "correction"
    PERSON = "person"
    MERGE = "merge"  # of its task into another


@dataclass(frozen=True, kw_only=True)
class Move:
    """The state that a version is to come into, and why."""

    to: ToolState
    reason: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """A version's change of state; `before` is `None` for its first one."""

    version: int
    before: ToolState | None
    after: ToolState
    reason: str
    who: Actor
    when: str


class ComparisonKind(StrEnum):
    SHADOW = "shadow"
    AUDIT = "audit"


class Opinion(StrEnum):
    """Who was right, by a second opinion on a disagreement."""

    TOOL = "tool"
    UPSTREAM = "upstream"
    NEITHER = "neither"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a version and the upstream answered to one request."""

    id: int
    tool: str
    version: int
    request_id: str
    kind: ComparisonKind
    agreed: bool
    tool_answer: str
    upstream_answer: str
    opinion: Opinion | None
    created: str


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What became of an answer that somebody said was wrong.

    `answer` is the right one, if it was given; `quarantined` says whether the version that gave the wrong one was
    taken out of service by this correction, `labeled` whether the right one is an instance of the task now, and
    `dropped` whether the wrong one was an instance and is none any more.
    """

    request_id: str
    question: str
    wrong: str
    answer: str | None
    task: str | None
    tool: str | None
    version: int | None
    quarantined: bool
    labeled: bool
    former_label: str | None
    dropped: bool = False


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Somebody says that an answer was right. `labeled` says whether it is an instance of the task now."""

    request_id: str
    task: str | None
    labeled: bool


@dataclass(frozen=True, kw_only=True)
class MergedLabel:
    """A question of two merged tasks with two labels: the one that stays, and the one that is kept as former."""

    question: str
    answer: str
    former_answer: str


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What a merge moved. `tools` are the versions of the task that is gone, by the numbers that they have now."""

    task: Task
    instances: int
    tools: tuple[int, ...]
    conflicts: tuple[MergedLabel, ...]


class BuildState(StrEnum):
    RUNNING = "running"
    LIVE = "live"
    PASSED = "passed"  # the gate; its tool waits for approval or is in shadow
    NEEDS_REVIEW = "needs-review"  # agrees with all instances but one: somebody must say who is right
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    REPLACED = "replaced"  # its task was merged into another


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """The one instance on which a needs-review tool and the stored answer differ."""

    instance_id: int
    question: str
    stored: str
    tool: str


@dataclass(frozen=True, kw_only=True)
class Build:
    """One run of the maker for a task. `reason` says in a sentence why it ended as it did.

    `improves` is the version that it was to improve, and `gained` how many questions the new one answers that the
    former refused; both are `None` for a first tool. `cost_usd` is what all of it has cost; of a build whose process
    ended before it did, what its attempts have.
    """

    id: int
    task: str
    state: BuildState
    instances: int
    started: str
    reason: str = ""
    tool: Tool | None = None
    disagreement: Disagreement | None = None
    improves: int | None = None
    gained: int | None = None
    cost_usd: float | None = None


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
class PaidCall:
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


class Kept(StrEnum):
    """How much of the text of a request and its answer is in the store."""

    WHOLE = "whole"
    MASKED = "masked"  # without what a mask has taken out: nothing is learned from it
    NOTHING = "nothing"


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
    chat: Chat | None = None  # the whole request, unless it is the question
    origin: str | None = None  # of an answer of the exact cache: the request that was first answered so


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A request that is over, and the instance that it gives to a task, as one of this frame, if that is known.

    `call` is what was paid for its answer, if nobody has stored it.
    """

    answered: Answered
    call: PaidCall | None = None
    task: str | None = None
    frame: Frame | None = None
    instance: Instance | None = None


@dataclass(frozen=True, kw_only=True)
class LedgerEntry(Answered):
    """An answer as the ledger lists it: with its number, when it was given, and how much of its text is kept."""

    number: int
    created: str
    kept: Kept


@dataclass(frozen=True, kw_only=True)
class GivenCorrection:
    """What somebody has said was wrong, and what is right if it was said; with the texts of the request, if kept."""

    id: int
    request_id: str
    question: str
    wrong: str
    answer: str | None
    tool: str | None
    version: int | None
    created: str


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
