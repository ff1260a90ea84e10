"""All that a gateway shows of itself, opened together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hammerstone.server.telemetry.health import Health
from hammerstone.server.telemetry.log import RequestLog
from hammerstone.server.telemetry.metrics import Metrics
from hammerstone.server.telemetry.middleware import Observer
from hammerstone.settings import ServeSettings
from hammerstone.store.records import Build

__all__ = ["Signals", "open_signals"]


@dataclass(frozen=True, kw_only=True)
class Signals:
    """`health` and `metrics` of one process."""

    health: Health = field(default_factory=Health)
    metrics: Metrics
    log: RequestLog

    @property
    def observers(self) -> Sequence[Observer]:
        return (self.metrics, self.log)

    def on_build(self, task: str, build: Build | None) -> None:
        """See `hammerstone.builder.OnBuild`."""
        del task
        if build is not None:
            self.metrics.built(build.state)


def open_signals(settings: ServeSettings) -> Signals:
    health = Health()
    return Signals(
        health=health,
        metrics=Metrics(health, by_tenant=settings.tenant_metrics),
        log=RequestLog(questions=settings.log_questions),
    )
