"""Embeddings of texts for the semantic cache, as sparse vectors."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hammerstone.digests import sha256
from hammerstone.errors import RecordingError, SettingsError
from hammerstone.requests import normalise
from hammerstone.text_files import read_text

if TYPE_CHECKING:
    from pydantic_ai.embeddings import EmbeddingModel
    from pydantic_ai.providers import Provider

__all__ = [
    "Embedding",
    "LexicalEmbedding",
    "ProviderEmbedding",
    "RecordedEmbedding",
    "Vector",
    "cosine",
    "recorded_embeddings",
]

Vector = Mapping[str, float]
"""Sparse, of length 1: dimension -> weight."""

EMBEDDINGS = "embeddings.jsonl"
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

        from hammerstone.models import model_error

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


class RecordedEmbedding:
    """Vectors of the past, from the embeddings.jsonl of a folder with the model's name."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._file = folder / EMBEDDINGS

    @cached_property
    def _vectors(self) -> dict[str, Vector]:
        lines = read_text(self._file).splitlines() if self._file.exists() else []
        return {one["text"]: _read(one["vector"]) for one in map(json.loads, lines)}

    def __contains__(self, text: str) -> bool:
        return _digest(text) in self._vectors

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """The recorded vectors of these texts. Raises `RecordingError` for a text that is not recorded."""
        for text in texts:
            if text not in self:
                raise RecordingError(
                    f"{self._file} has no vector of the text {text[:60]!r}",
                    hint="record it: python benchmarks/record_embedding.py FOLDER",
                )
        return [self._vectors[_digest(text)] for text in texts]

    def add(self, text: str, vector: Sequence[float]) -> None:
        """Keep a vector, in half precision."""
        packed = base64.b64encode(struct.pack(f"<{len(vector)}e", *vector)).decode()
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"text": _digest(text), "vector": packed}) + "\n")
        self._vectors[_digest(text)] = _read(packed)


def recorded_embeddings(recordings: Path) -> tuple[RecordedEmbedding, ...]:
    """Each folder that holds vectors is an embedding."""
    return tuple(RecordedEmbedding(file.parent) for file in sorted(recordings.glob(f"*/{EMBEDDINGS}")))


def _digest(text: str) -> str:
    return sha256(text)[:16]


def _read(packed: str) -> Vector:
    data = base64.b64decode(packed)
    values = struct.unpack(f"<{len(data) // 2}e", data)
    return _unit({str(index): value for index, value in enumerate(values)})


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
