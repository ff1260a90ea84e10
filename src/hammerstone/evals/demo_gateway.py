"""The models behind `hammerstone demo --serve`: the recorded replies to the demo's questions, and its maker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import RecordingError
from hammerstone.evals.illustrative_prices import STRONG, IllustratedModel
from hammerstone.evals.traffic.demo_stream import stream_items
from hammerstone.models import Model, Prompt, RecordedModel, Reply, nearest_prompt, read_records
from hammerstone.routes import read_answer, solver_prompt

__all__ = ["PRICES", "NearestRecordedModel", "recorded_maker", "recorded_replies"]

PRICES = (
    f"Prices are illustrations: ${STRONG.input:g} and ${STRONG.output:g} per million tokens in and out, "
    "with tokens estimated from characters."
)


class NearestRecordedModel:
    """Replies to any prompt with the recorded reply to the one that is most like it.

    A gateway collects a task's instances under another name and in another order than the recorded run, so that its
    prompts are never those of the recording to the letter. Whatever comes of it has to pass the gate.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._records = read_records(file)

    @property
    def name(self) -> str:
        return f"nearest recorded:{self._file}"

    async def complete(self, prompt: Prompt) -> Reply:
        closest = nearest_prompt(prompt, [record.prompt for record in self._records.values()])
        if closest is None:
            raise RecordingError(f"{self._file} holds no recordings at all")
        return self._records[closest.key].reply


def recorded_maker(file: Path) -> Model:
    """The demonstration's maker, at illustrative prices."""
    return IllustratedModel(NearestRecordedModel(file), STRONG, name="recorded maker")


async def recorded_replies(file: Path) -> dict[str, Reply]:
    """The strong model's recorded reply to each question of the demo's stream: its answer alone for a text.

    The tokens are those of the whole completion, estimated from characters. Raises `RecordingError` for a question that
    is not in the recording.
    """
    solver = IllustratedModel(RecordedModel(file), STRONG, name="recorded solver")

    async def answer(question: str) -> tuple[str, Reply]:
        reply = await solver.complete(solver_prompt(question))
        return question, replace(reply, text=read_answer(reply.text, question) or "")

    return dict(await map_concurrently(answer, [item.request.question for item in stream_items()]))
