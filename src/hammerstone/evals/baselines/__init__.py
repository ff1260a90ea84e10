"""Baselines for hammerstone: methods for one question, caches, and strategies for a whole stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.evals.baselines.embeddings import (
        Embedding,
        LexicalEmbedding,
        ProviderEmbedding,
        recorded_embeddings,
    )
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "embeddings": "Embedding LexicalEmbedding ProviderEmbedding recorded_embeddings",
        },
    )

__all__ = [
    "Embedding",
    "LexicalEmbedding",
    "ProviderEmbedding",
    "recorded_embeddings",
]
