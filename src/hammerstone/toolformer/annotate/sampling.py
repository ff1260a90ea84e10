"""A model proposes calls by sampling: it opens calls where `[` is likely, and continues from there (section 2).

A tool's prompt ends with the text twice: as `Input`, and as `Output`, the same text with calls in it.

    instructions and examples     the head, h tokens: read once for all documents
    Input:
    x                             n tokens
    Output:
    x                             n tokens: before each of them the model might have written `[`

One pass over all of this gives p_i = p(`[` | P(x), x_1 … x_{i-1}) at every i. At each of the k likeliest positions
above τ_s, `[` is written and m calls are sampled, up to `]`. Done naively, each of the k · m draws reads the prompt and
the text up to i again: for h = 330, n = 512, k = m = 5 that is 28,804 tokens per document. But the first pass has
already read everything that a draw continues from, and the key-value cache holds it. So we branch: from the head to
the documents, from a document to its positions (cut after x_{i-1}), from a position to its draws. What remains is 2n
tokens per document, and one `[` per position.

Several tokens may stand for `[`: GPT-2 has one with a space before it and one without. p_i is the sum of their
probabilities, and a call begins with the likeliest of them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# transformers' own types are partial, and so are some of torch's.
from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Generator, Tensor

from hammerstone.errors import InputError
from hammerstone.toolformer.annotate.prompting import annotation_prompt
from hammerstone.toolformer.call_format import CLOSE, OPEN, ApiCall, find_calls
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.kv_cache import KVCache
from hammerstone.toolformer.lm import LanguageModel

if TYPE_CHECKING:
    from hammerstone.toolformer.annotate.annotation import AnnotateSettings, SamplingSettings
    from hammerstone.toolformer.apis.api import Api

__all__ = ["SamplingProposer", "boundaries", "draw", "read_call"]

BEFORE, BETWEEN = "\n\nInput:\n", "\nOutput:\n"
SHORTEST = 32  # tokens of a text that must fit beside the prompt
BATCH_TOKENS = 16_384


class _EncodedDocument(NamedTuple):
    """A document as the model reads it: its tokens, and where in its text a call could be inserted before each."""

    document: CorpusDocument
    ids: list[int]
    places: list[int | None]


class _CallPosition(NamedTuple):
    """A chosen position: x_i is the first token after it; `form` is the likeliest token for `[` there."""

    row: int
    i: int
    form: int
    probability: float


class SamplingProposer:
    """Proposes calls as the paper does, with any language model: the one that will be fine-tuned, or a bigger one.

    `prompt` gives the prompt of a tool, up to `Input:`. At most `batch_tokens` are in the cache at once, including
    padding, but always one document or the draws at one position. It affects only speed and memory, up to rounding.
    Documents of similar length are read together.

    A text that does not fit into the model's context twice beside the prompt is annotated as far as it fits.
    """

    def __init__(
        self,
        lm: LanguageModel,
        *,
        prompt: Callable[[Api], str] = annotation_prompt,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        """Raises `InputError` for a tokenizer without a token for `[`."""
        self._lm = lm
        self._prompt = prompt
        self._batch_tokens = batch_tokens
        self._between = lm.encode(BETWEEN)
        self._heads: dict[str, KVCache] = {}
        self._forms, self._ends = _marks(lm)

    @property
    def name(self) -> str:
        return self._lm.name

    def prepare(self, api: Api, settings: AnnotateSettings) -> str:
        """The prompt. Raises `InputError` if it leaves no room for a text."""
        prompt = self._prompt(api)
        self._room(api, settings)
        return prompt

    def propose(
        self, documents: Sequence[CorpusDocument], api: Api, settings: AnnotateSettings
    ) -> tuple[list[list[Proposal]], Counter[str]]:
        counts: Counter[str] = Counter()
        room = self._room(api, settings)
        found: list[list[Proposal]] = [[] for _ in documents]
        texts = [self._text(document, room, api, counts) for document in documents]
        order = sorted((at for at, text in enumerate(texts) if text.ids), key=lambda at: len(texts[at].ids))
        extra = self._head(api).width + len(self._between)
        for batch in _batches(order, lambda at: 2 * len(texts[at].ids) + extra, self._batch_tokens):
            made = self._propose([texts[at] for at in batch], api, settings, counts)
            for at, proposals in zip(batch, made, strict=True):
                found[at] = proposals
        return found, counts

    def openings(self, api: Api, texts: Sequence[Sequence[int]]) -> tuple[list[Tensor], list[Tensor], KVCache]:
        """p_i for every token of each text, and the likeliest form of `[` there, from one pass over all of them.

        The third value is the cache: all but the last token of each text, after which no call can help.
        """
        rows = [[*ids, *self._between, *ids[:-1]] for ids in texts]
        keep = max(map(len, texts))
        logits, cache = self._lm.forward(rows, self._head(api).rows([0] * len(rows)), keep=keep)
        probabilities: list[Tensor] = []
        forms: list[Tensor] = []
        for row, ids in enumerate(texts):
            # Rows are right-aligned: the last n columns predict x_1 … x_n, whatever the padding before them.
            own = logits[row, keep - len(ids) :].float()  # (n, vocabulary)
            opened = own[:, self._forms]  # (n, forms)
            probabilities.append((opened - own.logsumexp(dim=-1, keepdim=True)).exp().sum(dim=-1))
            forms.append(self._forms[opened.argmax(dim=-1)])
        return probabilities, forms, cache

    def _head(self, api: Api) -> KVCache:
        """One row: the tool's prompt, up to the beginning of the text."""
        prompt = self._prompt(api)
        if prompt not in self._heads:
            ids = [self._lm.start_id, *self._lm.encode(prompt + BEFORE)]
            self._heads[prompt] = self._lm.forward([ids], keep=1)[1]
        return self._heads[prompt]

    def _room(self, api: Api, settings: AnnotateSettings) -> int:
        """How many tokens of a text fit into the context twice, beside the prompt and a call."""
        taken = 1 + len(self._lm.encode(self._prompt(api) + BEFORE)) + len(self._between)
        room = (self._lm.context - taken - 1 - settings.call_tokens) // 2
        if room < SHORTEST:
            raise InputError(
                f"{self.name} reads at most {self._lm.context} tokens; the prompt for {api.name} takes {taken} of them "
                f"and a call up to {settings.call_tokens + 1}, which leaves no room for a text (which is read twice)",
                hint="use a model with a longer context, or a shorter prompt (describe the tool in fewer words)",
            )
        return room

    def _text(self, document: CorpusDocument, room: int, api: Api, counts: Counter[str]) -> _EncodedDocument:
        ids, spans = self._lm.encode_with_offsets(document.text)
        counts[f"cut to the context: {api.name}"] += len(ids) > room
        return _EncodedDocument(document, ids[:room], boundaries(document.text, spans[:room]))

    def _propose(
        self, texts: Sequence[_EncodedDocument], api: Api, settings: AnnotateSettings, counts: Counter[str]
    ) -> list[list[Proposal]]:
        """One batch of documents."""
        sampling = settings.sampling(api.name)
        probabilities, forms, cache = self.openings(api, [text.ids for text in texts])
        spots: list[_CallPosition] = []
        for row, (text, p, form) in enumerate(zip(texts, probabilities, forms, strict=True)):
            above = [i for i, at in enumerate(text.places) if at is not None and p[i] > sampling.threshold]
            counts[f"positions above the threshold: {api.name}"] += len(above)
            spots += [_CallPosition(row, i, int(form[i]), float(p[i])) for i in _likeliest(above, p.tolist(), sampling)]
        drawn = self._draw(texts, spots, cache, api, settings)
        made: list[list[Proposal]] = [[] for _ in texts]
        for spot, draws in zip(spots, drawn, strict=True):
            made[spot.row] += self._read(texts[spot.row], spot, draws, api, counts)
        return made

    def _draw(
        self,
        texts: Sequence[_EncodedDocument],
        spots: Sequence[_CallPosition],
        cache: KVCache,
        api: Api,
        settings: AnnotateSettings,
    ) -> list[list[list[int]]]:
        """For each position the tokens of its draws, from `[` on."""
        draws = settings.sampling(api.name).draws
        # All but the last token of a text have been read; i of them precede x_i.
        lengths = [int(cache.lengths[spot.row]) - (len(texts[spot.row].ids) - 1) + spot.i for spot in spots]
        drawn: list[list[list[int]]] = []
        widths = [draws * (length + 1 + settings.call_tokens) for length in lengths]
        for batch in _batches(range(len(spots)), lambda at: widths[at], self._batch_tokens):
            chosen = [spots[at] for at in batch]
            branched = cache.rows([spot.row for spot in chosen]).cut([lengths[at] for at in batch])
            noise = [
                _generator(self._lm, settings.seed, texts[row].document.id, api.name, texts[row].places[i], number)
                for row, i, *_ in chosen
                for number in range(draws)
            ]
            rows = self._go_on(branched, [spot.form for spot in chosen], noise, settings)
            drawn += [rows[at : at + draws] for at in range(0, len(rows), draws)]
        return drawn

    def _go_on(
        self, cache: KVCache, forms: Sequence[int], noise: Sequence[Generator], settings: AnnotateSettings
    ) -> list[list[int]]:
        """Write `[` after each row of the cache, then branch into draws, each of which continues until it ends.

        `noise` has one generator per draw, row by row.
        """
        each = len(noise) // len(forms)
        logits, cache = self._lm.forward([[form] for form in forms], cache, keep=1)  # (positions, 1, vocabulary)
        source = [at for at in range(len(forms)) for _ in range(each)]
        drawn = [[forms[at]] for at in source]
        logits, cache = logits[source], cache.rows(source)  # (positions · m, …)
        open_rows = list(range(len(drawn)))
        for left in reversed(range(settings.call_tokens)):
            tokens = draw(logits[:, -1], [noise[row] for row in open_rows], settings.temperature)
            for row, token in zip(open_rows, tokens, strict=True):
                drawn[row].append(token)
            going = [at for at, token in enumerate(tokens) if token not in self._ends]
            if not going or not left:
                break
            if len(going) < len(open_rows):
                cache, open_rows = cache.rows(going), [open_rows[at] for at in going]
            logits, cache = self._lm.forward([[tokens[at]] for at in going], cache, keep=1)
        return drawn

    def _read(
        self,
        text: _EncodedDocument,
        spot: _CallPosition,
        draws: Sequence[Sequence[int]],
        api: Api,
        counts: Counter[str],
    ) -> list[Proposal]:
        """The draws that are calls."""
        proposals: list[Proposal] = []
        for ids in draws:
            counts[f"draws: {api.name}"] += 1
            counts[f"tokens drawn: {api.name}"] += len(ids) - 1
            written = self._lm.decode(ids).lstrip(" ")
            call = read_call(written, api.name)
            if call is None:
                counts[f"dropped: {api.name}: {'malformed' if CLOSE in written else 'no end'}"] += 1
                continue
            position = text.places[spot.i] or 0
            # Three digits: further ones would depend on how the arithmetic was batched.
            probability = float(f"{spot.probability:.3g}")
            proposals.append(Proposal(api=api.name, input=call.input, position=position, probability=probability))
        return proposals


