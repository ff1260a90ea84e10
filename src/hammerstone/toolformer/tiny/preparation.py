"""Everything that a tiny run needs: a pretrained model, a corpus, questions, and the TOML file of the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hammerstone.errors import InputError
from hammerstone.toolformer.tiny.language import PROMPTS, TinySentence, sentences
from hammerstone.toolformer.tiny.pretraining import Shape, pretrain

__all__ = ["CONFIG", "MODEL", "QUESTIONS", "Size", "prepare", "write_run"]

CONFIG = "run.toml"
QUESTIONS = ("arithmetic", "dates")
MODEL, TEXTS, HELD_OUT = "model", "texts.jsonl", "held_out.jsonl"


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a run: texts to annotate, questions of each kind, held-out texts, and training.

    `prepared.json` of an existing folder contains this class's `repr`: with other names it would not be recognised."""

    shape: Shape = field(default_factory=Shape)
    texts: int = 3000
    questions: int = 300
    held_out: int = 500
    finetune_steps: int = 150


def prepare(
    folder: Path,
    size: Size,
    seed: int,
    on_step: Callable[[int, float], None] = lambda _step, _loss: None,
) -> dict[int, float]:
    """Fill `folder`, and return the loss of each step of the pretraining, in nats per token.

    No sentence of the corpus is used as a question or held out. A folder already prepared with the same numbers stays.
    Raises `InputError` for a folder that contains anything else.
    """
    made = folder / "prepared.json"
    numbers = f"{size} seed {seed}"
    if made.exists():
        kept = json.loads(made.read_text())
        if kept["numbers"] != numbers:
            raise InputError(
                f"{folder} was prepared with other numbers", hint="give another folder, or delete this one"
            )
        return {int(step): loss for step, loss in kept["losses"].items()}
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty", hint="give a new or empty folder")
    write_run(folder, size, seed)
    losses: dict[int, float] = {}

    def note(step: int, loss: float) -> None:
        losses[step] = loss
        on_step(step, loss)

    pretrain(folder / MODEL, size.shape, seed, note)
    made.write_text(json.dumps({"numbers": numbers, "losses": losses}) + "\n")
    return losses


def write_run(folder: Path, size: Size, seed: int) -> None:
    """Everything that a run needs except its model: texts, questions, held-out texts, and the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(_config(size, seed))
    drawn = sentences(size.texts + size.held_out + 8 * size.questions, seed + 1)
    corpus = [next(drawn) for _ in range(size.texts)]
    held_out = [next(drawn) for _ in range(size.held_out)]
    rest = list(drawn)
    asked = {
        "arithmetic": [one for one in rest if one.working][: size.questions],
        "dates": [one for one in rest if one.date][: size.questions],
    }
    _write(folder / TEXTS, ({"id": f"t{k}", "text": one.text, "date": one.date} for k, one in enumerate(corpus)))
    _write(folder / HELD_OUT, ({"id": f"h{k}", "text": one.text} for k, one in enumerate(held_out)))
    for name in QUESTIONS:
        _write(folder / f"{name}.jsonl", map(_question, asked[name]))


def _question(one: TinySentence) -> dict[str, str | Sequence[str] | None]:
    return {"prompt": one.prompt, "answers": [one.answer], "date": one.date}


def _write(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def _config(size: Size, seed: int) -> str:
    """All differences from the paper: smaller numbers, since model and texts are small."""
    prompts = "\n".join(f'{name} = "{prompt}"' for name, prompt in PROMPTS.items())
    return f"""model = "{MODEL}"
folder = "."
tools = ["calculator", "calendar"]
dtype = "float32"           # as on processors without bfloat16: the same results everywhere

[corpus]
sources = ["{TEXTS}"]
min_tokens = 5
near_questions = "keep"     # all sentences of so small a language are alike; none is both a text and a question
seed = {seed}

[annotate]                  # by the model itself
call_tokens = 16
seed = {seed}

[annotate.prompts]          # it cannot follow examples: it has learned the form of the task beforehand
{prompts}

[annotate.tools.Calculator]
threshold = 0.0
positions = 6
draws = 5

[annotate.tools.Calendar]
threshold = 0.0
positions = 6
draws = 1

[dataset]
without_calls = true        # so that the model does not unlearn to write a number without a call

[finetune]
learning_rate = 1e-3
batch = 16
per_device = 16
length = 192
steps = {size.finetune_steps}
evaluate_every = {max(1, size.finetune_steps // 6)}
held_out = {min(100, size.texts // 10)}
seed = {seed}

[generate]
max_tokens = 24

[evaluate]
files.prompts = ["arithmetic.jsonl", "dates.jsonl"]
dateset = 0
texts = "{HELD_OUT}"
"""
