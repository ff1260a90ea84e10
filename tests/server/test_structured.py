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
        ("1234", {"type": "regex", "pattern": "[0-9]+"}, False),
        ("1234", {}, False),
        ("1234", {"type": "continuation"}, True),
        ('{"pattern": 3}', schema(type="object", properties={"pattern": {"type": "integer"}}), True),
        ('"2026-02-28"', schema(type="string", format="date"), True),
        ('"2026-02-30"', schema(type="string", format="date"), False),
        ('"20260228"', schema(type="string", format="date"), False),
        ('"tomorrow"', schema(type="string", format="date"), False),
        ("3", schema(type="integer", format="date"), True),
        ('"2026-02-28T23:59:59.5Z"', schema(format="date-time"), True),
        ('"2026-02-28 23:59"', schema(format="date-time"), False),
        ('"23:59:59+01:00"', schema(format="time"), True),
        ('"25:59:59Z"', schema(format="time"), False),
        ('"ann@example.org"', schema(format="email"), True),
        ('"ann@example"', schema(format="email"), False),
        ('"192.0.2.1"', schema(format="ipv4"), True),
        ('"192.0.2.256"', schema(format="ipv4"), False),
        ('"::1"', schema(format="ipv6"), True),
        ('"123e4567-e89b-12d3-a456-426614174000"', schema(format="uuid"), True),
        ('"123e4567"', schema(format="uuid"), False),
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
        {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"},
        {"properties": {"sum": {"type": "string", "format": "hostname"}}},
        {"type": "object", "nullable": True},
        {"$ref": "#/default", "default": {"properties": {"sum": {"pattern": "(a+)+$"}}}},
        {"$ref": "#/examples/0", "examples": [{"additionalProperties": {"pattern": "(a+)+$"}}]},
        {"anyOf": {"type": "object"}},
        {"additionalProperties": "string"},
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
