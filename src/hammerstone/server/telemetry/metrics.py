"""`GET /metrics`: the gateway's metrics in Prometheus' text format.

What happens is counted as it happens. What the store alone knows is read beside the traffic (`tool_gauges`) and shown
as it was last seen: a scrape never waits for the store.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from hammerstone.server.learner import Learner
from hammerstone.server.telemetry.health import Health
from hammerstone.server.telemetry.record import NO_ROUTE, RequestRecord
from hammerstone.server.telemetry.tool_gauges import ToolGauges

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ADDED = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)
UPSTREAM = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of the buckets, in seconds."""


class Metrics:
    """An `Observer`, with a registry of its own. With `by_tenant`, series carry the tenant as a label."""

    def __init__(self, health: Health, *, by_tenant: bool = False) -> None:
        disable_created_metrics()  # a series more for each, which no scrape needs
        self.registry = CollectorRegistry()
        self._health = health
        self._learner: Learner | None = None
        self._gauges: ToolGauges | None = None
        self._tenant = ("tenant",) if by_tenant else ()
        self._requests = Counter(
            "hammerstone_requests",
            "Requests, by how they were answered. The hit rate is the share of parser, user, exact and labeler.",
            ("api", "route", "status", *self._tenant),
            registry=self.registry,
        )
        self._added = Histogram(
            "hammerstone_added_seconds",
            "Time that hammerstone took of a request until its response began: not the upstream's, nor the client's.",
            ("route",),
            buckets=ADDED,
            registry=self.registry,
        )
        self._upstream = Histogram(
            "hammerstone_upstream_seconds",
            "Time until the upstream's reply began.",
            ("api",),
            buckets=UPSTREAM,
            registry=self.registry,
        )
        self._saved = Counter(
            "hammerstone_saved_usd",
            "US dollars that the upstream would have cost for what was answered without it, by list prices.",
            self._tenant,
            registry=self.registry,
        )
        self._unpriced = Counter(
            "hammerstone_saved_unpriced",
            "Answers without the upstream whose price is unknown.",
            self._tenant,
            registry=self.registry,
        )
        self._builds = Counter(
            "hammerstone_builds",
            "Builds that ended here, by outcome.",
            ("outcome",),
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    # what happens

    def over(self, record: RequestRecord) -> None:
        """See `Observer`."""
        status = f"{record.status // 100}xx" if record.status is not None else NO_ROUTE
        tenant = (record.tenant,) if self._tenant else ()
        self._requests.labels(record.api, record.route, status, *tenant).inc()
        if record.added is not None:
            self._added.labels(record.route).observe(record.added)
        if record.upstream is not None:
            self._upstream.labels(record.api).observe(record.upstream)
        saved = record.notes.get("saved-usd")
        if saved is not None:
            self._count_saved(saved, tenant)

    def _count_saved(self, saved: str, tenant: tuple[str, ...]) -> None:
        if saved == "unknown":
            (self._unpriced.labels(*tenant) if tenant else self._unpriced).inc()
        else:
            (self._saved.labels(*tenant) if tenant else self._saved).inc(float(saved))

    def built(self, outcome: str) -> None:
        """A build has ended."""
        self._builds.labels(outcome).inc()

    # what is

    def show(self, learner: Learner, gauges: ToolGauges) -> None:
        """Include what these know from now on."""
        self._learner, self._gauges = learner, gauges

    def page(self) -> bytes:
        """The text of a scrape."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """What is looked up at each scrape, in memory alone."""
        if self._learner is not None:
            yield from _queue(self._learner)
        faults = CounterMetricFamily("hammerstone_faults", "Failures of hammerstone's own parts.", labels=["part"])
        up = GaugeMetricFamily("hammerstone_part_up", "Whether a part of hammerstone works.", labels=["part"])
        for name, count in self._health.faults().items():
            faults.add_metric([name], count)
        for part in self._health.watched():
            up.add_metric([part.name], float(part.ok))
        yield from (faults, up)
        if self._gauges is not None:
            yield from self._gauges.metrics(by_tenant=bool(self._tenant))


def _queue(learner: Learner) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("hammerstone_waiting", "What has still to be stored or learned.", labels=["what"])
    waiting.add_metric(["answers"], learner.answers_waiting)
    waiting.add_metric(["lessons"], learner.waiting - learner.answers_waiting)
    yield waiting
    yield CounterMetricFamily(
        "hammerstone_dropped", "Answers and lessons that were lost: too much was waiting.", learner.dropped
    )
    yield CounterMetricFamily(
        "hammerstone_unread", "Replies of the upstream from which no whole answer could be read.", learner.unread
    )
