"""What users, models and tools wrote is shown character for character, whatever it holds and wherever it is printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from hammerstone.cli import terminal
from hammerstone.cli.source import show_source
from hammerstone.cli.terminal import print_line, progress, show_error
from hammerstone.store import open_store, this_process
from hammerstone.store.records import Answered, Attempt, BuildState, Disagreement, PaidCall
from hammerstone.types import Instance, Role, Route, Source, Usage

from ..samples.sums import SUM, tool
from .conftest import Cli, Done
from .test_process import shell

# What was written, and what of it must be seen on one line.
HOSTILE = {
    "markup": ("logs[/var] [/quote] [bold]x[/] [link=a]y[/link]", "logs[/var] [/quote] [bold]x[/] [link=a]y[/link]"),
    "emoji codes": ("root:x:0:0 2:100:4 a:on:b", "root:x:0:0 2:100:4 a:on:b"),
    "escape sequences": ("a\x1b[2J\x1b[1A\x9b31mb", r"a\x1b[2J\x1b[1A\x9b31mb"),
    "a hyperlink": ("\x1b]8;;http://a\x07b\x1b]8;;\x07", r"\x1b]8;;http://a\x07b\x1b]8;;\x07"),
    "the clipboard": ("\x1b]52;c;ZWNobw==\x07", r"\x1b]52;c;ZWNobw==\x07"),
    "bidirectional marks": ("a\u202egnp.exe\u2066b\u200f", r"a\u202egnp.exe\u2066b\u200f"),
    "invisible characters": ("a\u200b\ufeff\u00ad\U000e0041\u3164b", r"a\u200b\ufeff\xad\U000e0041\u3164b"),
    "halves of characters": ("a\ud83e b\udc80", r"a\ud83e b\udc80"),
    "NUL, backspace and DEL": ("a\x00\x08\x7fb", r"a\x00\x08\x7fb"),
    "line breaks": ("a\r\nerror: b\x0b\x0c\x85\u2028c", r"a\r"),  # a block ends its line at the line feed
    "letters of many scripts": ("é 中文 العربية 👩‍👩‍👧 🪨 ☂️", "é 中文 العربية 👩‍👩‍👧 🪨 ☂️"),
    "a backslash": (r"\x1b repo\[tag]", r"\x1b repo\[tag]"),
    "a long text": ("word " * 200 + "end", "word word word"),
}
STYLE = re.compile(r"\x1b\[[\d;]*m")
SHOWING = [("tasks", "list"), ("tasks", "show", "sum"), ("tools", "show", "sum"), ("ledger",), ("label",)]


@pytest.fixture(params=HOSTILE)
def hostile(request: pytest.FixtureRequest) -> tuple[str, str]:
    return HOSTILE[request.param]


@pytest.fixture
def full(home: Path, hostile: tuple[str, str]) -> Path:
    """A home in which every text that is stored is a hostile one."""
    text, _ = hostile
    usage = Usage(input_tokens=1, output_tokens=1)
    call = PaidCall(
        key="k", role=Role.MAKER, model=text, prompt={}, text=text, usage=usage, cost_usd=1.0, seconds=1.0,
        request_id=text, task="sum",
    )  # fmt: skip
    with open_store(home) as store:
        store.add_task("sum", text)
        store.add_instance("sum", Instance(question=text, answer=text, source=Source.SOLVER), request_id=text)
        (instance,) = store.instances("sum")
        store.relabel(instance.id, f"{text} ", Source.LABELER)
        store.publish(tool(source=f"{SUM}# {text}\n"))
        build = store.start_build("sum", owner=this_process())
        assert build is not None
        attempt = Attempt(
            recipe="module", number=1, stage="passed", source=text, problems=(text,), usage=usage, cost_usd=1.0
        )
        store.add_attempt(build, attempt)
        differ = Disagreement(instance_id=instance.id, question=text, stored=text, tool=text)
        store.end_build(build, BuildState.NEEDS_REVIEW, reason=text, tool=tool(), disagreement=differ)
        store.add_call(call)
        store.add_answer(
            Answered(id=text, question=text, answer=text, route=Route.SOLVER, task="sum", refusals=(text,))
        )
        store.enqueue(text, text, None)
    return home


def check_nothing_acts(done: Done) -> None:
    """Neither the terminal nor the reader is led to see anything but text."""
    left = set(done.out + done.err) - {"\n", "\t", "\u200d", "\ufe0f"}
    assert all(char.isprintable() for char in left), ascii(done)
    assert done.code in {0, 1, 2}
    assert "fault in hammerstone" not in done.err


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[int], None]]:
    """Makes a terminal with colours of stdout and stderr, so many columns wide."""

    def show(columns: int) -> None:
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.delenv("NO_COLOR", raising=False)
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True)

    terminal._made_console.cache_clear()  # a console looks at the terminal once
    yield show
    terminal._made_console.cache_clear()


@pytest.mark.usefixtures("full")
def test_what_is_stored_is_seen_and_does_nothing(cli: Cli, hostile: tuple[str, str]) -> None:
    for command in SHOWING:
        done = cli(*command)
        assert done.code == 0
        check_nothing_acts(done)
        assert hostile[1] in done.out + done.err, command


@pytest.mark.usefixtures("full")
def test_on_a_terminal_with_colours_it_is_no_other(cli: Cli, screen: Callable[[int], None]) -> None:
    screen(100)
    for command in SHOWING:
        done = cli(*command)
        assert STYLE.search(done.out + done.err)
        check_nothing_acts(Done(done.code, STYLE.sub("", done.out), STYLE.sub("", done.err)))


@pytest.mark.usefixtures("full")
def test_as_json_it_is_the_exact_text(cli: Cli, hostile: tuple[str, str]) -> None:
    for command in SHOWING:
        done = cli(*command, "--json")
        assert done.code == 0
        check_nothing_acts(done)
        assert any(hostile[0] in text for text in texts_of(done.lines)), command


def texts_of(value: object) -> set[str]:
    match value:
        case str():
            return {value}
        case list():
            return {text for one in value for text in texts_of(one)}
        case dict():
            return texts_of([*value.keys(), *value.values()])
        case _:
            return set()


def test_the_id_and_the_answer_of_a_request_are_seen(cli: Cli, hostile: tuple[str, str], tmp_path: Path) -> None:
    text, seen = hostile
    file = tmp_path / "requests.jsonl"
    file.write_text(json.dumps({"id": text, "question": text}) + "\n")
    for solver in ((), ("--solver", "labeler")):
        done = cli("solve", file, *solver)
        check_nothing_acts(done)
        assert seen in done.out
        assert done.out.count("\t") == 2, "an id cannot add a column"
        assert done.out.count("\n") == 1, "nor a line"


@pytest.mark.usefixtures("empty")
def test_an_argument_that_is_wrong_is_seen(cli: Cli, hostile: tuple[str, str]) -> None:
    text, seen = (one.replace(zero, "") for one, zero in zip(hostile, ("\x00", r"\x00"), strict=True))
    for command in (("tasks", "show"), ("tools", "show"), ("solve",), ("tasks",), ("tools", "list"), ("bench", "--n")):
        done = cli(*command, text)
        assert done.code == 2
        check_nothing_acts(done)
        assert sum(line.startswith("error: ") for line in done.err.split("\n")) == 1, "no text can add an error"
        if command[-1] == "show":
            assert seen in done.err


def test_a_bar_shows_text_as_it_is(screen: Callable[[int], None], capsys: pytest.CaptureFixture[str]) -> None:
    screen(150)
    with progress("a[/b] :x: \x1b[2J") as bar:
        bar.update(bar.task_ids[0], note="c[/d] :x: \u202e")
        bar.refresh()
    shown = STYLE.sub("", capsys.readouterr().err)
    assert r"a[/b] :x: \x1b[2J" in shown
    assert r"c[/d] :x: \u202e" in shown


def test_what_a_library_logs_is_shown_as_it_is() -> None:
    code = """
