"""The command line, run in this process, on a home and on recordings of a test's own."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from hammerstone.cli import main
from hammerstone.loop import Hammerstone, Models
from hammerstone.models import RecordingModel
from hammerstone.sandbox import open_sandbox
from hammerstone.settings import LoopSettings, Settings
from hammerstone.store import open_store
from hammerstone.types import Instance, Request

from ..samples.sums import dispatcher, instances, maker, requests, reworded, solver, tool, user


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, its data and its talk."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """The JSON document of each line of the output: there may be nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def rows(self) -> list[str]:
        """The lines of a table, with one space between the cells."""
        return [" ".join(line.split()) for line in self.out.splitlines()]


Cli = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that is not there yet."""
    return tmp_path / "home"


@pytest.fixture
def cli(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command as the shell would. `stdin` is what is typed or piped into it."""
    monkeypatch.setenv("HAMMERSTONE_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("HAMMERSTONE_MAKER", "HAMMERSTONE_USER"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str | Path, stdin: str | bytes = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["hammerstone", *map(str, arguments)])
        monkeypatch.setattr(
            sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin))
        )
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        if "--debug" not in arguments:
            assert "Traceback" not in out + err
        return Done(int(end.value.code or 0), out, err)

    return run


@pytest.fixture
def empty(home: Path) -> Path:
    """A home in which nothing is yet."""
    with open_store(home):
        return home


@pytest.fixture
def made(home: Path) -> Path:
    """A home with one live tool, for sums, and five instances of its task."""
    with open_store(home) as store:
        store.publish(tool())
        for number, instance in enumerate(instances(5)):
            store.add_instance("sum", instance, request_id=f"r{number}")
    return home


def write_lines(path: Path, rows: Iterable[Request | Instance | str]) -> Path:
    """A file of JSON lines; a string is a line as it is."""
    path.write_text("".join(row + "\n" if isinstance(row, str) else _line(row) for row in rows))
    return path


def _line(row: Request | Instance) -> str:
    names = ("id", "question", "task", "answer", "source")
    return json.dumps({name: str(getattr(row, name)) for name in names if getattr(row, name, None) is not None}) + "\n"


@dataclass(frozen=True)
class Recorded:
    """Completions of a strong and a cheap model for twelve sums, and for what may come after them."""

    strong: str
    cheap: str

    @property
    def options(self) -> tuple[str, ...]:
        return ("--maker", self.strong, "--user", self.cheap, "--concurrency", "1")


TWELVE = requests(12, task="sum")
LATER = [*requests(2, start=12, task="sum"), Request.plain(id="reworded", question=reworded(15), task="sum")]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("recordings")
    strong, cheap = folder / "strong.jsonl", folder / "cheap.jsonl"
    models = Models(
        maker=RecordingModel(maker(), strong),
        solver=RecordingModel(solver(), strong),
        user=RecordingModel(user(), cheap),
        dispatcher=RecordingModel(dispatcher(), cheap),
    )

    async def record() -> None:
        settings = Settings(loop=LoopSettings(concurrency=1, background=False))
        with open_store(folder / "home") as store:
            async with (
                open_sandbox() as sandbox,
                Hammerstone(store=store, sandbox=sandbox, models=models, settings=settings) as loop,
            ):
                for request in (*TWELVE, *LATER):
                    await loop.solve(request)
                await loop.make(instances(12), name="product")  # sums, for which that maker has the wrong tool

    anyio.run(record)
    return Recorded(f"recorded:{strong}", f"recorded:{cheap}")
