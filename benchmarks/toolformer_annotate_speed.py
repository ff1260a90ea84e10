"""Documents annotated per second at the paper's k = 20 and m = 10, now and at an earlier commit.

    python benchmarks/toolformer_annotate_speed.py MODEL [--before 237c8ea] [--documents 16] [--documents-before 1]

MODEL is a folder with real weights: a random model ends its calls nowhere. Each arm is a process of its own with the
sources of its commit, the default settings, and `--threads` threads. Texts are generated story problems of about 60
tokens, and the prompt is the calculator's with further examples, up to `--prompt` tokens. What is counted begins when
the model is loaded and the prompt has been read, which happens once for all documents. Seconds are also given of the
processor, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from hammerstone.toolformer.annotate.annotation import AnnotateSettings, SamplingSettings
from hammerstone.toolformer.annotate.prompting import annotation_prompt
from hammerstone.toolformer.annotate.sampling import SamplingProposer
from hammerstone.toolformer.corpus_document import CorpusDocument
from hammerstone.toolformer.lm import LanguageModel, load_model

ROOT = Path(__file__).parents[1]
NAMES, THINGS = ("Anna", "Omar", "Lucy", "Peter", "Mei"), ("apples", "books", "stamps", "tickets", "shells")


class Calculator:
    name = "Calculator"
    description = "Calculates."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--before", default="237c8ea")
    for name, default in {"documents": 16, "documents-before": 1, "prompt": 700, "threads": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--arm", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.arm:
        annotate(given.model, given.documents, given.prompt, given.threads)
        return
    with sources(given.before) as before:
        arms = {"before": run(before, given, given.documents_before), "now": run(ROOT / "src", given, given.documents)}
    for name, arm in arms.items():
        print(
            f"{name:<7} {arm['documents']} documents, {arm['draws']} draws, {arm['tokens']} tokens, "
            f"{arm['calls']} calls, {arm['dtype']}: {arm['seconds']:.1f} s, {arm['processor']:.1f} s of the processor"
        )
    for what in ("seconds", "processor"):
        fast, slow = (arms[name][what] / arms[name]["documents"] for name in ("now", "before"))
        print(f"{slow / fast:.1f} times the documents per second ({what})")


@contextmanager
def sources(commit: str) -> Iterator[Path]:
    """The sources of a commit in a folder."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit, "src"], stdout=subprocess.PIPE, check=True)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder) / "src"


def run(path: Path, given: argparse.Namespace, documents: int) -> dict[str, float]:
    options = {"documents": documents, "prompt": given.prompt, "threads": given.threads}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    told = subprocess.run(
        [sys.executable, __file__, given.model, "--arm", *words],
        env={**os.environ, "PYTHONPATH": str(path)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(told.stdout.splitlines()[-1])


def annotate(model: str, documents: int, prompt_tokens: int, threads: int) -> None:
    """One arm. Its last line is what was measured, as JSON."""
    torch.set_num_threads(threads)
    lm = load_model(model)
    written = prompt(lm, prompt_tokens)
    proposer = SamplingProposer(lm, prompt=lambda _: written)
    api = Calculator()
    first = AnnotateSettings(tools={api.name: SamplingSettings(threshold=0.0, positions=1, draws=1)}, call_tokens=1)
    proposer.propose([CorpusDocument(id="first", text=story(0))], api, first)  # reads the prompt
    given = [CorpusDocument(id=str(at), text=story(at)) for at in range(documents)]
    started, began = time.perf_counter(), time.process_time()
    found, counts = proposer.propose(given, api, AnnotateSettings())
    measured = {
        "seconds": time.perf_counter() - started,
        "processor": time.process_time() - began,
        "documents": documents,
        "draws": counts[f"draws: {api.name}"],
        "tokens": counts[f"tokens drawn: {api.name}"],
        "calls": sum(map(len, found)),
        "dtype": str(lm.model.dtype),
    }
    print(json.dumps(measured))


def story(number: int) -> str:
    rng = random.Random(number)
    first, second = rng.sample(NAMES, 2)
    thing, has, more, price = rng.choice(THINGS), rng.randint(12, 90), rng.randint(3, 40), rng.randint(2, 9)
    return (
        f"{first} has {has} {thing} and buys {more} more at {price} dollars each, which costs {more * price} dollars. "
        f"{second} has {has + more} {thing} too, so together they own {2 * (has + more)} of them."
    )


def prompt(lm: LanguageModel, tokens: int) -> str:
    written, number = annotation_prompt(Calculator()), 1000
    while len(lm.encode(written)) < tokens:
        text = story(number)
        written += f"\n\nInput:\n{text}\nOutput:\n{text}"
        number += 1
    return written


if __name__ == "__main__":
    main()
