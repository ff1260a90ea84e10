"""Estimates from logs what hammerstone would save, before anything changes.

    log ─► read ─► kinds, without a model ─► the first part, in order of time: instances, builds, later versions
                                         └─► the last part: who answers what, and does it agree with the log

The log stands for the traffic of the gateway: kinds are found, tools are built and get better as they would there. They
stay in shadow.
"""

from hammerstone.learn.budget import Budget
from hammerstone.learn.findings import Findings, KindFinding
from hammerstone.learn.log import Log, read_log
from hammerstone.learn.page import write_findings
from hammerstone.learn.run import learn
from hammerstone.learn.saving import AssumedPrices
from hammerstone.learn.words import estimate, facts, headline, limits

__all__ = [
    "AssumedPrices",
    "Budget",
    "Findings",
    "KindFinding",
    "Log",
    "estimate",
    "facts",
    "headline",
    "learn",
    "limits",
    "read_log",
    "write_findings",
]
