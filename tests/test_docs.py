"""The examples of the documentation run, and say what the documentation says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(script: str, home: Path) -> str:
    command = [sys.executable, str(ROOT / "docs_src" / script), str(home)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_quickstart_makes_tools_and_answers_without_a_model_what_they_are_sure_of(tmp_path: Path) -> None:
    assert run("quickstart.py", tmp_path).splitlines() == [
        "parser: 36, solver: 82, user: 12",
        "parser | apple fig plum",
        "None | no tool answers this, and no solver is set",
    ]


def test_a_model_of_ones_own_can_be_the_solver(tmp_path: Path) -> None:
    assert run("own_model.py", tmp_path) == "solver | HELLO\n"


@pytest.mark.parametrize("guide", sorted((ROOT / "docs" / "guides").glob("*.md")), ids=lambda path: path.name)
def test_commands_in_the_guides_exist_with_their_options(guide: Path) -> None:
    reference = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for line in guide.read_text(encoding="utf-8").splitlines():
        words = line.strip().removeprefix("$ ").split()
        if not words or words[0] != "hammerstone" or line.startswith("hammerstone shows"):
            continue
        name = next(
            (f"`hammerstone {' '.join(words[1 : 1 + depth])}`" for depth in (2, 1) if _known(reference, words, depth)),
            None,
        )
        assert name is not None, line
        section = reference.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert f"`{option}" in section or option == "--debug", line


def _known(reference: str, words: list[str], depth: int) -> bool:
    return len(words) > depth and f"## `hammerstone {' '.join(words[1 : 1 + depth])}`\n" in reference
