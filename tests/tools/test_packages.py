"""Tools as packages: usable without hammerstone, and checked anew when they come back."""

from __future__ import annotations

import importlib.util
import json
import re
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.builder.admission import recheck
from hammerstone.errors import InputError, ToolRefusedError
from hammerstone.sandbox import Sandbox
from hammerstone.settings import ALLOWED_IMPORTS
from hammerstone.testing import FakeSandbox
from hammerstone.tools import parser
from hammerstone.tools.packages import export_tool, import_tool, tool_of_document
from hammerstone.tools.shortlist import forms, wording
from hammerstone.tools.tool import Check, Tool
from hammerstone.types import Route

from ..samples.good_modules import GOOD_MODULES
from ..samples.tools import SORT, a_tool, demonstrated, without_parser

ASK = "Sort these words in ascending order: b a"

WITHOUT_HAMMERSTONE = """
import sys
sys.modules["hammerstone"] = None
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def run_tests(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The exported tests, in a process in which hammerstone cannot be imported."""
    command = [sys.executable, "-B", "-c", WITHOUT_HAMMERSTONE, *options, str(folder)]
    return subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)


def load(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(folder.name, folder / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[folder.name] = module
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # generated code may write "\\d"
            spec.loader.exec_module(module)
    finally:
        for name in [one for one in sys.modules if one.partition(".")[0] == folder.name]:
            del sys.modules[name]
    return module


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# export


def test_the_package_has_its_five_files_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = export_tool(a_tool(), 3, tmp_path / "new" / "place")
    assert folder == tmp_path / "new" / "place" / "word_sorting"
    assert names(folder) == ["__init__.py", "guard.py", "made.py", "test_word_sorting.py", "tool.json"]
    assert names(folder.parent) == ["word_sorting"]


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_its_tests_pass_without_hammerstone(tmp_path: Path, mode: str) -> None:
    done = run_tests(export_tool(a_tool(), 3, tmp_path), f"--import-mode={mode}")
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout  # three checks, each by its arguments and by its question


def test_the_tests_of_a_tool_without_a_parser_pass_too(tmp_path: Path) -> None:
    done = run_tests(export_tool(without_parser(), 3, tmp_path))
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_its_tests_fail_when_its_source_is_broken(tmp_path: Path) -> None:
    folder = export_tool(a_tool(), 3, tmp_path)
    made = folder / "made.py"
    made.write_text(made.read_text().replace("sorted(words", "sorted(words[1:]"))
    done = run_tests(folder)
    assert done.returncode == 1
    assert "6 failed" in done.stdout


@pytest.mark.parametrize("name", ["numpy", "pytest", "tensorflow"])
def test_a_tool_with_the_name_of_a_well_known_package_does_not_take_its_place(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hammerstone.tools.packages.packages_distributions", dict)  # as where it is not installed
    folder = export_tool(replace(a_tool(), name=name), 3, tmp_path)
    assert folder.name == f"{name}_tool"
    assert import_tool(folder).name == name


def test_a_tool_with_a_name_of_the_standard_library_does_not_take_its_place(tmp_path: Path) -> None:
    folder = export_tool(replace(a_tool(), name="re"), 3, tmp_path)
    assert names(folder) == ["__init__.py", "guard.py", "made.py", "test_re_tool.py", "tool.json"]
    assert run_tests(folder).returncode == 0
    assert import_tool(folder).name == "re"


def test_it_answers_as_the_parser_route_does(tmp_path: Path) -> None:
    module = load(export_tool(a_tool(), 3, tmp_path))
    assert module.answer(ASK) == "a b"
    assert module.answer(f"\r\n {ASK}\n") is None
    assert module.answer(ASK + "!") is None
    assert module.answer("") is None
    assert module.solve(["b", "a"], order="descending") == "b a"
    assert module.__all__ == ["answer", "solve"]


def with_functions(parse: str = "", unparse: str = "", solve: str = "") -> Tool:
    """A tool whose functions have these bodies."""
    source = f"""
def solve(text: str) -> str:
    {solve or "return text"}

def parse(question: str) -> dict | None:
    {parse or 'return {"text": question}'}

def unparse(text: str) -> str:
    {unparse or "return text"}
"""
    check = Check(question="x", arguments={"text": "x"}, answer="x", parsed=True)
    return replace(
        a_tool(), source=source, checks=(check,), demonstrations=demonstrated((check,)), wording=wording(["x"])
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("tool", "answer"),
    [
        (with_functions(), "\t e\u0301 b\r\n"),
        (with_functions(parse="return None"), None),
        (with_functions(parse="return [question]"), None),
        (with_functions(parse="raise ValueError(question)"), None),
        (with_functions(parse='return {"other": question}'), None),
        (with_functions(parse='return {"text": {1, 2}}'), None),
        (with_functions(parse='return {"text": float("nan")}', unparse='return "\u00e9 b"', solve='return "x"'), None),
        (with_functions(unparse="return text.lower() + ' '"), None),
        (with_functions(unparse="return text.strip()"), None),
        (with_functions(parse='return {"text": question.replace("e\u0301", "\u00e9")}'), None),
        (with_functions(unparse="return text.upper()"), None),
        (with_functions(unparse="return None"), None),
        (with_functions(unparse="raise ValueError(text)"), None),
        (with_functions(solve="return None"), None),
        (with_functions(solve="return text[99]"), None),
        (with_functions(solve="return solve(text)"), None),
        (with_functions(solve="return str(len(text))"), "8"),
    ],
)
async def test_it_refuses_what_hammerstone_refuses(
    tmp_path: Path, sandbox: Sandbox, tool: Tool, answer: str | None
) -> None:
    module = load(export_tool(tool, 3, tmp_path))
    question = "\t e\u0301 b\r\n"
    assert module.answer(question) == answer
    assert (await parser.answer(sandbox, tool.source, question))[1] == answer


TYPED = """
import json
from typing import Literal

def solve(TAKEN) -> str:
    return repr(x)

def parse(question: str) -> dict | None:
    return json.loads(question)

def unparse(TAKEN) -> str:
    return WRITTEN
"""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("taken", "written", "question", "answer"),
    [
        ("x: float", "f'{{\"x\": {x:g}}}'", '{"x": 50}', "50.0"),
        ("x: float", "f'{{\"x\": {x:g}}}'", '{"x": true}', None),
        ("x: int", "'{\"x\": true}'", '{"x": true}', None),
        ("x: int", "'{\"x\": 1.0}'", '{"x": 1.0}', None),
        ('x: Literal["a", "b"]', "json.dumps({'x': x})", '{"x": "b"}', "'b'"),
        ('x: Literal["a", "b"]', "json.dumps({'x': x})", '{"x": "c"}', None),
        ("x: int = 3", "'{\"y\": 1}'", '{"y": 1}', None),
        ("x: int = 3", "'{}'", "{}", "3"),
        ("x: float = 3", "'{}'", "{}", "3.0"),
        ("x: list[tuple[int, float | None]]", "'{\"x\": [[1, 2]]}'", '{"x": [[1, 2]]}', "[[1, 2.0]]"),
        ("x: dict[Literal['k'], int]", '\'{"x": {"k": 2}}\'', '{"x": {"k": 2}}', "{'k': 2}"),
        ("x: dict[Literal['k'], int]", '\'{"x": {"l": 2}}\'', '{"x": {"l": 2}}', None),
        ("x: int", "'[[\"x\", 1]]'", '[["x", 1]]', None),
    ],
)
async def test_it_checks_and_converts_arguments_as_hammerstone_does(
    tmp_path: Path, sandbox: Sandbox, taken: str, written: str, question: str, answer: str | None
) -> None:
    source = TYPED.replace("TAKEN", taken).replace("WRITTEN", written)
    module = load(export_tool(replace(a_tool(), source=source), 3, tmp_path))
    assert (await parser.answer(sandbox, source, question))[1] == answer
    assert module.answer(question) == answer


def test_what_solve_does_to_its_arguments_stays_its_own_affair(tmp_path: Path) -> None:
    source = SORT.replace('    return f"Sort', '    words.reverse()\n    return f"Sort').replace(
        "{' '.join(words)}", "{' '.join(words[::-1])}"
    )
    module = load(export_tool(replace(a_tool(), source=source), 3, tmp_path))
    assert module.answer("Sort these words in descending order: a b") == "b a"


@pytest.mark.parametrize("file", ["__init__.py", "made.py"])
def test_it_says_where_it_comes_from_and_that_there_is_no_sandbox(tmp_path: Path, file: str) -> None:
    tool = a_tool()
    text = (export_tool(tool, 7, tmp_path) / file).read_text()
    plain = " ".join(text.replace("#", " ").split())
    for said in ("word_sorting, version 7", tool.description, "test:strong", "2026-01-02", tool.digest):
        assert said in plain
    assert "THERE IS NO SANDBOX HERE" in plain
    assert "from 4 solved questions; 3 of them are its tests" in plain


def test_the_documentation_of_answer_and_of_an_export_without_it_says_so_too(tmp_path: Path) -> None:
    assert "without a sandbox" in load(export_tool(a_tool(), 3, tmp_path)).answer.__doc__
    other = load(export_tool(without_parser(), 3, tmp_path / "other"))
    assert not hasattr(other, "answer")
    assert "NO SANDBOX" in (other.__doc__ or "")


@pytest.mark.parametrize("name", GOOD_MODULES)
def test_the_source_stands_in_it_character_by_character(tmp_path: Path, name: str) -> None:
    good = GOOD_MODULES[name]
    source = good.source.replace("\n", "\r\n") + "# the end, without a line end"
    check = Check(question="q", arguments=good.arguments, answer=good.answer, parsed=False)
    tool = replace(without_parser(), source=source, checks=(check,), demonstrations=demonstrated((check,)))
    folder = export_tool(tool, 3, tmp_path)
    assert (folder / "made.py").read_bytes().decode().endswith("\n" + source)
    assert load(folder).solve(**good.arguments) == good.answer
    assert import_tool(folder) == tool


def test_a_description_is_shown_as_it_is(tmp_path: Path) -> None:
    description = r"""a "quoted" word, \x and \N{x} and C:\new, $name and """ + '3 " \'and\' """ at the end \\'
    folder = export_tool(replace(a_tool(), description=description), 3, tmp_path)
    assert f"version 3: {description} Made by" in " ".join((load(folder).__doc__ or "").split())
    assert f"version 3: {description} Made by" in " ".join((folder / "made.py").read_text().replace("#", "").split())


awkward = st.text() | st.sampled_from(['"""', "\\", '""" + exit() + """', "# coding: utf-7", "$name", "\0"])


@settings(max_examples=40)
@given(awkward, awkward, awkward)
def test_no_description_or_maker_or_question_can_break_out_of_its_place(
    tmp_path_factory: pytest.TempPathFactory, description: str, maker: str, question: str
) -> None:
    tool = a_tool()
    checks = (replace(tool.checks[0], question=question), *tool.checks[1:])
    tool = replace(
        tool,
        description=description,
        checks=checks,
        demonstrations=demonstrated(checks[:2]),
        wording=(common := wording([one.question for one in checks])),
        forms=() if common else forms([one.question for one in checks]),
        provenance=replace(tool.provenance, maker=maker, made=description),
    )
    folder = export_tool(tool, 3, tmp_path_factory.mktemp("export"))
    module = load(folder)
    assert module.__all__ == ["answer", "solve"]
    namespace: dict[str, Any] = {}
    tests = (
        (folder / "test_word_sorting.py").read_text(encoding="utf-8").partition("CHECKS = ")[2].partition("\n\n\n@")[0]
    )
    exec(f"CHECKS = {tests}", namespace)  # noqa: S102 - our own file: the literal is what is looked at
    assert namespace["CHECKS"][0]["question"] == question
    assert import_tool(folder) == tool


@pytest.mark.parametrize("name", ["numpy", "pytest", "hypothesis", "json"])
def test_a_tool_with_a_name_of_an_installed_package_does_not_take_its_place(tmp_path: Path, name: str) -> None:
    folder = export_tool(replace(a_tool(), name=name), 3, tmp_path)
    assert folder.name == f"{name}_tool"
    assert names(folder) == ["__init__.py", "guard.py", "made.py", f"test_{name}_tool.py", "tool.json"]
    assert run_tests(folder).returncode == 0
    assert import_tool(folder).name == name


# where it is written


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    export_tool(a_tool(), 3, tmp_path)
    (tmp_path / "word_sorting" / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="is there already") as caught:
        export_tool(replace(a_tool(), description="Another."), 3, tmp_path)
    assert "nothing was written" in caught.value.hint
    assert contents(tmp_path) == before
    assert names(tmp_path) == ["word_sorting"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "word_sorting").mkdir()
    assert len(names(export_tool(a_tool(), 3, tmp_path))) == 5


def occupied_by_a_file(tmp_path: Path) -> Path:
    (tmp_path / "word_sorting").write_text("mine")
    return tmp_path


def occupied_by_a_link(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "word_sorting").symlink_to(tmp_path / "elsewhere")
    return tmp_path


def below_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("mine")
    return tmp_path / "file"


@pytest.mark.parametrize("prepare", [occupied_by_a_file, occupied_by_a_link, below_a_file])
def test_what_stands_in_the_way_is_not_touched(tmp_path: Path, prepare: Callable[[Path], Path]) -> None:
    folder = prepare(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(InputError) as caught:
        export_tool(a_tool(), 3, folder)
    assert caught.value.hint
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../escape", "word-sorting", "class", ""])
def test_a_name_that_is_no_package_is_not_written_anywhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name"):
        export_tool(replace(a_tool(), name=name), 3, tmp_path / "inner")
    assert names(tmp_path) == []


# import


@pytest.mark.parametrize("tool", [a_tool(), without_parser()], ids=["with a parser", "without"])
def test_an_exported_tool_comes_back_as_it_was(tmp_path: Path, tool: Tool) -> None:
    folder = export_tool(tool, 3, tmp_path)
    assert import_tool(folder) == import_tool(folder / "tool.json") == tool


def test_a_tool_for_questions_that_are_phrased_in_several_ways_comes_back_as_it_was(tmp_path: Path) -> None:
    questions = [f"{ask} {n}" for ask in ("What is the square of", "Multiply by itself:") for n in (3, 14)]
    checks = tuple(replace(without_parser().checks[0], question=one, parsed=True) for one in questions)
    tool = replace(
        a_tool(), checks=checks, demonstrations=(), routes=(Route.PARSER,), wording=(), forms=forms(questions)
    )
    assert len(tool.forms) == 2
    assert import_tool(export_tool(tool, 3, tmp_path)) == tool


def crlf(folder: Path) -> None:
    """Change line ends as git does in a folder of text on Windows."""
    for file in folder.iterdir():
        file.write_bytes(re.sub(rb"(?<!\r)\n", b"\r\n", file.read_bytes()))


@pytest.mark.parametrize("tool", [a_tool(), without_parser()], ids=["with a parser", "without"])
def test_an_exported_tool_comes_back_though_its_line_ends_have_changed(tmp_path: Path, tool: Tool) -> None:
    folder = export_tool(tool, 3, tmp_path)
    crlf(folder)
    assert import_tool(folder) == import_tool(folder / "tool.json") == tool
    assert run_tests(folder).returncode == 0


def test_a_source_with_line_ends_of_both_kinds_comes_back(tmp_path: Path) -> None:
    tool = replace(a_tool(), source=SORT.replace("\n", "\r\n", 7))
    folder = export_tool(tool, 3, tmp_path)
    assert import_tool(folder) == tool
    crlf(folder)
    assert import_tool(folder) == tool


def test_a_byte_order_mark_before_the_files_is_no_edit(tmp_path: Path) -> None:
    folder = export_tool(a_tool(), 3, tmp_path)
    for name in ("made.py", "tool.json"):
        (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes())
    assert import_tool(folder) == a_tool()


MARK = "Below this line is the source as it was made."


@pytest.mark.parametrize(
    "description",
    [
        MARK,
        f"# {MARK}",
        f"x\n# {MARK}\n",
        *(f"{'word ' * n}{MARK} {'word ' * 30}" for n in range(14, 24)),
        "\\",
        '"""',
        "\r\n\r",
        "\u2028",
        "half a pair \ud83d",
        "# coding: utf-7",
    ],
)
def test_a_tool_comes_back_whatever_its_description_holds(tmp_path: Path, description: str) -> None:
    tool = replace(a_tool(), description=description)
    folder = export_tool(tool, 3, tmp_path)
    assert import_tool(folder) == tool
    crlf(folder)
    assert import_tool(folder) == tool
    assert load(folder).answer(ASK) == "a b"


@pytest.mark.parametrize("added", ["import os\n", "x = 1  # Below\n"])
def test_code_above_the_line_in_the_source_file_is_noticed(tmp_path: Path, added: str) -> None:
    folder = export_tool(a_tool(), 3, tmp_path)
    made = folder / "made.py"
    made.write_text(added + made.read_text())
    with pytest.raises(ToolRefusedError, match=r"made\.py is not the source in tool\.json"):
        import_tool(folder)


def edit(folder: Path, **values: Any) -> Path:
    """Change the tool in its file, and leave the digest."""
    file = folder / "tool.json"
    document = json.loads(file.read_text())
    document["tool"] |= values
    file.write_text(json.dumps(document))
    return file


def forged(tmp_path: Path, tool: Tool) -> Path:
    """The export of a tool that no honest hammerstone would have: its digest is right."""
    return export_tool(tool, 3, tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"source": SORT.replace("sorted(", "list(")},
        {"description": "Something else."},
        {"routes": ["user"]},
        {"wording": []},
        {"checks": [{"question": ASK, "arguments": {"words": [], "order": "ascending"}, "answer": "", "parsed": True}]},
    ],
)
def test_an_edited_tool_no_longer_has_its_digest(tmp_path: Path, values: dict[str, Any]) -> None:
    file = edit(export_tool(a_tool(), 3, tmp_path), **values)
    with pytest.raises(ToolRefusedError, match="changed or damaged"):
        import_tool(file)


def test_a_wrong_digest_is_refused(tmp_path: Path) -> None:
    file = export_tool(a_tool(), 3, tmp_path) / "tool.json"
    file.write_text(file.read_text().replace(a_tool().digest, "0" * 64))
    with pytest.raises(ToolRefusedError, match="not 0000"):
        import_tool(file)


def test_a_source_file_that_was_edited_is_noticed_though_tool_json_is_whole(tmp_path: Path) -> None:
    folder = export_tool(a_tool(), 3, tmp_path)
    made = folder / "made.py"
    made.write_text(made.read_text() + "\n")
    with pytest.raises(ToolRefusedError, match=r"made\.py is not the source in tool\.json"):
        import_tool(folder)


@pytest.mark.parametrize("file", ["made.py", "tool.json"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = export_tool(a_tool(), 3, tmp_path)
    (folder / file).unlink()
    with pytest.raises(InputError, match=f"there is no file .*{file}") as caught:
        import_tool(folder)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", InputError),
        (b"not JSON", InputError),
        (b"\xff\xfe", InputError),
        (b"[" * 100_000, InputError),
        (b"[]", ToolRefusedError),
        (b"null", ToolRefusedError),
        (b'{"tool": {}}', ToolRefusedError),
        (b'{"digest": 1, "tool": {}}', ToolRefusedError),
        (b'{"digest": "x", "tool": {}}', ToolRefusedError),
        (b'{"digest": "x", "tool": []}', ToolRefusedError),
        (b'{"name": "word_sorting"}', ToolRefusedError),
    ],
)
def test_another_file_is_no_exported_tool(tmp_path: Path, content: bytes, error: type[Exception]) -> None:
    file = tmp_path / "tool.json"
    file.write_bytes(content)
    with pytest.raises(error):
        import_tool(file)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        import_tool(tmp_path / "nowhere")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "tool.json"
    with file.open("wb") as sparse:
        sparse.truncate(10**9)
    with pytest.raises(InputError, match="has more than"):
        import_tool(file)


HOSTILE_FILE = """
import re, sys
from pathlib import Path
from hammerstone.errors import InputError, ToolRefusedError
from hammerstone.tools.packages import import_tool

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

for text in sys.argv[2:]:
    Path(sys.argv[1]).write_text(eval(text))
    before = peak()
    try:
        import_tool(Path(sys.argv[1]))
    except (InputError, ToolRefusedError):
        print((peak() - before) // 1024 < 300)
"""


def test_a_hostile_file_is_refused_in_little_memory(tmp_path: Path) -> None:
    """The file has up to 16 MB, each byte of which could become a hundred in memory or a fault of its own."""
    values = (
        """'{"digest": "", "tool": [' + '{},' * 5_000_000 + '1]}'""",
        """'{"digest": "", "tool": {"instances": [' + '1,' * 490_000 + '1]}}'""",
        """'{"digest": "", "tool": {"checks": [' + '[],' * 160_000 + '1]}}'""",
        """'{"digest": "", "tool": {"wording": [' + '"a",' * 490_000 + '1]}}'""",
        """'{"digest": "", "tool": ' + '[' * 400_000 + ']' * 400_000 + '}'""",
        """'{"digest": "", "tool": {"name": "' + 'a' * 15_000_000 + '"}}'""",
    )
    command = [sys.executable, "-c", HOSTILE_FILE, str(tmp_path / "tool.json"), *values]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == ["True"] * len(values), done.stdout + done.stderr


def changed_checks(**values: Any) -> Tool:
    tool = a_tool()
    return replace(tool, checks=(*tool.checks, replace(tool.checks[0], **values)))


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        (replace(a_tool(), source=SORT + "\nimport os\n"), "`os` may not be imported"),
        (replace(a_tool(), source="def solve("), "is not valid Python"),
        (replace(a_tool(), source=SORT.partition("def parse")[0]), "`parse` and `unparse` are missing"),
        (replace(without_parser(), routes=(Route.PARSER,)), "`parse` and `unparse` are missing"),
        (
            replace(a_tool(), checks=without_parser().checks, wording=()),
            "the parser route has no check that its parser answered",
        ),
        (replace(a_tool(), demonstrations=()), "the user route has no demonstrations"),
        (replace(a_tool(), routes=()), "its routes are missing"),
        (replace(a_tool(), routes=(Route.USER, Route.USER)), "named twice"),
        (replace(a_tool(), routes=(Route.SOLVER, Route.USER)), "a tool has no route solver"),
        (replace(a_tool(), checks=(), demonstrations=(), routes=(Route.USER,), wording=()), "it has no checks"),
        (changed_checks(arguments={"words": "b a", "order": "ascending"}), "arguments do not fit `solve`: words"),
        (changed_checks(arguments={}), "words: Field required"),
        (replace(a_tool(), demonstrations=demonstrated((replace(a_tool().checks[0], question="Q"),))), "demonstration"),
        (replace(a_tool(), wording=("zzzzz",)), "its wording is not what"),
        (replace(a_tool(), wording=(*a_tool().wording, a_tool().wording[0])), "its wording is not what"),
        (replace(a_tool(), wording=a_tool().wording[:1]), "its wording is not what"),
        (replace(a_tool(), wording=()), "its wording is not what"),
        (replace(a_tool(), wording=(), forms=(a_tool().wording,)), "its wording is not what"),
        (replace(a_tool(), forms=(("Sort ",),)), "its wording is not what"),
        (replace(without_parser(), wording=("Sort ",)), "its wording is not what"),
    ],
)
def test_a_tool_that_is_whole_but_not_sound_is_refused_with_the_reason(tmp_path: Path, tool: Tool, reason: str) -> None:
    with pytest.raises(ToolRefusedError) as caught:
        import_tool(forged(tmp_path, tool))
    assert reason in caught.value.message
    assert caught.value.hint


