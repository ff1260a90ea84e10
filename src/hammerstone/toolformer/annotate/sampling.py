"""A model proposes calls by sampling: it opens calls where `[` is likely, and continues from there (section 2).

A tool's prompt ends with the text twice: as `Input`, and as `Output`, the same text with calls in it.

    instructions and examples     the head, h tokens: read once for all documents
    Input:
    x                             n tokens
    Output:
    x                             n tokens: before each of them the model might have written `[`

A prompt that has calls but no line `Input:` is one of annotated texts, to be continued with one more: the text stands
there once.

One pass over all of this gives p_i = p(`[` | P(x), x_1 … x_{i-1}) at every i. At each of the k likeliest positions
above τ_s, a call is opened and m calls are drawn, up to `]` (`drawing.py`). Done naively, each of the k · m draws reads
the prompt and the text up to i again: for h = 330, n = 512, k = m = 5 that is 28,804 tokens per document. But the first
pass has already read everything that a draw continues from, and all draws of a document go back to its keys and values,
each as far as its position. What remains is 2n tokens per document (n, where it stands once), and one `[Name` per
position.

Several tokens may stand for `[`: GPT-2 has one with a space before it and one without. p_i is the sum of their
probabilities, and a call begins with the likeliest of them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# transformers' own types are partial, and so are some of torch's.
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from hammerstone.errors import InputError
from hammerstone.toolformer.annotate.call_tokens import CallName, CallTokens
from hammerstone.toolformer.annotate.drawing import CallDrawer, CallOpening, DrawnCall
from hammerstone.toolformer.annotate.prompting import annotation_prompt, is_continued
from hammerstone.toolformer.call_format import ARROW, CLOSE, OPEN, ApiCall, find_calls
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.gumbel import draw_key
from hammerstone.toolformer.kv_cache import KVCache
from hammerstone.toolformer.lm import LanguageModel, name_in_dtype
from hammerstone.toolformer.memory import free_memory
from hammerstone.toolformer.rows import branch_rows, shares_prefixes

if TYPE_CHECKING:
    from hammerstone.toolformer.annotate.annotation import AnnotateSettings, SamplingSettings
    from hammerstone.toolformer.apis.api import Api

__all__ = ["SamplingProposer", "boundaries", "read_call"]

BEFORE, BETWEEN = "\n\nInput:\n", "\nOutput:\n"  # of a text that stands there twice
APART = "\n\n"  # before a text that stands there once
SHORTEST = 32  # tokens of a text that must fit beside the prompt
SHARE = 0.25  # of the free memory: the estimates leave out what a model's own layers take


class _EncodedDocument(NamedTuple):
    """A document as the model reads it: its tokens, and where in its text a call could be inserted before each."""

    document: CorpusDocument
    ids: list[int]
    places: list[int | None]


class _Head(NamedTuple):
    """The prompt as read before the texts: `cache` has it up to the first text, less the tokens of `lead`.

    `lead` predicts the first token of the text in which calls are opened, so it is read anew with each text; `texts` is
    how often a text stands there.
    """

    cache: KVCache
    lead: list[int]
    texts: int


class _CallPosition(NamedTuple):
    """A chosen position: x_i is the first token after it; `form` is the likeliest token for `[` there."""

    row: int
    i: int
    form: int
    probability: float


class SamplingProposer:
    """Proposes calls as the paper does, with any language model: the one that will be fine-tuned, or a bigger one.

    `prompt` gives the prompt of a tool, up to `Input:`. `memory` is how many bytes the texts and draws that are read at
    once may take, besides the model; by default a quarter of what is free now. It affects only speed, up to rounding,
    and one document or draw is always read. Documents of similar length are read together.

    A text that does not fit into the model's context beside the prompt is annotated as far as it fits.
    """

    def __init__(
        self, lm: LanguageModel, *, prompt: Callable[[Api], str] = annotation_prompt, memory: int | None = None
    ) -> None:
        """Raises `InputError` for a tokenizer without a token for `[`."""
        self._lm = lm
        self._prompt = prompt
        self._memory = int(free_memory(lm.device) * SHARE) if memory is None else memory
        self._heads: dict[str, _Head] = {}
        self._names: dict[str, CallName | None] = {}
        self._tokens = CallTokens.of(lm, name=lm.name)
        self._forms = torch.tensor(self._tokens.forms, device=lm.device)

    @property
    def name(self) -> str:
        """The model's identity, with its number format where that rounds: it then draws other calls."""
        return name_in_dtype(self._lm.name, self._lm.model.dtype)

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
        for batch in _batches(order, lambda at: self._document_bytes(len(texts[at].ids), api), self._memory):
            made = self._propose([texts[at] for at in batch], api, settings, counts)
            for at, proposals in zip(batch, made, strict=True):
                found[at] = proposals
        return found, counts

    def openings(self, api: Api, texts: Sequence[Sequence[int]]) -> tuple[list[Tensor], list[Tensor], KVCache]:
        """p_i for every token of each text, and the likeliest form of `[` there, from one pass over all of them.

        The third value is the cache: all but the last token of each text, after which no call can help.
        """
        head = self._head(api)
        rows = [[*(ids if head.texts == 2 else ()), *head.lead, *ids[:-1]] for ids in texts]
        keep = max(map(len, texts))
        logits, cache = self._lm.forward(rows, head.cache.rows([0] * len(rows)), keep=keep)
        probabilities: list[Tensor] = []
        forms: list[Tensor] = []
        for row, ids in enumerate(texts):
            # Rows are right-aligned: the last n columns predict x_1 … x_n, whatever the padding before them.
            own = logits[row, keep - len(ids) :].float()  # (n, vocabulary)
            opened = own[:, self._forms]  # (n, forms)
            probabilities.append((opened - own.logsumexp(dim=-1, keepdim=True)).exp().sum(dim=-1))
            forms.append(self._forms[opened.argmax(dim=-1)])
        return probabilities, forms, cache

    def _head(self, api: Api) -> _Head:
        if api.name not in self._heads:
            prompt = self._prompt(api)
            twice = not is_continued(prompt, api.name)
            ids = [self._lm.start_id, *self._lm.encode(prompt + (BEFORE if twice else APART))]
            ids, lead = (ids, self._lm.encode(BETWEEN)) if twice else (ids[:-1], ids[-1:])
            self._heads[api.name] = _Head(self._lm.forward([ids], keep=1)[1], lead, 1 + twice)
        return self._heads[api.name]

    def _room(self, api: Api, settings: AnnotateSettings) -> int:
        """The number of a text's tokens that fit into the context, beside the prompt and a call."""
        prompt = self._prompt(api)
        twice = not is_continued(prompt, api.name)
        taken = 1 + len(self._lm.encode(f"{prompt}{BEFORE}" if twice else f"{prompt}{APART}"))
        taken += len(self._lm.encode(BETWEEN)) if twice else 0
        call = self._opening(api) + settings.call_tokens
        room = (self._lm.context - taken - call) // (1 + twice)
        if room < SHORTEST:
            raise InputError(
                f"{self.name} reads at most {self._lm.context} tokens; the prompt for {api.name} takes {taken} of them "
                f"and a call up to {call}, which leaves no room for a text{' (which is read twice)' if twice else ''}",
                hint="use a model with a longer context, or a shorter prompt (describe the tool in fewer words)",
            )
        return room

    def _opening(self, api: Api) -> int:
        """The number of tokens of `[Name`."""
        name = self._name(api)
        return 1 + len(name.ids if name else [])

    def _name(self, api: Api) -> CallName | None:
        if api.name not in self._names:
            self._names[api.name] = self._tokens.name(api.name)
        return self._names[api.name]

    def _text(self, document: CorpusDocument, room: int, api: Api, counts: Counter[str]) -> _EncodedDocument:
        ids, spans = self._lm.encode_with_offsets(document.text)
        counts[f"cut to the context: {api.name}"] += len(ids) > room
        return _EncodedDocument(document, ids[:room], boundaries(document.text, spans[:room]))

    def _propose(
        self, texts: Sequence[_EncodedDocument], api: Api, settings: AnnotateSettings, counts: Counter[str]
    ) -> list[list[Proposal]]:
        """Propose calls for one batch of documents."""
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
    ) -> list[list[DrawnCall]]:
        """The draws at each position."""
        draws = settings.sampling(api.name).draws
        each = self._draw_bytes(self._opening(api) + settings.call_tokens, cache)
        read = cache.lengths.tolist()
        openings = [
            CallOpening(
                source=row,
                length=read[row] - (len(texts[row].ids) - 1) + i,  # all but the last token of a text have been read
                form=form,
                keys=[
                    draw_key(settings.seed, texts[row].document.id, api.name, texts[row].places[i], number)
                    for number in range(draws)
                ],
            )
            for row, i, form, _ in spots
        ]
        drawer = CallDrawer(
            api=api.name,
            name=self._name(api),
            tokens=self._tokens,
            branch=partial(branch_rows, self._lm, cache),
            limit=max(1, (self._memory - cache.nbytes) // each),
            most=settings.call_tokens,
            temperature=settings.temperature,
        )
        return drawer.draw(openings)

    def _document_bytes(self, tokens: int, api: Api) -> int:
        """Bytes of a document while it is read: keys and values, and logits for its last `tokens` in three forms."""
        cache, lead, texts = self._head(api)
        cached = (cache.width + len(lead) + texts * tokens) * cache.nbytes // cache.width
        return 2 * cached + tokens * self._logits_bytes

    def _draw_bytes(self, tokens: int, cache: KVCache) -> int:
        """Bytes of a draw: keys and values, scores for the longest prefix, and logits in three forms."""
        heads = int(self._lm.model.config.num_attention_heads)
        copied = 0 if shares_prefixes(self._lm) else cache.width
        own = (copied + tokens) * cache.nbytes // (cache.width * len(cache.lengths))
        return 2 * own + 12 * heads * cache.width + self._logits_bytes

    @property
    def _logits_bytes(self) -> int:
        """Bytes of one token's logits: as the model gives them, in float32, and as probabilities."""
        vocabulary = int(self._lm.model.config.vocab_size)
        return vocabulary * (self._lm.model.dtype.itemsize + 8)

    def _read(
        self,
        text: _EncodedDocument,
        spot: _CallPosition,
        draws: Sequence[DrawnCall],
        api: Api,
        counts: Counter[str],
    ) -> list[Proposal]:
        """The draws that are calls."""
        proposals: list[Proposal] = []
        for draw in draws:
            counts[f"draws: {api.name}"] += 1
            counts[f"tokens drawn: {api.name}"] += draw.drawn
            call = read_call(self._lm.decode(draw.ids).lstrip(" "), api.name)
            if call is None:
                counts[f"dropped: {api.name}: {'malformed' if draw.ended else 'no end'}"] += 1
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
    """The call in a draw, up to its first `]`: `[Name(input)]` and nothing else.

    As in a result, neither brackets nor arrows are in an input.
    """
    written = written[: written.find(CLOSE) + 1]
    found = find_calls(written, [api])
    if not found or found[0][:2] != (0, len(written)) or found[0].call.result is not None:
        return None
    if OPEN in found[0].call.input or ARROW.strip() in found[0].call.input:
        return None
    return ApiCall(api=api, input=found[0].call.input.strip())


def _likeliest(positions: Sequence[int], p: Sequence[float], sampling: SamplingSettings) -> list[int]:
    """The k positions with the highest p_i, in the order of the text; ties go to the earlier one."""
    return sorted(sorted(positions, key=lambda i: (-p[i], i))[: sampling.positions])


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
