"""A search engine over your own documents: BM25, with its index on disk.

folder/
  search.json     the format version and the number of passages: written last
  bm25/           what bm25s saves: its arrays are memory-mapped; only the vocabulary is read
  passages.jsonl  [title, text] on each line
  starts.npy      the offset of each of those lines, and the end of the last
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# bm25s has no types.

from __future__ import annotations

import json
import mmap
import re
import shutil
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import bm25s
import numpy as np
from anyio import to_thread

from hammerstone.errors import InputError, OperatorError
from hammerstone.toolformer.apis.api import ApiError, CallContext

__all__ = ["IndexedPassage", "Search", "build_index"]

FORM = 1
PASSAGE_WORDS = 40  # about the longest result that a text can have

_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class IndexedPassage(NamedTuple):
    """Some sentences of a document, and its title (which may be empty): what is indexed and found."""

    title: str
    text: str


def build_index(documents: Iterable[IndexedPassage], folder: Path) -> int:
    """Cut documents into passages and index them in `folder`, which must be new or empty. Returns their number.

    A passage is found by its own words and those of its title. A run that fails leaves nothing behind.
    Building needs memory for one number per word of all documents; searching does not.
    Raises `InputError` if nothing can be indexed or the folder is in use, `OperatorError` if it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty", hint="give a new or empty folder, or delete this one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _build(documents, folder)
    except OSError as error:
        raise OperatorError(
            f"cannot write the index {folder}: {error.strerror}", hint="free some space, or give another folder"
        ) from error
    finally:
        if not (folder / "search.json").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _build(documents: Iterable[IndexedPassage], folder: Path) -> int:
    starts = array("q", [0])
    vocabulary: dict[str, int] = {}
    ids: list[array[int]] = []
    with (folder / "passages.jsonl").open("wb") as file:
        for passage in (passage for document in documents for passage in _passages(document)):
            words = _words(f"{passage.title} {passage.text}")
            ids.append(array("i", [vocabulary.setdefault(word, len(vocabulary)) for word in words]))
            file.write(json.dumps(passage).encode() + b"\n")
            starts.append(file.tell())
    if not vocabulary:
        raise InputError("the documents contain no words to search for", hint="give text files that are not empty")
    index = bm25s.BM25()
    index.index((ids, vocabulary), show_progress=False)
    index.save(folder / "bm25", show_progress=False)
    np.save(folder / "starts.npy", np.asarray(starts, dtype=np.int64))
    (folder / "search.json").write_text(json.dumps({"form": FORM, "passages": len(ids)}) + "\n", encoding="utf-8")
    return len(ids)


class Search:
    """`Search(fishing reel types)` is "Spin fishing > Spin fishing is distinguished …": the best passage (table 1).

    The paper searches Wikipedia; this searches the documents of an index. Ties keep the order of the documents.
    """

    def __init__(self, folder: Path) -> None:
        """Open an index. Raises `InputError` if there is none."""
        try:
            described = json.loads((folder / "search.json").read_text(encoding="utf-8"))
            if described["form"] != FORM:
                raise ValueError
            self._index = bm25s.BM25.load(folder / "bm25", mmap=True)
            self._starts = np.load(folder / "starts.npy", mmap_mode="r")
            with (folder / "passages.jsonl").open("rb") as file:
                self._passages = _mapped(file)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{folder} is not a search index", hint="build one with `hammerstone toolformer index` first"
            ) from error

    @property
    def name(self) -> str:
        return "Search"

    @property
    def description(self) -> str:
        return "Takes a search term and gives the title and the text of the passage that fits it best."

    async def __call__(self, text: str, context: CallContext) -> str:  # noqa: ARG002 - the contract's
        (passage, *_) = await self.passages(text, 1)
        return f"{passage.title} > {passage.text}" if passage.title else passage.text

    async def passages(self, text: str, most: int) -> list[IndexedPassage]:
        """The best passages, best first. Raises `ApiError` if no word of the text is in the index."""
        return await to_thread.run_sync(self._best, text, most)

    def _best(self, text: str, most: int) -> list[IndexedPassage]:
        ids = self._index.get_tokens_ids(_words(text))
        if not ids:
            raise ApiError("nothing found")
        scores = self._index.get_scores_from_ids(ids)
        found: list[IndexedPassage] = []
        for _ in range(min(most, len(scores))):
            best = int(scores.argmax())
            if scores[best] <= 0:
                break
            found.append(self._passage(best))
            scores[best] = 0
        return found

    def _passage(self, number: int) -> IndexedPassage:
        line = self._passages[int(self._starts[number]) : int(self._starts[number + 1])]
        return IndexedPassage(*json.loads(line))


def _mapped(file: BinaryIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _words(text: str) -> list[str]:
    """Words of any language. No stop words are left out: BM25 gives common words little weight."""
    return _WORD.findall(text.casefold())


def _passages(document: IndexedPassage) -> Iterator[IndexedPassage]:
    """Whole sentences, up to `PASSAGE_WORDS` words; a longer sentence is cut."""
    words: list[str] = []
    for sentence in _SENTENCE_END.split(document.text):
        more = sentence.split()
        if len(words) + len(more) > PASSAGE_WORDS and words:
            yield IndexedPassage(document.title, " ".join(words))
            words = []
        words += more
        while len(words) > PASSAGE_WORDS:
            yield IndexedPassage(document.title, " ".join(words[:PASSAGE_WORDS]))
            words = words[PASSAGE_WORDS:]
    if words:
        yield IndexedPassage(document.title, " ".join(words))
