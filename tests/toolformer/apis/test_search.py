"""BM25 over the user's own documents, from an index on disk."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.errors import InputError, OperatorError
from hammerstone.toolformer.apis.api import ApiError, CallContext
from hammerstone.toolformer.apis.search import IndexedPassage, Search, build_index

pytestmark = pytest.mark.anyio

DOCUMENTS = (
    IndexedPassage(
        "Spin fishing", "Spin fishing is distinguished by the type of rod and reel used. There are two types."
    ),
    IndexedPassage("Turtle", "The name derives from la tortuga, the Spanish word for turtle."),
    IndexedPassage("Reptiles", "Tortoises are some of them."),
    IndexedPassage("", "Ein Wort auf Deutsch: Straße und Übermut, sonst nichts."),
)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    build_index(DOCUMENTS, tmp_path / "index")
    return tmp_path / "index"


async def found(folder: Path, text: str) -> str:
    return await Search(folder)(text, CallContext())


async def test_a_result_is_the_title_and_the_text_of_the_best_passage(index: Path) -> None:
    assert await found(index, "Fishing Reel Types") == f"Spin fishing > {DOCUMENTS[0].text}"


async def test_a_passage_is_found_by_its_title_and_without_one_shows_its_text(index: Path) -> None:
    assert await found(index, "reptiles") == "Reptiles > Tortoises are some of them."
    assert await found(index, "STRASSE") == DOCUMENTS[3].text


@pytest.mark.parametrize("text", ["", " ", "?!", "submarine", '""'])
async def test_where_no_word_is_known_nothing_is_found(index: Path, text: str) -> None:
    with pytest.raises(ApiError, match=r"^nothing found$"):
        await found(index, text)


async def test_a_long_query_is_no_harm(index: Path) -> None:
    assert await found(index, "turtle " * 5_000) == f"Turtle > {DOCUMENTS[1].text}"


async def test_passages_come_in_the_order_of_their_scores_and_then_of_the_documents(tmp_path: Path) -> None:
    texts = ["a b", "a a", "c", "a b"]
    build_index([IndexedPassage("", text) for text in texts], tmp_path / "index")
    passages = await Search(tmp_path / "index").passages("a", 10)
    assert [passage.text for passage in passages] == ["a a", "a b", "a b"]


def bm25(documents: list[list[str]], query: list[str]) -> list[float]:
    """Lucene's BM25 as its papers write it: Σ_q idf(q) · f / (f + k1 (1 - b + b |D| / avg))."""
    k1, b, average = 1.5, 0.75, sum(map(len, documents)) / len(documents)
    scores: list[float] = []
    for document in documents:
        score = 0.0
        for word in query:
            n = sum(word in other for other in documents)
            idf = math.log(1 + (len(documents) - n + 0.5) / (n + 0.5))
            f = Counter(document)[word]
            score += idf * f / (f + k1 * (1 - b + b * len(document) / average))
        scores.append(score)
    return scores


word_lists = st.lists(st.sampled_from("a b c d e".split()), min_size=1, max_size=8)


@settings(max_examples=25)
@given(st.lists(word_lists, min_size=1, max_size=6), word_lists)
def test_the_best_passage_is_that_of_bm25s_formula(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[str]], query: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("search") / "index"
    build_index([IndexedPassage("", " ".join(words)) for words in documents], folder)
    scores = bm25(documents, query)
    if max(scores) == 0:
        with pytest.raises(ApiError):
            anyio.run(Search(folder), " ".join(query), CallContext())
        return
    best = anyio.run(Search(folder), " ".join(query), CallContext())
    assert max(scores) == pytest.approx(scores[[" ".join(words) for words in documents].index(best)], rel=1e-5)


