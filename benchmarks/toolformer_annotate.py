"""Counts the prompt tokens that sampling reads per document, with branched prefixes and naively.

    python benchmarks/toolformer_annotate.py [--documents 16] [--tokens 512] [--prompt 330] [--k 5] [--m 5]

Both arms find the probability of `[` at every position of every document, with a tiny random model that has a byte for
a token, and begin k · m draws. Naively the prompt is read anew for the probabilities and for each draw, up to the
position of it; the other arm is `SamplingProposer`. A draw is one token long here, so only prompts are read:
what a draw adds is the same for both. Each arm's count is what its model was given, padding left out. At the end both
must have found the same probabilities.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from byte_model import LETTERS, language_model

from hammerstone.toolformer.annotate.annotation import AnnotateSettings, SamplingSettings
from hammerstone.toolformer.annotate.sampling import SamplingProposer
from hammerstone.toolformer.corpus_document import CorpusDocument
from hammerstone.toolformer.lm import LanguageModel


@dataclass(frozen=True)
class Tool:
    name: str = "Tool"
    description: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"documents": 16, "tokens": 512, "prompt": 330, "k": 5, "m": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    letters = random.Random(0)
    texts = ["".join(letters.choices(LETTERS, k=given.tokens)) for _ in range(given.documents)]
    prompt = "".join(letters.choices(LETTERS, k=given.prompt))

    branched, naive = language_model(), language_model()
    annotator = SamplingProposer(branched, prompt=lambda _: prompt)
    sampling = SamplingSettings(threshold=0.0, positions=given.k, draws=given.m)
    settings = AnnotateSettings(tools={"Tool": sampling}, call_tokens=1)
    _, counts = annotator.propose(
        [CorpusDocument(id=str(at), text=text) for at, text in enumerate(texts)], Tool(), settings
    )
    if counts["draws: Tool"] != given.documents * given.k * given.m:
        raise SystemExit(f"only {counts['draws: Tool']} draws")
    own = branched.read
    by_itself = [read_naively(naive, prompt, text, given.k, given.m) for text in texts]
    report(given.documents, own, naive.read)
    check(annotator, branched, texts, by_itself)


def read_naively(lm: LanguageModel, prompt: str, text: str, k: int, m: int) -> list[float]:
    """p_i of one document; then the prompt again for each draw, up to its position."""
    bracket = lm.encode("[")[0]
    head = [lm.start_id, *lm.encode(f"{prompt}\n\nInput:\n"), *lm.encode(text), *lm.encode("\nOutput:\n")]
    ids = lm.encode(text)
    logits, _ = lm.forward([head + ids])
    predicted = torch.softmax(logits[0, len(head) - 1 : -1].float(), dim=-1)[:, bracket]  # (tokens,)
    for i in predicted.topk(k).indices.tolist():
        for _ in range(m):
            lm.forward([[*head, *ids[:i], bracket]], keep=1)
    return predicted.tolist()


def report(documents: int, own: int, naive: int) -> None:
    print(f"{documents} documents; prompt tokens read per document:")
    print(f"{'naively':<12} {naive / documents:10,.0f}")
    print(f"{'branched':<12} {own / documents:10,.0f}")
    print(f"{'ratio':<12} {naive / own:10.1f}")


def check(
    annotator: SamplingProposer, lm: LanguageModel, texts: Sequence[str], by_itself: Sequence[list[float]]
) -> None:
    for text, expected in zip(texts, by_itself, strict=True):
        found = annotator.openings(Tool(), [lm.encode(text)])[0][0]
        torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-3, atol=1e-6)
    print("both arms found the same probabilities")


if __name__ == "__main__":
    main()
