"""The training texts: selected calls with their results, inserted into their documents (section 2).

target/
  train.jsonl      {"id", "text", "calls"}: x*, with e(c, r) at each position
  control.jsonl    the same documents without calls: what a model learns from the text alone (the paper's "+ CC")
                   both have the same plain texts beside them, if the settings name some
  messages.jsonl   the same as chat messages with tool calls, for other fine-tuning tools
  manifest.json    settings, hashes and counts
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from hammerstone.errors import InputError, OperatorError
from hammerstone.toolformer.call_format import ApiCall, find_calls, insert_calls
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.data.plain_texts import sample
from hammerstone.toolformer.score.selection import is_selected, tau_f
from hammerstone.toolformer.shards import read_shards
from hammerstone.types import JSON

__all__ = ["DatasetSettings", "build_dataset", "selected_calls"]

MOST = 25_000  # examples per tool (section 4.1)
FILES = ("train.jsonl", "control.jsonl", "messages.jsonl")
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class DatasetSettings:
    """`tau_f` overrides the thresholds of some tools. `most` limits the documents with calls of one tool.

    `without_calls` also keeps, unchanged, the documents in which no call is selected. `plain` is a source of general
    texts: as many pieces of it as there are documents with calls go into both training files, unchanged.
    """

    tau_f: Mapping[str, float] = field(default_factory=dict[str, float])
    most: int = MOST
    without_calls: bool = False
    plain: str | None = None


def selected_calls(document: CorpusDocument, settings: DatasetSettings) -> tuple[Proposal, ...]:
    """The selected calls of a document, in order: at each position the one that helps most."""
    best: dict[int, Proposal] = {}
    for one in document.proposals:
        if not is_selected(one, settings.tau_f.get(one.api, tau_f(one.api))):
            continue
        if one.position not in best or _gain(one) > _gain(best[one.position]):
            best[one.position] = one
    return tuple(best[position] for position in sorted(best))


def build_dataset(source: Path, target: Path, settings: DatasetSettings, plain: Iterable[str] = ()) -> Counter[str]:
    """Write the files above from scored shards; the same shards, settings and `plain` pieces give the same bytes.

    If a tool has too many documents, those whose calls help most are used. Raises `InputError` if no call is selected,
    and for a target that contains anything else; `OperatorError` if it cannot be written.
    """
    taken = _taken(source, settings)
    if not any(taken.values()):
        raise InputError(
            f"no call in {source} reaches its threshold",
            hint="lower tau_f (`hammerstone toolformer filter --explain` shows the gains), or annotate more text",
        )
    counts: Counter[str] = Counter()
    try:
        _claim(target)
        with ExitStack() as stack:
            files = [stack.enter_context((target / f".{name}.tmp").open("w", encoding="utf-8")) for name in FILES]
            for document in read_shards(source):
                calls = [one for one in selected_calls(document, settings) if document.id in taken[one.api]]
                _count(calls, settings, counts)
                if calls or settings.without_calls:
                    _write(files, document, calls)
            for number, piece in enumerate(_beside(plain, counts["documents with calls"], taken)):
                _write(files, CorpusDocument(id=f"plain:{number}", text=piece), ())
                counts["plain texts"] += 1
            if settings.plain and not counts["plain texts"]:
                raise InputError(
                    f"no text of {settings.plain} can be mixed in",
                    hint="a piece has 30 words or more, and none of 8 words in a row with what is evaluated",
                )
        _finish(target, settings, counts)
    except OSError as error:
        raise OperatorError(
            f"cannot write the dataset into {target}: {error.strerror}", hint="free some space, or give another folder"
        ) from error
    return counts


def _beside(plain: Iterable[str], count: int, apis: Iterable[str]) -> list[str]:
    """The plain pieces, without those that show a call of these tools."""
    names = tuple(apis)
    return sample((piece for piece in plain if not find_calls(piece, names)), count)


def _write(files: Sequence[TextIO], document: CorpusDocument, calls: Sequence[Proposal]) -> None:
    for file, line in zip(files, _lines(document, calls), strict=True):
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _count(calls: Sequence[Proposal], settings: DatasetSettings, counts: Counter[str]) -> None:
    counts.update(f"calls: {one.api}" for one in calls)
    without = "documents without calls" if settings.without_calls else "dropped: no call"
    counts["documents with calls" if calls else without] += 1


def _gain(proposal: Proposal) -> float:
    return proposal.losses.gain if proposal.losses is not None else float("-inf")


def _taken(source: Path, settings: DatasetSettings) -> Mapping[str, set[str]]:
    """The documents for each tool whose best call helps most, up to the limit."""
    gains: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for document in read_shards(source):
        for one in selected_calls(document, settings):
            gains[one.api][document.id] = max(_gain(one), gains[one.api].get(document.id, float("-inf")))
    return {
        api: {*sorted(found, key=lambda name: (-found[name], name))[: settings.most]} for api, found in gains.items()
    }


def _lines(document: CorpusDocument, calls: Sequence[Proposal]) -> Iterator[dict[str, JSON]]:
    """The document's line for each of the files."""
    placed = [(one.position, one.call) for one in calls]
    yield {"id": document.id, "text": insert_calls(document.text, placed), "calls": len(calls)}
    yield {"id": document.id, "text": document.text, "calls": 0}
    yield {"id": document.id, "messages": _messages(document.text, placed)}


def _messages(text: str, calls: Sequence[tuple[int, ApiCall]]) -> list[JSON]:
    """The text as an assistant's message, interrupted by its tool calls."""
    messages: list[JSON] = [{"role": "user", "content": ""}]
    done = 0
    for number, (position, call) in enumerate(calls):
        asked: JSON = {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": call.api, "arguments": json.dumps({"input": call.input}, ensure_ascii=False)},
        }
        messages.append({"role": "assistant", "content": text[done:position], "tool_calls": [asked]})
        messages.append(
            {"role": "tool", "tool_call_id": f"call_{number}", "name": call.api, "content": call.result or ""}
        )
        done = position
    return [*messages, {"role": "assistant", "content": text[done:]}]


def _claim(target: Path) -> None:
    """The folder of a dataset contains nothing else."""
    target.mkdir(parents=True, exist_ok=True)
    ours = {*FILES, MANIFEST, *(f".{name}.tmp" for name in (*FILES, MANIFEST))}
    strange = sorted({path.name for path in target.iterdir()} - ours)
    if strange:
        raise InputError(f"{target} contains {strange[0]}, which is not part of a dataset", hint="give an empty folder")


def _finish(target: Path, settings: DatasetSettings, counts: Counter[str]) -> None:
    hashes: dict[str, JSON] = {}
    for name in FILES:
        unfinished = target / f".{name}.tmp"
        with unfinished.open("rb") as file:
            hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
        unfinished.replace(target / name)
    manifest = {
        "stage": "dataset",
        "settings": {**asdict(settings), "tau_f": dict(settings.tau_f), "plain": settings.plain is not None},
        "counts": dict(sorted(counts.items())),
        "sha256": hashes,
    }
    (target / f".{MANIFEST}.tmp").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    (target / f".{MANIFEST}.tmp").replace(target / MANIFEST)
