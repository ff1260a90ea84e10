"""Tools are watched on real requests: in shadow beside the upstream, and by audits of what they serve.

The upstream is the last route, the strong model. What a tool answers to the same request is compared with it, and
where they differ two more opinions of the strong model decide (a majority of three): if two of the three are one answer
that is not the tool's, the tool serves nothing any more. If all three differ, nobody is right.

Behind a gateway the upstream is whoever answered the request: it is asked again where that may be paid for
(`Asked.upstream`). Where it may not, its answer can be had in the tool's place (`Asked.withheld`); a disagreement then
stays undecided, and counts as a false hit.
"""

from __future__ import annotations

import logging

from anyio import to_thread

from hammerstone.digests import sha256
from hammerstone.faults import logged
from hammerstone.life.audit import is_audited
from hammerstone.life.states import after_comparison
from hammerstone.requests import agree
from hammerstone.routes import Answer, Asked, Catalog, ParserRoute, Routed, second_opinion, solve
from hammerstone.settings import LifeSettings
from hammerstone.store import AccountedModel, Bill, ComparisonKind, Opinion, Store, StoredTool, Tally
from hammerstone.types import Instance, Role, Route, Source

__all__ = ["Watch"]

_log = logging.getLogger(__name__)


class Watch:
    """Compares answers after they went out. Nothing that happens here can change them."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        parser: ParserRoute,
        upstream: AccountedModel | None,
        settings: LifeSettings,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._parser = parser
        self._upstream = upstream
        self._settings = settings
        self._tallies: dict[tuple[str, int], Tally] = {}  # as they are since the catalog was read

    async def after(self, asked: Asked, routed: Routed) -> None:
        """Compare what is due once a request is answered.

        Raises `StoreError` and `RecordingError`; a comparison that fails otherwise is logged, and keeps no other one
        from being made.
        """
        answer = routed.answer
        if answer is None:
            return
        if answer.route is Route.SOLVER:
            for tool in self._catalog.shadows(asked):
                await logged(self._shadow(tool, asked, answer.text), _say)
            held = asked.withheld
            if held is not None and held.tool is not None:
                audit = self._compare(held.tool, asked, ComparisonKind.AUDIT, held.text, answer.text)
                await logged(audit, _say)
        elif answer.tool is not None and self.is_audited(asked, answer.tool):
            await logged(self._audit(answer.tool, asked, answer.text), _say)

    def is_audited(self, asked: Asked, tool: StoredTool) -> bool:
        """Whether this request is in the audit sample, if `tool` answers it."""
        return is_audited(asked.request.id, self._tally(tool), self._settings)

    def _asked_again(self, asked: Asked) -> AccountedModel | None:
        if asked.upstream is not None:
            return AccountedModel(asked.upstream, Role.SOLVER, self._store)
        return self._upstream

    def _tally(self, tool: StoredTool) -> Tally:
        return self._tallies.get((tool.task, tool.version), tool.tally)

    async def _shadow(self, tool: StoredTool, asked: Asked, upstream: str) -> None:
        result = await self._parser.ask(tool, asked)
        if isinstance(result, Answer):
            await self._compare(tool, asked, ComparisonKind.SHADOW, result.text, upstream)

    async def _audit(self, tool: StoredTool, asked: Asked, served: str) -> None:
        model = self._asked_again(asked)
        if model is None:
            return
        bill = Bill(request_id=asked.request.id, task=tool.task)
        upstream = await solve(model, asked.request.chat, bill, sample=_draw(asked))
        if upstream is not None:
            await self._compare(tool, asked, ComparisonKind.AUDIT, served, upstream)

    async def _compare(
        self, tool: StoredTool, asked: Asked, kind: ComparisonKind, tool_answer: str, upstream_answer: str
    ) -> None:
        comparison = await to_thread.run_sync(
            lambda: self._store.add_comparison(
                tool.task,
                tool.version,
                request_id=asked.request.id,
                kind=kind,
                tool_answer=tool_answer,
                upstream_answer=upstream_answer,
                rule=after_comparison(self._settings),
            )
        )
        stored = await to_thread.run_sync(self._store.tool, tool.task, tool.version)
        if stored is not None:
            self._tallies[tool.task, tool.version] = stored.tally
        if comparison.agreed:
            return
        opinion, right = await self._second_opinion(tool, asked, tool_answer, upstream_answer)
        judged = await to_thread.run_sync(self._store.add_opinion, comparison.id, opinion)
        self._tallies[tool.task, tool.version] = judged.tally
        if opinion is Opinion.UPSTREAM and kind is ComparisonKind.AUDIT:
            await self._keep(tool, asked, right)

    async def _second_opinion(
        self, tool: StoredTool, asked: Asked, tool_answer: str, upstream_answer: str
    ) -> tuple[Opinion, str]:
        """Who is right by a majority of three of the upstream's answers, and the right answer."""
        model = self._asked_again(asked)
        if model is None:
            return Opinion.NEITHER, upstream_answer
        bill = Bill(request_id=asked.request.id, task=tool.task)
        opinion = await second_opinion(model, asked.request.chat, upstream_answer, bill, first=_draw(asked))
        if opinion is None:
            return Opinion.NEITHER, upstream_answer
        return (Opinion.TOOL if agree(opinion, tool_answer) else Opinion.UPSTREAM), opinion

    async def _keep(self, tool: StoredTool, asked: Asked, right: str) -> None:
        """Store what the tool got wrong, as material for its next version."""
        chat = asked.request.chat
        instance = Instance(
            question=asked.question(tool.tool.frame.form),
            answer=right,
            source=Source.SOLVER,
            chat=None if chat.plain else chat,
        )
        await to_thread.run_sync(lambda: self._store.add_instance(tool.task, instance, request_id=asked.request.id))


def _say(why: str) -> None:
    _log.warning("a comparison: %s", why)


def _draw(asked: Asked) -> int:
    """The number of the upstream's first answer among all draws for the same messages.

    Each request to a gateway draws anew: a rule that changes under the same words is found by asking, not by reading
    what was once answered. A loop that runs again is to pay nothing twice.
    """
    return 0 if asked.upstream is None else int(sha256(asked.request.id)[:12], 16)


def watches(settings: LifeSettings) -> bool:
    """Whether anything is compared."""
    return settings.shadow > 0 or settings.audit > 0 or settings.max_false_hit_rate is not None
