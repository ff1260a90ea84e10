"""A tool as a Python package that anyone can read, test and use without hammerstone; and the way back.

    word_sorting/
        __init__.py             what it is and where it comes from; `answer(question)` and `solve(...)`
        made.py                 the generated source, unchanged, below a header
        guard.py                which arguments `solve` takes, by hammerstone's own code; only where there is a parser
        test_word_sorting.py    every check of the tool, for pytest
        tool.json               the whole tool with its digest: what `import_tool` reads

Exported code runs in the process of whoever imports it, **without a sandbox**: it is code that a language model wrote,
to be read before it is used. On the way back an imported tool's code is only read, until the gate runs it in a
sandbox. Line ends may have changed on the way, as git changes them.

The digest says that a file is whole, not that whoever wrote it is honest: anyone who changes a tool can compute it
anew. So an import believes nothing that can be checked again. The provenance cannot be.
"""

from __future__ import annotations

import errno
import json
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from importlib.metadata import packages_distributions
from pathlib import Path
from pprint import pformat
from string import Template
from textwrap import fill

from hammerstone.errors import InputError, ToolRefusedError
from hammerstone.models import sound_number
from hammerstone.private_files import make_private_folder, open_private
from hammerstone.settings import ALLOWED_IMPORTS
from hammerstone.tools.code_checks import check_source
from hammerstone.tools.descriptions import few, one_line
from hammerstone.tools.exported_guard import guard_source
from hammerstone.tools.shortlist import forms, wording
from hammerstone.tools.signature import ArgumentsError, Signature, read_signature
from hammerstone.tools.tool import Tool, is_tool_name
from hammerstone.types import JSON, Route

__all__ = ["export_tool", "import_tool", "package_document", "tool_of_document"]

TOOL_FILE = "tool.json"
SOURCE_FILE = "made.py"
MAX_BYTES = 16 * 1024 * 1024  # of one file: eighty checks of the longest questions that hammerstone reads
MAX_VALUES = 500_000  # lists, objects and commas: each value takes a hundred times the memory of its bytes

# Python looks for a `coding:` comment in the first two lines, so nothing that a model or a person wrote stands there.
_TITLE = "# A tool for one kind of question. Its source stands below, as a language model wrote it.\n#\n"
_MARK = "# Below this line is the source as it was made.\n"

_HEADER = """\
$name, version $version: $description

Made by $maker on $made from $instances solved questions; $checks of them are its tests. SHA-256 of the tool: $digest

THERE IS NO SANDBOX HERE. This code runs in your own process and may do whatever your process may do. A language model wrote it: read made.py before you use it.
"""  # noqa: E501 - wrapped when it is filled in

_GUARDED = '''\
"""$header"""

from __future__ import annotations

import json

from .guard import ARGUMENTS, fit_arguments
from .made import parse, solve, unparse

__all__ = ["answer", "solve"]


def answer(question: str) -> str | None:
    """The answer, or `None` where the tool cannot prove that it has read every word of the question.

    The proof is that `unparse(**parse(question))` writes the question again, character by character. The generated code
    runs in this process, without a sandbox and without a time limit.
    """
    try:
        parsed = json.loads(json.dumps(parse(question=question), allow_nan=False))
        if not isinstance(parsed, dict):
            return None
        arguments = json.dumps(fit_arguments(ARGUMENTS, parsed))
        if unparse(**json.loads(arguments)) != question:
            return None
        given = solve(**json.loads(arguments))
    except Exception:  # whatever generated code raises, it has no answer then
        return None
    return given if isinstance(given, str) else None
'''

_UNGUARDED = '''\
"""$header

This tool cannot read questions by itself: call `solve` with the arguments that its docstring describes.
"""

from __future__ import annotations

from .made import solve

__all__ = ["solve"]
'''

_TESTS = '''\
"""Every check of $name: a question, the arguments that stand for it, and the answer. Run it with pytest."""

from __future__ import annotations

import pytest

from . import $imported

CHECKS = $checks


@pytest.mark.parametrize("number", range(len(CHECKS)))
def test_the_arguments_give_the_answer(number):
    assert solve(**CHECKS[number]["arguments"]) == CHECKS[number]["answer"]
'''

_GUARDED_TESTS = """

@pytest.mark.parametrize("number", [number for number, check in enumerate(CHECKS) if check["parsed"]])
def test_the_question_alone_gives_the_answer(number):
    assert answer(CHECKS[number]["question"]) == CHECKS[number]["answer"]
"""


