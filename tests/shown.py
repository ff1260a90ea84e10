"""The commands that the documents show: where they stand, and whether they exist with their options."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import typer
from typer.main import get_command

from hammerstone.cli.main import app
from hammerstone.evals.run_experiments import EXPERIMENTS
from hammerstone.evals.tasks import TASKS

ROOT = Path(__file__).parents[1]
SHELL = re.compile(r"[|&;()<>]+")
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
PLACEHOLDER = re.compile(r"…|\.\.\.|^[A-Z][A-Z=-]*$|^\$")
CHECKED_TYPES = ("choice", "int", "float", "int range", "float range")
PROGRAMS = ("hammerstone", "python", "bash", "uv", "pip", "accelerate")
NAMES = {"hammerstone bench": {"all", *EXPERIMENTS}, "hammerstone generate": TASKS.keys()}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command. `in_block` says that it stands on a line of its own, to be copied, and not within a sentence."""

    document: str
    words: tuple[str, ...]
    in_block: bool

    def __str__(self) -> str:
        return f"{self.document}: {shlex.join(self.words)}"


# where they stand


def documents() -> list[str]:
    """What may show commands. Left out: the log, which tells of the past, and what the commands print themselves."""
    patterns = ("*.md", "docs/**/*.md", "design/*.md", "examples/**/*.md", "runs/*.sh", "benchmarks/*.py", "docs/*.py")
    left_out = {"docs/log.md", "docs/commands.md", "docs/results.md"}
    found = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(found - left_out)


def commands_in(document: str) -> tuple[Command, ...]:
    return commands_of_text(document, (ROOT / document).read_text(encoding="utf-8"))


def commands_of_text(document: str, text: str) -> tuple[Command, ...]:
    """Every command of a document: first those in blocks, then those in sentences and tables."""
    if document.endswith(".py"):
        text = ast.get_docstring(ast.parse(text)) or ""
    lines, prose = (text.splitlines(), "") if document.endswith(".sh") else _blocks_and_prose(text)
    shown = [(line, True) for line in _joined(lines)]
    shown += [(" ".join(code.split()), False) for code in CODE.findall(prose)]
    return tuple(
        Command(document=document, words=words, in_block=in_block)
        for line, in_block in _unabridged(shown)
        for words in _commands_of(line)
    )


def _blocks_and_prose(text: str) -> tuple[list[str], str]:
    """The lines of fenced and indented blocks, and all else."""
    block: list[str] = []
    prose: list[str] = []
    fence: str | None = None
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fence = line.strip()[3:] if fence is None else None
        elif fence is not None or line.startswith(("    ", "uv run ")):
            block += [line.strip()] if fence not in ("python", "json", "toml") else []
        else:
            prose.append(line)
    return block, "\n".join(prose)


def _joined(lines: list[str]) -> list[str]:
    """A line that ends with a backslash goes on in the next."""
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def _unabridged(shown: Sequence[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    """`… annotate` is short for the command group named last: `hammerstone toolformer annotate`."""
    group = ""
    for line, in_block in shown:
        if found := re.match(r"(hammerstone [a-z]+) [a-z]", line):
            group = found[1]
        yield re.sub(r"^… ", f"{group} ", line), in_block


def _commands_of(line: str) -> Iterator[tuple[str, ...]]:
    line = line.removeprefix("$ ").lstrip("{ ")
    program = line.partition(" ")[0]
    if line.strip() in (program, "uv run") or program == "hammerstone()":
        return  # a name in a sentence, or a shell's function
    if program not in PROGRAMS and "&&" not in line:
        return
    parsed = shlex.shlex(line, posix=True, punctuation_chars=True)
    parsed.whitespace_split, parsed.commenters = True, "#"
    words: list[str] = []
    for word in (*parsed, ";"):
        if not SHELL.fullmatch(word):
            words.append(word if "[" in word[1:] else word.strip("[]"))  # [--option] of a usage line, not name[extra]
        elif words:
            if words[0] in PROGRAMS:
                yield tuple(words)
            words = []


# whether they exist


def problem(words: Sequence[str]) -> str | None:
    """What is wrong with a command, as a person would be told, or nothing. It is not run."""
    match words:
        case ["uv", "run", *rest]:
            return _uv_run(rest)
        case ["hammerstone", *arguments]:
            return _hammerstone(arguments)
        case ["python", "-c", code]:
            return None if ast.parse(code) else "empty"
        case ["python", "-m", "hammerstone", *arguments]:
            return _hammerstone(arguments)
        case ["python", "-m", module, *_]:
            return None if find_spec(module) else f"no module {module}"
        case ["python" | "bash", script, *arguments]:
            return _script(script, arguments)
        case ["accelerate", "launch", *rest]:
            return _accelerate(rest)
        case ["pip", "install", *packages]:
            wanted = {extra for package in packages for extra in re.findall(r"^hammerstone\[(.+)\]$", package)}
            return f"no extra {wanted - EXTRAS.keys()}" if wanted - EXTRAS.keys() else None
        case ["pytest"]:
            return None
        case _:
            return "this kind of command is not checked: add it to tests/shown.py"


def _uv_run(words: list[str]) -> str | None:
    match words:
        case ["--extra", extra, *rest]:
            return _uv_run(rest) if extra in EXTRAS else f"no extra {extra}"
        case ["--all-extras", *rest]:
            return _uv_run(rest)
        case _:
            return problem(words)


def _hammerstone(words: list[str]) -> str | None:
    command, arguments = get_command(app), [word for word in words if word != "--debug"]
    path = "hammerstone"
    while subcommands := getattr(command, "commands", None):
        if not arguments or arguments[0] in ("--help", "--version"):
            return None
        name = arguments.pop(0)
        if name not in subcommands:
            return f"{path} has no command {name}"
        command, path = subcommands[name], f"{path} {name}"
    context = typer.Context(command, info_name=path)
    try:
        values, more, _ = command.make_parser(context).parse_args([*arguments])
        for parameter in command.params:
            _check_value(parameter, values.get(parameter.name), context)
    except Exception as error:  # whichever click raises: typer carries its own, unexported
        return f"{path}: {error}"
    unknown = [name for name in arguments[:1] if name not in NAMES.get(path, {name}) and not PLACEHOLDER.search(name)]
    return f"{path} takes no {(more or unknown)[0]}" if more or unknown else None


def _check_value(parameter, value: object, context: typer.Context) -> None:
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, str) and parameter.type.name in CHECKED_TYPES and not PLACEHOLDER.search(one):
            parameter.type.convert(one, parameter, context)


def _script(script: str, arguments: Sequence[str]) -> str | None:
    if not (ROOT / script).is_file():
        return f"{script} is not there"
    wanted = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}
    unknown = sorted(option for option in wanted if not {option, option.lstrip("-")} & _literals(script))
    return f"{script} has no {', '.join(unknown)}" if unknown else None


@cache
def _literals(script: str) -> set[str]:
    """The strings in a script's source, its options among them: to be asked for `--help`, some import torch first."""
    parsed = ast.walk(ast.parse((ROOT / script).read_text(encoding="utf-8"))) if script.endswith(".py") else ()
    return {node.value for node in parsed if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _accelerate(words: list[str]) -> str | None:
    options, _, module = " ".join(words).partition(" -m ")
    files = re.findall(r"--config_file (\S+)", options)
    missing = [file for file in files if not (ROOT / file).is_file()]
    return f"{missing[0]} is not there" if missing else problem(["python", "-m", *shlex.split(module)])
