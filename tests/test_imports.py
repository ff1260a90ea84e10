"""The shape of the whole: imports flow one way, the front door is light, and every package says what it exports."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "hammerstone"
MODULES = sorted(SOURCE.rglob("*.py"))
PACKAGES = [path for path in MODULES if path.name == "__init__.py"]

# Each part may import those above its own line, and itself; parts in one line know nothing of each other.
LAYERS = (
    ("errors", "types"),
    ("environment", "faults", "formatting", "lazy_names", "paths", "settings", "text_files", "visible"),
    ("concurrency", "digests", "escaping", "private_files", "templates", "toml_sections", "validation"),
    ("ordered", "prompts", "requests", "settings_file"),
    ("models", "sandbox"),
    ("tools", "toolformer"),
    ("store",),
    ("routes",),
    ("life",),
    ("builder",),
    ("journal",),
    ("loop",),
    ("host",),
    ("opening",),
    ("registry_tools",),
    ("admin",),
    ("evals", "server"),
    ("learn",),
    ("testing", "hammerstone"),  # the fakes, and the front door: on top of everything but the command line
    ("cli",),
    ("__main__",),
)
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}

HEAVY = "alembic anthropic genai_prices httpx numpy openai pydantic pydantic_ai pyflakes sqlalchemy torch typer".split()
HEAVY_FOR_HELP = "anyio asyncio email importlib.metadata rich sqlite3 zipfile".split()
CLI_STANDS_ON = "errors formatting lazy_names text_files visible".split()
LIGHT_PACKAGES = "hammerstone requests models sandbox tools store life evals evals.tasks testing".split()


def name_of(path: Path) -> str:
    """The dotted name of a module file."""
    return ".".join(("hammerstone", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def part_of(module: str) -> str:
    """`latm` of `hammerstone.store`; the front door is `hammerstone`."""
    return module.split(".")[min(1, module.count("."))]


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of every module of ours that a file imports, also in a function or for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names, level=0):
                parts = [f"hammerstone.{alias.name}" if alias.name in RANK else "hammerstone" for alias in names]
                found = parts if module == "hammerstone" else [module]
            case ast.ImportFrom(level=level) if level:
                package = name_of(path).split(".")[: (1 if path.name == "__init__.py" else 0) - level or None]
                found = [".".join([*package, node.module or ""]).rstrip(".")]
            case _:
                continue
        yield from ((node.lineno, name) for name in found if part_of(name) in RANK and name.startswith("hammerstone"))


def exported(path: Path) -> list[str] | None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return ast.literal_eval(value)
            case _:
                continue
    return None


def test_every_part_has_its_place() -> None:
    assert {part_of(name_of(path)) for path in MODULES} <= RANK.keys()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_flow_one_way(path: Path) -> None:
    own = part_of(name_of(path))
    wrong = [
        f"{path.relative_to(SOURCE.parent)}:{line}: {own} imports {name}"
        for line, name in imports_of(path)
        if part_of(name) != own and RANK[part_of(name)] >= RANK[own]
    ]
    assert wrong == []


# Packages made of rooms: the door is that of a room, or a module beside the rooms. The others have one door each.
MADE_OF_ROOMS = "admin evals server".split()
# A command of Toolformer imports the one module that it needs: a room's door would import torch for `--help`.
WITHOUT_DOORS = ("toolformer",)


def past_a_front_door(name: str) -> bool:
    """Whether a module of another part lies behind its part's door."""
    _, part, *rest = (*name.split("."), "")
    is_package = SOURCE.joinpath(*name.split(".")[1:]).is_dir()
    return not is_package and part not in WITHOUT_DOORS and len(rest) > (2 if part in MADE_OF_ROOMS else 1)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_other_parts_are_imported_through_their_front_doors(path: Path) -> None:
    own = part_of(name_of(path))
    wrong = [
        f"{path.relative_to(SOURCE.parent)}:{line}: {own} imports {name}, past a front door"
        for line, name in imports_of(path)
        if part_of(name) != own and past_a_front_door(name)
    ]
    assert wrong == []


def test_a_front_door_is_a_package_and_not_a_module_in_it() -> None:
    behind = "store.records evals.report.page server.telemetry.log tools.tool".split()
    doors = "store errors evals.report evals.demo_run server.telemetry admin.keys sandbox.conformance".split()
    assert [name for name in (*behind, *doors) if past_a_front_door(f"hammerstone.{name}")] == behind


def test_the_check_of_imports_sees_every_kind_of_import(tmp_path: Path) -> None:
    file = tmp_path / "imagined.py"
    file.write_text("""
import hammerstone.loop as loop
from hammerstone import cli, Tool
from hammerstone.models import open_model
if TYPE_CHECKING:
    from hammerstone.evals.tasks.generated_task import GeneratedTask
def late():
    import hammerstone.sandbox, json
    from json import dumps
    import hammerstones
""")
    assert [part_of(name) for _, name in imports_of(file)] == [
        *("loop", "cli", "hammerstone", "models", "evals", "sandbox"),
    ]


def loaded_by(package: str) -> set[str]:
    """Every module that is there after an import of a package in a new process."""
    code = f"import sys, {package}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("package", LIGHT_PACKAGES)
def test_a_package_is_light_to_import(package: str) -> None:
    name = package if package == "hammerstone" else f"hammerstone.{package}"
    assert sorted(loaded_by(name) & set(HEAVY)) == []


def test_the_front_door_imports_nothing_until_a_name_is_used() -> None:
    ours = {name for name in loaded_by("hammerstone") if name.startswith("hammerstone")}
    assert ours == {"hammerstone", "hammerstone.lazy_names"}


def test_the_command_line_imports_what_a_command_needs_when_it_runs() -> None:
    loaded = loaded_by("hammerstone.cli")
    assert sorted(loaded & {*HEAVY, *HEAVY_FOR_HELP} - {"typer"}) == []
    assert {part_of(name) for name in loaded if name.startswith("hammerstone.")} == {*CLI_STANDS_ON, "cli"}


@pytest.mark.parametrize("path", PACKAGES, ids=name_of)
def test_a_name_that_is_imported_late_is_the_one_that_types_speak_of(path: Path) -> None:
    package = importlib.import_module(name_of(path))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("hammerstone."):
            module = importlib.import_module(str(node.module))
            for name in {alias.name for alias in node.names} & set(exported(path) or ()):
                assert getattr(package, name) is getattr(module, name)


@pytest.mark.parametrize("path", PACKAGES, ids=name_of)
def test_what_a_package_exports_is_sorted_and_there(path: Path) -> None:
    names = exported(path)
    if names is None:
        assert len(ast.parse(path.read_text(encoding="utf-8")).body) <= 1, "imports something and has no __all__"
        return
    module = importlib.import_module(name_of(path))
    assert names == sorted(set(names))
    assert [name for name in names if not hasattr(module, name)] == []


@pytest.mark.parametrize("path", [path for path in MODULES if exported(path)], ids=name_of)
def test_no_module_exports_a_name_twice_or_one_that_is_private(path: Path) -> None:
    names = exported(path) or []
    assert len(set(names)) == len(names)
    assert [name for name in names if name.startswith("_")] == []


def test_a_public_class_name_is_defined_once() -> None:
    homes: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}
