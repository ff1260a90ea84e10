"""The caches of answers that hammerstone is compared with: right on what they have seen, and else as sure as ever."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.errors import ModelError, SettingsError
from hammerstone.evals.baselines.caches import Cache, SemanticCache, VerbatimCache
from hammerstone.evals.baselines.embeddings import LexicalEmbedding, ProviderEmbedding, Vector
from hammerstone.evals.harness.samples import generated_samples
from hammerstone.evals.tasks import TASKS, near_misses

from ...models.local_provider import Answer, LocalProvider, failure

pytestmark = pytest.mark.anyio

ASCENDING = "Sort the following words alphabetically: List: pear fig apple"
DESCENDING = "Sort the following words in descending alphabetical order: List: pear fig apple"
OTHER = "How many days has the month of May in a leap year?"


class Planted:
    """An embedding that a test plants: texts with their angles in degrees."""

    name = "planted"

    def __init__(self, angles: dict[str, float]) -> None:
        self._angles = {text: math.radians(angle) for text, angle in angles.items()}

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [{"x": math.cos(self._angles[text]), "y": math.sin(self._angles[text])} for text in texts]


async def filled(cache: Cache, name: str) -> Cache:
    for one in generated_samples(name, 30, 0).asked:
        await cache.store(one.question, one.answer)
    return cache


# exact


async def test_an_exact_cache_hits_on_the_same_question_alone() -> None:
    cache = VerbatimCache()
    await cache.store(ASCENDING, "apple fig pear")
    assert await cache.look(ASCENDING) == "apple fig pear"
    assert await cache.look(f"  {ASCENDING}\r\n") == "apple fig pear"
    assert await cache.look(DESCENDING) is None
    assert await cache.look(ASCENDING.replace("pear fig", "pear  fig")) is None
    assert await cache.look(ASCENDING.upper()) is None


async def test_a_later_answer_takes_the_place_of_an_earlier_one() -> None:
    cache = VerbatimCache()
    await cache.store(OTHER, "30")
    await cache.store(OTHER, "31")
    assert await cache.look(OTHER) == "31"


@pytest.mark.parametrize("name", TASKS)
async def test_an_exact_cache_is_never_wrong_on_near_misses(name: str) -> None:
    cache = await filled(VerbatimCache(), name)
    assert [await cache.look(one.question) for one in near_misses(name, 10, 0)] == [None] * 10


# semantic


async def test_a_semantic_cache_hits_from_its_threshold_on() -> None:
    angles = {"stored": 0.0, "near": 30.0, "far": 60.0}
    cache = SemanticCache(Planted(angles), math.cos(math.radians(45)))
    assert await cache.look("near") is None  # nothing is stored yet
    assert await cache.nearest("near") is None
    await cache.store("stored", "answer")
    assert [await cache.look(text) for text in ("stored", "near", "far")] == ["answer", "answer", None]


async def test_a_similarity_equal_to_the_threshold_is_a_hit() -> None:
    planted = Planted({"stored": 0.0, "near": 33.0})
    probe = SemanticCache(planted, 0.0)
    await probe.store("stored", "answer")
    best = await probe.nearest("near")
    assert best is not None
    assert best[0] == pytest.approx(math.cos(math.radians(33)))
    cache = SemanticCache(planted, best[0])
    await cache.store("stored", "answer")
    assert await cache.look("near") == "answer"
    cache.threshold = math.nextafter(best[0], 2)
    assert await cache.look("near") is None


async def test_the_answer_is_that_of_the_most_similar_question() -> None:
    cache = SemanticCache(Planted({"a": 0.0, "b": 40.0, "c": 80.0, "asked": 50.0}), 0.5)
    for text in "abc":
        await cache.store(text, text.upper())
    assert await cache.look("asked") == "B"


async def test_a_semantic_cache_is_wrong_on_a_look_alike_when_its_threshold_is_low() -> None:
    """Silently: a false hit looks like any other."""
    for threshold, answer in ((0.6, "apple fig pear"), (0.99, None)):
        cache = SemanticCache(LexicalEmbedding(), threshold)
        await cache.store(ASCENDING, "apple fig pear")
        await cache.store(OTHER, "31")
        assert await cache.look(DESCENDING) == answer


async def test_a_name_says_the_embedding_and_the_threshold_or_what_is_given() -> None:
    assert SemanticCache(LexicalEmbedding(), 0.90).name == "semantic cache of character 4-grams, 0.9"
    assert SemanticCache(LexicalEmbedding(), 0.5, name="chance").name == "semantic cache of character 4-grams, chance"


# the lexical embedding


def transcribed(text: str) -> dict[str, float]:
    """Each gram of four letters weighs 1 + ln(count), and the whole has the length 1."""
    grams = Counter(text[at : at + 4] for at in range(len(text) - 3))
    length = sum((1 + math.log(count)) ** 2 for count in grams.values()) ** 0.5
    return {gram: (1 + math.log(count)) / length for gram, count in grams.items()}


async def test_the_lexical_embedding_is_that_of_its_description() -> None:
    (vector,) = await LexicalEmbedding().embed(["banana banana"])
    assert dict(vector) == pytest.approx(transcribed("banana banana"))


async def test_case_and_outer_white_space_are_no_difference() -> None:
    one, other = await LexicalEmbedding().embed([" Banana\n", "banana"])
    assert one == other


@given(st.text(max_size=40))
def test_every_text_has_a_vector_of_length_1(text: str) -> None:
    (vector,) = run(LexicalEmbedding().embed([text]))
    assert math.hypot(*vector.values()) == pytest.approx(1)


def run(awaitable):
    """The lexical embedding awaits nothing."""
    try:
        awaitable.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")


async def test_the_same_text_is_most_similar_and_one_without_a_common_gram_not_at_all() -> None:
    cache = SemanticCache(LexicalEmbedding(), 0.5)
    await cache.store("banana", "yellow")
    same, other = await cache.nearest("banana"), await cache.nearest("cucumber")
    assert same is not None
    assert other is not None
    assert (same[0], other[0]) == (pytest.approx(1), 0)


# a provider's embedding


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalProvider]:
    local = LocalProvider()
    monkeypatch.setenv("OPENAI_BASE_URL", local.url)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    yield local
    local.close()


def embedded(*vectors: list[float]) -> Answer:
    """The reply of a server with OpenAI's embeddings API."""
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return Answer({"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage})


async def test_a_providers_vectors_are_made_of_length_1_and_each_text_is_sent_once(provider: LocalProvider) -> None:
    provider.answers = [embedded([3.0, 4.0], [0.0, 2.0]), embedded([1.0, 0.0])]
    embedding = ProviderEmbedding("openai:text-embedding-3-small")
    assert await embedding.embed(["a", "b"]) == [{"0": 0.6, "1": 0.8}, {"0": 0.0, "1": 1.0}]
    assert await embedding.embed(["b", "c", "c", "a"]) == [
        {"0": 0.0, "1": 1.0},
        {"0": 1.0, "1": 0.0},
        {"0": 1.0, "1": 0.0},
        {"0": 0.6, "1": 0.8},
    ]
    assert [request["input"] for request in provider.requests] == [["a", "b"], ["c"]]


async def test_a_provider_that_fails_is_a_model_error(provider: LocalProvider) -> None:
    provider.answers = [failure(401, "no such key")]
    with pytest.raises(ModelError, match="no such key"):
        await ProviderEmbedding("openai:text-embedding-3-small").embed(["a"])


@pytest.mark.parametrize("name", ["text-embedding-3-small", "nobody:text-embedding", "openai:text-embedding-3-small"])
async def test_an_embedding_that_cannot_be_used_is_reported(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(SettingsError, match=f"cannot use the embedding '{name}'") as told:
        await ProviderEmbedding(name).embed(["a"])
    assert "provider:model" in told.value.hint