import logging
from hammerstone.cli.main import _show_retries
_show_retries()
logging.getLogger("a").warning("a[/b] \\x1b[2J \\u202e")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "a[/b] \\x1b[2J \\u202e\n"


@pytest.mark.parametrize("encoding", ["PYTHONIOENCODING=cp1252", "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"])
def test_an_output_that_cannot_encode_a_text_gets_escapes(home: Path, encoding: str) -> None:
    with open_store(home) as store:
        store.add_task("sum", "ł 中 😀 \ud83e")
    shown = shell(home, f"{encoding} hammerstone tasks list")
    assert r"\u0142 \u4e2d \U0001f600 \ud83e" in shown.stdout
    (task,) = [
        json.loads(line) for line in shell(home, f"{encoding} hammerstone tasks list --json").stdout.splitlines()
    ]
    assert task["description"] == "ł 中 😀 \ud83e"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("hammerstone tasks list >&-", 0),
        ("hammerstone tasks list --json <&- >&- 2>&-", 0),
        ("hammerstone tasks show nix 2>&-", 2),
        ("hammerstone label <&-", 0),
    ],
)
def test_a_stream_that_the_caller_has_closed_is_no_fault(home: Path, line: str, code: int) -> None:
    with open_store(home) as store:
        store.enqueue("1", "?", None)
    done = shell(home, line)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_the_help_of_every_command_is_shown_whole(cli: Cli) -> None:
    """Brackets in it are not taken for markup."""
    assert "those of the file's [generate], or" in " ".join(cli("toolformer", "generate", "--help").out.split())


