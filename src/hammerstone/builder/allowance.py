"""Limits on a task's builds, by cost and per day: one rule for first builds, repairs and improvements.

A build that a person asks for (`Builder.make`) always runs, and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hammerstone.models import known_sum
from hammerstone.settings import ImproveSettings
from hammerstone.store import Build, BuildState

__all__ = ["no_more"]

DAY = timedelta(days=1)


def no_more(builds: Sequence[Build], settings: ImproveSettings) -> str:
    """Why no further build of the task with these builds may start now, for a person to read; empty if one may."""
    return _too_costly(builds, settings.max_usd) or _too_many(builds, settings.builds_per_day)


def _too_costly(builds: Sequence[Build], max_usd: float | None) -> str:
    if max_usd is None:
        return ""
    spent = known_sum(one.cost_usd for one in builds if one.state is not BuildState.RUNNING)
    if spent is None:
        return "the price of its builds is unknown, so max_usd cannot be kept"
    return f"its builds have cost ${spent:.2f} of ${max_usd:.2f}" if spent >= max_usd else ""


def _too_many(builds: Sequence[Build], per_day: int) -> str:
    """Why no build may start today. An interrupted one does not count: the next one goes on from its stored replies."""
    since = (datetime.now(UTC) - DAY).isoformat()
    today = sum(one.started >= since and one.state is not BuildState.INTERRUPTED for one in builds)
    return f"builds_per_day allows {per_day} within 24 hours" if today >= per_day else ""