def test_long_documents_are_cut_into_passages_at_sentences_and_nothing_is_lost(tmp_path: Path) -> None:
    sentences = [f"Sentence {k} has just these seven words{'.' if k % 5 else '?!'}" for k in range(30)]
    endless = " ".join(f"w{k}" for k in range(95))
    assert build_index([IndexedPassage("T", " ".join([*sentences, endless]))], tmp_path / "index") > 5
    lines = (tmp_path / "index" / "passages.jsonl").read_text().splitlines()
    texts = [json.loads(line)[1] for line in lines]
    assert " ".join(texts) == " ".join([*sentences, endless])
    assert max(len(text.split()) for text in texts) == 40
    assert texts[0].endswith(("words.", "words?!"))


def test_the_index_is_mapped_into_memory_and_not_read(index: Path) -> None:
    search = Search(index)
    assert all(isinstance(search._index.scores[part], np.memmap) for part in ("data", "indices", "indptr"))
    assert isinstance(search._starts, np.memmap)


async def test_searches_side_by_side_find_what_each_alone_does(index: Path) -> None:
    search = Search(index)
    queries = ["turtle", "fishing reel", "übermut"] * 20
    alone = [await search(query, CallContext()) for query in queries]
    together: dict[int, str] = {}

    async def one(number: int) -> None:
        together[number] = await search(queries[number], CallContext())

    async with anyio.create_task_group() as group:
        for number in range(len(queries)):
            group.start_soon(one, number)
    assert [together[number] for number in range(len(queries))] == alone


def test_an_index_is_built_to_the_same_bytes(index: Path, tmp_path: Path) -> None:
    build_index(iter(DOCUMENTS), tmp_path / "again")
    names = sorted(path.relative_to(index) for path in index.rglob("*") if path.is_file())
    assert len(names) >= 7
    assert all((index / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)


@pytest.mark.parametrize(
    "documents", [(), (IndexedPassage("", ""),), (IndexedPassage("", " \n"), IndexedPassage("", "?!"))]
)
def test_documents_without_words_are_refused_and_leave_nothing(
    tmp_path: Path, documents: tuple[IndexedPassage, ...]
) -> None:
    with pytest.raises(InputError, match="no words") as caught:
        build_index(documents, tmp_path / "index")
    assert caught.value.hint
    assert not (tmp_path / "index").exists()


def test_a_folder_that_is_taken_is_left_alone(index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for taken in (index, tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="is not empty"):
            build_index(DOCUMENTS, taken)
    assert (tmp_path / "file").read_text() == "mine"
    assert Search(index)


def test_a_broken_run_leaves_no_index(tmp_path: Path) -> None:
    def broken() -> Iterator[IndexedPassage]:
        yield DOCUMENTS[0]
        raise RuntimeError("the documents ended early")

    with pytest.raises(RuntimeError):
        build_index(broken(), tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OperatorError, match="cannot write") as caught:
        build_index(DOCUMENTS, tmp_path / "file" / "index")
    assert caught.value.hint


@pytest.mark.parametrize("break_it", ["missing", "empty", "other", "passages", "arrays"])
def test_a_folder_without_an_index_is_refused_with_a_hint(index: Path, break_it: str) -> None:
    described = index / "search.json"
    match break_it:
        case "missing":
            described.unlink()
        case "empty":
            described.write_text("")
        case "other":
            described.write_text('{"form": 99}')
        case "passages":
            (index / "passages.jsonl").unlink()
        case _:
            (index / "bm25" / "data.csc.index.npy").write_bytes(b"")
    with pytest.raises(InputError, match="is not a search index") as caught:
        Search(index)
    assert "toolformer index" in caught.value.hint


def test_an_index_is_opened_by_another_process(index: Path) -> None:
    code = (
        "import anyio, sys; from pathlib import Path; from hammerstone.toolformer.apis.search import Search;"
        "from hammerstone.toolformer.apis.api import CallContext;"
        "print(anyio.run(Search(Path(sys.argv[1])), 'tortuga', CallContext()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(index)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Turtle > The name derives")
    assert done.stderr == ""
