"""Experiments by name: what is refused before anything is paid, and how an interrupted run resumes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from hammerstone.errors import HammerstoneError, InputError, NotFoundError, RecordingError
from hammerstone.evals.harness.samples import PAPER_TASKS
from hammerstone.evals.report.experiment_result import Result
from hammerstone.evals.run_experiments import EXPERIMENTS, BenchPlan, run_experiments
from hammerstone.models.model import Model, Prompt
from hammerstone.testing import FunctionModel
from hammerstone.types import Role

from ..samples.sums import SETTINGS, block
from .toys import KINDS, PRICE, Fake, dispatcher, priced, roles, samples
from .words import SORTING, own

pytestmark = pytest.mark.anyio


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    """Six tasks in files of the shape of BIG-bench."""
    for kind in KINDS:
        given = samples(kind, shown=12)
        examples = [{"input": one.question, "target": one.answer} for one in (*given.shown, *given.asked)]
        (tmp_path / f"{kind}.json").write_text(json.dumps({"examples": examples}))
    return tuple(str(tmp_path / f"{kind}.json") for kind in KINDS)


def plan(*experiments: str, tasks: tuple[str, ...], **options) -> BenchPlan:
    return BenchPlan(
        **{"experiments": experiments, "tasks": tasks, "n": 4, "trials": 2, "settings": SETTINGS, **options}
    )


async def run(home: Path, given: BenchPlan, models: Mapping[Role, Model], **options) -> tuple[Result, ...]:
    return await run_experiments(given, models, home, **options)


def paid(models: Mapping[Role, Fake]) -> int:
    return sum(len(model.prompts) for model in models.values())


async def test_experiments_run_in_the_order_of_the_plan_on_tasks_from_files(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    results = await run(tmp_path / "home", plan("make", "use", tasks=files[:2]), roles())
    assert [one.experiment for one in results] == ["make", "use"]
    assert {one.task for one in results[1].figures} == {"sum", "product", "all"}
    by_module = [one for one in results[0].figures if one.method == "build, recipe module"]
    assert {(one.right, one.n) for one in by_module} == {(2, 2)}
    assert {(one.right, one.n) for one in results[1].figures if one.task != "all"} == {(4, 4)}
    assert {one.partial for one in results} == {""}


async def test_all_experiments_that_there_are_can_be_planned(tmp_path: Path, files: tuple[str, ...]) -> None:
    assert list(EXPERIMENTS) == [
        *("use", "make", "reuse-cot", "dispatch", "one-call", "near-miss", "stream", "improve", "audit"),
    ]
    models = roles(dispatcher=dispatcher(lambda _, known: json.dumps({"kind": known[0]})))
    given = plan("reuse-cot", "dispatch", tasks=files, sets=1, set_size=10)
    results = await run(tmp_path / "home", given, models)
    assert [one.experiment for one in results] == ["reuse-cot", "dispatch"]
    assert {one.n for one in results[1].figures} == {10}


async def test_each_result_is_handed_over_as_its_experiment_ends(tmp_path: Path, files: tuple[str, ...]) -> None:
    told: list[tuple[str, bool]] = []
    models = roles()
    await run(
        tmp_path / "home",
        plan("use", "make", tasks=files[:1], methods=("parser",)),
        models,
        on_result=lambda one: told.append((one.experiment, len(models[Role.MAKER].prompts) > 1)),
    )
    assert told == [("use", False), ("make", True)]  # the second one builds once more


async def test_generated_tasks_are_named(tmp_path: Path) -> None:
    given = plan("use", tasks=("dyck",), methods=("direct",), n=2)
    models = roles(user=dispatcher(lambda _, __: ")"))
    (result,) = await run(tmp_path / "home", given, models)
    assert [(one.task, one.n) for one in result.figures] == [("dyck", 2), ("all", 2)]


@pytest.mark.parametrize(
    ("changed", "error", "hint"),
    [
        ({"experiments": ("use", "usage")}, "unknown experiment 'usage'", "one of: all, use, make, "),
        ({"tasks": ("sorting",)}, "unknown task 'sorting'", "word_sorting"),
        ({"tasks": ("none.json",)}, "there is no file none.json", "check the path"),
        ({"tasks": ("a/b",)}, "there is no file a/b", "check the path"),
        ({"methods": ("direct", "tool")}, "unknown method 'tool'", "direct, cot, user, pot, parser"),
        ({"tasks": ("dyck", "dyck")}, "the task dyck is named 2 times", "name each task once"),
        ({"experiments": ("use", "stream"), "requests": 3}, "a stream of 3 requests is too short", "--requests"),
        ({"tasks": ("dyck=none.json",)}, "there is no file none.json", "check the path"),
        ({"experiments": ("use", "dispatch")}, "needs 6 or more tasks, not 1", "--tasks"),
    ],
)
async def test_a_plan_that_makes_no_sense_is_reported_before_anything_is_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], error: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    models = roles()
    given = BenchPlan(**{"experiments": ("use",), "tasks": ("dyck",), "n": 3, **changed})
    with pytest.raises(HammerstoneError, match=error) as told:
        await run(tmp_path / "home", given, models)
    assert isinstance(told.value, (InputError, NotFoundError))
    assert hint in told.value.hint
    assert paid(models) == 0
    assert not (tmp_path / "home").exists()


async def test_the_tool_of_a_known_task_is_asked_all_that_a_file_holds(tmp_path: Path) -> None:
    """Made from generated instances; the methods that pay are asked the first n of the file, the parser all."""
    given = [item.request for item in own(9, seed=7)]
    (tmp_path / "words.json").write_text(
        json.dumps({"examples": [{"input": one.question, "target": one.answer} for one in given]})
    )
    models = roles(maker=priced(lambda _: block(SORTING), "maker"), user=priced(lambda _: "null", "user"))
    asked = plan("use", tasks=(f"word_sorting={tmp_path / 'words.json'}",), methods=("direct", "parser"))
    (result,) = await run(tmp_path / "home", asked, models)
    assert [(one.task, one.method, one.right, one.n, one.paper) for one in result.figures if one.task != "all"] == [
        ("word_sorting", "direct, few-shot", 0, 4, None),
        ("word_sorting", "tool, parser", 9, 9, 98.3),
    ]


async def test_the_tool_of_a_task_nobody_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.json").write_text('{"examples": [{"input": "x", "target": "y"}]}')
    with pytest.raises(NotFoundError, match="unknown task 'sorting'"):
        await run(tmp_path / "home", plan("use", tasks=(f"sorting={tmp_path / 'words.json'}",)), roles())


@pytest.mark.parametrize("name", ["one-call", "near-miss", "stream"])
async def test_near_misses_of_a_file_are_refused_before_the_experiments_in_front_of_it_are_paid(
    tmp_path: Path, files: tuple[str, ...], name: str
) -> None:
    models = roles()
    with pytest.raises(InputError, match="sum is read from a file"):
        await run(tmp_path / "home", plan("use", name, tasks=(*PAPER_TASKS, files[0])), models)
    assert paid(models) == 0


async def test_a_method_is_no_matter_to_experiments_without_methods(tmp_path: Path, files: tuple[str, ...]) -> None:
    (result,) = await run(tmp_path / "home", plan("make", tasks=files[:1], methods=("tool",)), roles())
    assert result.figures


async def test_the_date_of_the_recording_is_reported_with_each_result(tmp_path: Path, files: tuple[str, ...]) -> None:
    given = plan("use", "make", tasks=files[:1], methods=("parser",))
    results = await run(tmp_path / "home", given, roles(), recorded="2026-11-20")
    assert [one.recorded for one in results] == ["2026-11-20"] * 2


async def test_progress_and_what_is_spent_are_told(tmp_path: Path, files: tuple[str, ...]) -> None:
    steps: list[tuple[str, int, int]] = []
    spent: list[float | None] = []
    await run(
        tmp_path / "home",
        plan("use", tasks=files[:1], methods=("direct",)),
        roles(),
        on_progress=lambda *step: steps.append(step),
        on_spent=spent.append,
    )
    assert steps[-1] == ("sum: direct, few-shot", 4, 4)
    assert spent == [PRICE, 2 * PRICE, 3 * PRICE, 4 * PRICE]


async def test_a_bound_marks_what_it_cuts_off_and_what_needs_no_model_still_runs(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    given = plan("use", "make", tasks=files[:2], max_cost=3 * PRICE)
    results = await run(tmp_path / "home", given, roles())
    assert [one.partial for one in results] == ["$0.75 spent, the bound is $0.75"] * 2


async def test_a_run_that_was_broken_off_goes_on_in_the_same_home_without_paying_again(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    """The result is that of a run in one go."""
    given, bounded = (plan("use", "make", tasks=files[:2], max_cost=cost) for cost in (None, 20 * PRICE))
    first, second, whole = roles(), roles(), roles()
    cut = await run(tmp_path / "home", bounded, first)
    rest = await run(tmp_path / "home", given, second)
    assert rest == await run(tmp_path / "other home", given, whole)
    assert any(one.partial for one in cut)
    assert paid(first) == 20
    assert paid(first) + paid(second) == paid(whole)


async def test_what_one_experiment_has_paid_another_counts_and_does_not_pay(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    """The builds of `use` are the first trials of `make`, and its users' answers those of `reuse-cot`."""
    models = roles()
    given = plan("use", "make", "reuse-cot", tasks=files[:1], methods=("user",), trials=1)
    use, make, reuse = await run(tmp_path / "home", given, models)
    asked = models[Role.MAKER].prompts
    assert asked.count(asked[0]) == 1
    assert make.figures[0].cost_usd == PRICE
    assert {one.cost_usd for one in reuse.figures if one.method == "tool, user"} == {4 * PRICE}
    assert use.figures[0].cost_usd == 4 * PRICE


def unrecorded(models: Mapping[Role, Fake], *kinds: Role) -> dict[Role, Model]:
    """The models, those of some roles without a recording of what they are asked."""

    def missing(_prompt: Prompt) -> str:
        raise RecordingError("no recording of this prompt")

    return {**models, **{kind: FunctionModel(missing) for kind in kinds}}


async def test_an_experiment_of_several_that_is_not_recorded_is_partial_and_the_others_stand(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    models = unrecorded(roles(), Role.DISPATCHER)
    given = plan("dispatch", "make", tasks=files, sets=1, set_size=10)
    dispatched, made = await run(tmp_path / "home", given, models, recorded="2026-11-28")
    assert dispatched.figures == ()
    assert "have changed since completions were recorded" in dispatched.partial
    assert made.figures
    assert made.partial == ""


async def test_one_experiment_alone_that_is_not_recorded_says_which_prompt_is_missing(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    models = unrecorded(roles(), Role.DISPATCHER)
    given = plan("dispatch", tasks=files, sets=1, set_size=10)
    with pytest.raises(RecordingError, match="no recording of this prompt"):
        await run(tmp_path / "home", given, models, recorded="2026-11-28")
