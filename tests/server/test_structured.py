"""A tool's answer has the form that its request asks for, or the upstream answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER
from hammerstone.server.structured import has_form

from .sums import open_gateway

pytestmark = pytest.mark.anyio


def schema(**fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": fields}}


SUM = schema(type="object", properties={"sum": {"type": "integer"}}, required=["sum"], additionalProperties=False)

TREE = {
    "$ref": "#/$defs/tree",
    "$defs": {"tree": {"type": ["object", "integer"], "additionalProperties": {"$ref": "#/$defs/tree"}}},
}


@pytest.mark.parametrize(
    ("text", "asked", "keeps"),
    [
        ("anything", None, True),
        ("anything", {"type": "text"}, True),
        ('{"sum": 3}', {"type": "json_object"}, True),
        ("[3]", {"type": "json_object"}, False),
        ("3 apples", {"type": "json_object"}, False),
        ('{"sum": 3}', SUM, True),
        ('{"sum": "3"}', SUM, False),
        ('{"sum": 3, "sum": 3}', SUM, False),
        ('{"sum": NaN}', SUM, False),
        ("{}", SUM, False),
        ('{"sum": 3}', schema(**{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}), True),
        ('{"a": {"b": 3}}', schema(**TREE), True),
        ('{"a": {"b": "3"}}', schema(**TREE), False),
        ("3 apples", SUM, False),
        ("[" * 100_000, SUM, False),
    ],
)
def test_an_answer_keeps_to_the_form_that_is_asked_for(text: str, asked: Any, keeps: bool) -> None:
    assert has_form(text, asked) is keeps


@pytest.mark.parametrize(
    "fields",
    [
        {"$ref": "http://127.0.0.1:1/schema"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#"},
        {"type": "nonsense"},
        {"properties": 3},
        {"properties": {"sum": {"type": "string", "pattern": "(a+)+$"}}},
        {"$ref": "#/$defs/0", "$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(60)}},
        {"enum": [{"a": n} for n in range(20_000)]},
        {"properties": {"sum": {"$schema": "http://json-schema.org/draft-07/schema#"}}},
    ],
)
def test_a_schema_that_cannot_be_followed_is_never_kept(fields: dict[str, Any]) -> None:
    assert not has_form('{"sum": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}', schema(**fields))


async def test_a_tool_whose_answer_has_another_form_does_not_serve(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path, sandbox) as served:
        routes: list[str] = []
        for asked in (schema(type="integer"), SUM):  # the upstream answers both with a number alone
            await served.learn_sums(response_format=asked)
            response = await served.ask("What is the sum of 4000 and 321?", response_format=asked)
            routes.append(response.headers[HEADER + "route"])
        assert routes == ["parser", "upstream"]
