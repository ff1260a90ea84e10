"""A test that cannot fail, or that fails on a loaded machine, says nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

FILES = sorted(Path(__file__).parent.rglob("*.py"))


def vacuous(source: str) -> list[str]:
    """Assertions on literals alone, and those that compare a value with itself; a call may give another value."""
    asserted = [node.test for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
    return [ast.unparse(test) for test in asserted if _only_literals(test) or _compares_with_itself(test)]


def _only_literals(test: ast.expr) -> bool:
    return not any(isinstance(node, ast.Name | ast.Call | ast.Await) for node in ast.walk(test))


def _compares_with_itself(test: ast.expr) -> bool:
    compared = [node for node in ast.walk(test) if isinstance(node, ast.Compare)]
    sides = [
        (one, other)
        for node in compared
        for one, other in zip([node.left, *node.comparators], node.comparators, strict=False)
    ]
    return any(ast.dump(one) == ast.dump(other) and not _has_call(one) for one, other in sides)


def _has_call(side: ast.expr) -> bool:
    return any(isinstance(node, ast.Call | ast.Attribute) for node in ast.walk(side))


@pytest.mark.parametrize(
    "source", ["assert True", "assert 1 == 1", "assert TASKS == TASKS", "assert (a, 'b')[0] == 1 or (x == x)"]
)
def test_an_assertion_that_cannot_fail_is_found(source: str) -> None:
    assert vacuous(source)


def test_no_test_has_an_assertion_that_cannot_fail() -> None:
    assert {file.name: found for file in FILES if (found := vacuous(file.read_text(encoding="utf-8")))} == {}


def test_no_property_test_has_a_time_limit_of_its_own() -> None:
    limited = [file.name for file in FILES if re.search(r"\bdeadline=(?!None)", file.read_text(encoding="utf-8"))]
    assert limited == []


def test_a_loaded_machine_fails_no_property_test() -> None:
    chosen = settings.default
    assert chosen is not None
    assert chosen.deadline is None
    assert HealthCheck.too_slow in chosen.suppress_health_check
