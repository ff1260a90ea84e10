"""Runs of `learn` that are watched from elsewhere: what is to be done, how far it is, and that there is one at a time.

    HOME/learning/TENANT/lock           held by the run of this tenant that is under way
    HOME/learning/TENANT/0001/          one run: the log's files (`log-0.jsonl`, …) until it has ended, and
        order.json, settings.toml       what is to be done (`hammerstone.learn.job` does it)
        progress.json                   how far it is, written anew as it goes on
        report.html                     what came of it

All of it is its owner's alone. A process that dies lets the lock go, whatever it has written last.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hammerstone.digests import sha256
from hammerstone.errors import InputError, NotFoundError
from hammerstone.models import known_sum
from hammerstone.private_files import make_private_folder, open_private

__all__ = ["BuildNote", "KindNote", "LearningRun", "Order", "RunProgress", "TenantRuns"]

UNDER_WAY = frozenset(("waiting", "reading", "learning"))


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done: learn from these files, in order and by their own names, for one tenant of a home.

    `kinds` and `max_usd` are as those of `hammerstone learn`; the prices are dollars per million tokens. `started` is
    ISO 8601, UTC.
    """

    home: str
    tenant: str
    names: tuple[str, ...]
    started: str
    who: str
    kinds: int = 10
    max_usd: float | None = None
    price_in: float | None = None
    price_out: float | None = None
    sandbox: str = "auto"


@dataclass(frozen=True, kw_only=True)
class KindNote:
    """A kind of requests. `tool` is empty before it has one, and `why` says why it has none in the end."""

    name: str
    lines: int
    share: float
    tool: str = ""
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class BuildNote:
    """A build of a tool: its state is `building` at first."""

    task: str
    state: str
    reason: str = ""
    cost_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """How far a run is: so many of the lines. `headline` says in the end what came of it, `problem` why nothing did.

    The state is `waiting`, `reading` or `learning`; then `done`, `stopped`, `failed`, or, where its process died,
    `interrupted`. `bad` lines could not be read, and `apart` are not for tools. `has_maker` is `None` until that is
    known.
    """

    state: str = "waiting"
    done: int = 0
    of: int = 0
    bad: int = 0
    apart: int = 0
    has_maker: bool | None = None
    kinds: tuple[KindNote, ...] = ()
    builds: tuple[BuildNote, ...] = ()
    headline: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""

    @property
    def cost_usd(self) -> float | None:
        """What its builds have cost so far, without the one under way; `None` if that of one is unknown."""
        return known_sum(one.cost_usd for one in self.builds if one.state != "building")

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY


_ORDER = TypeAdapter(Order)
_PROGRESS = TypeAdapter(RunProgress)


@dataclass(frozen=True, kw_only=True)
class LearningRun:
    """One run, in its folder."""

    folder: Path

    @property
    def number(self) -> int:
        return int(self.folder.name)

    @property
    def order(self) -> Order:
        """The order. Raises `NotFoundError` if it is gone or cannot be read."""
        try:
            return _ORDER.validate_json((self.folder / "order.json").read_bytes())
        except (OSError, ValidationError):
            raise NotFoundError(f"there is no run {self.folder.name}") from None

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def settings(self) -> Path:
        return self.folder / "settings.toml"

    @property
    def logs(self) -> tuple[Path, ...]:
        """The files of its log, while they are there."""
        return tuple(sorted(self.folder.glob("log-*"), key=lambda one: int(one.name[4:].split(".")[0])))

    def add_log(self, number: int, name: str) -> Path:
        """The path for a file of the log, which keeps the ending of its name."""
        ending = re.fullmatch(r".*?(\.[a-z0-9]{1,8})?", name.lower(), re.DOTALL)
        return self.folder / f"log-{number}{(ending[1] if ending is not None else '') or '.jsonl'}"

    def drop_logs(self) -> None:
        for one in self.logs:
            one.unlink(missing_ok=True)

    def write(self, progress: RunProgress) -> None:
        """Write the progress in one step: readers see the former, or this one. Raises `OSError`."""
        _write_json(self.folder / "progress.json", asdict(progress))

    def progress(self) -> RunProgress:
        """The progress as it was last written; `waiting` before that."""
        try:
            return _PROGRESS.validate_json((self.folder / "progress.json").read_bytes())
        except (OSError, ValidationError):
            return RunProgress()

    def note_process(self, pid: int) -> None:
        """Raises `OSError`."""
        _write_json(self.folder / "process.json", pid)

    @property
    def process(self) -> int | None:
        """The number of its process: that process is there for as long as the lock is held."""
        with suppress(OSError, ValueError):
            found: object = json.loads((self.folder / "process.json").read_bytes())
            return found if isinstance(found, int) and found > 1 else None
        return None


@dataclass(frozen=True, kw_only=True)
class TenantRuns:
    """All runs of a tenant in a home."""

    home: Path
    tenant: str
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.home / "learning" / sha256(self.tenant)[:24])

    def __iter__(self) -> Iterator[LearningRun]:
        """The runs, newest first."""
        found = [path for path in self.folder.glob("*") if path.name.isascii() and path.name.isdecimal()]
        return (LearningRun(folder=path) for path in sorted(found, key=lambda one: -int(one.name)))

    def run(self, number: int) -> LearningRun:
        """Raises `NotFoundError`."""
        found = next((one for one in self if one.number == number), None)
        if found is None:
            raise NotFoundError(f"there is no run {number}", hint="the page of logs lists them")
        return found

    def progress(self, run: LearningRun) -> RunProgress:
        """How far it is; `interrupted` where its process is gone and has not said how it ended."""
        held, progress = self.is_held(), run.progress()
        is_last = next((one.number for one in self), None) == run.number
        if not progress.is_under_way or (held and is_last):
            return progress
        ended = run.progress()  # it may have said so a moment ago
        return replace(ended, state="interrupted") if ended.is_under_way else ended

    def is_held(self) -> bool:
        """Whether a run is under way."""
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def held(self) -> Generator[int]:
        """The lock as a descriptor: a process that inherits it holds the lock until it ends.

        Raises `InputError` where another run holds it, `OSError`.
        """
        make_private_folder(self.folder)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = "a log is being learned from already"
                raise InputError(message, hint="wait until that run has ended, or stop it") from None
            yield descriptor
        finally:
            os.close(descriptor)

    def begin(self, order: Order) -> LearningRun:
        """The next run, with its order. Raises `OSError`."""
        number = next((one.number for one in self), 0) + 1
        run = LearningRun(folder=self.folder / f"{number:04}")
        make_private_folder(run.folder)
        _write_json(run.folder / "order.json", asdict(order))
        return run

    def remove(self, run: LearningRun) -> None:
        """Remove a run. Raises `InputError` for one that is under way."""
        if self.progress(run).is_under_way:
            raise InputError("this run is under way", hint="stop it first")
        shutil.rmtree(run.folder, ignore_errors=True)


def _write_json(path: Path, value: object) -> None:
    unfinished = path.with_suffix(".tmp")
    with open_private(unfinished, "w", encoding="utf-8") as file:
        json.dump(value, file)
    unfinished.replace(path)
