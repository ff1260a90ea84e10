"""What the gateway shows of itself: metrics, traces, a log of requests, and whether its parts work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.server.telemetry.log import open_log
    from hammerstone.server.telemetry.signals import open_signals
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "log": "open_log",
            "signals": "open_signals",
        },
    )

__all__ = [
    "open_log",
    "open_signals",
]
