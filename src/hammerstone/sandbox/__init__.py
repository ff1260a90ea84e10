"""Running what a model wrote: one contract, three backends, and nothing ever in this process."""

from __future__ import annotations

from hammerstone.sandbox.choose import BackendReport, open_sandbox, survey
from hammerstone.sandbox.contract import Limits, Outcome, Sandbox, Status

__all__ = ["BackendReport", "Limits", "Outcome", "Sandbox", "Status", "open_sandbox", "survey"]
