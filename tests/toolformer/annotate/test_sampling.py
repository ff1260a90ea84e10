"""Calls sampled from a model: the batched, cached code against the paper's equations, written down literally."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from hammerstone.errors import InputError
from hammerstone.toolformer.annotate.annotation import AnnotateSettings, SamplingSettings
from hammerstone.toolformer.annotate.call_tokens import CallTokens
from hammerstone.toolformer.annotate.drawing import CallDrawer, CallOpening
from hammerstone.toolformer.annotate.sampling import SamplingProposer, boundaries, read_call
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.gumbel import draw_key, draw_tokens
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.rows import branch_rows

from ..tiny_models import TEXTS, byte_level, language_model

EVERY = ("gpt2", "byte-level"), ("gptj", "sentencepiece-like"), ("llama", "byte-level")
PROMPT = "Write calls.\n\nInput:\nx 1\nOutput:\nx [C(1)] 1"
TEXTS_ALONE = "x [C(1)] 1\n\ny [C(2)] 2"
PROMPTS = PROMPT, TEXTS_ALONE


@dataclass(frozen=True)
class Tool:
    name: str = "C"
    description: str = "Adds."


C = Tool()


@cache
def speaking(model: str = "gpt2", tokenizer: str = "byte-level", *, context: int = 512) -> LanguageModel:
    """A random model with a liking for calls: after each token of `[C(1)]` and `[C(2)]` the next one is likelier.

    In double precision, in which rounding decides no draw.
    """
    lm = language_model(model, tokenizer, context=context)
    lm.model.double()
    liked = torch.zeros(len(lm.tokenizer), len(lm.tokenizer), dtype=torch.double)
    liked[:, opening_tokens(lm)] = 6
    for call in ("[C(1)]", "[C(2)]", "[C(12)]", " [C(1)] x", "[C(\n"):
        ids = lm.encode(call)
        liked[ids[:-1], ids[1:]] = 9

    def hook(_module, _args, kwargs, output):
        after = kwargs["input_ids"][:, kwargs.get("logits_to_keep", slice(None))]
        output.logits = output.logits + liked[after]
        return output

    lm.model.register_forward_hook(hook, with_kwargs=True)
    return lm


words = st.sampled_from([*" ".join(TEXTS).split(), "é", "日本", "[1]", "-> ", "\n"])
texts = st.lists(st.lists(words, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=4)


def annotator(lm: LanguageModel, prompt: str = PROMPT, **options) -> SamplingProposer:
    return SamplingProposer(lm, prompt=lambda _: prompt, **options)


def documents(texts: Sequence[str]) -> list[CorpusDocument]:
    return [CorpusDocument(id=f"d{at}", text=text) for at, text in enumerate(texts)]


def drawing(*, threshold: float = 0.001, positions: int = 3, draws: int = 2, call_tokens: int = 6) -> AnnotateSettings:
    sampling = SamplingSettings(threshold=threshold, positions=positions, draws=draws)
    return AnnotateSettings(tools={"C": sampling}, call_tokens=call_tokens)


# --- the equations, one row at a time, nothing cached, nothing padded ---


def next_logits(lm: LanguageModel, row: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return lm.model(input_ids=torch.tensor([row])).logits[0, -1]


def opening_tokens(lm: LanguageModel) -> list[int]:
    return [at for at in range(len(lm.tokenizer)) if lm.tokenizer.decode([at]).strip(" ") == "["]


def prompted(lm: LanguageModel, ids: list[int], i: int, prompt: str = PROMPT) -> list[int]:
    """P(x), x_1 … x_{i-1}"""
    if prompt == TEXTS_ALONE:
        return [lm.start_id, *lm.encode(f"{TEXTS_ALONE}\n\n"), *ids[:i]]
    head = [lm.start_id, *lm.encode(f"{PROMPT}\n\nInput:\n")]
    return head + ids + lm.encode("\nOutput:\n") + ids[:i]


def literal_p(lm: LanguageModel, ids: list[int], prompt: str = PROMPT) -> list[float]:
    """p_i = p(`[` | P(x), x_1 … x_{i-1})"""
    forms = opening_tokens(lm)
    rows = (prompted(lm, ids, i, prompt) for i in range(len(ids)))
    return [float(torch.softmax(next_logits(lm, row), dim=0)[forms].sum()) for row in rows]


def named(lm: LanguageModel, form: int) -> list[int]:
    """`[C`, whose bracket is the given token"""
    written = lm.encode("[C")
    assert lm.decode(written).strip() == "[C"
    return [form, *written[1:]]


@cache
def parentheses(lm: LanguageModel) -> torch.Tensor:
    """Whether each token begins with `(` after a name."""
    name = lm.encode("[C")
    return torch.tensor([lm.decode([*name, at]).strip().startswith("[C(") for at in range(len(lm.tokenizer))])


def literal_draw(lm: LanguageModel, row: list[int], key: int, asked: AnnotateSettings) -> list[int]:
    """The tokens after `[C`, sampled one by one with `]` as the end of the sequence, or the end of a line or text.

    It is known to begin with `(`.
    """
    drawn: list[int] = []
    for step in range(asked.call_tokens):
        logits = next_logits(lm, [*row, *drawn])
        if not drawn:
            logits = logits.masked_fill(~parentheses(lm), -torch.inf)
        drawn += draw_tokens(logits[None], [[key]], [step], asked.temperature)[0]
        if "]" in lm.decode(drawn) or "\n" in lm.decode(drawn) or drawn[-1] in lm.tokenizer.all_special_ids:
            break
    return drawn


def literal_proposals(
    lm: LanguageModel,
    document: CorpusDocument,
    asked: AnnotateSettings,
    draws: list[list[int]] | None = None,
    prompt: str = PROMPT,
) -> list[Proposal]:
    """The calls of a document; all draws, calls or not, are added to `draws`."""
    draws = [] if draws is None else draws
    ids, spans = lm.encode_with_offsets(document.text)
    p, places = literal_p(lm, ids, prompt), boundaries(document.text, spans)
    sampling = asked.sampling("C")
    above = [i for i in range(len(ids)) if places[i] is not None and p[i] > sampling.threshold]
    found = []
    for i in sorted(sorted(above, key=lambda i: -p[i])[: sampling.positions]):
        logits = next_logits(lm, prompted(lm, ids, i, prompt))
        form = max(opening_tokens(lm), key=lambda at: float(logits[at]))
        for number in range(sampling.draws):
            begun = named(lm, form)
            key = draw_key(asked.seed, document.id, "C", places[i], number)
            drawn = literal_draw(lm, [*prompted(lm, ids, i, prompt), *begun], key, asked)
            draws.append([*begun, *drawn])
            call = read_call(lm.decode(draws[-1]).strip(), "C")
            if call is not None:
                probability = float(f"{p[i]:.3g}")
                found.append(Proposal(api="C", input=call.input, position=places[i], probability=probability))
    return found


# --- equality ---


@pytest.mark.parametrize("pair", EVERY)
@pytest.mark.parametrize("prompt", PROMPTS)
@settings(max_examples=5)
@given(texts=texts)
def test_p_is_that_of_the_equation_at_every_position_of_every_text(
    pair: tuple[str, str], prompt: str, texts: list[str]
) -> None:
    lm = speaking(*pair)
    rows = [lm.encode(text) for text in texts]
    found, forms, _ = annotator(lm, prompt).openings(C, rows)
    for ids, p, form in zip(rows, found, forms, strict=True):
        assert p.tolist() == pytest.approx(literal_p(lm, ids, prompt), rel=1e-4)
        assert {*form.tolist()} <= {*opening_tokens(lm)}


@pytest.mark.parametrize("pair", EVERY)
@pytest.mark.parametrize("prompt", PROMPTS)
@settings(max_examples=3)
@given(texts=texts)
def test_calls_are_those_of_drawing_each_by_itself(pair: tuple[str, str], prompt: str, texts: list[str]) -> None:
    lm = speaking(*pair)
    asked = drawing()
    given_documents = documents(texts)
    found, _ = annotator(lm, prompt).propose(given_documents, C, asked)
    assert found == [literal_proposals(lm, document, asked, prompt=prompt) for document in given_documents]


@pytest.mark.parametrize("pair", EVERY)
@pytest.mark.parametrize("limit", [1, 5, 1000])
def test_every_draw_has_the_tokens_of_drawing_it_by_itself_until_it_cannot_be_a_call(
    pair: tuple[str, str], limit: int
) -> None:
    lm = speaking(*pair)
    asked = drawing(threshold=0.0, positions=4, draws=6, call_tokens=9)
    (document,) = documents(TEXTS[:1])
    literal: list[list[int]] = []
    literal_proposals(lm, document, asked, literal)
    ids, spans = lm.encode_with_offsets(document.text)
    (p,), (forms,), read = annotator(lm).openings(C, [ids])
    places = boundaries(document.text, spans)
    openings = [
        CallOpening(
            source=0,
            length=int(read.lengths[0]) - len(ids) + 1 + i,
            form=int(forms[i]),
            keys=[draw_key(asked.seed, document.id, "C", places[i], number) for number in range(6)],
        )
        for i in sorted(p.argsort(descending=True)[:4].tolist())
    ]
    drawer = CallDrawer(
        api="C",
        name=CallTokens.of(lm, name="").name("C"),
        tokens=CallTokens.of(lm, name=""),
        branch=partial(branch_rows, lm, read),
        limit=limit,
        most=asked.call_tokens,
        temperature=1.0,
    )
    drawn = [call for calls in drawer.draw(openings) for call in calls]
    assert len(drawn) == len(literal) == 24
    for call, whole in zip(drawn, literal, strict=True):
        assert call.ids == whole[: len(call.ids)]
        assert call.ended or len(call.ids) == len(whole)
        if read_call(lm.decode(whole).strip(), "C"):
            assert call.ids == whole
    if pair[1] == "byte-level":  # the other tokenizer's training differs from process to process, and so do its draws
        assert any(len(call.ids) < len(whole) for call, whole in zip(drawn, literal, strict=True))
        assert any(read_call(lm.decode(call.ids).strip(), "C") for call in drawn)


def test_the_comparison_is_made_on_calls_and_not_on_their_absence() -> None:
    for lm in (speaking(*pair) for pair in EVERY):
        found, counts = annotator(lm).propose(documents(TEXTS), C, drawing(draws=8))
        assert sum(map(bool, found)) > 1
        assert len({proposal.input for proposals in found for proposal in proposals}) > 1
        assert counts["dropped: C: no end"] + counts["dropped: C: malformed"] > 0


@pytest.mark.parametrize("memory", [1, 1_000_000, 10**9])
def test_draws_do_not_depend_on_the_batch(memory: int) -> None:
    lm = speaking()
    given_documents = documents([*TEXTS, *(text[:30] for text in TEXTS)])
    expected = [annotator(lm).propose([document], C, drawing())[0][0] for document in given_documents]
    assert any(expected)
    found, _ = annotator(lm, memory=memory).propose(given_documents, C, drawing())
    assert found == expected
    found, _ = annotator(lm, memory=memory).propose(given_documents[::-1], C, drawing())
    assert found == expected[::-1]


def test_another_seed_draws_other_calls() -> None:
    lm = speaking()
    asked = {"tools": {"C": SamplingSettings(threshold=0.001)}, "call_tokens": 6}
    first, again, other = (
        annotator(lm).propose(documents(TEXTS), C, AnnotateSettings(seed=seed, **asked))[0] for seed in (0, 0, 1)
    )
    assert first == again != other


# --- faults of earlier implementations ---


def test_logits_are_not_read_at_a_padding_position() -> None:
    lm = speaking()
    short, long = lm.encode("29%"), lm.encode(" ".join(TEXTS))
    alone, beside = (annotator(lm).openings(C, rows)[0][0] for rows in ([short], [short, long]))
    torch.testing.assert_close(beside, alone)
    assert beside.tolist() == pytest.approx(literal_p(lm, short), rel=1e-4)


def test_a_batch_of_one_text_of_one_token_is_a_batch() -> None:
    lm = speaking()
    document = CorpusDocument(id="d", text="x")
    assert len(lm.encode("x")) == 1
    found, counts = annotator(lm).propose([document], C, drawing(draws=20))
    assert found == [literal_proposals(lm, document, drawing(draws=20))] != [[]]
    assert counts["draws: C"] == 20


def test_a_text_beyond_the_context_is_cut_so_that_its_calls_are_not() -> None:
    lm = LanguageModel(deepcopy(speaking().model), speaking().tokenizer)
    lm.context = 180
    text = " ".join([*TEXTS, *TEXTS])
    found, counts = annotator(lm).propose(
        [CorpusDocument(id="d", text=text), *documents(TEXTS[:1])], C, drawing(draws=8)
    )
    assert counts["cut to the context: C"] == 1
    taken = len(prompted(lm, [], 0))
    read = (180 - taken - len(lm.encode("[C")) - 6) // 2
    _, spans = lm.encode_with_offsets(text)
    positions = {proposal.position for proposal in found[0]}
    assert positions
    assert max(positions) < spans[read - 1][1]
    assert counts["draws: C"] == 2 * 3 * 8  # each of them with all the tokens that it may have
    beginning = CorpusDocument(id="d", text=text[: spans[read - 1][1]])
    assert found[0] == annotator(speaking()).propose([beginning], C, drawing(draws=8))[0][0]


def test_a_prompt_that_leaves_no_room_for_a_text_is_refused() -> None:
    lm = speaking(context=100)
    with pytest.raises(InputError, match=r"reads at most 100 tokens; the prompt for C takes \d+ of them") as told:
        annotator(lm).prepare(C, AnnotateSettings())
    assert "longer context" in told.value.hint
    assert lm.read == 0


# --- what is read ---


def test_a_document_of_512_tokens_takes_no_more_than_1110_with_a_prompt_of_330() -> None:
    lm = language_model(context=2048)
    long = " ".join(TEXTS * 9)
    _, spans = lm.encode_with_offsets(long)
    text = long[: spans[511][1]]
    prompt = long[: spans[329][1]]
    assert (len(lm.encode(text)), len(lm.encode(prompt))) == (512, 330)
    asked = AnnotateSettings(tools={"C": SamplingSettings(threshold=0.0)}, call_tokens=2)
    shard = [CorpusDocument(id=str(at), text=text) for at in range(6)]
    _, counts = SamplingProposer(lm, prompt=lambda _: prompt).propose(shard, C, asked)
    assert counts["draws: C"] == 6 * 5 * 5
    drawn_and_read = counts["tokens drawn: C"] - counts["draws: C"]  # nobody reads the last token of a draw
    assert (lm.read - drawn_and_read) / 6 <= 1110


def test_a_text_stands_once_behind_annotated_texts_and_twice_behind_other_prompts() -> None:
    lm = language_model(context=2048)
    ids = lm.encode(TEXTS[0])
    twice = 2 * len(ids) + len(lm.encode("\nOutput:\n")) - 1
    for prompt, read in ((PROMPT, twice), ("Adds:", twice), ("x [D(1)] 1", twice), (TEXTS_ALONE, len(ids))):
        proposer = annotator(lm, prompt)
        proposer.openings(C, [ids])
        before = lm.read
        proposer.openings(C, [ids])
        assert lm.read - before == read


def test_a_prompt_is_read_once_for_all_shards_and_each_position_once_for_all_its_draws() -> None:
    lm = language_model()
    one = annotator(lm)
    ids = lm.encode(TEXTS[0])
    asked = drawing(threshold=0.0, positions=2, draws=7, call_tokens=1)
    head = len(prompted(lm, [], 0)) - len(lm.encode("\nOutput:\n"))
    for shards in (1, 2):
        one.propose(documents(TEXTS[:1]), C, asked)
        each = len(prompted(lm, ids, len(ids) - 1)) - head
        assert lm.read == head + shards * (each + 2 * len(lm.encode("[C")))


# --- positions ---


def test_p_is_that_of_all_forms_of_the_bracket_together_and_a_call_begins_with_the_likelier() -> None:
    lm = speaking()
    plain, spaced = opening_tokens(lm)
    assert (lm.tokenizer.decode([plain]), lm.tokenizer.decode([spaced])) == ("[", " [")
    ids = lm.encode(TEXTS[0])
    (p,), (forms,), _ = annotator(lm).openings(C, [ids])
    for i in range(len(ids)):
        each = torch.softmax(next_logits(lm, prompted(lm, ids, i)), dim=0)
        assert float(p[i]) == pytest.approx(float(each[plain] + each[spaced]), rel=1e-4)
        assert int(forms[i]) == (plain if each[plain] > each[spaced] else spaced)
    assert {*forms.tolist()} == {plain, spaced}


def test_a_tokenizer_without_a_bracket_of_its_own_is_refused() -> None:
    pieces = ["<unk>", "<s>", "[A", "(", "1", ")", " ", "-", ">", "2", "]", "<", "a"]
    words = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=0, byte_fallback=False))
    words.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", unk_token="<unk>")  # noqa: S106
    lm = LanguageModel(language_model().model, tokenizer)
    with pytest.raises(InputError, match=r"has no token for \["):
        SamplingProposer(lm)


def test_a_call_stands_between_the_characters_of_a_text_and_not_before_its_own_brackets() -> None:
    tokenizer = byte_level(size=256)  # a token is a byte
    text = "a 日b [1] c"
    spans = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    assert spans.count((2, 3)) == 3
    assert boundaries(text, spans) == [0, 1, 2, None, None, 3, None, None, 6, 7, 8, 9]


def test_positions_are_the_same_whether_offsets_hold_the_space_before_a_word_or_not() -> None:
    assert boundaries("ab cd ef", [(0, 2), (2, 5), (5, 8)]) == [0, 2, 5]
    assert boundaries("ab cd ef", [(0, 2), (3, 5), (6, 8)]) == [0, 2, 5]


def test_only_the_likeliest_positions_above_the_threshold_are_taken() -> None:
    lm = speaking()
    ids, spans = lm.encode_with_offsets(TEXTS[0])
    p = literal_p(lm, ids)
    best = sorted(range(len(ids)), key=lambda i: -p[i])[:2]
    found, counts = annotator(lm).propose(documents(TEXTS[:1]), C, drawing(threshold=0.0, positions=2, draws=30))
    places = boundaries(TEXTS[0], spans)
    assert {proposal.position for proposal in found[0]} == {places[i] for i in best}
    assert counts["positions above the threshold: C"] == len(ids)
    none, counts = annotator(lm).propose(documents(TEXTS[:1]), C, drawing(threshold=max(p) + 1e-6))
    assert (none, counts["draws: C"]) == ([[]], 0)


# --- what a draw is read as ---


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("[C(1 + 2)]", "1 + 2"),
        ("[C(1)] and more]", "1"),
        ("[C()]", ""),
        ("[C( (1) )].", "(1)"),
        ("[C(1) -> 1]", None),
        ("[C(1)", None),
        ("[B(1)]", None),
        ("[ C(1)]", None),
        ("[C 1]", None),
        ("[1] [C(1)]", None),
        ("[C(1", None),
        ("[C(1]", None),
        ("[C([1)]", None),
        ("[C(1 -> 2)]", None),
    ],
)
def test_a_draw_counts_only_if_it_is_a_call_up_to_its_first_bracket(written: str, text: str | None) -> None:
    call = read_call(written, "C")
    assert (None if call is None else call.input) == text


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_a_text_without_words_is_no_trouble(text: str) -> None:
    lm = speaking()
    found, _ = annotator(lm).propose([CorpusDocument(id="d", text=text), *documents(TEXTS[:1])], C, drawing())
    assert len(found) == 2
