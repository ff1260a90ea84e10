"""Record the vectors by which the semantic caches of `hammerstone bench near-miss` and `stream` compare questions.

    uv run --extra toolformer python benchmarks/record_embedding.py FOLDER

FOLDER holds a sentence-transformers model that is pooled by the mean, such as all-MiniLM-L6-v2. The vectors go to
examples/recordings/real/NAME/embeddings.jsonl, NAME being that of FOLDER; those that are there are not computed again.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
import torch
from transformers import AutoModel, AutoTokenizer

from hammerstone.environment import recordings
from hammerstone.evals.baselines.embeddings import RecordedEmbedding, Vector
from hammerstone.evals.role_models import open_role_models
from hammerstone.evals.run_experiments import BenchPlan, run_experiments

LONGEST = 256  # tokens, as the model was trained


class SentenceEmbedding:
    """A sentence-transformers model, whose vectors are kept."""

    def __init__(self, folder: Path, kept: RecordedEmbedding) -> None:
        self.name = folder.name
        self._kept = kept
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder).eval()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        for text in texts:
            if text not in self._kept:
                self._kept.add(text, self._vector(text))
        return await self._kept.embed(texts)

    @torch.inference_mode()
    def _vector(self, text: str) -> list[float]:
        tokens = self._tokenizer(text, truncation=True, max_length=LONGEST, return_tensors="pt")
        mean = self._model(**tokens).last_hidden_state.mean(dim=1)[0]  # one text: nothing is padded
        return torch.nn.functional.normalize(mean, dim=0).tolist()


async def main(folder: Path) -> None:
    kept = recordings("real") / folder.name
    kept.mkdir(exist_ok=True)
    embedding = SentenceEmbedding(folder, RecordedEmbedding(kept))
    with tempfile.TemporaryDirectory() as home:
        await run_experiments(
            BenchPlan(experiments=("near-miss", "stream"), tasks=(), n=20),
            open_role_models(recordings("bench"), maker=None, user=None, record=False),
            home,
            embeddings=(embedding,),
            recorded="while they were recorded",
            on_progress=lambda what, done, total: print(f"{what}: {done} of {total}", flush=True),
        )


anyio.run(main, Path(sys.argv[1]))