WELL_KNOWN = frozenset(
    """aiohttp anthropic attr attrs boto3 bs4 certifi click cryptography cv2 dateutil django dotenv fastapi flask httpx
    idna jinja2 joblib jsonschema keras langchain lxml markdown matplotlib mypy networkx nltk numpy openai
    packaging pandas pil pillow pip plotly polars psutil psycopg pyarrow pydantic pygments pytest pytz pyyaml
    redis regex requests rich ruff scipy seaborn selenium setuptools simplejson six sklearn spacy sqlalchemy
    starlette sympy tensorflow tenacity tiktoken toml torch torchvision tornado tqdm transformers typer urllib3
    uvicorn websockets werkzeug wheel xgboost yaml yarl""".split()
)
"""Well-known packages that may be installed where an exported tool is used, though not here."""


def export_tool(tool: Tool, version: int, folder: Path) -> Path:
    """Write the package into `folder` and return its own folder, named after the tool.

    A name of the standard library, of an installed package or of a well-known one gets `_tool` after it, so that it
    takes no one's place, here or where the folder is put.
    Raises `InputError` if that folder holds something already, or cannot be written; then nothing has changed.
    """
    name = tool.name
    if not is_tool_name(name):
        raise InputError(
            f"{name!r} cannot be the name of a Python package",
            hint="a tool to export has a name in snake_case, such as word_sorting",
        )
    taken = WELL_KNOWN | sys.stdlib_module_names | packages_distributions().keys()
    package = f"{name}_tool" if name in taken else name
    target = folder / package
    _write(target, _files(tool, version, package))
    return target


def package_document(tool: Tool, version: int) -> dict[str, JSON]:
    """The whole tool, as in an exported folder's `tool.json`."""
    return {"digest": tool.digest, "tool": json.loads(tool.to_json()), "version": version}


def tool_of_document(document: JSON, where: str, *, imports: frozenset[str] = ALLOWED_IMPORTS) -> Tool:
    """The tool of such a document, with everything checked that needs no sandbox. `where` names it in errors.

    Raises `ToolRefusedError`.
    """
    tool = _tool_in(document, where)
    _check(tool, where, imports)
    return tool


def import_tool(path: Path, *, imports: frozenset[str] = ALLOWED_IMPORTS) -> Tool:
    """The tool of an exported folder or its `tool.json`, with everything checked again that needs no sandbox.

    Raises `InputError` for what cannot be read and `ToolRefusedError` for what is not a whole, sound tool. The
    generated code has not run yet: `builder.admission` is the other half.
    """
    file = path / TOOL_FILE if path.is_dir() else path
    tool = _read_tool(file)
    if path.is_dir():
        _compare_source(path / SOURCE_FILE, tool)
    _check(tool, str(file), imports)
    return tool


# the package


def _files(tool: Tool, version: int, package: str) -> Mapping[str, str]:
    guarded = Route.PARSER in tool.routes
    header = _header(tool, version)
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    docstring = header.replace("\\", "\\\\").replace('"""', r"\"\"\"")
    checks = pformat([asdict(check) for check in tool.checks], width=100, sort_dicts=False)
    tests = Template(_TESTS + _GUARDED_TESTS if guarded else _TESTS)
    return {
        "__init__.py": Template(_GUARDED if guarded else _UNGUARDED).substitute(header=docstring),
        **({"guard.py": guard_source(tool.source)} if guarded else {}),
        SOURCE_FILE: f"{_TITLE}{comment}#\n{_MARK}{tool.source}",
        f"test_{package}.py": tests.substitute(
            name=tool.name, imported="answer, solve" if guarded else "solve", checks=checks
        ),
        TOOL_FILE: json.dumps(package_document(tool, version), indent=2, sort_keys=True) + "\n",
    }


def _header(tool: Tool, version: int) -> str:
    made = tool.provenance
    values = {
        "name": tool.name,
        "version": version,
        "description": tool.description,
        "maker": made.maker,
        "made": made.made,
        "instances": made.shown + made.verified + made.held_out,
        "checks": len(tool.checks),
        "digest": tool.digest,
    }
    text = Template(_HEADER).substitute({key: one_line(str(value)) for key, value in values.items()})
    return "\n".join(fill(line, 110, break_long_words=False, break_on_hyphens=False) for line in text.split("\n"))


