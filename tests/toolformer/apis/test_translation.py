"""Translation by a model, and by a model on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hammerstone.errors import SettingsError
from hammerstone.testing import ScriptedModel
from hammerstone.toolformer.apis.api import ApiError, CallContext
from hammerstone.toolformer.apis.translation import Translation, local_translation, translation_by

pytestmark = pytest.mark.anyio


async def test_a_model_is_asked_for_the_translation() -> None:
    model = ScriptedModel(["nuclear safety"])
    assert await translation_by(model)("sûreté nucléaire", CallContext()) == "nuclear safety"
    assert model.prompts[0].messages[-1].content.endswith("Text: sûreté nucléaire")


async def test_no_text_costs_no_model_call() -> None:
    with pytest.raises(ApiError, match=r"^no text$"):
        await translation_by(ScriptedModel([]))(" ", CallContext())


async def test_anything_that_translates_will_do() -> None:
    async def upper(text: str) -> str:
        return text.upper()

    assert await Translation(upper)("abc", CallContext()) == "ABC"


def test_without_ctranslate2_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)  # as if it were not installed
    with pytest.raises(SettingsError, match="needs ctranslate2") as caught:
        local_translation(tmp_path)
    assert "--with ctranslate2" in caught.value.hint


def test_a_folder_without_a_model_is_refused_with_a_hint(tmp_path: Path) -> None:
    pytest.importorskip("ctranslate2")
    with pytest.raises(SettingsError, match="contains no translation model") as caught:
        local_translation(tmp_path)
    assert "ct2-transformers-converter" in caught.value.hint
