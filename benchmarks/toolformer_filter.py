"""Counts the tokens that filtering reads per document: cut after the fifth one and without duplicates, and naively.

    python benchmarks/toolformer_filter.py [--documents 8] [--tokens 512] [--k 5] [--m 5] [--distinct 3]

At each of k positions m calls were drawn, `distinct` of them different. Naively the whole text is read for each of the
k · m calls, once with the call and once with its result before it, and once alone. The other arm is `filter.score`.
Both are run on a tiny random model that has a byte for a token, and each arm's count is what its model was given,
padding left out. At the end both must have found the same losses.
"""

from __future__ import annotations

import argparse
import random

import torch
from byte_model import LETTERS, language_model

from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.score.losses import WEIGHTS, score_documents


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"documents": 8, "tokens": 512, "k": 5, "m": 5, "distinct": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    rng = random.Random(0)
    documents = [document(str(at), rng, given) for at in range(given.documents)]
    ours, naive = language_model(), language_model()
    scored, _ = score_documents(ours, [without_duplicates(one) for one in documents])
    found = {(one.id, call.position, call.input): call.losses for one in scored for call in one.proposals}
    for one in documents:
        alone = token_losses(naive, "", one.text)
        for call in one.proposals:
            check(found[one.id, call.position, call.input], naive, one, call, alone)
    per = [lm.read / given.documents for lm in (naive, ours)]
    print(f"{given.documents} documents of {given.tokens} tokens, {given.k} positions, {given.m} calls at each, of")
    print(f"which {given.distinct} are different: tokens read per document")
    print(f"naively {per[0]:,.0f}; truncated, without duplicates {per[1]:,.0f}; ratio {per[0] / per[1]:.1f}")


def document(name: str, rng: random.Random, given: argparse.Namespace) -> CorpusDocument:
    """Positions at even distances; calls whose e(c, r) is some 26 tokens long."""
    text = "".join(rng.choices(LETTERS, k=given.tokens))
    places = [round((k + 0.5) * given.tokens / given.k) for k in range(given.k)]
    proposals = tuple(
        Proposal(api="QA", input=f"question {k % given.distinct}", position=at, probability=0.1, result="answer")
        for at in places
        for k in range(given.m)
    )
    return CorpusDocument(id=name, text=text, proposals=proposals)


def without_duplicates(one: CorpusDocument) -> CorpusDocument:
    """The document as `annotate` leaves it."""
    distinct = dict.fromkeys(one.proposals)
    return CorpusDocument(id=one.id, text=one.text, proposals=tuple(distinct))


def token_losses(lm: LanguageModel, z: str, text: str) -> list[float]:
    """- log p(x_j | z, x_<j) of every token of the text, all of it read."""
    ids = lm.encode(text)
    prefix = [lm.start_id, *lm.encode(z)]
    logits, _ = lm.forward([[*prefix, *ids]])
    logs = torch.log_softmax(logits[0, len(prefix) - 1 : -1].float(), dim=-1)
    return (-logs.gather(1, torch.tensor(ids)[:, None])[:, 0]).tolist()


def check(found: Losses | None, lm: LanguageModel, one: CorpusDocument, call: Proposal, alone: list[float]) -> None:
    def weighted(losses: list[float]) -> float:
        return sum(w * loss for w, loss in zip(WEIGHTS, losses[call.position :], strict=False))

    expected = [weighted(token_losses(lm, z, one.text)) for z in (call.call.answered, call.call.unanswered)]
    expected.append(weighted(alone))
    got = [found.with_result, found.with_call, found.without] if found is not None else []
    if len(got) != 3 or max(abs(a - b) for a, b in zip(got, expected, strict=True)) > 1e-3:
        raise SystemExit(f"the two arms differ: {got} and {expected}")


if __name__ == "__main__":
    main()