def _write(target: Path, files: Mapping[str, str]) -> None:
    """Write all files or none: they are written beside `target`, and the folder is renamed, which replaces nothing."""
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        make_private_folder(partial)
        for name, text in files.items():
            with open_private(partial / name, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        _rename(partial, target)
    except OSError as error:
        hint = "name a folder that you may write to"
        raise InputError(f"{target} cannot be written: {error.strerror}", hint=hint) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _rename(partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError as error:
        if error.errno not in {errno.EEXIST, errno.ENOTDIR, errno.ENOTEMPTY}:
            raise
        hint = "nothing was written: remove it, or name another folder"
        raise InputError(f"{target} is there already", hint=hint) from None


# the way back


def _read_tool(file: Path) -> Tool:
    text = _read(file)
    if sum(text.count(mark) for mark in "[{,") > MAX_VALUES:
        raise InputError(f"{file} has more than {MAX_VALUES:,} values: no tool has", hint="it is damaged, or no tool")
    try:
        document: JSON = json.loads(text)
    except (ValueError, RecursionError):
        hint = f"name the folder of an exported tool, or its {TOOL_FILE}"
        raise InputError(f"{file} is not JSON", hint=hint) from None
    return _tool_in(document, str(file))


def _check(tool: Tool, where: str, imports: frozenset[str]) -> None:
    problems = list(_problems(tool, imports))
    if problems:
        hint = "a tool that was exported and not edited since is accepted"
        raise ToolRefusedError(f"{where}: {few(problems)}", hint=hint)


def _tool_in(document: JSON, file: str) -> Tool:
    digest = document.get("digest") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(digest, str) or "tool" not in document:
        hint = "`hammerstone tools export` writes one: a folder with this file"
        raise ToolRefusedError(f"{file} is not an exported tool", hint=hint)
    try:
        tool = Tool.from_json(json.dumps(document["tool"]))
    except ToolRefusedError as error:
        hint = "export it again where it comes from, and edit nothing in it"
        raise ToolRefusedError(f"{file}: {error.message}", hint=hint) from None
    if tool.digest != digest:
        raise ToolRefusedError(
            f"{file}: the tool has the digest {tool.digest}, not {digest[:80]}: it was changed or damaged",
            hint="export it again where it comes from",
        )
    made = replace(tool.provenance, cost_usd=sound_number(tool.provenance.cost_usd))
    return replace(tool, provenance=made)


def _compare_source(file: Path, tool: Tool) -> None:
    """Check that the file holds this very source below a header of comments."""
    text, source = _unix(_read(file)), _unix(tool.source)
    header = text.removesuffix(source)
    if not (text.endswith(_MARK + source) and all(line.startswith("#") for line in header.splitlines())):
        raise ToolRefusedError(
            f"{file} is not the source in {TOOL_FILE}: one of the two was edited",
            hint=f"export the tool again where it comes from; {TOOL_FILE} alone can be imported as it is",
        )


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def _read(file: Path) -> str:
    hint = "name the folder of an exported tool, with all of its files"
    if not file.is_file():
        raise InputError(f"there is no file {file}", hint=hint)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InputError(f"{file} has more than {MAX_BYTES:,} bytes: no tool has", hint=hint)
        return file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"{file} cannot be read: {why}", hint=hint) from error


def _problems(tool: Tool, imports: frozenset[str]) -> Iterator[str]:
    """The findings of the static checks, those first that the later ones build on."""
    if not is_tool_name(tool.name):
        yield f"the name {tool.name[:80]!r} is not in snake_case"
    parses = Route.PARSER in tool.routes or any(check.parsed for check in tool.checks)
    refused = check_source(tool.source, imports=imports, parser=True if parses else None)
    yield from refused
    if not refused:
        yield from _check_problems(tool, read_signature(tool.source))
    yield from _route_problems(tool)
    yield from _wording_problems(tool)


def _check_problems(tool: Tool, signature: Signature) -> Iterator[str]:
    if not tool.checks:
        yield "it has no checks"
    for check in tool.checks:
        try:
            signature.validate(check.arguments)
        except ArgumentsError as error:
            yield f"a check's arguments do not fit `solve`: {error}"
    checked = [(check.question, check.arguments) for check in tool.checks]
    if any((one.question, one.arguments) not in checked for one in tool.demonstrations):
        yield "a demonstration is not among the checks"


def _route_problems(tool: Tool) -> Iterator[str]:
    if not tool.routes or len(set(tool.routes)) < len(tool.routes):
        yield "its routes are missing, or named twice"
    for route in tool.routes:
        if route not in {Route.PARSER, Route.USER}:
            yield f"a tool has no route {route}"
    if Route.PARSER in tool.routes and not any(check.parsed for check in tool.checks):
        yield "the parser route has no check that its parser answered"
    if Route.USER in tool.routes and not tool.demonstrations:
        yield "the user route has no demonstrations"


def _wording_problems(tool: Tool) -> Iterator[str]:
    """Problems of the wording. It decides which questions the parser is asked, so it must follow from the checks."""
    questions = [check.question for check in tool.checks if check.parsed]
    common = wording(questions)
    if (tool.wording, tool.forms) != (common, () if common else forms(questions)):
        yield "its wording is not what its checks' questions share"
