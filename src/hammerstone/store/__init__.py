"""Where everything is kept, apart for each tenant: SQLite files in the home folder, or PostgreSQL by URL.

SQLAlchemy takes a third of a second to import, so it comes with the first store that is opened, not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.store.accounts import AccountedModel, Bill
    from hammerstone.store.acts import Act, NotedAct
    from hammerstone.store.answers import LONGEST_MODEL, RefusedQuestion, WantedAnswers
    from hammerstone.store.comparisons import MoveRule
    from hammerstone.store.database import timestamp
    from hammerstone.store.keeping import KEEP_NOTHING, Keeping
    from hammerstone.store.key_records import (
        DAY,
        KEY_FORM,
        KEY_MARK,
        KEY_NAME_LENGTH,
        Amount,
        Key,
        KeyLimits,
        KeyPeriod,
        KeyRole,
        KeyUsage,
        Per,
        UsageNews,
        budget_span,
        day_start,
    )
    from hammerstone.store.keys import Keys
    from hammerstone.store.masks import open_keeping
    from hammerstone.store.opening import DATABASE_FILE, open_store, open_stores
    from hammerstone.store.owner import this_process
    from hammerstone.store.purging import Purged
    from hammerstone.store.records import (
        Actor,
        Answered,
        Attempt,
        Build,
        BuildState,
        Change,
        ComparisonKind,
        Correction,
        Disagreement,
        Finished,
        GivenCorrection,
        Kept,
        LedgerEntry,
        MergedLabel,
        Move,
        Opinion,
        PaidCall,
        Queued,
        Stage,
        StoredInstance,
        StoredTool,
        Tally,
        Task,
        ToolState,
    )
    from hammerstone.store.selection import Selection
    from hammerstone.store.standing import Ordering, Progress, Standing
    from hammerstone.store.store import Store
    from hammerstone.store.summaries import LedgerRow, MeanCall, RouteRow, ToolRow, ToolTally
    from hammerstone.store.tenants import Stores
    from hammerstone.store.traffic import Bucket, Spent, Stretch, StrongModel, Traffic, TrafficFigures
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "accounts": "AccountedModel Bill",
            "answers": "LONGEST_MODEL RefusedQuestion WantedAnswers",
            "acts": "Act NotedAct",
            "comparisons": "MoveRule",
            "database": "timestamp",
            "keeping": "KEEP_NOTHING Keeping",
            "key_records": "Amount DAY KEY_FORM KEY_MARK KEY_NAME_LENGTH Key KeyLimits KeyPeriod KeyRole KeyUsage Per "
            "UsageNews budget_span day_start",
            "keys": "Keys",
            "masks": "open_keeping",
            "opening": "DATABASE_FILE open_store open_stores",
            "owner": "this_process",
            "purging": "Purged",
            "records": "Actor Answered Attempt Build BuildState Change ComparisonKind Correction Disagreement "
            "Finished GivenCorrection Kept LedgerEntry MergedLabel Move Opinion PaidCall "
            "Queued Stage StoredInstance StoredTool Tally Task ToolState",
            "selection": "Selection",
            "standing": "Ordering Progress Standing",
            "store": "Store",
            "summaries": "LedgerRow MeanCall RouteRow ToolRow ToolTally",
            "tenants": "Stores",
            "traffic": "Bucket Spent Stretch StrongModel Traffic TrafficFigures",
        },
    )

__all__ = [  # noqa: RUF022 - in plain order, as every package's
    "AccountedModel",
    "Act",
    "Actor",
    "Amount",
    "Answered",
    "Attempt",
    "Bill",
    "Bucket",
    "Build",
    "BuildState",
    "Change",
    "ComparisonKind",
    "Correction",
    "DATABASE_FILE",
    "DAY",
    "Disagreement",
    "Finished",
    "GivenCorrection",
    "KEEP_NOTHING",
    "KEY_FORM",
    "KEY_MARK",
    "KEY_NAME_LENGTH",
    "Keeping",
    "Kept",
    "Key",
    "KeyLimits",
    "KeyPeriod",
    "KeyRole",
    "KeyUsage",
    "Keys",
    "LONGEST_MODEL",
    "LedgerEntry",
    "LedgerRow",
    "MeanCall",
    "MergedLabel",
    "Move",
    "MoveRule",
    "NotedAct",
    "Opinion",
    "Ordering",
    "PaidCall",
    "Per",
    "Progress",
    "Purged",
    "Queued",
    "RefusedQuestion",
    "RouteRow",
    "Selection",
    "Spent",
    "Stage",
    "Standing",
    "Store",
    "StoredInstance",
    "StoredTool",
    "Stores",
    "Stretch",
    "StrongModel",
    "Tally",
    "Task",
    "ToolRow",
    "ToolState",
    "ToolTally",
    "Traffic",
    "TrafficFigures",
    "UsageNews",
    "WantedAnswers",
    "budget_span",
    "day_start",
    "open_keeping",
    "open_store",
    "open_stores",
    "this_process",
    "timestamp",
]
