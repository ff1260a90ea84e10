"""The harness of every experiment: a store, a sandbox, models, samples and a bound on the cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.evals.harness.bench_run import ExtraModel
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "bench_run": "ExtraModel",
        },
    )

__all__ = [
    "ExtraModel",
]