def test_a_tool_may_import_what_a_build_may(tmp_path: Path) -> None:
    tool = replace(a_tool(), source=f"{a_tool().source}\n\nimport locale\n")
    folder = forged(tmp_path, tool)
    with pytest.raises(ToolRefusedError, match="`locale` may not be imported"):
        import_tool(folder)
    assert import_tool(folder, imports=ALLOWED_IMPORTS | {"locale"}) == tool
    with pytest.raises(ToolRefusedError, match="may not be imported"):
        tool_of_document(json.loads((folder / "tool.json").read_text()), "the body", imports=frozenset({"json"}))


@pytest.mark.parametrize("name", ["../escape", "Word Sorting", "class"])
def test_a_tool_under_a_name_that_is_no_package_is_refused(tmp_path: Path, name: str) -> None:
    file = export_tool(a_tool(), 3, tmp_path) / "tool.json"
    tool = replace(a_tool(), name=name)
    file.write_text(json.dumps({"digest": tool.digest, "tool": json.loads(tool.to_json())}))
    with pytest.raises(ToolRefusedError, match="is not in snake_case"):
        import_tool(file)


# running the checks again

pytest_anyio = pytest.mark.anyio


@pytest_anyio
@pytest.mark.parametrize("tool", [a_tool(), without_parser()], ids=["with a parser", "without"])
async def test_the_checks_of_a_good_tool_hold_in_the_sandbox(sandbox: Sandbox, tool: Tool) -> None:
    await recheck(sandbox, tool)


