"""The rooms of Toolformer: imports between them flow one way, as design/0009-rooms-of-toolformer.md lists them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "hammerstone" / "toolformer"
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")  # which imports nothing

# Each room may import those in the lines above it, and itself; rooms in one line do not know each other.
ORDER = (
    (
        "call_format",
        "gumbel",
        "kv_cache",
        "memory",
        "model_files",
        "near_questions",
        "prompts",
        "shard_units",
        "stage_progress",
    ),
    ("corpus_document", "lm"),
    ("rows", "stage_folder"),
    ("shards",),
    ("ray_workers",),
    ("apis",),
    ("annotate", "decode", "evaluate", "score", "tiny", "train"),
    ("data", "suggest"),
    ("config", "local"),
    ("stage_openings",),
    ("comparison",),
    ("runs",),
)
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}


def name_of(path: Path) -> str:
    """`score.losses` of `score/losses.py`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    return module.partition(".")[0]


def imports_of(path: Path) -> Iterator[str]:
    """Every module of Toolformer that a file imports, in functions and for types too."""
    prefix = "hammerstone.toolformer"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names):
                found = [f"{module}.{alias.name}" for alias in names] if _is_package(module) else [module]
            case _:
                continue
        yield from (name.removeprefix(f"{prefix}.") for name in found if name.startswith(f"{prefix}."))


def _is_package(module: str) -> bool:
    return (ROOT.parents[1] / module.replace(".", "/")).is_dir()


def test_every_room_has_its_place() -> None:
    assert {room_of(name_of(path)) for path in MODULES} == {*RANK}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_those_before_it(path: Path) -> None:
    own = room_of(name_of(path))
    others = {room_of(name) for name in imports_of(path)} - {own}
    assert [room for room in others if RANK[room] >= RANK[own]] == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = {name_of(path) for path in MODULES}
    graph = {name_of(path): {name for name in imports_of(path) if name in known} for path in MODULES}
    assert len([*TopologicalSorter(graph).static_order()]) == len(known)  # raises `CycleError`


def test_no_module_name_stands_twice() -> None:
    names = [path.stem for path in MODULES if path.stem not in ("__init__", "__main__")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
