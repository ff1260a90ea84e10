"""Models of the past: `RecordedModel` replays stored completions, `RecordingModel` stores those of a live model."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from hammerstone.digests import sha256
from hammerstone.errors import RecordingError, SettingsError
from hammerstone.models.asking import sound_reply
from hammerstone.models.model import identity_of
from hammerstone.models.nearest import difference, nearest_prompt
from hammerstone.models.recordings import Record, append_record, model_digest, read_records
from hammerstone.paths import expanded
from hammerstone.private_files import make_private_folder, open_private

if TYPE_CHECKING:
    from pathlib import Path

    from hammerstone.models.model import Model, Prompt, Reply

__all__ = ["RecordedModel", "RecordingModel"]


class RecordedModel:
    """Replays completions from a JSON-lines file or a folder of them, read once when this is made.

    A reply comes back as it was stored, with the tokens, the price and the seconds of that day. A prompt with no
    recording raises `RecordingError`, which shows the nearest recorded prompt.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = expanded(path)
        self._records = read_records(self._path)
        replies = "\n".join(f"{key} {record.reply.text}" for key, record in self._records.items())
        self._digest = sha256(replies)[:12]

    @property
    def name(self) -> str:
        return f"recorded:{self._path}"

    @property
    def identity(self) -> str:
        """The name with a digest of the replies: another recording at this path is another model."""
        return f"{self.name}#{self._digest}"

    async def complete(self, prompt: Prompt) -> Reply:
        record = self._records.get(prompt.key)
        if record is None:
            raise self._miss(prompt)
        if not record.answers(prompt):
            raise self._cut(record)
        return record.reply

    def _miss(self, prompt: Prompt) -> RecordingError:
        message, details = f"{self._path} has no recording of this prompt (key {prompt.key[:12]}…)", ""
        closest = nearest_prompt(prompt, [record.prompt for record in self._records.values()])
        if closest is None:
            message += "; it holds no recordings at all"
        else:
            message += f"; the nearest recorded one is {closest.key[:12]}…:"
            details = difference(closest, prompt)
        return RecordingError(message, hint=self._how_to_record, details=details)

    def _cut(self, record: Record) -> RecordingError:
        limit = record.prompt.max_tokens
        end = "the provider's own limit" if limit is None else f"{limit} tokens"
        message = f"{self._path} has a reply to this prompt (key {record.key[:12]}…) that was cut short at {end}"
        return RecordingError(f"{message}, and more are allowed now", hint=self._how_to_record)

    @property
    def _how_to_record(self) -> str:
        file = self._path / "new.jsonl" if self._path.is_dir() else self._path
        return f"to record it, run again with a live model and --record {file}"


class RecordingModel:
    """Wraps a live model and appends each new completion to a JSON-lines file before handing it on.

    A prompt whose key is in the file already is replayed from it and not paid again, also when it is asked twice at
    the same time; only a reply that was cut short is asked for again under a higher limit. Replies of another model in
    that file are not replayed; but `RecordedModel` cannot tell whom you mean, so give each of two models that get the
    same prompts its own file.
    """

    def __init__(self, model: Model, path: str | Path) -> None:
        self._model = model
        self._path = expanded(path)
        if self._path.is_dir():
            raise SettingsError(
                f"cannot record into the folder {self._path}", hint=f"name a file, such as {self._path}/user.jsonl"
            )
        _make_writable(self._path)  # found out now, not after the first paid reply
        self._records = read_records(self._path, model=model_digest(identity_of(model)))
        self._under_way: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def identity(self) -> str:
        return identity_of(self._model)

    async def complete(self, prompt: Prompt) -> Reply:
        key = prompt.key
        async with self._under_way[key]:
            if key not in self._records or not self._records[key].answers(prompt):
                self._records[key] = await self._record(prompt)
            return self._records[key].reply

    async def _record(self, prompt: Prompt) -> Record:
        reply = sound_reply(await self._model.complete(prompt))
        record = Record(
            key=prompt.key,
            prompt=prompt,
            reply=reply,
            recorded=datetime.now(UTC).date().isoformat(),
            model=model_digest(self.identity),
        )
        with anyio.CancelScope(shield=True):  # the reply is paid for: a cancelled run still keeps it
            await anyio.to_thread.run_sync(append_record, self._path, record)
        return record


def _make_writable(path: Path) -> None:
    try:
        make_private_folder(path.parent)
        open_private(path, "ab").close()
    except OSError as error:
        raise SettingsError(
            f"cannot record into {path}: {error.strerror}", hint="after --record name a file that you may write to"
        ) from error
