"""The first stage: texts become documents, short enough for a model to read, each useful for at least one tool.

`sources.py` says what is read, and `heuristics.py` what is kept.

A text is cut into pieces of at most `max_tokens` before calls are proposed in it. So no later stage crops a row, and
no call is lost that way. Faulty texts are counted; the counts of a shard are stored beside it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Literal

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.corpus_document import CorpusDocument
from hammerstone.toolformer.data.heuristics import DocumentRules, LanguageId, iso_date, seeded_draw, url_date
from hammerstone.toolformer.data.piece_selection import NearText, PieceSelection, SourceText
from hammerstone.toolformer.data.sources import DatasetLoader, SourceRow, find_sources, open_dataset, read_rows
from hammerstone.toolformer.data.splitting import count_words, split_text
from hammerstone.toolformer.data.text_sample import SampledText, TextSample
from hammerstone.toolformer.near_questions import EvaluationQuestions
from hammerstone.toolformer.shards import UnwrittenShard, run_first_stage
from hammerstone.toolformer.stage_progress import StageProgress
from hammerstone.types import JSON

__all__ = ["CorpusSettings", "build_corpus"]

SHARD = 500  # documents; a shard ends with the last piece of a text
NO_QUESTIONS = EvaluationQuestions(())
UNREADABLE = 0.01  # of the characters of a text: with more that are not UTF-8, it is in another encoding or binary


@dataclass(frozen=True, kw_only=True)
class CorpusSettings:
    """The settings on which the corpus depends, besides its sources and the tools.

    Pieces have `min_tokens` to `max_tokens` tokens. At most `limit` documents are kept: a sample of the texts of files
    by `seed`; of a dataset, which may have no end, the first that come (`open_dataset` can shuffle it).

    Pieces near to an evaluation question are left out, unless `near_questions` is "keep".

    `tokenizer` and `language_id` name what counts tokens and identifies languages: a folder written with others is
    refused.
    """

    text_field: str = "text"
    id_field: str = "id"
    url_field: str = "url"
    date_field: str = "date"
    split: str = "train"
    min_tokens: int = 10
    max_tokens: int = 512
    limit: int | None = None
    seed: int = 0
    tokenizer: str = "words"
    language_id: str = ""
    near_questions: Literal["drop", "keep"] = "drop"

    def __post_init__(self) -> None:
        if not 0 <= self.min_tokens <= self.max_tokens or self.max_tokens < 1:
            raise SettingsError(
                f"min_tokens is {self.min_tokens} and max_tokens {self.max_tokens}",
                hint="give a maximum of at least 1, and a minimum that is not greater",
            )
        if self.limit is not None and self.limit < 1:
            raise SettingsError(f"a limit of {self.limit} documents keeps none", hint="give 1 or more, or no limit")


def build_corpus(
    sources: Sequence[str | Path],
    target: Path,
    apis: Sequence[str],
    settings: CorpusSettings,
    *,
    count_tokens: Callable[[str], int] = count_words,
    identify: LanguageId | None = None,
    load: DatasetLoader = open_dataset,
    questions: EvaluationQuestions = NO_QUESTIONS,
    on_near: Callable[[NearText], None] = lambda _: None,
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> Counter[str]:
    """Write the documents that are useful for at least one of `apis` (all documents, if there are none) in shards.

    Returns counts: texts `read`, `pieces` of usable texts, pieces `kept` by each rule of each tool, and why others were
    `dropped`. `on_near` gets the texts that are near to one of the `questions`.

    Raises `InputError` for sources that do not exist, cannot be read or contain nothing to keep; `SettingsError` for MT
    without `identify`, and for a dataset that cannot be opened; otherwise as `run_first_stage`.
    """
    asked = questions if settings.near_questions == "drop" else NO_QUESTIONS
    rules = DocumentRules(apis=apis, seed=settings.seed, identify=identify)
    found = find_sources(sources)
    manifest: dict[str, JSON] = {
        **asdict(settings),
        "apis": [*apis],
        "sources": [[source.name, source.digest()] for source in found],
        "questions": asked.digest,
    }
    selection = PieceSelection(rules, settings.min_tokens, count_tokens, asked, on_near)

    def blocks(done: Counter[str]) -> Iterator[UnwrittenShard]:
        fields = (settings.text_field, settings.id_field, settings.url_field, settings.date_field)
        rows = read_rows(found, fields, settings.split, load)
        builder = _CorpusBuilder(selection, settings)
        if settings.limit is not None and all(source.path for source in found):
            return builder.sampled_blocks(rows, done, TextSample(settings.limit))
        return builder.blocks(rows, done)

    return run_first_stage("corpus", target, blocks, settings=manifest, on_progress=on_progress)


def _nothing_kept(counts: Counter[str]) -> InputError:
    why = ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "read 0"
    hint = "see which documents the rules of `corpus` keep"
    if not counts["read"]:
        hint = "check the path: it contains nothing"
    elif counts["dropped: no text"] == counts["read"]:
        hint = "name the field that contains the text (`text_field`)"
    return InputError(f"the corpus contains no document ({why})", hint=hint)


# --- From texts to documents ---


class _CorpusBuilder:
    """Turns rows into documents. It remembers 16 bytes of each text and id, to recognise repetitions."""

    def __init__(self, selection: PieceSelection, settings: CorpusSettings) -> None:
        self._selection, self._settings = selection, settings
        self._seen: set[bytes] = set()

    def blocks(self, rows: Iterator[SourceRow], done: Counter[str]) -> Iterator[UnwrittenShard]:
        """Blocks of `SHARD` documents or a few more; each but the last ends just before a row that yields documents.

        Rows that are already `done` yield nothing; they are read only to recognise repetitions.
        """
        for row in islice(rows, done["read"]):
            self._usable(row, Counter())
        documents: list[CorpusDocument] = []
        counts: Counter[str] = Counter()
        left, share = None if self._settings.limit is None else self._settings.limit - done["kept"], None
        while left != 0 and (row := next(rows, None)):
            made, counted = self._documents(row, left)
            if made and len(documents) >= SHARD:
                yield UnwrittenShard(documents, counts, share)
                documents, counts = [], Counter()
            documents.extend(made)
            counts, share = counts + counted, row.share
            left = None if left is None else left - len(made)
        if not documents and not done["kept"]:
            raise _nothing_kept(counts)
        if counts:
            yield UnwrittenShard(documents, counts, share)

    def sampled_blocks(
        self, rows: Iterator[SourceRow], done: Counter[str], sample: TextSample
    ) -> Iterator[UnwrittenShard]:
        """Blocks of a sample, for which all rows are read first. Those that are `done` are left out.

        What is counted of texts that are not in the sample is counted with the first block.
        """
        for order, row in enumerate(rows):
            counts = Counter({"read": 1})
            text = self._usable(row, counts)
            draw = seeded_draw(self._settings.seed, row.name)
            if text is not None and not sample.admits(draw):
                sample.leave_out()
                continue
            documents = [] if text is None else self._pieces(text, counts, None)
            sample.add(SampledText(draw, order, text, documents, counts))
        texts = sample.texts(self._cut)
        if not texts:
            raise _nothing_kept(sample.counts)
        yield from _sampled_shards(texts, sample.counts, skip=done["kept"])

    def _cut(self, sampled: SampledText, limit: int) -> SampledText:
        """The first documents of a text, with what was counted up to them."""
        counts = Counter({"read": 1})
        return sampled._replace(documents=self._pieces(sampled.text, counts, limit), counts=counts)

    def _documents(self, row: SourceRow, limit: int | None) -> tuple[list[CorpusDocument], Counter[str]]:
        counts = Counter({"read": 1})
        text = self._usable(row, counts)
        return ([] if text is None else self._pieces(text, counts, limit)), counts

    def _pieces(self, text: SourceText, counts: Counter[str], limit: int | None) -> list[CorpusDocument]:
        """The documents of a text, up to a limit."""
        documents: list[CorpusDocument] = []
        pieces = split_text(text.text, self._settings.max_tokens, self._selection.count_tokens)
        for number, piece in enumerate(pieces, 1):
            counts["pieces"] += 1
            piece_id = text.id if len(pieces) == 1 else f"{text.id}#{number}"
            documents.extend(self._selection.documents(text._replace(id=piece_id, text=piece), counts))
            if len(documents) == limit:
                break
        return documents

    def _usable(self, row: SourceRow, counts: Counter[str]) -> SourceText | None:
        """The row's text, unless it is unusable, which is counted."""
        fields, names = row.fields, self._settings
        if fields is None:
            counts["dropped: not a JSON object"] += 1
            return None
        text, bad = _repaired(fields.get(names.text_field))
        if not text:
            counts["dropped: no text"] += 1
        elif bad > UNREADABLE * len(text):
            counts["dropped: not UTF-8"] += 1
        elif not self._new(f"text {text}"):
            counts["dropped: same text as before"] += 1
        else:
            counts["repaired: invalid UTF-8"] += bool(bad)
            return SourceText(self._id(row, counts), text, *_date(fields, names, counts))
        return None

    def _id(self, row: SourceRow, counts: Counter[str]) -> str:
        given = (row.fields or {}).get(self._settings.id_field)
        name, _ = _repaired(str(given) if isinstance(given, int) else given)
        if name and self._new(f"id {name}"):
            return name
        counts["repaired: id given before"] += bool(name)
        return row.name

    def _new(self, value: str) -> bool:
        digest = hashlib.blake2b(value.encode(), digest_size=16).digest()
        before = len(self._seen)
        self._seen.add(digest)
        return len(self._seen) > before


