"""Stored completions: one JSON object a line, to be reviewed by a person and kept under version control.

    {"key": "9f2c…", "prompt": {"messages": […], "temperature": null, "max_tokens": null, "sample": 0},
     "reply": {"text": "…", "model": "…", "usage": {…}, "cost_usd": null, "seconds": 1.2},
     "recorded": "2026-05-04", "model": "4f1c20be77a3", "note": "…"}

`model` is a digest of the identity of the model that was asked, so that a file may be shown to others; lines of earlier
versions have none. `note` is optional and free. A reply that was cut short has `"cut": true`. `key` is `Prompt.key` of
`prompt` and is checked when the line is read, so that a prompt changed by hand is noticed and not silently never found.
What UTF-8 cannot hold is escaped (`hammerstone.escaping`).

Prompts repeat most of each other, so `gzip FILE.jsonl` makes a file some twenty times smaller. `FILE.jsonl.gz` is read
wherever `FILE.jsonl` is named, before the lines that were recorded since.
"""

from __future__ import annotations

import codecs
import fcntl
import gzip
import json
import os
import zlib
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hammerstone.digests import sha256
from hammerstone.errors import RecordingError
from hammerstone.escaping import escape, mapped, restore
from hammerstone.models.asking import sound_reply
from hammerstone.models.model import Prompt, Reply, digest, may_be_longer
from hammerstone.private_files import open_private
from hammerstone.validation import validator_of

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

__all__ = ["Record", "append_record", "model_digest", "read_records", "recording_names"]


PACKED = ".gz"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One stored completion. `recorded` is an ISO date (UTC), `model` what `model_digest` says of the model."""

    key: str
    prompt: Prompt
    reply: Reply
    recorded: str
    model: str | None = None
    note: str | None = None

    def answers(self, prompt: Prompt) -> bool:
        """Whether the reply is the one to `prompt`, of the same key: all of it, or all that its limit allows."""
        return not (self.reply.cut and may_be_longer(prompt.max_tokens, self.prompt.max_tokens))


def model_digest(identity: str) -> str:
    """Tells one recorded model from another without naming a server, a folder or a host."""
    return sha256(identity)[:12]


def read_records(path: Path, *, model: str | None = None) -> dict[str, Record]:
    """The records by key, in order, of a JSON-lines file, or of every one of a folder in name order, packed or not.

    Of two records with one key the first counts, unless it was cut short: then the later one. Given a `model`, those
    of another one are left out. Raises `RecordingError` for a path that is not there or cannot be read, and for a line
    that is no record, with its number.
    """
    records: dict[str, Record] = {}
    for file in (part for name in _names(path) for part in _parts(name)):
        for number, line in enumerate(_lines(file), start=1):
            if line.strip():
                record = _parse(line, f"{file}, line {number}")
                former = records.get(record.key)
                if (model is None or record.model in (None, model)) and (former is None or former.reply.cut):
                    records[record.key] = record
    return records


def recording_names(folder: Path) -> list[Path]:
    """The recordings of a folder, in name order: `FILE.jsonl`, also if only `FILE.jsonl.gz` is there."""
    packed = (file.with_suffix("") for file in folder.glob(f"*.jsonl{PACKED}"))
    return sorted({*folder.glob("*.jsonl"), *packed})


def append_record(path: Path, record: Record) -> None:
    """Add one line and have it on the disk before returning.

    A lock keeps several writers (also of other processes) apart; a write that fails midway is taken back, so that
    the file never holds half a line. Raises `RecordingError` if the file cannot be written.
    """
    try:
        with open_private(path, "a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed
            _append_line(file.fileno(), _line(record))
    except OSError as error:
        raise RecordingError(
            f"cannot write the recording {path}: {error.strerror}",
            hint="the reply was received but not stored: check that the folder exists, is writable and has room",
        ) from error


def _append_line(descriptor: int, line: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line  # the file was edited by hand and lost its last line end
    try:
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _line(record: Record) -> bytes:
    fields = asdict(record) | {"prompt": record.prompt.document}
    for optional in ("model", "note"):
        if fields[optional] is None:
            del fields[optional]
    if not record.reply.cut:
        del fields["reply"]["cut"]
    return json.dumps(mapped(escape, fields), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _names(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    names = recording_names(path)
    if not names:
        raise RecordingError(
            f"the folder {path} holds no recordings", hint="recordings are its *.jsonl files; make one with --record"
        )
    return names


def _parts(name: Path) -> list[Path]:
    """The files of a recording: the packed one, and what came later."""
    parts = [name.with_name(name.name + PACKED), name]
    return [part for part in parts if part.exists()] or [name]


def _lines(file: Path) -> list[bytes]:
    try:
        content = file.read_bytes()
        if file.suffix == PACKED:
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise RecordingError(
            f"cannot read the recording {file}: {getattr(error, 'strerror', None) or error}",
            hint="check the path after `recorded:`; make a recording of a live model with --record FILE",
        ) from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise RecordingError(f"the recording {file} is UTF-16 text", hint="save it as UTF-8")
    return content.removeprefix(codecs.BOM_UTF8).split(b"\n")


def _parse(line: bytes, where: str) -> Record:
    from pydantic import ValidationError  # late: 0.07 s

    try:
        record = _restored(_validator().validate_json(line))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RecordingError(
            f"{where} is not a recorded completion: {place + ': ' if place else ''}{first['msg']}",
            hint="repair the line, or delete it and record that prompt again with --record",
        ) from error
    if record.key == digest(record.prompt.document):  # of earlier versions, whose keys held the limit
        return replace(record, key=record.prompt.key)
    if record.key != record.prompt.key:
        raise RecordingError(
            f"{where}: the key {record.key[:12]}… is not that of the prompt beside it",
            hint="a prompt that was edited is another prompt: delete the line and record it again with --record",
        )
    return record


def _restored(record: Record) -> Record:
    """The record with the characters that UTF-8 cannot hold, and without numbers that are no price, count or time."""
    messages = tuple(replace(message, content=restore(message.content)) for message in record.prompt.messages)
    sound = sound_reply(record.reply)
    reply = replace(sound, text=restore(sound.text), model=restore(sound.model))
    return replace(record, prompt=replace(record.prompt, messages=messages), reply=reply)


@cache
def _validator() -> SchemaValidator:  # made when first needed: it takes some milliseconds
    return validator_of(Record)
