"""Running what a model wrote: one contract, three backends, and nothing ever in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.sandbox.choose import BackendReport, open_sandbox, survey
    from hammerstone.sandbox.contract import Limits, Outcome, Sandbox, Status
    from hammerstone.sandbox.lasting import open_lasting
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "choose": "BackendReport open_sandbox survey",
            "contract": "Limits Outcome Sandbox Status",
            "lasting": "open_lasting",
        },
    )

__all__ = [
    "BackendReport",
    "Limits",
    "Outcome",
    "Sandbox",
    "Status",
    "open_lasting",
    "open_sandbox",
    "survey",
]