def test_the_details_of_an_error_stand_below_it_set_in(capsys: pytest.CaptureFixture[str]) -> None:
    show_error("a\nb", "c\nd", "-e\n+\x1bf")
    assert capsys.readouterr().err == "error: a\\nb\n  -e\n  +\\x1bf\nhint: c\\nd\n"


def test_a_cell_cannot_add_another(capsys: pytest.CaptureFixture[str]) -> None:
    print_line("a\tb", "c\nd")
    assert capsys.readouterr().out == "a\\tb\tc\\nd\n"


# source


def test_every_line_of_source_has_its_number_and_only_a_line_feed_ends_one(cli: Cli, home: Path) -> None:
    evil = 'x = "\r\x0c\x1b[8m"' + " " * 500 + "# the end\n" + "\n" * 90 + "\thidden = 1\n"
    with open_store(home) as store:
        store.publish(tool(source=f"{SUM}{evil}"))
    lines = cli("tools", "show", "sum").out.split("\n")
    first = SUM.count("\n") + 1
    (long,) = [line for line in lines if line.startswith(f" {first} | ")]
    assert long.startswith(rf' {first} | (528 characters) x = "\r\x0c\x1b[8m"   ')
    assert long.endswith("  # the end")
    assert [line for line in lines if re.fullmatch(r" *\d+ \| ", line)][-1] == f"{first + 90} | "
    assert lines[-2] == rf"{first + 91} | \thidden = 1"


def test_on_a_terminal_a_long_line_of_source_is_wrapped_after_its_number(
    screen: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    screen(40)
    show_source("x = 1" + " " * 100 + "; y = '\x1b'\nz = '中'\n")
    rows = STYLE.sub("", capsys.readouterr().out).split("\n")[:-1]
    assert [row[:4] for row in rows] == ["1 | ", "  | ", "  | ", "  | ", "2 | "]
    assert "".join(row[4:] for row in rows[:4]) == "x = 1" + " " * 100 + r"; y = '\x1b'"
    assert rows[4] == "2 | z = '中'"
