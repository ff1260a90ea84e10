"""Baselines that store answers. A cache cannot tell whether what it returns is right: any return is a hit."""

from __future__ import annotations

from typing import Protocol

from hammerstone.evals.baselines.embeddings import Embedding, Vector, cosine
from hammerstone.requests import normalise

__all__ = ["Cache", "SemanticCache", "VerbatimCache"]


class Cache(Protocol):
    """Stores answers under questions."""

    @property
    def name(self) -> str: ...

    async def look(self, question: str) -> str | None: ...

    async def store(self, question: str, answer: str) -> None: ...


class VerbatimCache:
    """Hits on the same question, except for outer white space."""

    name = "exact cache"

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    async def look(self, question: str) -> str | None:
        return self._answers.get(normalise(question))

    async def store(self, question: str, answer: str) -> None:
        self._answers[normalise(question)] = answer


class SemanticCache:
    """Hits on the most similar stored question, if the cosine is at least `threshold` (usually 0.8 to 0.95)."""

    def __init__(self, embedding: Embedding, threshold: float, *, name: str = "") -> None:
        self.name = f"semantic cache of {embedding.name}, {name or f'{threshold:g}'}"
        self.threshold = threshold
        self._embedding = embedding
        self._stored: list[tuple[Vector, str]] = []

    async def look(self, question: str) -> str | None:
        best = await self.nearest(question)
        return best[1] if best is not None and best[0] >= self.threshold else None

    async def nearest(self, question: str) -> tuple[float, str] | None:
        """The highest cosine and the answer stored under it."""
        (asked,) = await self._embedding.embed([question])
        scored = [(cosine(asked, vector), answer) for vector, answer in self._stored]
        return max(scored, key=lambda pair: pair[0], default=None)

    async def store(self, question: str, answer: str) -> None:
        (vector,) = await self._embedding.embed([question])
        self._stored.append((vector, answer))
