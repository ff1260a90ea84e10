"""The page shows the results, and nothing that is not in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from hammerstone.evals.report.experiment_result import Confusion, Headline, Measurement, Result, Series
from hammerstone.evals.report.statistics import wilson

from .made_up import METHODS, MODELS, REQUESTS, TASKS, dispatch, everything, make, near_miss, stream, unheard_of, use
from .reading import Page

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
OUR_WORDS = {"95", "100", "50", "0"}  # of "95 % interval", and of the ticks of per cents


def ends(figure: Measurement) -> str:
    low, high = wilson(figure.right, figure.n)
    return f"{100 * low:.1f} to {100 * high:.1f}"


def test_every_figure_stands_in_a_table(page: Page) -> None:
    shown = Counter(
        tuple(row[:6]) for row in page.table("task", "method", "model", "right", "per cent", "95 % interval")
    )
    empty_model = Counter(tuple(row[:5]) for row in page.table("task", "method", "right", "per cent", "95 % interval"))
    figures = [one for result in everything() for one in result.figures]
    expected = [
        (one.task, one.method, one.model, f"{one.right}/{one.n}", f"{100 * one.right / one.n:.1f}", ends(one))
        for one in figures
    ]
    assert shown == Counter(row for row in expected if row[2])
    assert empty_model == Counter((*row[:2], *row[3:]) for row in expected if not row[2])


def test_the_papers_figure_the_cost_and_the_detail_stand_beside_their_figure(page_of: Callable[..., Page]) -> None:
    one = make().figures[0]
    (row, *_) = page_of(make()).table("task")
    assert row[6:] == ["60.0", "5,420", "$0.0514", "$0.2570", "9", one.detail]


def test_an_unknown_cost_is_never_nought(page_of: Callable[..., Page]) -> None:
    rows = page_of(use()).table("task")
    costs = {row[1]: row[-2] for row in rows}
    assert costs[METHODS[1]] == "unknown"
    assert costs[METHODS[2]] == "$0.000020"
    assert costs[METHODS[4]] == "$0.0000"
    assert "Unknown in every row: tokens each, cost each, cost, calls." in page_of(dispatch()).text


def numbers_of(value: object) -> Iterator[str]:
    """Every way in which this page writes a number of the results, and what follows from a figure."""
    match value:
        case bool():
            return
        case str():
            yield from NUMBER.findall(value)
        case int() | float():
            yield from (f"{value:,.{digits}f}" for digits in range(10))
            yield from (f"{value:,.4g}", f"{100 * value:.1f}", f"{-(-value // 1):,.0f}")
        case Measurement():
            missed = value.n - value.right
            low, high = wilson(value.right, value.n)
            tokens = None if value.input_tokens is None else (value.input_tokens + (value.output_tokens or 0)) / value.n
            cost = None if value.cost_usd is None else value.cost_usd / value.n
            for part in (*vars(value).values(), value.share, missed / value.n, missed, low, high, tokens, cost):
                yield from numbers_of(part)
        case Result() | Series():
            yield from numbers_of(list(vars(value).values()))
        case dict():
            yield from numbers_of([*value.keys(), *value.values()])
        case list() | tuple():
            yield from (number for part in value for number in numbers_of(part))
        case None:
            return
        case _:
            yield from numbers_of(list(vars(value).values()))


def test_every_number_comes_from_the_results(page_of: Callable[..., Page]) -> None:
    """Counts of rows and sums over all tasks are excepted; they are checked one by one below."""
    for result in everything():
        page = page_of(result)
        counted = {str(len(table) - 1) for table in page.tables} | {str(len(one.x)) for one in result.series} | {"1"}
        sums = {number for value in page.headlines for number in NUMBER.findall(value)}
        known = {*numbers_of(result), *OUR_WORDS, *counted, *sums}
        assert set(NUMBER.findall(page.text)) - known == set()


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (use(), ["90.1 % tool, parser: 200 of 222; the 4 other methods 50.0 % to 82.0 %"]),
        (use(), ["13 requests until building has paid for itself: tool, parser"]),
        (make(), ["83.3 % build, recipe auto: 25 of 30"]),
        (dispatch(), ["98.6 % parsers, then model: 986 of 1000; the 2 other methods 92.6 % to 94.2 %"]),
        (stream(), ["97.0 % hammerstone: 291 of 300; the 5 other methods 67.0 % to 96.0 %"]),
        (stream(), ["0 of 300 false hits: hammerstone; the 2 other methods 0.0 % to 13.7 %"]),
        (stream(), ["87 requests until building has paid for itself: hammerstone"]),
        (near_miss(), ["0 of 138 false hits: hammerstone, parser route; the 4 other methods 0.0 % to 82.6 %"]),
        (unheard_of(), ["68.4 % _hidden: 13 of 19"]),
    ],
)
def test_the_headlines_are_the_main_numbers(page_of: Callable[..., Page], result: Result, said: list[str]) -> None:
    assert set(said) <= set(page_of(result).headlines)


def test_an_experiments_own_headlines_come_in_place_of_these(page_of: Callable[..., Page]) -> None:
    own = (Headline(value="7 of 9", text="right by the small one with tools"),)
    assert page_of(replace(use(), headlines=own)).headlines == ["7 of 9 right by the small one with tools"]


def test_a_sum_over_all_tasks_leaves_out_a_method_that_lacks_a_task(page_of: Callable[..., Page]) -> None:
    kept = tuple(one for one in near_miss().figures if (one.task, one.method) != (TASKS[0], "exact cache"))
    said = page_of(replace(near_miss(), figures=kept)).headlines
    assert said == ["0 of 138 false hits: hammerstone, parser route; the 3 other methods 47.8 % to 82.6 %"]


def test_seed_models_and_date_stand_under_the_title(page_of: Callable[..., Page]) -> None:
    text = page_of(make()).text
    assert f"make; seed 7; completions recorded 2026-11-17; maker: {MODELS['maker']}" in text


def test_a_partial_result_says_so_at_the_top_and_in_its_part(page_of: Callable[..., Page]) -> None:
    page = page_of(use(), make())
    reason = "$2.05 spent, the bound is $2.00"
    assert page.text.count(reason) == 2
    assert page.text.index(reason) < page.text.index("Headlines" if "Headlines" in page.text else "90.1 %")
    assert "(partial)" in page.text
    assert [tag.name for tag in page.tags if tag.attributes.get("class") == "banner"] == ["p", "p"]


def test_a_whole_result_has_no_banner(page_of: Callable[..., Page]) -> None:
    page = page_of(use(), dispatch())
    assert "artial" not in page.text
    assert not [tag for tag in page.tags if tag.attributes.get("class") == "banner"]


def test_a_note_stands_in_its_part(page_of: Callable[..., Page]) -> None:
    assert (
        "One model played both roles: the gap between strong and cheap models is not measured." in page_of(use()).text
    )


def test_the_contents_lead_to_every_part(page: Page) -> None:
    parts = [tag.attributes["id"] for tag in page.tags if tag.name == "section"]
    linked = [tag.attributes["href"] for tag in page.tags if tag.name == "a"]
    assert len(parts) == len(set(parts)) == len(everything())
    assert {f"#{part}" for part in parts} <= set(linked)


def test_the_confusion_is_a_table_of_its_counts(page_of: Callable[..., Page]) -> None:
    confusion = dispatch().confusion
    assert confusion is not None
    rows = page_of(dispatch()).table("expected", *confusion.columns)
    expected = [[name, *map(str, counts)] for name, counts in zip(confusion.rows, confusion.counts, strict=True)]
    assert rows == expected


def test_a_deep_cell_has_pale_figures_and_the_right_ones_are_framed(page_of: Callable[..., Page]) -> None:
    confusion = Confusion(rows=("a", "b"), columns=("a", "b"), counts=((9, 1), (5, 0)))
    page = page_of(replace(dispatch(), confusion=confusion))
    cells = [tag.attributes for tag in page.tags if tag.attributes.get("class", "").startswith("count")]
    assert [cell["class"] for cell in cells] == ["count dark right", "count", "count dark", "count right none"]
    assert [cell["style"] for cell in cells] == [
        *("background:#1a6191", "background:#e6edf3"),
        *("background:#004f85", "background:#ffffff"),
    ]


def test_names_are_shown_as_they_are_written(page_of: Callable[..., Page]) -> None:
    evil = '<script>alert(1)</script> & "x" {{ 7 * 6 }} $\\frac{1}{2}$'
    figure = Measurement(task=evil, method=evil, model=evil, n=3, right=2, detail=evil)
    result = Result(
        experiment=evil,
        title=evil,
        seed=1,
        models={evil: evil},
        figures=(figure, replace(figure, method="other")),
        series=(Series(plot=evil, name=evil, x=(1, 2), y=(3, 4)),),
        notes=(evil,),
        recorded=evil,
        partial=evil,
    )
    page = page_of(result)
    assert not [tag for tag in page.tags if tag.name == "script"]
    assert "{{ 7 * 6 }}" in page.text
    assert page.table("task")[0][:3] == [evil] * 3
    assert any("<script>" in text for drawing in page.drawn for text in drawing)


def test_what_a_browser_would_obey_or_drop_is_seen(page_of: Callable[..., Page]) -> None:
    hidden = "]]> \ud83e \x00 \x1b[2J \u202e \u200b \U000e0041 \x9b"
    seen = r"]]> \ud83e \x00 \x1b[2J \u202e \u200b \U000e0041 \x9b"
    one = make()
    figures = tuple(replace(figure, task=f"{figure.task}{hidden}", method=hidden) for figure in one.figures)
    confusion = Confusion(rows=(hidden,), columns=(hidden,), counts=((1,),))
    series = (Series(plot=hidden, name=hidden, x=(1, 2), y=(3, 4)),)
    result = replace(one, title=hidden, notes=(hidden,), figures=figures, confusion=confusion, series=series)
    page = page_of(result)
    assert page.text.count(seen) > 5
    assert all(char.isprintable() or char == "\n" for char in page.source)
    assert any("202e" in text for drawing in page.drawn for text in drawing)


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    assert not {tag.name for tag in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "base", "image"}
    for tag in page.tags:
        assert not tag.attributes.keys() & {"src", "srcset", "data", "action", "background", "xmlns"}
        assert tag.name == "a" or tag.attributes.get("href", "#").startswith("#")
    assert not re.search(r"@import|url\((?!#)", page.source)


def test_no_drawing_brings_a_style_sheet_for_the_whole_page(page: Page) -> None:
    assert [tag.name for tag in page.tags].count("style") == 1


def test_ids_are_unique_and_what_refers_to_one_finds_it(page: Page) -> None:
    ids = [tag.attributes["id"] for tag in page.tags if "id" in tag.attributes]
    assert len(ids) == len(set(ids))
    referred = re.findall(r"url\(#([^)]+)\)", page.source)
    referred += [tag.attributes["href"][1:] for tag in page.tags if tag.attributes.get("href", "").startswith("#")]
    assert referred
    assert set(referred) <= set(ids)


@pytest.mark.parametrize(
    "result",
    [
        Result(experiment="empty", title="Nothing", seed=0, models={}, figures=()),
        Result(
            experiment="use",
            title="None asked",
            seed=0,
            models={},
            figures=(Measurement(task="a", method="b", model="c", n=0, right=0),),
            series=(Series(plot="cost", name="b", x=(), y=()),),
        ),
    ],
    ids=["no figures", "nothing counted"],
)
def test_a_result_without_numbers_still_has_its_part(page_of: Callable[..., Page], result: Result) -> None:
    page = page_of(result)
    assert result.title in page.text
    assert page.drawn == []
    assert page.headlines == []


def test_an_unheard_of_experiment_has_its_table_and_its_plots(page_of: Callable[..., Page]) -> None:
    page = page_of(unheard_of())
    assert page.table("task")[0][:4] == ["a <b>task</b> & $x^2$", "_hidden", "m|1", "13/19"]
    assert page.table("plot") == [["age", "_hidden", "3", "5", "13", "3", "2"]]
    assert len(page.drawn) == 2


def test_the_last_values_stand_in_the_legend(page_of: Callable[..., Page]) -> None:
    page = page_of(stream())
    for one in stream().series:
        value = f"${one.y[-1]:.4f}" if one.plot == "cost" else f"{100 * one.y[-1]:.1f} %"
        assert f"{one.name} {value}" in page.text
    assert f"after {REQUESTS} requests" in page.text
