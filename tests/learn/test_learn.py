"""Learning from a log: tools of its first part, tested on its last."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest

from hammerstone.learn import AssumedPrices, Budget, Findings, KindFinding, Log, learn
from hammerstone.loop import Hammerstone, Models
from hammerstone.models.model import Prompt
from hammerstone.sandbox import open_sandbox
from hammerstone.settings import LifeSettings
from hammerstone.store import open_store, open_stores
from hammerstone.store.records import Build, ToolState
from hammerstone.testing import FunctionModel
from hammerstone.types import Chat, LoggedCall, Message, Request, Usage

from ..samples.sums import PRODUCT, SETTINGS, SUM, answer, block

DAY = 86_400.0
BEGIN = 1_788_220_800.0  # 2026-09-01


def maker(sum_source: str = SUM, calls: list[Prompt] | None = None) -> FunctionModel:
    """Writes the right tool at once, and names a kind by the one word that matters."""

    def write(prompt: Prompt) -> str:
        if calls is not None:
            calls.append(prompt)
        text = prompt.messages[0].content
        word = "product" if "product" in text else "sum"
        if "Write a Python tool" in text or "A Python tool answers" in text:
            return block(sum_source if word == "sum" else PRODUCT)
        return json.dumps({"new": f"{word}_of_two", "description": f"The {word} of two numbers."})

    return FunctionModel(write, name="maker")


def line(number: int, of: str = "sum", **fields: Any) -> Request:
    """A call at a model that costs a tenth of a cent and takes a second, one an hour."""
    chat = Chat(
        messages=(
            Message(role="system", content=f"You answer with the {of} alone."),
            Message(role="user", content=f"What is the {of} of {number + 3} and {7 * number + 1}?"),
        ),
        model="m",
    )
    logged = LoggedCall(time=BEGIN + 3_600 * number, seconds=1.0, cost_usd=0.001)
    question = chat.messages[-1].content
    given = Request(id=f"{of}-{number}", chat=chat, task=None, answer=answer(question), logged=logged)
    return replace(given, **fields)


def log(*lines: Request) -> Log:
    return Log(lines=list(lines), timed=True)


def run(log: Log, home: Path, model: FunctionModel | None, **options: Any) -> Findings:
    async def go() -> Findings:
        return await learn(log, ["log.jsonl"], home=str(home), maker=model, settings=SETTINGS, **options)

    return anyio.run(go)


def kind(findings: Findings, name: str) -> KindFinding:
    return next(one for one in findings.kinds if one.name == name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


SUMS = [line(number) for number in range(20)]


def test_a_tool_of_the_first_part_is_tested_on_the_last_and_stays_in_shadow(home: Path) -> None:
    findings = run(log(*SUMS), home, maker())
    (found,) = findings.kinds
    assert (found.name, found.tool, found.lines, found.builds) == ("sum_of_two", "sum_of_two@1", 20, 1)
    tested = findings.tested
    assert (findings.training, tested.n, tested.answered, tested.disagreed) == (14, 6, 6, 0)
    assert tested.saved_usd == pytest.approx(0.006)
    assert findings.saved_a_month == pytest.approx(0.001 * 20 / (19 / 24) * 30)
    with open_store(home) as store:
        (tool,) = store.tools()
        assert tool.state is ToolState.SHADOW
        assert store.live_tools() == ()
        assert len(store.instances("sum_of_two")) == 5  # what the tool answered then is no instance


def test_nothing_of_the_last_part_is_learned_from(home: Path) -> None:
    late = [line(number, "product") for number in range(20, 26)]
    findings = run(log(*SUMS[:14], *late), home, maker())
    products = next(one for one in findings.kinds if "product" in one.sample)
    assert not products.tool
    assert products.why == "0 of the 5 different requests it needs"
    with open_store(home) as store:
        assert [task.name for task in store.tasks()] == ["sum_of_two"]


def test_what_the_log_says_otherwise_is_shown_beside_what_the_tool_says(home: Path) -> None:
    wrong = replace(SUMS[18], answer="12")
    findings = run(log(*SUMS[:18], wrong, SUMS[19]), home, maker())
    (one,) = findings.tested.disagreements
    assert (one.id, one.logged, one.tool, one.kind) == ("sum-18", "12", answer(wrong.question), "sum_of_two")
    assert findings.tested.agreement == pytest.approx(5 / 6)
    assert 1 / 6 < findings.tested.bound < 1


def test_a_second_run_builds_nothing_twice_and_finds_the_same(home: Path) -> None:
    calls: list[Prompt] = []
    first = run(log(*SUMS), home, maker(calls=calls))
    before = len(calls)
    again = run(log(*SUMS), home, maker(calls=calls))
    assert len(calls) == before
    assert again.coverage == first.coverage
    assert (again.tested.answered, again.kinds[0].builds) == (first.tested.answered, 1)
    with open_store(home) as store:
        assert len(store.instances("sum_of_two")) == 5


def test_a_run_that_is_interrupted_goes_on(home: Path) -> None:
    def stop(task: str, build: Build | None) -> None:
        del task
        if build is not None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(log(*SUMS), home, maker(), on_build=stop)
    calls: list[Prompt] = []
    findings = run(log(*SUMS), home, maker(calls=calls))
    assert (calls, findings.kinds[0].tool, findings.tested.answered) == ([], "sum_of_two@1", 6)


def test_a_tool_gets_better_within_the_first_part(home: Path) -> None:
    settings = replace(SETTINGS, improve=replace(SETTINGS.improve, after=2))
    short = SUM.replace(r"(\d+)\?", r"(\d{1,2})\?")  # knows no longer second numbers
    sources = iter([short, *[SUM] * 9])

    def write(prompt: Prompt) -> str:
        text = prompt.messages[0].content
        if "Python tool" in text:
            return block(next(sources))
        return json.dumps({"new": "sum_of_two", "description": "The sum."})

    async def go() -> Findings:
        return await learn(
            log(*[line(number) for number in range(30)]),
            ["log"],
            home=str(home),
            maker=FunctionModel(write),
            settings=settings,
        )

    (found,) = anyio.run(go).kinds
    assert (found.tool, found.builds) == ("sum_of_two@2", 2)
    assert (found.tested.n, found.tested.answered) == (9, 9)


def test_only_the_most_frequent_kinds_get_tools(home: Path) -> None:
    products = [line(number, "product") for number in range(12)]
    mixed = sorted([*SUMS, *products], key=lambda one: one.logged.time if one.logged and one.logged.time else 0)
    findings = run(log(*mixed), home, maker(), budget=Budget(kinds=1))
    assert [one.tool for one in findings.kinds] == ["sum_of_two@1", ""]
    assert findings.kinds[1].why == "not among the 1 most frequent kinds (--limit)"


def test_no_build_starts_once_the_money_is_spent(home: Path) -> None:
    products = [line(number, "product") for number in range(20)]
    budget = Budget(max_usd=0.0)
    findings = run(log(*SUMS, *products), home, maker(), budget=budget)
    assert not any(one.tool for one in findings.kinds)
    assert "--max-usd allows $0.00" in findings.stopped


def test_a_budget_that_cannot_be_kept_ends_building_and_says_so(home: Path) -> None:
    named = [replace(one, task="sum") for one in SUMS]
    findings = run(log(*named), home, maker(), budget=Budget(max_usd=5.0))
    assert findings.kinds[0].tool == "sum@1"
    assert "price of the maker is unknown" in findings.stopped


def test_names_for_kinds_are_paid_from_the_budget_and_counted(home: Path) -> None:
    calls: list[Prompt] = []
    none = run(log(*SUMS), home, maker(calls=calls), budget=Budget(max_usd=0.0))
    assert (calls, none.build_usd) == ([], 0.0)
    found = run(log(*SUMS), home.with_name("other"), maker(), prices=AssumedPrices(read=5.0, written=25.0))
    assert found.naming_usd is not None
    assert found.naming_usd > 0
    builds = [one.build_usd for one in found.kinds]
    assert found.build_usd == pytest.approx(found.naming_usd + sum(one or 0.0 for one in builds))


def test_two_kinds_never_get_one_name(home: Path) -> None:
    greeting = Message(role="system", content="You are a helpful assistant.")
    words = ("Add {} to {}, please, and say the whole.", "Multiply the number {} with the other one, which is {}.")
    both = [
        line(n + 50 * of, chat=Chat(messages=(greeting, Message(role="user", content=text.format(n + 3, 7 * n)))))
        for of, text in enumerate(words)
        for n in range(20)
    ]
    one_name = FunctionModel(lambda _: json.dumps({"new": "of_two", "description": "Of two numbers."}), name="maker")
    findings = run(log(*both), home, one_name)
    names = [one.name for one in findings.kinds]
    assert len(set(names)) == 2
    assert "of_two" in names
    assert sum(one.lines for one in findings.kinds) == 40
    assert findings.tested.n == 12


def test_prices_that_are_named_stand_in_for_unknown_ones(home: Path) -> None:
    lines = [replace(one, logged=LoggedCall(time=BEGIN + n * DAY)) for n, one in enumerate(SUMS)]
    unknown = run(log(*lines), home, maker())
    assert (unknown.build_usd, unknown.saved_a_month, unknown.break_even, unknown.unknown) == (None, None, None, 6)
    named = run(log(*lines), home.with_name("other"), maker(), prices=AssumedPrices(read=5.0, written=25.0))
    assert named.build_usd is not None
    assert named.tested.saved_each is not None
    assert named.break_even == -(-named.build_usd // named.tested.saved_each)
    assert (named.unknown, named.estimated) == (0, 6)


def test_an_answer_that_disagrees_with_the_log_saves_nothing(home: Path) -> None:
    other = replace(SUMS[-1], answer="a dozen")
    tested = run(log(*SUMS[:-1], other), home, maker()).tested
    assert (tested.answered, tested.disagreed, tested.priced) == (6, 1, 6)
    assert tested.paid_usd == pytest.approx(0.006)
    assert tested.saved_usd == pytest.approx(0.005)


def test_a_list_price_is_that_of_the_logged_tokens(home: Path) -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=0)
    lines = [
        replace(one, chat=replace(one.chat, model="gpt-4o-mini"), logged=LoggedCall(time=BEGIN + n * DAY, usage=usage))
        for n, one in enumerate(SUMS)
    ]
    assert run(log(*lines), home, maker()).tested.saved_usd == pytest.approx(6 * 0.15)


def test_what_one_tenant_has_asked_builds_no_tool_for_another(home: Path) -> None:
    lines = [replace(one, tenant="a" if number % 2 else "b") for number, one in enumerate([*SUMS, *SUMS])]
    few = [replace(one, tenant="c") for one in SUMS[:3]]
    findings = run(log(*few, *lines), home, maker())
    assert sorted((one.tenant, one.tool) for one in findings.kinds) == [
        ("a", "sum_of_two@1"),
        ("b", "sum_of_two@1"),
        ("c", ""),
    ]
    with open_stores(home) as stores:
        assert stores.of("c").tools() == ()


def test_requests_to_two_models_are_two_kinds(home: Path) -> None:
    other = [replace(one, id=f"o-{one.id}", chat=replace(one.chat, model="n")) for one in SUMS[:4]]
    findings = run(log(*other, *SUMS), home, maker())
    assert [one.lines for one in findings.kinds] == [20, 4]


def test_repeats_are_answered_and_counted_apart(home: Path) -> None:
    findings = run(log(*SUMS, *(replace(one, id=f"again-{one.id}") for one in SUMS[:2])), home, maker())
    assert (findings.tested.answered, findings.tested.repeated) == (7, 2)


def test_a_question_that_comes_again_does_not_put_off_its_tool(home: Path) -> None:
    again = replace(SUMS[4], id="again")
    for _ in range(2):
        findings = run(log(*SUMS[:19], again), home, maker())
        assert (findings.tested.n, findings.tested.answered) == (6, 6)


def test_a_tool_that_another_run_builds_meanwhile_takes_part(home: Path) -> None:
    def build_beside(task: str, build: Build | None) -> None:
        if build is None and not done:
            done.append(task)
            thread = Thread(target=run, args=(log(*[line(number, "product") for number in range(20)]), home, maker()))
            thread.start()
            thread.join()

    done: list[str] = []
    findings = run(log(*SUMS), home, maker(), on_build=build_beside)
    assert findings.tested.answered == 6
    with open_store(home) as store:
        assert {tool.task for tool in store.tools()} == {"sum_of_two", "product_of_two"}


def test_without_a_maker_kinds_are_found_and_nothing_is_stored(home: Path) -> None:
    products = [line(number, "product") for number in range(3)]
    findings = run(log(*SUMS, *products), home, None)
    assert [(one.lines, one.tool) for one in findings.kinds] == [(20, ""), (3, "")]
    assert findings.kinds[0].share == pytest.approx(20 / 23)
    assert min(findings.kinds[0].estimate) > 0
    assert (findings.built, home.exists()) == (False, False)


def test_a_kind_whose_build_fails_says_why(home: Path) -> None:
    findings = run(log(*SUMS), home, maker(sum_source=SUM.replace("left + right", "left - right")))
    assert not findings.kinds[0].tool
    assert "module" in findings.kinds[0].why


def test_a_live_tool_of_the_home_stays_live(home: Path) -> None:
    run(log(*SUMS), home, maker())
    with open_store(home) as store:
        store.set_tool_state("sum_of_two", 1, ToolState.LIVE, reason="a person says so")
    findings = run(log(*SUMS, *[line(number) for number in range(20, 30)]), home, maker())
    assert findings.tested.answered == 9
    with open_store(home) as store:
        assert [tool.state for tool in store.tools()] == [ToolState.LIVE]


def test_a_wrong_answer_of_the_log_that_keeps_a_tool_from_being_built_is_shown_beside_the_tools(home: Path) -> None:
    findings = run(log(*SUMS[:2], replace(SUMS[2], answer="7"), *SUMS[3:]), home, maker())
    (found,) = findings.kinds
    assert not found.tool
    assert "somebody must say which of the two is right (log: '7', tool: '20'" in found.why


def test_a_log_of_one_request_is_no_fault(home: Path) -> None:
    findings = run(log(SUMS[0]), home, maker())
    assert (findings.tested.n, findings.kinds[0].why) == (0, "1 of the 5 different requests it needs")


def test_the_tools_go_on_in_shadow_where_requests_are_served(home: Path) -> None:
    run(log(*SUMS), home, maker())
    solver = FunctionModel(lambda prompt: answer(prompt.messages[-1].content), name="solver")
    settings = replace(SETTINGS, life=LifeSettings(shadow=3))

    async def serve() -> list[str | None]:
        with open_store(home) as store:
            async with (
                open_sandbox() as sandbox,
                Hammerstone(store=store, sandbox=sandbox, models=Models(solver=solver), settings=settings) as loop,
            ):
                return [(await loop.solve(line(number, id=str(number)))).route for number in range(50, 54)]

    assert anyio.run(serve) == ["solver", "solver", "solver", "parser"]
