"""The filter against a literal transcription of its equation, and what it keeps, drops and counts."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.score import losses
from hammerstone.toolformer.score.losses import WEIGHTS, score_documents, scoring_work
from hammerstone.toolformer.score.selection import TAU_F, is_selected, tau_f
from hammerstone.toolformer.shards import read_shards, run_stage, write_shards

from ..tiny_models import MODELS, TEXTS, TOKENIZERS, language_model

LANGUAGE_MODELS = {(model, words): language_model(model, words) for model in MODELS for words in TOKENIZERS}
LM = LANGUAGE_MODELS["gpt2", "byte-level"]


def propose(position: int, text: str = "400 / 1400", result: str | None = "0.29", api: str = "Calculator") -> Proposal:
    return Proposal(api=api, input=text, position=position, probability=0.5, result=result)


def document(text: str = TEXTS[0], *proposals: Proposal, name: str = "d") -> CorpusDocument:
    return CorpusDocument(id=name, text=text, proposals=proposals)


def literal(lm: LanguageModel, z: str, text: str, position: int) -> float:
    """L_i(z), one token after the other: each read anew, all before it included, with no cache and no batch."""
    ids, spans = lm.encode_with_offsets(text)
    i = next(k for k, (_, end) in enumerate(spans) if end > position)
    prefix = [lm.start_id, *lm.encode(z)]
    unnormalised = [max(0.0, 1 - 0.2 * t) for t in range(len(ids))]
    total = 0.0
    for j in range(i, len(ids)):
        with torch.inference_mode():
            logits = lm.model(input_ids=torch.tensor([prefix + ids[:j]])).logits[0, -1]
        w = unnormalised[j - i] / sum(max(0.0, 1 - 0.2 * t) for t in range(100))
        total -= w * float(torch.log_softmax(logits.double(), dim=-1)[ids[j]])
    return total


@pytest.mark.parametrize("key", LANGUAGE_MODELS)
@settings(max_examples=6)
@given(data=st.data(), batch=st.sampled_from([1, 60, 8192]))
def test_batched_and_truncated_losses_are_those_of_the_equation(
    key: tuple[str, str], data: st.DataObject, batch: int
) -> None:
    lm = LANGUAGE_MODELS[key]
    texts = data.draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
    documents = [
        document(text, *(propose(at, f"{at} + 1", str(at + 1)) for at in data.draw(positions(text))), name=str(k))
        for k, text in enumerate(texts)
    ]
    scored, _ = score_documents(lm, documents, batch_tokens=batch)
    for one in scored:
        assert len(one.proposals) == len(documents[int(one.id)].proposals)
        for proposal in one.proposals:
            assert proposal.losses is not None
            expected = (
                literal(lm, proposal.call.answered, one.text, proposal.position),
                literal(lm, proposal.call.unanswered, one.text, proposal.position),
                literal(lm, "", one.text, proposal.position),
            )
            found = (proposal.losses.with_result, proposal.losses.with_call, proposal.losses.without)
            assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_no_more_logits_are_held_at_once_than_memory_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []

    def forward(lm: LanguageModel, rows: list[tuple[int, ...]], *, keep: int) -> tuple[torch.Tensor, object]:
        held.append(len(rows) * keep * lm.vocabulary_size)
        return read(lm, rows, keep=keep)

    read = LanguageModel.forward
    monkeypatch.setattr(LanguageModel, "forward", forward)
    documents = [document(text, propose(len(text) - 2), name=str(at)) for at, text in enumerate(TEXTS)]
    score_documents(LM, documents)
    most = max(held)
    monkeypatch.setattr(losses, "MOST_LOGITS", most // 2)
    held.clear()
    score_documents(LM, documents)
    assert max(held) <= most // 2


def positions(text: str) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, len(text) - 2), min_size=1, max_size=2, unique=True)


def test_the_weights_are_those_of_the_paper() -> None:
    assert pytest.approx((1 / 3, 4 / 15, 1 / 5, 2 / 15, 1 / 15)) == WEIGHTS
    assert sum(WEIGHTS) == pytest.approx(1)


def test_a_gain_is_measured_against_the_easier_of_nothing_and_the_call_alone() -> None:
    losses = Losses(with_result=0.5, with_call=2.0, without=1.2)
    assert losses.gain == pytest.approx(0.7)
    assert replace(losses, without=3.0).gain == pytest.approx(1.5)


def test_a_call_is_kept_from_the_threshold_on() -> None:
    losses = Losses(with_result=0.5, with_call=1.5, without=2.0)
    measured = replace(propose(3), losses=losses)
    assert is_selected(measured, 1.0)
    assert not is_selected(measured, 1.01)
    assert not is_selected(propose(3), 0.0)


def test_each_tool_has_the_papers_threshold_and_any_other_one_the_usual() -> None:
    assert TAU_F == {"QA": 1.0, "Search": 1.0, "Calculator": 0.5, "Calendar": 1.0, "MT": 0.5}
    assert tau_f("word_sorting") == 1.0


def test_a_result_that_helps_is_kept_and_one_that_does_not_is_not() -> None:
    """A model that repeats what it has read: the useless call is asked at the same place."""
    copying = Copying()
    text = "they were 7 7 7 7 7 7"
    useful, useless = propose(9, "3 + 4", "7 7 7 7 7"), propose(9, "1 + 1", "2 2 2 2 2")
    (scored,), counts = score_documents(copying.lm, [document(text, useful, useless)])
    first, second = scored.proposals
    assert is_selected(first, 0.5)
    assert not is_selected(second, 0.5)
    assert (counts["scored: Calculator"], counts["kept: Calculator"]) == (2, 1)


class Copying:
    """A language model whose next token is likely one of those that it has read, the oftener the likelier."""

    def __init__(self) -> None:
        self.lm = language_model()
        forward = self.lm.forward

        def counted(rows, cache=None, *, keep=None):
            logits, grown = forward(rows, cache, keep=keep)
            logits = logits.clone()
            for at, row in enumerate(rows):
                for column in range(logits.shape[1]):
                    end = len(row) - (logits.shape[1] - 1 - column)
                    logits[at, column] = torch.bincount(
                        torch.tensor(row[: max(end, 0)]), minlength=logits.shape[2]
                    ).float()
            return logits, grown

        self.lm.forward = counted


def test_the_text_after_the_fifth_token_makes_no_difference() -> None:
    ids, spans = LM.encode_with_offsets(TEXTS[0])
    assert len(ids) > 12
    short = TEXTS[0][: spans[10][1]]
    proposal = propose(spans[5][0] + 1)
    (whole,), _ = score_documents(LM, [document(TEXTS[0], proposal)])
    (cut,), _ = score_documents(LM, [document(short, proposal)])
    assert whole.proposals[0].losses is not None
    assert cut.proposals[0].losses is not None
    assert cut.proposals[0].losses.gain == pytest.approx(whole.proposals[0].losses.gain, abs=1e-4)


def test_near_the_end_fewer_tokens_count_with_the_same_weights() -> None:
    _, spans = LM.encode_with_offsets(TEXTS[1])
    position = spans[-2][0] + 1
    (scored,), _ = score_documents(LM, [document(TEXTS[1], propose(position))])
    assert scored.proposals[0].losses is not None
    assert scored.proposals[0].losses.without == pytest.approx(literal(LM, "", TEXTS[1], position), abs=1e-3)


def test_what_cannot_be_measured_is_dropped_and_counted_and_the_rest_stays() -> None:
    lm = language_model(context=40)
    _, spans = lm.encode_with_offsets(TEXTS[0])
    proposals = [
        propose(len(TEXTS[0])),  # nothing follows
        propose(spans[3][0] + 1),
        propose(spans[3][0] + 1, "1 + " * 40 + "1"),  # too long
        propose(0, result=None),  # was never run
    ]
    (scored,), counts = score_documents(lm, [document(TEXTS[0], *proposals)])
    assert [one.input for one in scored.proposals] == ["400 / 1400"]
    assert counts["dropped: Calculator: nothing follows"] == 1
    assert counts["dropped: Calculator: too long for the model"] == 1
    assert counts["scored: Calculator"] == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_model_in_bfloat16_gives_nearly_the_same_losses(model: str) -> None:
    """A GPU's number format has eight bits of precision, so that rows need masks and positions that do not round."""
    documents = [document(text, propose(10), propose(30, "1 + 1", "2")) for text in TEXTS]
    exact, _ = score_documents(language_model(model), documents)
    lm = language_model(model)
    lm.model.to(torch.bfloat16)
    rounded, _ = score_documents(lm, documents)
    pairs = [
        (one.losses, other.losses)
        for before, after in zip(exact, rounded, strict=True)
        for one, other in zip(before.proposals, after.proposals, strict=True)
    ]
    assert len(pairs) == 2 * len(TEXTS)
    for one, other in pairs:
        assert one is not None
        assert other is not None
        for name in ("with_result", "with_call", "without"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=0.05)


