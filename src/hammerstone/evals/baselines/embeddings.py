"""Embeddings of texts for the semantic cache, as sparse vectors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from hammerstone.errors import SettingsError
from hammerstone.requests.comparison import normalise

if TYPE_CHECKING:
    from pydantic_ai.embeddings import EmbeddingModel
    from pydantic_ai.providers import Provider

__all__ = ["Embedding", "LexicalEmbedding", "ProviderEmbedding", "Vector", "cosine"]

Vector = Mapping[str, float]
"""Sparse, of length 1: dimension -> weight."""

GRAM = 4


class Embedding(Protocol):
    """Texts as vectors of length 1."""

    @property
    def name(self) -> str: ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]: ...


class LexicalEmbedding:
    """Character 4-grams, weighted by 1 + log of their count. It needs no weights to be downloaded.

    A stand-in for a trained embedding where none is at hand: it finds texts that share wording, not paraphrases.
    """

    name = "character 4-grams"

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [_unit(_grams(text)) for text in texts]


class ProviderEmbedding:
    """An embedding model of a provider, by pydantic-ai's name (`openai:text-embedding-3-small`).

    Each text is sent once. Raises `SettingsError` for a model that cannot be used, `ModelError` for one that fails.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._vectors: dict[str, Vector] = {}

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        fresh = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if fresh:
            self._vectors.update(zip(fresh, await self._ask(fresh), strict=True))
        return [self._vectors[text] for text in texts]

    async def _ask(self, texts: Sequence[str]) -> list[Vector]:
        from pydantic_ai.exceptions import AgentRunError, UserError

        from hammerstone.models.provider_errors import model_error

        try:
            model, provider = self._found
            async with provider:  # closes its connections afterwards
                result = await model.embed(texts, input_type="document")
        except AgentRunError as error:
            raise model_error(error, self.name) from error
        except (ImportError, UserError, ValueError) as error:
            raise SettingsError(
                f"cannot use the embedding {self.name!r}: {error}",
                hint="name it as provider:model, with its API key in the environment",
            ) from error
        return [_unit({str(index): value for index, value in enumerate(vector)}) for vector in result.embeddings]

    @cached_property
    def _found(self) -> tuple[EmbeddingModel, Provider[Any]]:
        from pydantic_ai.embeddings import infer_embedding_model
        from pydantic_ai.providers import infer_provider

        providers: list[Provider[Any]] = []

        def keep(kind: str) -> Provider[Any]:
            providers.append(infer_provider(kind))
            return providers[0]

        return infer_embedding_model(self.name, provider_factory=keep), providers[0]


def _grams(text: str) -> Vector:
    text = normalise(text).lower()
    counts = Counter(text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1)))
    return {gram: 1 + math.log(count) for gram, count in counts.items()}


def _unit(vector: Vector) -> Vector:
    length = math.sqrt(sum(weight * weight for weight in vector.values())) or 1.0
    return {dimension: weight / length for dimension, weight in vector.items()}


def cosine(a: Vector, b: Vector) -> float:
    """The similarity of two vectors of length 1."""
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    return sum(weight * long.get(dimension, 0.0) for dimension, weight in short.items())
