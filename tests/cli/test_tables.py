"""Tables fit the terminal: nothing that a person needs is squeezed out of them."""

from __future__ import annotations

import pytest

from hammerstone.cli import terminal
from hammerstone.cli.tables import show_table

COLUMNS = ("name…", "#requests", "state", "#cost")
ROWS = [("word_sorting", "1,250", "live", "$0.0123"), ("dyck", "7", "", "unknown")]


def shown(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal._made_console.cache_clear()
    show_table("Tools", COLUMNS, ROWS)
    return [line for line in capsys.readouterr().out.splitlines() if line]


def test_a_table_has_a_line_for_each_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    title, head, _rule, *rows = shown(80, monkeypatch, capsys)
    assert (title, head.split()) == ("Tools", ["name", "requests", "state", "cost"])
    assert [row.split() for row in rows] == [["word_sorting", "1,250", "live", "$0.0123"], ["dyck", "7", "unknown"]]


def test_on_a_narrow_terminal_each_row_is_a_paragraph_with_all_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(40, monkeypatch, capsys) == [
        "Tools",
        "word_sorting",
        "  requests: 1,250, state: live, cost:",
        "  $0.0123",
        "dyck",
        "  requests: 7, cost: unknown",
    ]


def test_without_rows_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_table("Keys", COLUMNS, [])
    assert capsys.readouterr().out == "Keys: none\n"