def boundaries(text: str, spans: Sequence[tuple[int, int]]) -> list[int | None]:
    """Where a call before each token would be inserted, in characters: just after the previous token.

    As in the paper that may be inside a word; such a call is rarely selected. `None` means that no call is possible:
    inside a character that takes several tokens, and where the text itself continues with `[`, since its probability
    then says nothing about a call.
    """
    places: list[int | None] = []
    for i, (start, _) in enumerate(spans):
        place = spans[i - 1][1] if i else 0
        places.append(None if (i and place > start) or _OWN_OPEN.match(text, place) else place)
    return places


_OWN_OPEN = re.compile(r" *\[")


def read_call(written: str, api: str) -> ApiCall | None:
    """The call in a draw, up to its first `]`: `[Name(input)]` and nothing else."""
    written = written[: written.find(CLOSE) + 1]
    found = find_calls(written, [api])
    if not found or found[0][:2] != (0, len(written)) or found[0].call.result is not None:
        return None
    return ApiCall(api=api, input=found[0].call.input.strip())


def _likeliest(positions: Sequence[int], p: Sequence[float], sampling: SamplingSettings) -> list[int]:
    """The k positions with the highest p_i, in the order of the text; ties go to the earlier one."""
    return sorted(sorted(positions, key=lambda i: (-p[i], i))[: sampling.positions])


