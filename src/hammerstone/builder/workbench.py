"""The workbench of both recipes: the sandbox, the maker's conversation, and the record of attempts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hammerstone.builder.conversation import Conversation
from hammerstone.builder.splits import Split
from hammerstone.builder.verify import Finding, Verdict
from hammerstone.sandbox import Sandbox
from hammerstone.settings import BuildSettings
from hammerstone.store import Attempt, Bill, Stage, StoredInstance, Task
from hammerstone.tools import Check, Demonstration, Recipe, Tool

__all__ = ["Draft", "Failure", "Workbench"]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A module that passed verification. `parses` says that its parser did; `suspect` is a finding on which it alone
    differs from a stored answer, and which nobody has settled yet. `wrong` are the other findings that do not agree,
    refusals aside: a route without the parser may get them right all the same. `gained` is how many of the questions
    that the present tool refused it answers."""

    source: str
    checks: tuple[Check, ...]
    parses: bool
    suspect: Finding | None = None
    wrong: tuple[Finding, ...] = ()
    gained: int | None = None

    def demonstrations(self, count: int) -> tuple[Demonstration, ...]:
        return tuple(Demonstration(question=one.question, arguments=one.arguments) for one in self.checks[:count])


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a recipe ended without a draft."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """All that a recipe works with. `present` is the tool to improve, if any.

    `settle` says whether the label of a finding that alone differs was wrong: True, False, or None for open.

    `every` are all instances that the tool must not contradict, further spellings of the same questions included.

    `corrected` holds the answers, by instance id, that it has put in the place of wrong labels.
    """

    task: Task
    split: Split
    every: tuple[StoredInstance, ...]
    foreign: tuple[str, ...]
    sandbox: Sandbox
    conversation: Conversation
    settings: BuildSettings
    present: Tool | None
    settle: Callable[[Finding], Awaitable[bool | None]]
    record: Callable[[Attempt], Awaitable[None]]
    corrected: Mapping[int, str]

    async def note(self, recipe: Recipe, number: int, stage: Stage, source: str, problems: Sequence[str] = ()) -> None:
        """Keep the latest attempt, passed or failed. One of the gate is no new reply, and costs nothing."""
        spent = self.conversation.last if stage != "gate" else Bill()
        await self.record(
            Attempt(
                recipe=recipe,
                number=number,
                stage=stage,
                source=source,
                problems=tuple(problems),
                usage=spent.usage,
                cost_usd=spent.cost_usd,
            )
        )

    async def settle_only(self, findings: list[Finding], differing: Finding) -> tuple[list[Finding], Finding | None]:
        """Settle the only difference among `findings`, which may be the label's fault.

        Returns the findings, in which it agrees if the label was wrong; and the difference itself if nobody could say.
        """
        label_was_wrong = await self.settle(differing)
        if label_was_wrong:
            settled = replace(differing, verdict=Verdict.AGREES)
            return [settled if one is differing else one for one in findings], None
        return findings, differing if label_was_wrong is None else None

    def labeled(self, instances: Sequence[StoredInstance]) -> tuple[StoredInstance, ...]:
        """The instances with their current labels."""
        return tuple(replace(one, answer=self.corrected.get(one.id, one.answer)) for one in instances)

    @property
    def imports_text(self) -> str:
        """The packages that may be imported, for a prompt: `urllib` stands for what is allowed of it."""
        return ", ".join(sorted({name.split(".")[0] for name in self.settings.imports} - {"__future__"}))
