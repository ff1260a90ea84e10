"""The same decoding over a vLLM server, for models that need one: the rows and what tokens do to them are the same.

Each row follows a stream of tokens of its own. Where the row leaves it (`[` was written though another token was
likelier, a result was inserted, the row went back), the stream is dropped, and the server is asked anew with the row's
tokens as they are now. The server still holds their keys and values: vLLM caches prefixes unless told otherwise, what
it has written itself included, and reads again only what does not fill a block (at most 16 tokens with its defaults,
and at least one). So an interruption costs a request and such a piece of a block, not the text before it. A bracket
tried in vain is two: into the call, and back. Blocks that a full server has given away are read again, and models whose
prefixes vLLM does not cache are read again from the start.

With temperature 0 the tokens are those of `engine.py`, as far as server and transformers agree on which of two tokens
is the likelier: their rounding differs. Otherwise they are drawn from the same probabilities, but by the server, with
numbers of its own: each request has a seed, of `DecodeSettings.seed`, the row, and how often the row has asked.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio
from anyio import to_thread

from hammerstone.concurrency import task_group
from hammerstone.errors import ModelError
from hammerstone.toolformer.apis.api import Api, Context
from hammerstone.toolformer.decode.call_runner import Tools
from hammerstone.toolformer.decode.decoding_row import Choice, Row, begin_rows
from hammerstone.toolformer.decode.generation import DecodeSettings, Generated, Piece, one_context_each
from hammerstone.toolformer.decode.partial_call import Vocabulary
from hammerstone.toolformer.decode.vllm import Endpoint, Written
from hammerstone.toolformer.lm import Codec

__all__ = ["generate_served"]

LIKELY = 20  # what a vLLM server tells of each token unless it was started with another --max-logprobs


async def generate_served(
    endpoint: Endpoint,
    codec: Codec,
    prompts: Sequence[str],
    apis: Mapping[str, Api],
    settings: DecodeSettings | None = None,
    *,
    contexts: Sequence[Context] | None = None,
    on_piece: Callable[[Piece], None] = lambda _: None,
) -> list[Generated]:
    """As `generate`, but the model is the server's. `codec` is its tokenizer, with the endpoint's context.

    A `k` beyond 20 needs a server that was started with `--max-logprobs`, as `SettingsError` says. Raises `ModelError`
    if the server fails on the way.
    """
    contexts = one_context_each(prompts, contexts)
    settings = settings or DecodeSettings()
    rows = await to_thread.run_sync(begin_rows, codec, prompts, apis, settings)
    tools, places = Tools(apis, settings), anyio.Semaphore(settings.rows)

    async def drive(row: Row) -> None:
        async with places:
            writing = _Writing(endpoint, row)
            while row.ended is None:
                if row.asked is not None:
                    row.answer(*await tools.answer(row.asked, contexts[row.number]))
                else:
                    await writing.follow(on_piece)
                _tell(row, on_piece)

    async with task_group() as tasks:
        for row in rows:
            tasks.start_soon(drive, row)
    return [row.generated() for row in rows]


def _tell(row: Row, on_piece: Callable[[Piece], None]) -> None:
    for piece in row.pieces():
        on_piece(piece)


@dataclass
class _Writing:
    """One row, and what is asked for it."""

    endpoint: Endpoint
    row: Row
    requests: int = 0

    async def follow(self, on_piece: Callable[[Piece], None]) -> None:
        """Take the tokens that the server writes after the row, for as long as they are the row's."""
        row, came = self.row, False
        room = min(row.settings.max_tokens - row.sampled.count(True), row.codec.context - len(row.ids))
        async with aclosing(self._asked(most=room)) as stream:
            async for written in stream:
                came, expected = True, len(row.ids) + 1
                row.take(await self._choice(written))
                _tell(row, on_piece)
                on_its_way = len(row.ids) == expected and row.ids[-1] == written.token
                if row.ended is not None or row.asked is not None or not on_its_way:
                    return
        if not came:
            raise ModelError(f"{self.endpoint.name} wrote nothing", hint="see what the server says of it")

    def _asked(self, *, most: int, banned: frozenset[int] = frozenset()) -> AsyncGenerator[Written]:
        settings, self.requests = self.row.settings, self.requests + 1
        drawn = random.Random(f"{settings.seed} {self.row.number} {self.requests}")  # noqa: S311 - no secrets
        return self.endpoint.write(
            self.row.ids,
            most=most,
            likely=max(LIKELY, settings.k),
            temperature=settings.temperature,
            seed=drawn.getrandbits(62),
            banned=banned,
        )

    async def _choice(self, written: Written) -> Choice:
        """What `engine.py` makes of all logits, of the likeliest: `[` where it is among the k most likely."""
        row, known, likely = self.row, self.row.vocabulary, written.likely
        own = written.token
        if own >= known.size:  # some models have room for more tokens than there are
            own = await self._instead(likely, lambda token: token < known.size)
        if own in known.brackets:
            fits = _without_brackets(known)
            return Choice(token=own, instead=await self._instead(likely, fits))
        starts = [token for token in known.starts if token in likely]
        if not starts or not row.may_be_forced:
            return Choice(token=own)
        best = max(starts, key=lambda token: likely[token])
        likelier = sum(value > likely[best] for token, value in likely.items() if token < known.size)
        return Choice(token=best, instead=own, forced=True) if likelier < row.settings.k else Choice(token=own)

    async def _instead(self, likely: Mapping[int, float], fits: Callable[[int], bool]) -> int:
        """The next token if there were only those that fit.

        The likeliest that fits may be among those that were told. Where none was, and where tokens are drawn, those
        that do not fit are banned, for one token, until one comes that does: so it is drawn from what is left of the
        probabilities, and it may take several requests.
        """
        fitting = [token for token in likely if fits(token)]
        if fitting and self.row.settings.temperature == 0:
            return max(fitting, key=lambda token: (likely[token], -token))
        banned = frozenset(token for token in likely if not fits(token))
        while True:
            async with aclosing(self._asked(most=1, banned=banned)) as stream:
                token = await anext(aiter(stream), None)
            if token is None or token.token in banned:
                raise ModelError(f"{self.endpoint.name} does not heed logit_bias", hint="serve it with vLLM itself")
            if fits(token.token):
                return token.token
            banned |= {token.token}


def _without_brackets(vocabulary: Vocabulary) -> Callable[[int], bool]:
    return lambda token: token < vocabulary.size and token not in vocabulary.brackets
