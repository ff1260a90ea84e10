"""The same decoding over a vLLM server, for models that need one: the same rows, and the same effect of each token.

Each row follows its own stream of tokens. Where it leaves the stream (`[` was written although another token was
likelier, a result was inserted, the row went back), the stream is dropped, and a new request has the row's current
tokens. The server still has their keys and values: by default vLLM caches prefixes, including the text that it wrote,
and rereads only what does not fill a block (1 to 16 tokens with its defaults). So an interruption costs a request and
part of a block, not the text before it. A bracket that leads to no call costs two: into the call, and back. A full
server rereads blocks that it has evicted, and models whose prefixes vLLM does not cache are reread from the start.

With temperature 0 the tokens are those of `engine.py`, as long as server and transformers agree on which token is
likelier: their rounding differs. Otherwise the server samples from the same probabilities with its own random numbers:
the seed of each request depends on `DecodeSettings.seed`, the row, and the number of the request.
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
from hammerstone.toolformer.apis.api import Api, CallContext
from hammerstone.toolformer.decode.call_runner import CallRunner
from hammerstone.toolformer.decode.decoding_row import DecodingRow, TokenChoice, begin_rows
from hammerstone.toolformer.decode.generation import DecodeSettings, GeneratedText, TokenPiece, one_context_each
from hammerstone.toolformer.decode.partial_call import CallVocabulary
from hammerstone.toolformer.decode.vllm import StreamedToken, VllmEndpoint
from hammerstone.toolformer.lm import ModelTokenizer

__all__ = ["generate_served"]

LIKELY = 20  # per token: the limit of a vLLM server without --max-logprobs


async def generate_served(
    endpoint: VllmEndpoint,
    tokenizer: ModelTokenizer,
    prompts: Sequence[str],
    apis: Mapping[str, Api],
    settings: DecodeSettings | None = None,
    *,
    contexts: Sequence[CallContext] | None = None,
    on_piece: Callable[[TokenPiece], None] = lambda _: None,
) -> list[GeneratedText]:
    """Like `generate`, with the model of a server. `tokenizer` is its tokenizer, with the endpoint's context.

    A `k` above 20 needs a server with a higher `--max-logprobs`; otherwise raises `SettingsError`. Raises `ModelError`
    if the server fails.
    """
    contexts = one_context_each(prompts, contexts)
    settings = settings or DecodeSettings()
    rows = await to_thread.run_sync(begin_rows, tokenizer, prompts, apis, settings)
    tools, places = CallRunner(apis, settings), anyio.Semaphore(settings.rows)

    async def drive(row: DecodingRow) -> None:
        async with places:
            writing = _ServedRow(endpoint, row)
            while row.ended is None:
                if row.asked is not None:
                    row.answer(*await tools.answer(row.asked, contexts[row.number]))
                else:
                    await writing.follow(on_piece)
                _report(row, on_piece)

    async with task_group() as tasks:
        for row in rows:
            tasks.start_soon(drive, row)
    return [row.generated() for row in rows]


def _report(row: DecodingRow, on_piece: Callable[[TokenPiece], None]) -> None:
    for piece in row.pieces():
        on_piece(piece)


@dataclass
class _ServedRow:
    """One row, and its requests."""

    endpoint: VllmEndpoint
    row: DecodingRow
    requests: int = 0

    async def follow(self, on_piece: Callable[[TokenPiece], None]) -> None:
        """Take the tokens that the server writes after the row, as long as they continue it."""
        row, came = self.row, False
        room = min(row.settings.max_tokens - row.sampled.count(True), row.tokenizer.context - len(row.ids))
        async with aclosing(self._asked(most=room)) as stream:
            async for written in stream:
                came, expected = True, len(row.ids) + 1
                row.take(await self._choice(written))
                _report(row, on_piece)
                on_its_way = len(row.ids) == expected and row.ids[-1] == written.token
                if row.ended is not None or row.asked is not None or not on_its_way:
                    return
        if not came:
            raise ModelError(f"{self.endpoint.name} returned no token", hint="see the server's log")

    def _asked(self, *, most: int, banned: frozenset[int] = frozenset()) -> AsyncGenerator[StreamedToken]:
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

    async def _choice(self, written: StreamedToken) -> TokenChoice:
        """Choose as `engine.py` does, but from the likeliest tokens: `[` if it is among the k most likely."""
        row, known, likely = self.row, self.row.vocabulary, written.likely
        own = written.token
        if own >= known.size:  # some models have more outputs than tokens
            own = await self._instead(likely, lambda token: token < known.size)
        if own in known.brackets:
            fits = _without_brackets(known)
            return TokenChoice(token=own, instead=await self._instead(likely, fits))
        starts = [token for token in known.starts if token in likely]
        if not starts or not row.may_be_forced:
            return TokenChoice(token=own)
        best = max(starts, key=lambda token: likely[token])
        likelier = sum(value > likely[best] for token, value in likely.items() if token < known.size)
        return (
            TokenChoice(token=best, instead=own, forced=True) if likelier < row.settings.k else TokenChoice(token=own)
        )

    async def _instead(self, likely: Mapping[int, float], fits: Callable[[int], bool]) -> int:
        """The next token among those that fit.

        The likeliest one that fits may be among the reported ones. Otherwise, and when sampling, tokens that do not fit
        are banned for one token until one comes that does: it is sampled from the remaining probabilities, which may
        take several requests.
        """
        fitting = [token for token in likely if fits(token)]
        if fitting and self.row.settings.temperature == 0:
            return max(fitting, key=lambda token: (likely[token], -token))
        banned = frozenset(token for token in likely if not fits(token))
        while True:
            async with aclosing(self._asked(most=1, banned=banned)) as stream:
                token = await anext(aiter(stream), None)
            if token is None or token.token in banned:
                raise ModelError(f"{self.endpoint.name} ignores logit_bias", hint="serve it with vLLM itself")
            if fits(token.token):
                return token.token
            banned |= {token.token}


def _without_brackets(vocabulary: CallVocabulary) -> Callable[[int], bool]:
    return lambda token: token < vocabulary.size and token not in vocabulary.brackets