def test_losses_that_are_no_number_are_dropped_and_counted() -> None:
    lm = language_model()
    with torch.no_grad():
        next(iter(lm.model.parameters())).fill_(math.nan)
    (scored,), counts = score_documents(lm, [document(TEXTS[0], propose(5))])
    assert scored.proposals == ()
    assert counts == {"dropped: Calculator: non-finite losses": 1}


def test_equal_rows_are_read_once_and_the_text_alone_once_for_all_positions() -> None:
    """Counted, not timed: n + 1 tokens at most for L(ε), and twice the text before each call."""
    lm = language_model()
    ids, spans = lm.encode_with_offsets(TEXTS[0])
    calls = [propose(spans[4][0]), propose(spans[4][0]), propose(spans[8][0])]
    score_documents(lm, [document(TEXTS[0], *calls)])
    prefix = [len(lm.encode(z)) for z in (calls[0].call.answered, calls[0].call.unanswered)]
    expected = (1 + 8 + 4) + sum(1 + z + i + 4 for z in prefix for i in (4, 8))
    assert lm.read == expected
    assert len(ids) > 13


def test_as_a_stage_it_keeps_the_scores_so_that_another_threshold_needs_no_new_pass(tmp_path: Path) -> None:
    write_shards(tmp_path / "in", [document(TEXTS[0], propose(5), propose(9))], settings={})
    opened = scoring_work(LM.name, lambda: LM)
    run = partial(run_stage, "filter", tmp_path / "in", tmp_path / "out", opened.work, settings=opened.settings)
    counts = run()
    (scored,) = read_shards(tmp_path / "out")
    assert counts["scored: Calculator"] == 2
    assert all(one.losses is not None for one in scored.proposals)
    read = LM.read
    run()
    assert LM.read == read
