"""Question answering by a model, alone or with what a search has found."""

from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.errors import ModelError
from hammerstone.models.model import Prompt
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.toolformer.apis.api import ApiError, CallContext
from hammerstone.toolformer.apis.question_answering import QuestionAnswering
from hammerstone.toolformer.apis.search import IndexedPassage, Search, build_index

pytestmark = pytest.mark.anyio

QUESTION = "Where was the Knights of Columbus founded?"


@pytest.fixture
def search(tmp_path: Path) -> Search:
    texts = [
        IndexedPassage("Knights of Columbus", "It was founded in New Haven, Connecticut."),
        IndexedPassage("Other", "Nothing."),
    ]
    build_index(texts, tmp_path / "index")
    return Search(tmp_path / "index")


async def test_a_model_alone_is_asked_the_question() -> None:
    model = ScriptedModel([" New Haven, Connecticut\n"])
    assert await QuestionAnswering(model)(QUESTION, CallContext()) == "New Haven, Connecticut"
    assert model.prompts[0].messages[-1].content.endswith(f"Question: {QUESTION}")
    assert model.prompts[0].temperature == 0.0


async def test_a_model_with_a_search_reads_the_passages_that_were_found(search: Search) -> None:
    def read(prompt: Prompt) -> str:
        return "New Haven" if "founded in New Haven, Connecticut." in prompt.messages[-1].content else "unknown"

    model = FunctionModel(read)
    assert await QuestionAnswering(model, search)(QUESTION, CallContext()) == "New Haven"
    assert "Nothing." not in model.prompts[0].messages[-1].content


async def test_a_question_for_which_nothing_is_found_costs_no_model_call(search: Search) -> None:
    model = ScriptedModel([])
    with pytest.raises(ApiError, match=r"^nothing found$"):
        await QuestionAnswering(model, search)("submarine?", CallContext())
    assert model.prompts == []


@pytest.mark.parametrize("reply", ["unknown", " Unknown.\n", "UNKNOWN"])
async def test_an_answer_that_the_model_does_not_know_is_none(reply: str) -> None:
    with pytest.raises(ApiError, match=r"^no answer$"):
        await QuestionAnswering(ScriptedModel([reply]))(QUESTION, CallContext())


async def test_no_question_costs_no_model_call() -> None:
    with pytest.raises(ApiError, match=r"^no question$"):
        await QuestionAnswering(ScriptedModel([]))(" ", CallContext())


async def test_a_model_that_is_down_is_not_taken_for_a_missing_answer() -> None:
    def down(_: Prompt) -> str:
        raise ModelError("down")

    with pytest.raises(ModelError):
        await QuestionAnswering(FunctionModel(down))(QUESTION, CallContext())


async def test_dollars_and_braces_in_a_question_are_ordinary_text() -> None:
    model = ScriptedModel(["5"])
    await QuestionAnswering(model)("How many $5 {notes} make $question?", CallContext())
    assert "How many $5 {notes} make $question?" in model.prompts[0].messages[-1].content