@pytest_anyio
@pytest.mark.parametrize(
    ("tool", "difference"),
    [
        (changed_checks(answer="fig apple pear"), "the stored answer is 'fig apple pear'"),
        (changed_checks(answer="apple fig pear "), "now 'apple fig pear' from"),
        (changed_checks(arguments={"words": ["a"], "order": "ascending"}), "now 'apple fig pear' from"),
        (changed_checks(question=ASK + "!"), "parse returned None"),
        (replace(a_tool(), source=SORT.replace("reverse=", "key=len, reverse=")), "the stored answer is"),
        (replace(a_tool(), source=SORT.replace("match[1]", "'ascending'")), "unparse wrote"),
        (replace(a_tool(), source=SORT.replace("sorted(words", "sorted(words[9]")), "solve failed: IndexError"),
        (
            replace(a_tool(), source=SORT.replace("sorted(words,", "sorted({*words, *'abcdef'}, key=len,")),
            "string hashes",
        ),
        (replace(without_parser(), source=without_parser().source.replace("sorted(", "len(")), "solve failed"),
    ],
)
async def test_a_tool_that_does_otherwise_than_its_checks_say_is_refused(
    sandbox: Sandbox, tool: Tool, difference: str
) -> None:
    with pytest.raises(ToolRefusedError, match="does not do what its checks say") as caught:
        await recheck(sandbox, tool)
    assert difference in caught.value.message
    assert caught.value.hint


