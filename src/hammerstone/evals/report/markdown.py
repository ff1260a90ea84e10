"""Results as one Markdown document."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hammerstone.evals.report.experiment_result import Result, Table
from hammerstone.evals.report.result_tables import about, tables
from hammerstone.visible import visible

__all__ = ["MARK", "markdown_of"]

COMMAND = "hammerstone bench all"
MARK = "<!-- Written by `hammerstone bench"  # begins a Markdown document of results


def markdown_of(results: Iterable[Result], *, command: str = COMMAND) -> str:
    """A document of all results, whose head says which command wrote it."""
    head = f"<!-- Written by `{command}`: do not edit. -->\n\n# Results\n"
    return "\n".join([head, *(_section(result) for result in results)])


def _section(result: Result) -> str:
    parts = [f"## {_escaped(result.title)}", f"`{result.experiment}`; {_escaped(about(result))}."]
    parts += [f"**Partial**: {_escaped(result.partial)}"] if result.partial else []
    parts += ["\n".join(f"- {_escaped(note)}" for note in result.notes)] if result.notes else []
    for table in tables(result):
        parts += [f"### {_escaped(table.title)}", _grid(table)]
        parts += [_escaped(table.caption)] if table.caption else []
    return "\n\n".join(parts) + "\n"


def _grid(table: Table) -> str:
    rules = ["--:" if numeric else "---" for numeric in table.numeric]
    lines = [[_escaped(cell) for cell in line] for line in (table.heads, *table.rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (lines[0], rules, *lines[1:]))


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line. An underscore inside a word is none of Markdown's."""
    return re.sub(r"([\\`*|<>\[\]&~]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(visible(text).split()))
