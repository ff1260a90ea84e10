"""Record a small model beside the recorded ones, in one part of an experiment.

    uv run python benchmarks/record_small_model.py MODEL URL EXPERIMENT PART [--tasks A,B] [--at-once 2] [--maker M]

MODEL names a folder in examples/recordings/real with a model.toml, and the model of a server at URL that speaks
OpenAI's API. The replies go to PART.jsonl in that folder: those that are there already are not asked for again, so an
interrupted run resumes. The other models of the experiment are replayed. For example:

    uv run python benchmarks/record_small_model.py smollm2-135m-instruct http://127.0.0.1:8080/v1 use direct

PART is a method of `use` (direct, cot, user, pot) or the name of what the model does in another experiment: reuse-cot,
dispatcher, maker, stream, loop, one-call. `--at-once` is how many requests the server has slots for. `--maker` names
the strong model for what no recording of it holds: a loop of which a small model is the dispatcher has other builds.
"""

from __future__ import annotations

import argparse
import tempfile

import anyio

from hammerstone.environment import recordings
from hammerstone.errors import RecordingError
from hammerstone.evals.experiments.use_tools import METHODS
from hammerstone.evals.report.markdown import markdown_of
from hammerstone.evals.role_models import open_role_models, small_model
from hammerstone.evals.run_experiments import BenchPlan, run_experiments
from hammerstone.models import Model, Prompt, RecordingModel, Reply, identity_of, open_model
from hammerstone.types import Role

QUEUED_S = 1800.0  # a slow machine may take minutes for one reply


class RecordedFirst:
    """A recorded model, and a live one that is recorded for prompts it does not hold."""

    def __init__(self, recorded: Model, live: Model) -> None:
        self._recorded = recorded
        self._live = live
        self.name = recorded.name
        self.identity = identity_of(recorded)

    async def complete(self, prompt: Prompt) -> Reply:
        try:
            return await self._recorded.complete(prompt)
        except RecordingError:
            return await self._live.complete(prompt)


def role_models(maker: str | None) -> dict[Role, Model]:
    """The frontier model in every role, replayed; with a live `maker` for builds that no recording holds."""
    folder = recordings("bench")
    replayed = open_role_models(folder, maker=None, user=None, record=False)
    if maker is None:
        return replayed
    live = open_role_models(folder, maker=maker, user=None, record=True)[Role.MAKER]
    return {**replayed, Role.MAKER: RecordedFirst(replayed[Role.MAKER], live)}


async def main(given: argparse.Namespace) -> None:
    folder = recordings("real") / given.model
    live = open_model(f"openai:{given.model}@{given.url}", timeout_seconds=QUEUED_S, concurrency=given.at_once)
    model = RecordingModel(live, folder / f"{given.part}.jsonl")
    plan = BenchPlan(
        experiments=(given.experiment,),
        tasks=tuple(filter(None, given.tasks.split(","))),
        n=20,
        sets=1,
        methods=(given.part,) if given.part in METHODS else METHODS,
    )
    done: dict[str, int] = {}

    def progress(what: str, now: int, total: int) -> None:
        if done.get(what) != now:
            done[what] = now
            print(f"{what}: {now} of {total}", flush=True)

    with tempfile.TemporaryDirectory() as home:
        (result,) = await run_experiments(
            plan,
            role_models(given.maker),
            home,
            extra=(small_model(model, folder, frozenset({given.part})),),
            recorded="while it was recorded",
            on_progress=progress,
        )
    print(markdown_of([result]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for what in ("model", "url", "experiment", "part"):
        parser.add_argument(what, metavar=what.upper())
    parser.add_argument("--tasks", default="", help="comma-separated; all of the experiment's without it")
    parser.add_argument("--at-once", type=int, default=2, help="as many as the server has slots")
    parser.add_argument("--maker", help="the strong model where it is not recorded, such as mailbox:DIR")
    anyio.run(main, parser.parse_args())
