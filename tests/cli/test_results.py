"""Results on terminals of several widths, and in a pipe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.cli.results import show_result
from hammerstone.evals.report.experiment_result import Confusion, Measurement, Result, Table

from ..evals.report.made_up import dispatch, everything, make, near_miss, stream, use

RESULTS = {result.experiment: result for result in everything()}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """The lines on stdout, with a screen of so many columns, or in a pipe."""

    def show(result: Result, width: int | None) -> list[str]:
        if width is None:
            monkeypatch.delenv("COLUMNS", raising=False)
        else:
            monkeypatch.setenv("COLUMNS", str(width))
        capsys.readouterr()
        show_result(result)
        return capsys.readouterr().out.splitlines()

    return show


def words(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("name", RESULTS)
def test_no_line_is_wider_than_the_screen_and_no_figure_is_left_out(shown, name: str, width: int) -> None:
    result = RESULTS[name]
    lines = shown(result, width)
    assert max(map(len, lines)) <= width
    text = words(lines)
    for word in (result.title, *result.notes):
        assert " ".join(word.split()) in text
    for figure in result.figures:
        assert figure.task in text
        assert f"{figure.right}/{figure.n}" in text
        assert "{:.1f} to {:.1f}".format(*(100 * end for end in figure.interval)) in text
        assert all(word in text for word in figure.method.split())


@pytest.mark.parametrize("width", [1, 20, 59])
@pytest.mark.parametrize("name", RESULTS)
def test_a_very_small_screen_wraps_the_lines_of_a_small_one(shown, name: str, width: int) -> None:
    assert shown(RESULTS[name], width)[0] == RESULTS[name].title


@pytest.mark.parametrize("width", [80, 120])
def test_a_task_stands_once_above_its_methods(shown, width: int) -> None:
    lines = shown(use(), width)
    at = lines.index("word_sorting")
    assert lines[at + 1].split()[:7] == "direct, few-shot 20/37 54.1 38.4 to 69.0".split()
    assert lines[at + 2].startswith("  chain of thought, few-shot ")
    assert lines[at + 6] == "chinese_remainder"
    assert sum(line.startswith("word_sorting") for line in lines) == 1


@pytest.mark.parametrize(
    ("width", "heads", "left_out"),
    [
        (60, "right % 95 % interval", "model, cost, calls, tokens each, cost each, paper"),
        (80, "right % 95 % interval paper cost each", "model, cost, calls, tokens each"),
        (120, "right % 95 % interval paper tokens each cost each cost calls", "model"),
    ],
)
def test_columns_that_find_no_room_are_named(shown, width: int, heads: str, left_out: str) -> None:
    lines = shown(use(), width)
    assert " ".join(lines[lines.index("Measurements") + 1].split()) == heads
    assert f"No room here for {left_out}: --json has all." in words(lines)


def test_a_wide_screen_shows_all_columns(shown) -> None:
    lines = shown(use(), 200)
    head = next(line for line in lines if line.split()[:1] == ["task"])
    assert (
        head.split() == "task method model right per cent 95 % interval paper tokens each cost each cost calls".split()
    )
    assert "No room" not in words(lines)


def test_in_a_pipe_each_figure_is_a_line_with_all_that_is_known(shown) -> None:
    lines = shown(make(), None)
    for figure in make().figures:
        (line,) = [line for line in lines if line.split()[:1] == [figure.task]]
        assert figure.model in line
        assert figure.detail in line
        assert f"{figure.paper:.1f}" in line
    assert not any(line != line.rstrip() for line in lines)


def test_a_detail_stands_under_its_figure(shown) -> None:
    lines = shown(make(), 80)
    at = lines.index("dyck")
    assert lines[at + 1].startswith("  build, recipe auto")
    assert lines[at + 2] == "    6 maker replies"


def test_a_long_method_is_wrapped_and_its_numbers_stand_on_its_first_line(shown) -> None:
    lines = shown(near_miss(), 80)
    at = next(at for at, line in enumerate(lines) if line.startswith("  semantic cache, at"))
    assert "6/23" in lines[at]
    assert words([lines[at].split("6/23")[0], lines[at + 1]]) == "semantic cache, at hammerstone's hit rate"


def test_where_the_numbers_come_from_is_reported(shown) -> None:
    text = words(shown(stream(), 80))
    assert "seed 7; completions recorded 2026-11-19; maker: made-up:strong-1; user: made-up:cheap-1" in text


def test_lines_of_plots_are_summed_up(shown) -> None:
    lines = shown(use(), 80)
    (line,) = [line for line in lines if "tool, user" in line and "1,000" in line]
    assert "14.8" in line


def test_a_confusion_that_is_too_wide_has_numbers_for_its_columns(shown) -> None:
    rows = [line.split() for line in shown(dispatch(), 80)]
    head = next(row for row in rows if row[:1] == ["expected"])
    assert head == ["expected", *"1234567"]
    assert ["1", "logical_deduction", "61", *"000000"] in rows
    assert ["7", "(new)", *"000000", "67"] in rows


def test_a_column_of_the_confusion_without_a_row_is_named_below(shown) -> None:
    names = tuple(f"a_task_with_a_long_name_{number}" for number in range(3))
    confusion = Confusion(rows=names, columns=(*names, "(unread)"), counts=((1, 0, 0, 2),) * 3)
    lines = shown(replace(dispatch(), confusion=confusion), 80)
    assert "4 (unread)" in lines
    assert "expected" not in shown(replace(dispatch(), confusion=None), 80)


def test_a_confusion_that_finds_room_has_names(shown) -> None:
    confusion = Confusion(rows=("a", "b"), columns=("a", "b"), counts=((5, 1), (0, 6)))
    rows = [line.split() for line in shown(replace(dispatch(), confusion=confusion), 80)]
    assert ["expected", "a", "b"] in rows
    assert ["a", "5", "1"] in rows


def test_why_a_result_is_partial_is_talk(shown, capsys: pytest.CaptureFixture[str]) -> None:
    shown(make(), 80)
    show_result(make())
    assert "partial: $2.05 spent, the bound is $2.00" in capsys.readouterr().err


def test_a_result_without_any_figure_says_so_by_its_head_alone(shown) -> None:
    nothing = Result(experiment="use", title="Nothing", seed=1, models={}, figures=(), partial="$0.00 are spent")
    assert [line for line in shown(nothing, 80) if line] == ["Nothing", "seed 1"]


def test_a_name_with_markup_is_shown_as_it_is(shown) -> None:
    odd = Measurement(task="[bold]a[/]", method="[red]m[/]", model="none", n=2, right=1)
    for width in (80, 200, None):
        text = words(shown(replace(make(), figures=(odd,)), width))
        assert "[bold]a[/]" in text
        assert "[red]m[/]" in text


COLUMNS = ("family", "#12", "#50", "#100", "#200", "#400", "#first", "#builds", "#cost", "#served", "#wrong")


def of_tables(*tables: Table) -> Result:
    return Result(experiment="improve", title="Wide", seed=0, models={}, figures=(), tables=tables)


@pytest.mark.parametrize("width", [1, 60, 80, 120, None])
@pytest.mark.parametrize(
    "columns",
    [
        COLUMNS,
        ("task", "method", *(f"#{'number ' * 4}{at}" for at in range(9))),
        ("name", "another name", "#" + "9" * 300),
        ("x" * 200, "#n"),
    ],
)
def test_a_table_of_any_width_is_shown_whole(shown, columns: tuple[str, ...], width: int | None) -> None:
    rows = tuple((f"row {at}", *(f"{at}{k}.{k}" for k in range(len(columns) - 1))) for at in range(3))
    lines = shown(of_tables(Table(title="Coverage", columns=columns, rows=rows, caption="Below.")), width)
    assert [cell for row in rows for cell in row if cell not in words(lines)] == []
    assert width is None or "x" * 60 in words(lines) or max(map(len, lines)) <= max(60, width)


def test_a_wide_table_has_the_heads_beside_its_numbers_on_a_narrow_screen(shown) -> None:
    row = ("dyck", *"48.0 86.0 97.5 97.5 97.5 48.0 3 $1.3356 366 0".split())
    lines = shown(of_tables(Table(title="Coverage", columns=COLUMNS, rows=(row,))), 60)
    at = lines.index("dyck")
    expected = "12 48.0, 50 86.0, 100 97.5, 200 97.5, 400 97.5, first 48.0, builds 3, cost $1.3356, served 366, wrong 0"
    assert words(lines[at + 1 : at + 4]).strip() == expected
