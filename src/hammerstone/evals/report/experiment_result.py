"""The results of an experiment, as values. Tables, JSON files and the report are built from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hammerstone.evals.report.statistics import wilson

__all__ = ["NO_MODEL", "Confusion", "Headline", "Measurement", "Result", "Series", "Table", "head_of", "write_results"]

NO_MODEL = "none"
"""The model of a measurement that asks none."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """`right` of `n`, for one task (or `all`), method and model.

    Of the others, `wrong` had a wrong answer, and `lacking` says how many had none, by reason. Costs, tokens and
    seconds are of all `n` together; `None` is unknown. `paper` is the paper's figure in per cent, where it has one
    (good to about one point: LATM's figures were probably read at 232 of its 240 samples).
    """

    task: str
    method: str
    model: str
    n: int
    right: int
    wrong: int | None = None
    lacking: Mapping[str, int] = field(default_factory=dict[str, int])
    paper: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    model_calls: int | None = None
    detail: str = ""

    @property
    def share(self) -> float:
        """The share that was right, from 0 to 1; 0 if nothing was counted."""
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the share, from 0 to 1."""
        return wilson(self.right, self.n)


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line to be drawn: `y` over `x`. `plot` names the picture it belongs to, `mark` an x worth a mark."""

    plot: str
    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    mark: float | None = None


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """A confusion matrix: how often each expected name (rows) was taken for each name (columns)."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text.

    Columns are named as the terminal's tables want them: `#` before the name of one that holds numbers, `…` after one
    that may be cut, `¶` after one that may be wrapped. `heads` are the names alone.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""

    @property
    def heads(self) -> tuple[str, ...]:
        return tuple(head_of(column) for column in self.columns)

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers, and are set to the right."""
        return tuple(column.startswith("#") for column in self.columns)

    @property
    def wrapped(self) -> tuple[bool, ...]:
        """Which columns hold running text."""
        return tuple(column.endswith("¶") for column in self.columns)


def head_of(column: str) -> str:
    """A column's name alone."""
    return column.strip("#…¶")


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A main number: `value` is read first; `text` says what it counts, and what it is to be compared with."""

    value: str
    text: str

    @classmethod
    def of(cls, measurement: Measurement, text: str) -> Headline:
        """How many of a measurement's questions were right."""
        return cls(value=f"{measurement.right:,} of {measurement.n:,}", text=text)


@dataclass(frozen=True, kw_only=True)
class Result:
    """One experiment. `partial` says why it is not whole; `recorded` is the date of the completions, if replayed.

    `figures` are the measurements, under the name they have in JSON. `tables` hold anything else, such as examples,
    `headlines` the numbers for the top of the page.
    """

    experiment: str
    title: str
    seed: int
    models: Mapping[str, str]
    figures: tuple[Measurement, ...]
    series: tuple[Series, ...] = ()
    confusion: Confusion | None = None
    tables: tuple[Table, ...] = ()
    headlines: tuple[Headline, ...] = ()
    notes: tuple[str, ...] = field(default=())
    recorded: str = ""
    partial: str = ""


def write_results(results: tuple[Result, ...], path: Path) -> None:
    """Write the results as a JSON list, with every field."""
    path.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n", encoding="utf-8")