def draw(logits: Tensor, noise: Sequence[Generator], temperature: float) -> list[int]:
    """A token for each row of (rows, vocabulary), drawn from softmax(logits / T) with the row's own random numbers.

    The token with the largest logit / T - log E, E exponentially distributed, is such a draw (the Gumbel trick). The
    usual way, looking up one random number in the cumulative probabilities, lets a rounding difference in any of them
    decide; here only two nearly equal tokens can swap. So rows hardly ever depend on what they were batched with.
    """
    scores = logits.float() / temperature
    waits = [torch.empty_like(row).exponential_(generator=one) for row, one in zip(scores, noise, strict=True)]
    return (scores - torch.stack(waits).log()).argmax(dim=-1).tolist()


def _generator(lm: LanguageModel, *key: object) -> Generator:
    """Random numbers for one draw, independent of the draws beside or before it."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return Generator(device=lm.device).manual_seed(int.from_bytes(digest[:8]) >> 1)


def _marks(lm: LanguageModel) -> tuple[Tensor, frozenset[int]]:
    """The tokens for `[`, with or without spaces before it, and those that end a draw.

    A draw ends with `]`, in any token; at the end of its line, since a call has only one; and with a special token.
    """
    written = lm.tokenizer.backend_tokenizer.decode_batch([[at] for at in range(len(lm.tokenizer))])
    forms = [at for at, text in enumerate(written) if text.lstrip(" ") == OPEN]
    if not forms:
        raise InputError(
            f"the tokenizer of {lm.name} has no token for [, which begins a call",
            hint="use a model whose tokenizer covers ASCII, as byte-level ones do",
        )
    ends = {at for at, text in enumerate(written) if CLOSE in text or "\n" in text}
    return torch.tensor(forms, device=lm.device), frozenset(ends | {*lm.tokenizer.all_special_ids})


def _batches(items: Sequence[int], width: Callable[[int], int], budget: int) -> list[list[int]]:
    """Consecutive items within the budget, each counted as wide as the widest of them; at least one."""
    batches: list[list[int]] = []
    widest = 0
    for item in items:
        widest = max(widest, width(item))
        if batches and widest * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(item)
        else:
            batches.append([item])
            widest = width(item)
    return batches
