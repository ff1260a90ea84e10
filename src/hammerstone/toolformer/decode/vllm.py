"""A vLLM server, asked for tokens: ids go in, ids come back, each with what was likely in its place.

What is sent are the fields of vLLM's own `/completions`. `return_tokens_as_token_ids` has it name tokens `token_id:17`,
in `logprobs.tokens` and in `logprobs.top_logprobs`: text would have to be made tokens again, and might become others.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import openai
import pydantic
from openai import AsyncOpenAI
from openai.types import Completion

from hammerstone.errors import ModelError, ModelTimeoutError, SettingsError
from hammerstone.models.masking import masked

__all__ = ["Endpoint", "Written", "open_client", "open_endpoint"]

_ID = "token_id:"

# A model's generation_config.json may have the server sample otherwise; so it samples from what the model says.
_PLAIN = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}


@dataclass(frozen=True, kw_only=True)
class Written:
    """A token, and the log-probabilities of those that were the likeliest in its place, and its own."""

    token: int
    likely: Mapping[int, float]


class Endpoint:
    """One model of a server. `context` is the most tokens that it can read, by the server's own settings."""

    def __init__(self, client: AsyncOpenAI, model: str, *, name: str, context: int) -> None:
        self.name = name
        self.context = context
        self._client = client
        self._model = model

    async def write(
        self,
        ids: Sequence[int],
        *,
        most: int,
        likely: int,
        temperature: float = 0.0,
        seed: int = 0,
        banned: Iterable[int] = (),
    ) -> AsyncGenerator[Written]:
        """Tokens after `ids`, as they are written, at most `most` of them, with the `likely` likeliest of each.

        It ends where the server has it end, by a token of its own choice or of its settings; close it to have it
        stopped before. `banned` tokens are not written. Raises `ModelError` for a server that fails or is no vLLM, and
        `SettingsError` for one that does not tell so many likely tokens.
        """
        with _in_words(str(self._client.base_url), self._model, likely):
            stream = await self._client.completions.create(
                model=self.name,
                prompt=[*ids],
                stream=True,
                max_tokens=most,
                logprobs=likely,
                temperature=temperature,
                seed=seed,
                top_p=1.0,
                frequency_penalty=0.0,
                presence_penalty=0.0,
                logit_bias={str(token): -100 for token in banned},
                extra_body={**_PLAIN, "return_tokens_as_token_ids": True},
            )
            async with stream:
                async for chunk in stream:
                    for written in _read(chunk):
                        yield written


def open_client(url: str) -> AsyncOpenAI:
    """With the key in OPENAI_API_KEY, which few servers of one's own ask for."""
    return AsyncOpenAI(base_url=url, api_key=os.environ.get("OPENAI_API_KEY") or "none")


@asynccontextmanager
async def open_endpoint(
    url: str, model: str, *, client: Callable[[str], AsyncOpenAI] = open_client
) -> AsyncGenerator[Endpoint]:
    """The model that a server has, or that of its models whose name or folder is `model`.

    Raises `SettingsError` if it has not got it, and `ModelError` if no vLLM answers at `url`.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise SettingsError(f"{url} is no address of a server", hint="give one such as http://localhost:8000/v1")
    async with client(url) as opened:
        with _in_words(url, model):
            said = await opened.with_options(max_retries=0).get("/models", cast_to=object)
            cards = _Cards.model_validate(said).data
        card = _chosen(cards, model, url)
        # an adapter has the context of the model that it was made for
        context = card.max_model_len or next((one.max_model_len for one in cards if one.id == card.parent), None)
        if context is None:
            raise ModelError(f"the server at {url} does not say how much {card.id} can read", hint=_NO_VLLM)
        yield Endpoint(opened, model, name=card.id, context=context)


_NO_VLLM = "decoding with calls needs vLLM's own fields: start the server with vllm serve"


class _Card(pydantic.BaseModel):
    """A model as vLLM lists it. `root` is the folder or the name that it was started with."""

    id: str
    root: str | None = None
    parent: str | None = None
    max_model_len: int | None = None


class _Cards(pydantic.BaseModel):
    data: list[_Card]


def _chosen(cards: Sequence[_Card], model: str, url: str) -> _Card:
    if len(cards) == 1:
        return cards[0]
    names = {model, str(Path(model).resolve())}
    fitting = [card for card in cards if card.id in names] or [card for card in cards if card.root in names]
    if not fitting:
        has = ", ".join(f"{card.id} ({card.root})" for card in cards) or "none"
        raise SettingsError(
            f"the server at {url} has no model {model}",
            hint=f"it has: {has}; name one of these, or start another server: {_start(url, model)}",
        )
    return fitting[0]


def _read(chunk: Completion) -> Generator[Written]:
    for choice in chunk.choices:
        told = choice.logprobs
        if told is None or told.tokens is None or told.top_logprobs is None:
            raise ModelError("the server does not tell which tokens were likely", hint=_NO_VLLM)
        for token, likely in zip(told.tokens, told.top_logprobs, strict=True):
            yield Written(token=_id(token), likely={_id(one): value for one, value in likely.items()})


def _id(token: str) -> int:
    if not token.startswith(_ID):
        raise ModelError("the server does not tell the ids of tokens", hint=_NO_VLLM)
    return int(token.removeprefix(_ID))


@contextmanager
def _in_words(url: str, model: str, likely: int = 0) -> Generator[None]:
    """What went wrong with the server, and what repairs it."""
    url = masked(url)
    try:
        yield
    except openai.APITimeoutError as error:
        raise ModelTimeoutError(f"the server at {url} did not answer in time", hint="see what it says of it") from error
    except openai.APIConnectionError as error:
        why = str(error.__cause__ or error)
        raise ModelError(f"no server answers at {url}: {why}", hint=f"start one: {_start(url, model)}") from error
    except openai.AuthenticationError as error:
        raise ModelError(f"the server at {url} refused the key", hint="set OPENAI_API_KEY to the server's") from error
    except openai.NotFoundError as error:
        raise SettingsError(
            f"there is no OpenAI-compatible endpoint at {url}: {_said(error)}",
            hint="its address ends in /v1, as in http://localhost:8000/v1",
        ) from error
    except openai.APIError as error:
        if likely and "logprobs" in error.message:
            raise SettingsError(
                f"the server at {url} does not tell the {likely} likeliest tokens: {_said(error)}",
                hint=f"start it so that it does: {_start(url, model)} --max-logprobs {likely}; or lower k",
            ) from error
        raise ModelError(f"the server at {url} failed: {_said(error)}", hint="see what it says of it") from error
    except ValueError as error:  # JSON that is none, or not what was asked for
        raise ModelError(f"what answers at {url} does not speak vLLM's protocol", hint=_NO_VLLM) from error


def _said(error: openai.APIError) -> str:
    """The server's own words, in one line that fits a screen."""
    body = cast("object", error.body)
    said = cast("dict[str, object]", body).get("message") if isinstance(body, dict) else None
    return " ".join(masked(str(said or error.message)[:5_000]).split())[:500]


def _start(url: str, model: str) -> str:
    return f"vllm serve {model} --port {urlsplit(url).port or 8000}"
