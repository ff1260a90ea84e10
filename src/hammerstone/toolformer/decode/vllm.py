"""A client of a vLLM server for tokens: ids go in, ids come back, each with the likeliest alternatives.

Requests use the fields of vLLM's own `/completions`. With `return_tokens_as_token_ids`, tokens are named `token_id:17`
in `logprobs.tokens` and `logprobs.top_logprobs`: text would have to be tokenized again, perhaps into other tokens.
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
from hammerstone.models import masked

__all__ = ["StreamedToken", "VllmEndpoint", "open_client", "open_endpoint"]

_ID = "token_id:"

# A model's generation_config.json may change how the server samples; this makes it use the plain probabilities.
_PLAIN = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}


@dataclass(frozen=True, kw_only=True)
class StreamedToken:
    """A token, with the log-probabilities of the likeliest tokens at its place and its own."""

    token: int
    likely: Mapping[int, float]


class VllmEndpoint:
    """One model of a server. `context` is the most tokens that it can read, by the server's settings."""

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
    ) -> AsyncGenerator[StreamedToken]:
        """Stream at most `most` tokens after `ids`, each with the `likely` likeliest alternatives.

        The stream ends where the server ends the text; close it to stop earlier. `banned` tokens are not written.
        Raises `ModelError` for a server that fails or is not vLLM, and `SettingsError` for one that does not report
        that many likely tokens.
        """
        with _server_errors(str(self._client.base_url), self._model, likely):
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
    """A client with the key in OPENAI_API_KEY, if there is one; most local servers need none."""
    return AsyncOpenAI(base_url=url, api_key=os.environ.get("OPENAI_API_KEY") or "none")


@asynccontextmanager
async def open_endpoint(
    url: str, model: str, *, client: Callable[[str], AsyncOpenAI] = open_client
) -> AsyncGenerator[VllmEndpoint]:
    """The only model of a server, or the one whose name or folder is `model`.

    Raises `SettingsError` if the server does not have it, and `ModelError` if no vLLM server answers at `url`.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise SettingsError(f"{url} is not the address of a server", hint="give one such as http://localhost:8000/v1")
    async with client(url) as opened:
        with _server_errors(url, model):
            said = await opened.with_options(max_retries=0).get("/models", cast_to=object)
            cards = _ModelCards.model_validate(said).data
        card = _chosen(cards, model, url)
        # an adapter has the context of its base model
        context = card.max_model_len or next((one.max_model_len for one in cards if one.id == card.parent), None)
        if context is None:
            raise ModelError(f"the server at {url} does not report the context of {card.id}", hint=_NO_VLLM)
        yield VllmEndpoint(opened, model, name=card.id, context=context)


_NO_VLLM = "decoding with calls needs vLLM's own fields: start the server with vllm serve"


class _ModelCard(pydantic.BaseModel):
    """A model as vLLM lists it. `root` is the folder or name with which the server was started."""

    id: str
    root: str | None = None
    parent: str | None = None
    max_model_len: int | None = None


class _ModelCards(pydantic.BaseModel):
    data: list[_ModelCard]


def _chosen(cards: Sequence[_ModelCard], model: str, url: str) -> _ModelCard:
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


def _read(chunk: Completion) -> Generator[StreamedToken]:
    for choice in chunk.choices:
        reported = choice.logprobs
        if reported is None or reported.tokens is None or reported.top_logprobs is None:
            raise ModelError("the server does not report log-probabilities", hint=_NO_VLLM)
        for token, likely in zip(reported.tokens, reported.top_logprobs, strict=True):
            yield StreamedToken(token=_id(token), likely={_id(one): value for one, value in likely.items()})


def _id(token: str) -> int:
    if not token.startswith(_ID):
        raise ModelError("the server does not report token ids", hint=_NO_VLLM)
    return int(token.removeprefix(_ID))


@contextmanager
def _server_errors(url: str, model: str, likely: int = 0) -> Generator[None]:
    """Turn the client's errors into ours, with hints that repair them."""
    url = masked(url)
    try:
        yield
    except openai.APITimeoutError as error:
        raise ModelTimeoutError(f"the server at {url} did not answer in time", hint="see the server's log") from error
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
                f"the server at {url} does not report the {likely} likeliest tokens: {_said(error)}",
                hint=f"start it with {_start(url, model)} --max-logprobs {likely}, or lower k",
            ) from error
        raise ModelError(f"the server at {url} failed: {_said(error)}", hint="see the server's log") from error
    except ValueError as error:  # invalid JSON, or another reply than expected
        raise ModelError(f"the server at {url} does not speak vLLM's protocol", hint=_NO_VLLM) from error


def _said(error: openai.APIError) -> str:
    """The server's own message, shortened to one line."""
    body = cast("object", error.body)
    said = cast("dict[str, object]", body).get("message") if isinstance(body, dict) else None
    return " ".join(masked(str(said or error.message)[:5_000]).split())[:500]


def _start(url: str, model: str) -> str:
    return f"vllm serve {model} --port {urlsplit(url).port or 8000}"
