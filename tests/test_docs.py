"""The examples of the documentation run and say what the documentation says; the commands that it shows exist.

Which of the commands are run, and why others are not, is in tests/cli/test_shown_commands.py.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .shown import commands_in, commands_of_text, documents, problem

ROOT = Path(__file__).parents[1]


def run(script: str, *arguments: Path, temporary: str | None = None) -> str:
    command = [sys.executable, str(ROOT / "docs_src" / script), *map(str, arguments)]
    environment = {**os.environ, **({"TMPDIR": temporary} if temporary else {})}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def test_the_quickstart_makes_tools_and_answers_without_a_model_what_they_are_sure_of(tmp_path: Path) -> None:
    assert run("quickstart.py", tmp_path).splitlines() == [
        "parser: 36, solver: 82, user: 12",
        "parser | apple fig plum",
        "None | no tool answers this, and no solver is set",
    ]


def test_a_model_of_ones_own_can_be_the_solver(tmp_path: Path) -> None:
    assert run("own_model.py", tmp_path) == "solver | HELLO\n"


def test_an_example_runs_in_a_temporary_folder_where_none_is_named(tmp_path: Path) -> None:
    assert run("own_model.py", temporary=str(tmp_path)) == "solver | HELLO\n"
    assert list(tmp_path.glob("hammerstone-*/hammerstone.db"))


@pytest.mark.parametrize("document", documents())
def test_commands_in_the_documents_exist_with_their_options(document: str) -> None:
    wrong = [f"{command}: {why}" for command in commands_in(document) if (why := problem(command.words))]
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "```console\n$ hammerstone ledger --json\n```",
        "```sh\nhammerstone ledger \\\n    --json\n```",
        "    hammerstone ledger --json   # what it costs",
        "    FILE=1\n\n    hammerstone ledger --json | head -1 > costs.txt",
        "    cd somewhere && hammerstone ledger --json",
        "| what | how |\n|---|---|\n| costs | `hammerstone ledger --json` |",
        "A sentence with `hammerstone ledger\n--json` over two lines.",
        "`hammerstone ledger --json > costs.txt`",
    ],
)
def test_a_command_is_found_wherever_it_stands(text: str) -> None:
    (command,) = commands_of_text("README.md", text)
    assert command.words == ("hammerstone", "ledger", "--json")


def test_a_subcommand_after_an_ellipsis_is_one_of_the_group_named_before() -> None:
    _, short = commands_of_text("README.md", "`hammerstone tools list`, `… show NAME`")
    assert short.words == ("hammerstone", "tools", "show", "NAME")


@pytest.mark.parametrize(
    "line",
    [
        "hammerstone slove requests.jsonl",
        "hammerstone tools shwo NAME",
        "hammerstone solve requests.jsonl --makers x",
        "hammerstone solve --maker",
        "hammerstone ledger extra",
        "hammerstone generate word_sortign",
        "hammerstone generate word_sorting -n many",
        "hammerstone generate word_sorting --form yaml",
        "hammerstone bench near-mis",
        "uv run hammerstone dmeo",
        "uv run --extra bnech hammerstone demo",
        "uv run --extra bench python benchmarks/missing.py",
        "python benchmarks/dispatch.py --tolls 3",
        "python -m hammerstone.missing",
        "python -m hammerstone dmeo",
        "bash runs/missing.sh",
        "accelerate launch --config_file examples/missing.yaml -m hammerstone toolformer finetune",
        "accelerate launch --num_processes 4 -m hammerstone toolformer finteune",
        "pip install 'hammerstone[bnech]'",
        "python",
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert problem(shlex.split(line))
