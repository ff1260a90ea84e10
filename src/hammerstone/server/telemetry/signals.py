"""All that a gateway shows of itself, opened together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hammerstone.server.telemetry.health import Health
from hammerstone.server.telemetry.log import RequestLog
from hammerstone.server.telemetry.metrics import Metrics
from hammerstone.server.telemetry.middleware import Observer
from hammerstone.server.telemetry.tracing import open_tracing
from hammerstone.settings import ServeSettings
from hammerstone.store import Build, open_keeping

if TYPE_CHECKING:
    from hammerstone.server.telemetry.spans import Spans

__all__ = ["Signals", "open_signals"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Signals:
    """The signals of one process. Without `spans` nothing is traced."""

    health: Health = field(default_factory=Health)
    metrics: Metrics
    log: RequestLog
    spans: Spans | None = None

    @property
    def observers(self) -> Sequence[Observer]:
        return (self.metrics, self.log, *((self.spans,) if self.spans is not None else ()))

    def on_build(self, task: str, build: Build | None) -> None:
        """See `hammerstone.builder.OnBuild`."""
        _log.info("build of %s: %s", task, "begun" if build is None else build.state)  # a reason may quote a question
        if build is not None:
            self.metrics.built(build.state)
            if self.spans is not None:
                self.spans.built(build)

    def close(self) -> None:
        """Send what waits."""
        if self.spans is not None:
            self.spans.close()


def open_signals(settings: ServeSettings) -> Signals:
    """Raises `SettingsError` where the environment asks for traces that cannot be made, or for an unusable mask."""
    health, text = Health(), open_keeping(settings).text
    return Signals(
        health=health,
        metrics=Metrics(health, by_tenant=settings.tenant_metrics),
        log=RequestLog(questions=text if settings.log_questions else None),
        spans=open_tracing(text),
    )