def _sampled_shards(texts: Sequence[SampledText], counts: Counter[str], *, skip: int) -> Iterator[UnwrittenShard]:
    """Blocks as `_CorpusBuilder.blocks` makes them, after the first `skip` documents. The first has the `counts`."""
    total = sum(len(text.documents) for text in texts)
    documents: list[CorpusDocument] = []
    passed = 0
    for text in texts:
        if len(documents) >= SHARD:
            yield UnwrittenShard(documents, counts, passed / total)
            documents, counts = [], Counter()
        passed += len(text.documents)
        if passed <= skip:
            counts = Counter()
            continue
        documents.extend(text.documents)
        counts = counts + text.counts
    if documents:
        yield UnwrittenShard(documents, counts, 1.0)


def _repaired(value: object) -> tuple[str, int]:
    """A text with U+FFFD for each character that UTF-8 cannot encode, and the number of those."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str):
        return "", 0
    text, bad = re.subn("[\ud800-\udfff]", "\ufffd", value)
    return text.removeprefix("\ufeff").strip(), bad


def _date(fields: Mapping[str, object], names: CorpusSettings, counts: Counter[str]) -> tuple[str | None, str | None]:
    """The date on which the text was written, and how it is known; a date field takes precedence over the URL."""
    given = fields.get(names.date_field)
    day = given.isoformat() if isinstance(given, date) else _repaired(given)[0]
    if found := iso_date(day):
        return found, "date in the data"
    counts["repaired: unreadable date left out"] += given is not None
    found = url_date(_repaired(fields.get(names.url_field))[0])
    return found, "date in the URL" if found else None
