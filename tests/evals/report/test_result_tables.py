"""Results as tables of text, for the terminal and for Markdown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.cli.tables import show_table
from hammerstone.evals.report.experiment_result import Confusion, Measurement, Result, Series
from hammerstone.evals.report.markdown import markdown_of
from hammerstone.evals.report.result_tables import number, tables

FIGURE = Measurement(
    task="sums",
    method="tool, user",
    model="made-up:cheap",
    n=40,
    right=37,
    paper=98.3,
    input_tokens=48_000,
    output_tokens=1_340,
    cost_usd=0.0124,
    model_calls=1_041,
    detail="three refused",
)
BARE = Measurement(task="sums", method="direct", model="made-up:cheap", n=40, right=20)
RESULT = Result(
    experiment="use",
    title="Users",
    seed=7,
    models={"user": "made-up:cheap"},
    figures=(FIGURE, BARE),
    notes=("a note",),
    recorded="2026-11-17",
)


def test_a_figure_is_a_row() -> None:
    (table,) = tables(RESULT)
    assert table.heads == (
        *("task", "method", "model", "right", "per cent", "95 % interval", "paper"),
        *("tokens each", "cost each", "cost", "calls", "detail"),
    )
    assert table.rows == (
        (
            *("sums", "tool, user", "made-up:cheap", "37/40", "92.5", "80.1 to 97.4", "98.3"),
            *("1,234", "$0.00031", "$0.0124", "1,041", "three refused"),
        ),
        (
            *("sums", "direct", "made-up:cheap", "20/40", "50.0", "35.2 to 64.8", ""),
            *("unknown", "unknown", "unknown", "unknown", ""),
        ),
    )


def test_wrong_answers_missing_ones_and_seconds_have_their_place() -> None:
    figure = replace(FIGURE, wrong=1, lacking={"refused by the model": 2}, seconds=100.0)
    (table,) = tables(replace(RESULT, figures=(figure,)))
    row = dict(zip(table.heads, table.rows[0], strict=True))
    assert (row["right"], row["wrong"], row["seconds each"]) == ("37/40", "1", "2.5")
    assert row["detail"] == "three refused; 2 refused by the model"


def test_a_line_with_a_model_below_it_is_named_in_one_line() -> None:
    line = Series(plot="cost", name="tool, user\nsmall", x=(1.0,), y=(0.5,))
    (_, lines) = tables(replace(RESULT, series=(line,)))
    assert lines.rows[0][:2] == ("cost", "tool, user, small")


def test_what_no_row_knows_is_said_once() -> None:
    (table,) = tables(replace(RESULT, figures=(BARE,)))
    assert table.heads == ("task", "method", "model", "right", "per cent", "95 % interval")
    assert table.caption == "Unknown in every row: tokens each, cost each, cost, calls."


def test_what_costs_nothing_is_not_unknown() -> None:
    free = replace(FIGURE, input_tokens=0, output_tokens=0, cost_usd=0.0, model_calls=0)
    (table,) = tables(replace(RESULT, figures=(free,)))
    assert table.rows[0][7:11] == ("0", "$0.0000", "$0.0000", "0")


def test_half_of_the_tokens_is_not_all_of_them() -> None:
    (table,) = tables(replace(RESULT, figures=(FIGURE, replace(FIGURE, output_tokens=None))))
    assert [row[7] for row in table.rows] == ["1,234", "unknown"]


def test_nothing_counted_has_no_share() -> None:
    (table,) = tables(replace(RESULT, figures=(replace(FIGURE, n=0, right=0),)))
    assert table.rows[0][3:6] == ("0/0", "-", "-")
    assert table.rows[0][7:9] == ("-", "-")


@pytest.mark.parametrize(("experiment", "task", "shown"), [("near-miss", "sums", "3"), ("stream", "false hits", "3")])
def test_false_hits_have_a_column_of_their_own(experiment: str, task: str, shown: str) -> None:
    (table,) = tables(replace(RESULT, experiment=experiment, figures=(replace(FIGURE, task=task),)))
    assert table.rows[0][table.heads.index("false hits")] == shown


def test_series_and_confusion_are_tables_too() -> None:
    series = (
        Series(plot="cost", name="ours", x=(1, 2, 1200), y=(0.5, 0.2, 0.00004), mark=87),
        Series(plot="accuracy", name="ours", x=(1, 2), y=(0.5, 0.925)),
        Series(plot="age", name="ours", x=(1, 2), y=(12345.678, -0.5)),
        Series(plot="age", name="never", x=(), y=()),
    )
    confusion = Confusion(rows=("a", "b"), columns=("a", "a", "(new)"), counts=((1, 0, 2), (0, 3, 4000)))
    figures, along, heat = tables(replace(RESULT, series=series, confusion=confusion))
    assert figures.title == "Measurements"
    assert along.rows == (
        ("cost", "ours", "3", "$0.5000", "$0.000040", "1,200", "87"),
        ("accuracy", "ours", "2", "50.0 %", "92.5 %", "2", ""),
        ("age", "ours", "2", "12,346", "-0.5", "2", ""),
    )
    assert heat.heads == ("expected", "a", "a", "(new)")
    assert heat.rows == (("a", "1", "0", "2"), ("b", "0", "3", "4,000"))


def test_the_terminal_shows_a_table_with_its_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    (table,) = tables(RESULT)
    show_table(RESULT.title, table.columns, table.rows, caption=table.caption)
    shown = capsys.readouterr().out
    assert "92.5" in shown
    assert "three refused" in shown
    assert not set("#¶…") & set(shown)


@pytest.mark.parametrize(
    ("value", "said"),
    [(1200, "1,200"), (87.0, "87"), (12.9, "12.9"), (0.00012345, "0.0001234"), (1e6 + 0.5, "1,000,000")],
)
def test_numbers_are_short_and_whole_ones_are_whole(value: float, said: str) -> None:
    assert number(value) == said


def test_markdown_says_which_command_wrote_it() -> None:
    assert markdown_of([RESULT], command="hammerstone bench stream").splitlines()[:3] == [
        "<!-- Written by `hammerstone bench stream`: do not edit. -->",
        "",
        "# Results",
    ]


def test_markdown_holds_everything_of_a_result() -> None:
    text = markdown_of([replace(RESULT, figures=(FIGURE,), partial="the bound is reached"), RESULT])
    assert text.count("\n## Users\n") == 2
    assert "`use`; seed 7; completions recorded 2026-11-17; user: made-up:cheap." in text
    assert text.count("**Partial**: the bound is reached\n") == 1
    assert "\n- a note\n" in text
    (table,) = tables(replace(RESULT, figures=(FIGURE,)))
    rules = ["---"] * 3 + ["--:"] * 8 + ["---"]
    for line in (table.heads, rules, table.rows[0]):
        assert f"\n| {' | '.join(line)} |\n" in text
    assert text.endswith("\n")
    assert "\n\n\n" not in text


def test_markdown_shows_names_as_they_are_written() -> None:
    evil = replace(
        FIGURE, task="a|b\n*c*\u202e", method="word_sorting _x_", detail="<b>[link](there)</b> `code` &lt; ~~"
    )
    text = markdown_of([replace(RESULT, figures=(evil,))])
    assert r"| a\|b\\n\*c\*\\u202e | word_sorting \_x\_ |" in text
    assert r"\<b\>\[link\](there)\</b\> \`code\` \&lt; \~\~" in text
