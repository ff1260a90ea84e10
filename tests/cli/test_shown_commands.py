"""The commands that the documents show on lines of their own are run, one after the other, as a reader would.

Where a name or a model stands for the reader's own, one of the tests stands in. `NOT_RUN` says of every other why not.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ..shown import Command, commands_in, documents
from .conftest import TWELVE, Cli, Recorded, write_lines

NOT_RUN = {
    r"^pytest$": "it is what runs this",
    r"^python benchmarks/": "measures for minutes, on a machine that does nothing else",
    r"^python docs/screenshots\.py": "needs Chromium, and writes pictures",
    r"^bash runs/toolformer_": "needs real weights, and takes hours; tests/test_docs.py reads its commands",
    r"^python docs/check\.py": "runs the experiments, in minutes; .ci/run runs it",
    r"^hammerstone demo$": "docs/check.py runs it and compares what it prints",
    r"^hammerstone demo --serve": "serves; tests/cli/test_demo_serve.py runs it",
    r"^hammerstone demo .*--record": "pays models; tests/evals/test_demo_run.py runs it on recordings",
    r"^hammerstone bench all": "docs/check.py runs it and compares what it prints",
    r"^hammerstone bench use": "pays models; tests/cli/test_bench.py runs it on scripted ones",
    r"^hammerstone bench audit": "takes most of a minute; tests/cli/test_bench.py runs it on short streams",
    r"^hammerstone doctor --conformance": "tests/sandbox/test_conformance.py runs the same programs, one test each",
    r"^hammerstone solve .*--config": "needs the file and a server; tests/cli/test_main.py has files",
    r"^hammerstone solve .*mailbox:": "waits for a person; tests/cli/test_process.py answers in their place",
    r"^hammerstone purge": "needs something to remove; tests/cli/test_purge.py has it",
    r"^hammerstone tools publish": "needs two tenants; tests/cli/test_publish.py has them",
    r"^hammerstone tools list --tenant": "needs a tenant; tests/cli/test_tenants.py has one",
    r"^hammerstone learn": "runs for a minute; tests/cli/test_learn.py runs it on the example and on other logs",
    r"^hammerstone correct": "needs the id of an answer; tests/cli/test_correct.py has one",
    r"^hammerstone tasks (merge|rename|remove)": "ends the task of this story; tests/cli/test_tasks.py has others",
    r"^hammerstone tasks mark": "needs a task; tests/cli/test_tasks.py has one",
    r"^hammerstone tools (rollback|approve)": "needs another version; tests/cli/test_correct.py and others have one",
    r"^hammerstone tasks settle": "needs a tool that needs review; tests/cli/test_tasks.py makes one",
    r"^hammerstone serve": "runs until it is stopped; tests/server/test_clients.py has one running",
    r"^hammerstone ui": "runs until it is stopped; tests/server/pages/test_browser.py has it in a browser",
    r"^hammerstone mcp": "speaks with a client until it is stopped; tests/server/test_mcp.py has one",
    r"^hammerstone keys": "needs a key; tests/cli/test_keys.py makes some",
    r"^hammerstone toolformer ": "needs a model; tests/cli/test_toolformer.py has one and runs each",
    r"^accelerate launch": "needs several GPUs",
    r"^python -m hammerstone\.toolformer\.tiny": "trains for minutes; tests/toolformer/test_tiny_run.py does so once",
}
STORY = ["README.md", "docs/guides/loop.md", "docs/guides/models.md", "docs/guides/requests.md"]


def bare(command: Command) -> tuple[str, ...]:
    """Without `uv run` and its extras: this environment has them."""
    line = re.sub(r"^uv run (--all-extras |--extra \S+ )*", "", shlex.join(command.words))
    return tuple(shlex.split(line))


def reason(command: Command) -> str | None:
    return next((why for form, why in NOT_RUN.items() if re.search(form, " ".join(bare(command)))), None)


def in_blocks(document: str) -> list[Command]:
    return [command for command in commands_in(document) if command.in_block]


def as_here(words: tuple[str, ...], recorded: Recorded) -> list[str]:
    """The command with this test's models, and with the task that they know."""
    line = shlex.join(words)
    line = re.sub(r" --maker +\S+", f" --maker {recorded.strong}", line)
    line = re.sub(r" --user +\S+", f" --user {recorded.cheap}", line)
    line = re.sub(r" --record +\S+", "", line)  # what is replayed is not recorded again: tests/cli/test_solve.py
    line = re.sub(r"(solve +\S+)", r"\1 --concurrency 1", line)  # as they were recorded
    return shlex.split(re.sub(r"\bNAME\b|(?<=--name )\w+", "sum", line))


@pytest.mark.parametrize("document", STORY)
def test_commands_in_blocks_run_one_after_the_other(
    cli: Cli, document: str, recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("requests.jsonl", "solved.jsonl"):
        write_lines(tmp_path / name, TWELVE)
    for command in in_blocks(document):
        if reason(command) is None:
            program, *arguments = as_here(bare(command), recorded)
            assert program == "hammerstone"
            done = cli(*arguments, stdin="y\n")  # yes, remove it
            assert done.code == 0, f"{command}\n{done.err}"


def test_every_command_in_a_block_is_run_or_has_a_reason() -> None:
    left = [str(one) for name in documents() if name not in STORY for one in in_blocks(name) if reason(one) is None]
    assert left == []


def test_every_reason_is_that_of_a_command() -> None:
    shown = [" ".join(bare(command)) for document in documents() for command in in_blocks(document)]
    assert [form for form in NOT_RUN if not any(re.search(form, line) for line in shown)] == []


def python_lines() -> list[Command]:
    every = [command for document in documents() for command in commands_in(document)]
    return [command for command in every if command.words[:2] == ("python", "-c")]


@pytest.mark.parametrize("command", python_lines(), ids=str)
def test_lines_of_python_run(command: Command) -> None:
    assert subprocess.run([sys.executable, *command.words[1:]], check=True, capture_output=True).stdout
