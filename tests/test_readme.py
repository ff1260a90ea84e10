"""The README's figures are those of docs/results.md, which docs/check.py holds to what the experiments print.

Those of `bench improve`, a run of many minutes, are in docs/improve.md, which `docs/check.py --long` holds to it.

Those of the demonstration and of the public files are held by tests/evals/test_demo_run.py. Times are held by nothing:
each has the command that measures it beside it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .readme import README, numbers, stated

RESULTS = Path(__file__).parents[1] / "docs" / "results.md"
IMPROVE = RESULTS.with_name("improve.md")
STREAM, NEAR_MISS = "`hammerstone bench stream`", "`hammerstone bench near-miss`"
AUDIT, USE = "`hammerstone bench audit`", "`hammerstone bench use`"
QWEN, SMALLER, SMALLEST = "Qwen 2.5 Coder 1.5B", "Qwen 2.5 Coder 0.5B", "SmolLM2 135M"
IMPROVING = "`hammerstone bench improve`"
NOT_ONE = ("all", "false hits")  # rows of no single family


def sections() -> dict[str, str]:
    """The section of each experiment, by the experiment's name."""
    pages = [page.read_text(encoding="utf-8") for page in (RESULTS, IMPROVE) if page.is_file()]
    parts = [part for page in pages for part in page.split("\n## ")[1:]]
    return {re.findall(r"\n`([a-z-]+)`; ", one)[0]: one for one in parts}


def is_partial(experiment: str) -> bool:
    return "**Partial**" in sections()[experiment]


def rows(experiment: str) -> list[list[str]]:
    """The cells of every table row in an experiment's section."""
    if is_partial(experiment):
        pytest.skip(f"{experiment} is not recorded, and the README says nothing of it")
    return [line.strip("| ").split(" | ") for line in sections()[experiment].splitlines() if line.startswith("| ")]


def row(experiment: str, *begins: str) -> list[str]:
    return next(one for one in rows(experiment) if tuple(one[: len(begins)]) == begins)


def test_the_readme_states_no_figure_of_an_experiment_that_is_not_recorded_whole() -> None:
    readme = README.read_text(encoding="utf-8")
    assert [name for name in sections() if is_partial(name) and f"`hammerstone bench {name}`" in readme] == []


def test_what_small_models_get_right_is_that_of_the_results() -> None:
    for model in (QWEN, SMALLER, SMALLEST):
        alone, n = numbers(row("use", "all", "direct, few-shot", model)[3])
        with_tools, _ = numbers(row("use", "all", "tool, user", model)[3])
        served, _ = numbers(row("use", "all", "tool, user, behind the gate", model)[3])
        (wrong,) = numbers(row("use", "all", "tool, user", model)[4])
        left = n - with_tools - wrong
        found = stated(f"{model}, n = {n:.0f}", USE)
        thinking = [
            numbers(one[3])[0] for one in rows("use") if one[:3] == ["all", "chain of thought, few-shot", model]
        ]
        if model == QWEN:
            assert served == with_tools
            assert found == [alone, *thinking, with_tools, round(with_tools / alone, 2), 4, wrong, left]
        else:
            assert found == [alone, *thinking, with_tools, *([served] if served != with_tools else []), wrong, left]


def test_what_one_call_gets_right_is_that_of_the_results() -> None:
    def figures(model: str) -> list[list[str]]:
        return [one for one in rows("one-call") if one[0] == "reworded questions" and one[2] == model]

    def found(model: str) -> list[float]:
        return [numbers(one[3])[0] for one in figures(model)] + [float(one[4]) for one in figures(model)]

    *strong, no, none, nothing = found("recorded user")
    assert no == none == nothing == 0
    by_small = [figure for model in (QWEN, SMALLER) for figure in found(model)]
    assert stated("reworded questions by", "`hammerstone bench one-call`") == [*by_small, *strong, 0]


def test_what_parsers_get_right_is_that_of_the_results() -> None:
    right, n = numbers(row("use", "all", "tool, parser")[3])
    assert stated(f"n = {n:,.0f}", USE) == [right]


def test_what_a_small_dispatcher_gets_right_is_that_of_the_results() -> None:
    def right(what: str, method: str, model: str) -> float:
        return numbers(row("dispatch", what, method, model)[3])[0]

    what = "an existing tool"
    figures = [right(what, method, QWEN) for method in ("dispatcher model", "parsers, then model")]
    assert stated("the right task of six", "`hammerstone bench dispatch`") == figures
    what = "a new tool or an existing one"
    alone, both = (right(what, method, QWEN) for method in ("dispatcher model", "parsers, then model"))
    asked, n = numbers(row("dispatch", what, "parsers, then model", QWEN)[-1])
    assert both == n - asked
    assert stated("belongs to a new task", "`hammerstone bench dispatch`") == [
        *(alone, right(what, "parsers", "none"), both, asked)
    ]


def test_valid_tools_are_those_of_the_results() -> None:
    def valid(maker: str, recipe: str) -> list[float]:
        made = [numbers(one[3]) for one in rows("make") if one[1:3] == [f"build, recipe {recipe}", maker]]
        return [sum(right for right, _ in made), sum(tries for _, tries in made)]

    strong = [valid("recorded maker", recipe) for recipe in ("module", "latm")]
    assert {tries for _, tries in strong} == {30}
    found = stated("valid tools of 30 tries", "`hammerstone bench make`")
    assert all(right in found for right, _ in strong)
    larger, smaller = ([int(cell) for cell in row("make", maker, "latm")[2:7]] for maker in (QWEN, SMALLER))
    assert larger[0] == smaller[0] == 30
    ends = [count for pair in zip(larger[1:], smaller[1:], strict=True) for count in pair]
    assert stated("the same by Qwen", "30 tries each", "`hammerstone bench make`") == ends