@pytest_anyio
async def test_only_the_first_differences_are_told() -> None:
    tool = a_tool()
    tool = replace(tool, checks=tool.checks * 4)
    with pytest.raises(ToolRefusedError, match="and 9 more"):
        await recheck(FakeSandbox({}), tool)


@pytest_anyio
async def test_a_parser_that_does_not_serve_is_not_asked() -> None:
    tool = replace(a_tool(), routes=(Route.USER,))
    sandbox = FakeSandbox({"solve": lambda words, order: " ".join(sorted(words, reverse=order == "descending"))})
    await recheck(sandbox, tool)
    assert {call.function for call in sandbox.calls} == {"solve"}


@pytest_anyio
async def test_every_check_is_run_under_both_hash_seeds() -> None:
    sandbox = FakeSandbox({"solve": lambda words, order: " ".join(sorted(words, reverse=order == "descending"))})
    await recheck(sandbox, without_parser())
    assert sorted(call.hash_seed for call in sandbox.calls) == [0, 0, 0, 1, 1, 1]


def test_an_exported_tool_is_its_owners_alone(tmp_path: Path) -> None:
    package = export_tool(a_tool(), 1, tmp_path / "new")
    for path in (tmp_path / "new", package, *package.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_what_is_no_tool_is_refused_with_its_file_and_a_hint(tmp_path: Path) -> None:
    file = export_tool(a_tool(), 1, tmp_path) / "tool.json"
    file.write_text(file.read_text().replace('"recipe": "module"', '"recipe": "soup"'))
    with pytest.raises(ToolRefusedError, match=r"not a tool: provenance\.recipe: ") as caught:
        import_tool(file)
    assert caught.value.message.startswith(f"{file}: ")
    assert caught.value.hint


def test_an_imported_price_that_is_none_is_unknown(tmp_path: Path) -> None:
    tool = a_tool()
    odd = replace(tool, provenance=replace(tool.provenance, cost_usd=-1.5))
    assert import_tool(export_tool(odd, 1, tmp_path)).provenance.cost_usd is None
