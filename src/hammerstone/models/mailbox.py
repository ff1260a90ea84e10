"""A model that is a folder: prompts are left as files, and whoever can read and write files may answer them.

    DIR/prompts/<id>.md   waiting for an answer: the text that a model would be given
    DIR/replies/<id>.md   the answer, whole; written under another name and renamed when it is complete
    DIR/done/<id>.md      prompts whose reply has been read

All of them are readable by their owner alone. The id derives from `Prompt.key`. The same prompt is therefore the same
file: after a restart an answered one is read at once, and a waiting one is not written twice.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import logging
import os
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio

from hammerstone.errors import ModelError, ModelTimeoutError, SettingsError
from hammerstone.models.model import Prompt, Reply, sendable
from hammerstone.paths import expanded
from hammerstone.private_files import make_private_folder, open_private, tighten

if TYPE_CHECKING:
    from pathlib import Path

    from hammerstone.models.model import Message

__all__ = ["MailboxModel"]

_log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 16_000_000  # a file put there by mistake is not read into memory
ID_DIGITS = 16  # of the key's 64: two prompts among a million share an id once in 37 million mailboxes


class MailboxModel:
    """Leaves each prompt in `directory/prompts` and waits for a file of that name in `directory/replies`.

    `timeout_seconds` bounds the wait of one prompt that has no `timeout_s` (`ModelTimeoutError`); by default there is
    no bound, as a person may take hours. `poll_seconds` is the pause between two looks. Usage and price of a reply are
    unknown. Any number of prompts may be outstanding at once.
    """

    def __init__(
        self, directory: str | Path, *, timeout_seconds: float | None = None, poll_seconds: float = 0.2
    ) -> None:
        self._directory = expanded(directory)
        self._timeout_seconds = timeout_seconds
        self._poll_seconds = poll_seconds
        self._prompts, self._replies, self._done = (self._directory / part for part in ("prompts", "replies", "done"))
        self._said = False
        self._make_folders()

    @property
    def name(self) -> str:
        return f"mailbox:{self._directory}"

    @property
    def identity(self) -> str:
        return f"mailbox:{self._directory.absolute()}"

    async def complete(self, prompt: Prompt) -> Reply:
        """Raises `ModelError` for an empty or unreadable reply, `ModelTimeoutError` when none came in time."""
        started = time.monotonic()
        file_name = f"{prompt.key[:ID_DIGITS]}.md"
        reply_file = self._replies / file_name
        if not _is_there(reply_file):
            self._leave(self._prompts / file_name, prompt)
            self._say_where()
            await self._wait_for(reply_file, prompt.timeout_s or self._timeout_seconds)
        text = _read(reply_file)
        self._set_aside(file_name)
        return Reply(text=text, model="mailbox", seconds=time.monotonic() - started)

    def _make_folders(self) -> None:
        try:
            for folder in (self._prompts, self._replies, self._done):
                make_private_folder(folder)
                tighten(folder)
        except OSError as error:
            raise SettingsError(
                f"cannot make the mailbox {self._directory}: {error.strerror}",
                hint="after `mailbox:` name a folder that you may write to",
            ) from error

    def _say_where(self) -> None:
        """Once: nobody need look for what a program waits for."""
        if not self._said:
            self._said = True
            _log.warning("waiting for replies in %s to the prompts in %s", self._replies, self._prompts)

    def _leave(self, prompt_file: Path, prompt: Prompt) -> None:
        if prompt_file.exists():
            return
        unfinished = prompt_file.with_name(f".{prompt_file.name}.{os.getpid()}.tmp")
        try:
            with open_private(unfinished, "w", encoding="utf-8") as file:
                file.write(sendable(prompt_text(prompt)))
            unfinished.replace(prompt_file)
        except OSError as error:
            raise ModelError(
                f"cannot leave a prompt in {self._prompts}: {error.strerror}",
                hint="check that the folder is there, is writable and has room",
            ) from error

    async def _wait_for(self, reply_file: Path, seconds: float | None) -> None:
        try:
            with anyio.fail_after(seconds):
                while not _is_there(reply_file):  # noqa: ASYNC110 - a file sets no event
                    await anyio.sleep(self._poll_seconds)
        except TimeoutError as error:
            raise ModelTimeoutError(
                f"no reply in {reply_file} after {seconds:g} seconds",
                hint=f"write the answer to {self._prompts / reply_file.name} there and run again: it is still waiting",
            ) from error

    def _set_aside(self, file_name: str) -> None:
        with suppress(OSError):  # another waiter for the same prompt has done it; the reply counts in any case
            (self._prompts / file_name).replace(self._done / file_name)


def prompt_text(prompt: Prompt) -> str:
    """The prompt as one text that can be answered on its own.

    One question alone is just its text. Several messages are written with a heading for each, and end with the heading
    of the turn to be written. Every heading carries a code that is made from all the messages: none of them can hold
    it, and so nothing in a message looks like another turn. A response format stands above the turns.
    """
    if [message.role for message in prompt.messages] == ["user"] and prompt.response_format is None:
        return prompt.messages[0].content + "\n"
    code = _code(prompt.messages)
    turns = [f"=== {message.role} {code} ===\n\n{message.content}\n" for message in prompt.messages]
    note = f"This is a conversation. Each turn begins with a line that ends in {code} ===. Write the last turn.\n"
    wanted = json.dumps(prompt.response_format, ensure_ascii=False, indent=2)
    form = [] if prompt.response_format is None else [f"The reply must have this response format:\n\n{wanted}\n"]
    return "\n".join([note, *form, *turns, f"=== assistant {code} ===\n"])


def _code(messages: tuple[Message, ...]) -> str:
    canonical = json.dumps([asdict(message) for message in messages])
    return hashlib.sha256(canonical.encode()).hexdigest()[:ID_DIGITS]


def _is_there(file: Path) -> bool:
    return file.exists()  # a look of microseconds, not worth a thread


def _read(reply_file: Path) -> str:
    text = _decoded(_content(reply_file), reply_file)
    if not text.strip():
        raise ModelError(f"the reply {reply_file} is empty", hint="write the answer into it and run again")
    return text


def _content(reply_file: Path) -> bytes:
    try:
        with reply_file.open("rb") as file:
            content = file.read(MAX_REPLY_BYTES + 1)
    except OSError as error:
        raise ModelError(
            f"cannot read the reply {reply_file}: {error.strerror}", hint="make it a file that you may read"
        ) from error
    if len(content) > MAX_REPLY_BYTES:
        raise ModelError(
            f"the reply {reply_file} has more than {MAX_REPLY_BYTES:,} bytes", hint="write into it the answer alone"
        )
    return content


def _decoded(content: bytes, reply_file: Path) -> str:
    """The text of a reply without what an editor adds: a byte-order mark, and carriage returns before line breaks."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ModelError(f"cannot read the reply {reply_file}: it is UTF-16 text", hint="save it as UTF-8 text")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ModelError(f"cannot read the reply {reply_file}: {error}", hint="save it as UTF-8 text") from error