def test_right_answers_of_the_stream_are_those_of_the_results() -> None:
    right, n = numbers(row("stream", "all", "hammerstone")[2])
    by_parser, asked = numbers(row("stream", "hammerstone, by route", "parser")[2])
    assert stated("right answers to the", STREAM) == [right, by_parser, asked - by_parser]
    assert stated(f"right answers to the {n:.0f} ", STREAM)
    assert row("stream", "all", "everything to the strong model")[2] == f"{right:.0f}/{n:.0f}"


def test_calls_of_the_strong_model_are_those_of_the_results() -> None:
    _, _, ours, last = numbers(row("stream", "all", "hammerstone")[-1])
    fewer = round(100 * (1 - ours / last))
    assert stated("the same: calls of the strong model", f"{last:.0f} requests", STREAM)[:2] == [ours, fewer]


def test_what_the_loop_does_with_a_small_model_is_that_of_the_results() -> None:
    loop = f"hammerstone with {QWEN}"
    right, _ = numbers(row("stream", "all", loop)[2])
    by_tools, _ = numbers(row("stream", "false hits", loop)[-1])
    *_, ours, last = numbers(row("stream", "all", loop)[-1])
    costs = [round(numbers(row("stream", "all", one)[10])[0], 2) for one in (loop, "everything to the strong model")]
    found = stated("Qwen 2.5 Coder 1.5B as dispatcher and user", STREAM)
    assert found == [right, by_tools, last, ours, round(100 * (1 - ours / last)), *costs]


def test_what_a_chain_of_thought_gets_right_is_that_of_the_results() -> None:
    of = row("reuse-cot", "all", "strong model's chain of thought", QWEN)
    (right, n), wrong = numbers(of[3]), float(of[4])
    assert stated(f"n = {n:.0f}", "`hammerstone bench reuse-cot`") == [right, wrong, n - right - wrong]


def test_the_break_even_is_that_of_the_results() -> None:
    (mark,) = numbers(row("stream", "cost so far", "hammerstone")[-1])
    ours, strong = (
        round(numbers(row("stream", "all", one)[10])[0], 2) for one in ("hammerstone", "everything to the strong model")
    )
    assert ours > strong
    assert stated("break-even", STREAM) == [ours, strong, mark]


def test_false_hits_of_the_stream_are_those_of_the_results() -> None:
    def wrong_hits(method: str) -> float:
        right, n = numbers(row("stream", "false hits", method)[2])
        return n - right

    caches = [
        wrong_hits(f"semantic cache of {of}, {threshold:g}")
        for of in ("character 4-grams", "all-minilm-l6-v2")
        for threshold in (0.8, 0.9, 0.95)
    ]
    assert stated("false hits of hammerstone", STREAM) == [wrong_hits("hammerstone"), *caches]


def test_hits_on_look_alikes_are_those_of_the_results() -> None:
    def wrong_hits(method: str) -> float:
        right, n = numbers(row("near-miss", "all", method)[3])
        return n - right

    def of_caches(how: str) -> list[float]:
        return [wrong_hits(f"semantic cache of {one}, {how}") for one in ("character 4-grams", "all-minilm-l6-v2")]

    def own_hits(method: str) -> float:
        return numbers(row("near-miss", "all", method)[-1])[0]

    ours, at_our_rate = wrong_hits("hammerstone, parser route"), of_caches("at hammerstone's hit rate")
    hits = [own_hits(f"semantic cache of {one}, 0.95") for one in ("character 4-grams", "all-minilm-l6-v2")]
    assert stated(NEAR_MISS) == [
        *(ours, own_hits("hammerstone, parser route")),
        *(*at_our_rate, 0.95, *of_caches("0.95"), *hits),
    ]
    assert stated(f"n = {numbers(row('near-miss', 'all', 'exact cache')[3])[1]:.0f}", NEAR_MISS)


def test_requests_until_an_audit_finds_a_change_are_those_of_the_results() -> None:
    found = [row("audit", "every answer", f"{share} %")[3:5] for share in (1, 2, 5)]
    streams = row("audit", "every answer", "1 %")[2]
    assert stated("a rule that changes", f"median and 95 % of {streams} simulated", AUDIT) == [
        number for median, most in found for number in numbers(f"{median} {most}")
    ]


def test_streams_in_which_the_bound_holds_are_those_of_the_results() -> None:
    kept = [
        numbers(row("audit", f"bound holds at every look, false-hit rate {rate} %", "time-uniform bound")[2])
        for rate in ("0.2", "1", "5", "20")
    ]
    assert {n for _, n in kept} == {1000}
    assert stated("the bound of the false-hit rate holds", "n = 1,000 each", AUDIT)[:-1] == [held for held, _ in kept]


@pytest.mark.skipif(not IMPROVE.is_file(), reason="docs/improve.md is not written: `docs/check.py --long --write` does")
def test_what_tools_that_get_better_answer_is_that_of_their_page() -> None:
    better, n = numbers(row("improve", "all", "hammerstone, parser")[2])
    first, _ = numbers(row("improve", "all", "first version, parser")[2])
    right, answers = numbers(row("improve", "false hits", "hammerstone, parser")[2])
    families = [numbers(one[2]) for one in rows("improve") if one[1] == "hammerstone, parser" and one[0] not in NOT_ONE]
    lowest, of = min(families)
    assert stated(f"{len(families)} families of chats", f"n = {of:.0f} each", IMPROVING) == [
        *(better, n, first),
        *(lowest, of),
        *(answers, answers - right),
    ]
