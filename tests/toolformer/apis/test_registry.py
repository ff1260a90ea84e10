"""A tool of the closed loop as a tool in a text."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hammerstone.errors import SandboxError
from hammerstone.toolformer.apis.api import ApiError, CallContext
from hammerstone.toolformer.apis.registry import RegistryApi

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Doubling:
    name: str = "doubling"
    description: str = "Doubles a number."

    async def answer(self, text: str) -> str | None:
        if text == "broken":
            raise SandboxError("no backend")
        return str(2 * int(text)) if text.isdigit() else None


async def test_a_made_tool_answers_what_it_understands() -> None:
    tool = RegistryApi(Doubling())
    assert (tool.name, tool.description) == ("doubling", "Doubles a number.")
    assert await tool("21", CallContext()) == "42"


async def test_what_it_does_not_understand_has_no_result() -> None:
    with pytest.raises(ApiError, match=r"^not understood$"):
        await RegistryApi(Doubling())("a few", CallContext())


async def test_a_broken_sandbox_is_not_the_tools_failure() -> None:
    with pytest.raises(SandboxError):
        await RegistryApi(Doubling())("broken", CallContext())


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("word sorting", "word_sorting"),
        ("a/b-c.d", "a_b_c_d"),
        ("2 sums", "tool_2_sums"),
        ("Übung", "bung"),
        ("日本", "tool"),
        ("_x", "x"),
    ],
)
def test_its_name_can_stand_in_a_text(name: str, written: str) -> None:
    assert RegistryApi(Doubling(name=name)).name == written
