"""The prompts as files: nothing unfilled, nothing unused."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from hammerstone import prompts

NAMES = sorted(file.name.removesuffix(".md") for file in files(prompts.__name__).iterdir() if file.name.endswith(".md"))


def placeholders(name: str) -> set[str]:
    return set(re.findall(r"\$(\w+)", files(prompts.__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_is_filled_and_what_fills_it_is_not_read_again(name: str) -> None:
    values = {one: f" <{one} costs $5 and $question>\n" for one in placeholders(name)}
    text = prompts.fill(name, **values)
    assert all(value in text for value in values.values())
    assert text.startswith(text.strip()[0])
    assert prompts.fill(name, **dict.fromkeys(values, "x")) == prompts.fill(name, **dict.fromkeys(values, "x")).strip()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_and_an_unknown_value_are_bugs(name: str) -> None:
    values = dict.fromkeys(placeholders(name), "x")
    with pytest.raises(KeyError):
        prompts.fill(name, **values, surprise="x")
    if values:
        values.popitem()
        with pytest.raises(KeyError):
            prompts.fill(name, **values)


def test_the_version_of_a_recipe_is_that_of_its_own_prompts() -> None:
    versions = {prompts.version("module"), prompts.version("latm"), prompts.version("nothing")}
    assert len(versions) == 3
    assert all(re.fullmatch("[0-9a-f]{12}", one) for one in versions)
    assert prompts.version("module") == prompts.version("module")
