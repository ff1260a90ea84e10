"""Perplexity against the equation read out literally, and rows against counting by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.errors import InputError
from hammerstone.toolformer.apis.contract import Context
from hammerstone.toolformer.benchmark_files import Question, Task
from hammerstone.toolformer.calls import Call
from hammerstone.toolformer.evaluate import (
    Answerer,
    Given,
    Row,
    ToolUse,
    answer,
    by_k,
    count,
    four_rows,
    perplexity,
)
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.metrics import first_number_is

from .tiny import TEXTS, language_model

LANGUAGE_MODELS = {
    "gpt2": language_model("gpt2"),
    "gptj": language_model("gptj", "sentencepiece-like"),
    "llama": language_model("llama", "sentencepiece-like"),
}
SHORT = [text[:30] for text in TEXTS]


def literal_losses(lm: LanguageModel, text: str, length: int, never: Sequence[int] = ()) -> list[float]:
    """- log p(x_j | x_1 … x_{j-1}) of every token, one document at a time."""
    ids = lm.encode(text)
    losses: list[float] = []
    for begin in range(0, len(ids), length):
        row = ids[begin : begin + length]
        with torch.inference_mode():
            logits = lm.model(input_ids=torch.tensor([[lm.start_id, *row]])).logits[0].tolist()
        for j, token in enumerate(row):
            total = sum(math.exp(x) for at, x in enumerate(logits[j]) if at not in never or token in never)
            losses.append(math.log(total) - logits[j][token])
    return losses


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
@settings(max_examples=4)
@given(texts=st.lists(st.sampled_from([*SHORT, "a", "1 + 2"]), min_size=1, max_size=3), length=st.integers(3, 30))
def test_perplexity_is_that_of_reading_each_text_alone(name: str, texts: list[str], length: int) -> None:
    lm = LANGUAGE_MODELS[name]
    losses = [loss for text in texts for loss in literal_losses(lm, text, length)]
    found = perplexity(lm, texts, length=length, batch_tokens=40)
    assert found.perplexity == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)
    assert (found.tokens, found.documents, found.dropped) == (len(losses), len(texts), 0)


def test_disabled_calls_have_no_probability_except_where_the_text_has_a_bracket() -> None:
    lm = LANGUAGE_MODELS["gpt2"]
    never = [at for at in range(len(lm.tokenizer)) if lm.decode([at]).strip() == "["]
    text = TEXTS[1][-30:]
    assert any(token in never for token in lm.encode(text))
    losses = literal_losses(lm, text, 60, never)
    found = perplexity(lm, [text], length=60, never=never)
    assert found.perplexity == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)
    assert found.perplexity < perplexity(lm, [text], length=60).perplexity


def test_texts_of_like_length_are_read_together_and_no_padding_is() -> None:
    lm = language_model()
    perplexity(lm, TEXTS, length=30)
    assert lm.read == sum(len(lm.encode(text)) for text in TEXTS)


def test_a_text_whose_loss_is_no_number_is_counted_and_left_out() -> None:
    lm = language_model()
    broken = "~"
    (token,) = lm.encode(broken)
    assert not any(token in lm.encode(text) for text in TEXTS)
    fine = perplexity(lm, TEXTS)
    with torch.no_grad():
        lm.model.get_input_embeddings().weight[token] = torch.nan
        lm.model.lm_head.weight = torch.nn.Parameter(language_model().model.lm_head.weight)
    found = perplexity(lm, [*TEXTS, "~~", ""])
    assert (found.documents, found.dropped, found.tokens) == (len(TEXTS), 2, fine.tokens)
    assert found.perplexity == pytest.approx(fine.perplexity)


def test_texts_without_a_token_have_no_perplexity() -> None:
    with pytest.raises(InputError, match="none of 2 texts"):
        perplexity(LANGUAGE_MODELS["gpt2"], ["", ""])


SUM = Call(api="Calculator", input="5 + 3", result="8")
TODAY = Call(api="Calendar", input="", result="Today is the 3rd.")
TASK = Task(
    name="sums",
    questions=tuple(
        Question(prompt=f"Sum {number}. The answer is", answers=("8",), date=f"2020-01-0{number}")
        for number in range(1, 6)
    ),
    metric=first_number_is,
)


def said(*given: Given) -> Answerer:
    async def answerer(prompts: Sequence[str], contexts: Sequence[Context]) -> Sequence[Given]:
        assert list(prompts) == [question.prompt for question in TASK.questions]
        assert [context.date for context in contexts] == [question.date for question in TASK.questions]
        return given

    return answerer


NEVER_CALLS = said(Given(text=" 8"), *[Given(text=" 9")] * 4)
CALLS = said(
    Given(text=f" {SUM.answered} 8", calls=(SUM,)),
    Given(text=f" {SUM.answered} 5", calls=(SUM,)),
    Given(text=f" {TODAY.answered} 8", calls=(TODAY,)),
    Given(text=" 8"),
    Given(text=" 9"),
)


@pytest.mark.anyio
async def test_a_continuation_is_judged_without_its_calls() -> None:
    answered = await answer(TASK, CALLS)
    assert [one.right for one in answered] == [True, False, True, True, False]


@pytest.mark.anyio
async def test_a_row_counts_calls_and_right_answers_with_and_without_them() -> None:
    row = count("taught", TASK, 10, await answer(TASK, CALLS))
    assert (row.n, row.right, row.called, row.right_with_call, row.right_without_call) == (5, 3, 3, 2, 1)
    assert row.tools == (
        ToolUse(api="Calculator", called=2, right=1),
        ToolUse(api="Calendar", called=1, right=1),
    )


@pytest.mark.anyio
async def test_an_answer_with_two_calls_of_a_tool_counts_once() -> None:
    one = Task(name="one", questions=TASK.questions[:1], metric=first_number_is)

    async def twice(prompts: Sequence[str], contexts: Sequence[Context]) -> Sequence[Given]:
        assert len(prompts) == len(contexts) == 1
        return [Given(text=f"{SUM.answered} {SUM.answered} 8", calls=(SUM, SUM))]

    row = count("taught", one, 10, await answer(one, twice))
    assert (row.called, row.tools) == (1, (ToolUse(api="Calculator", called=1, right=1),))


@pytest.mark.anyio
async def test_four_rows_of_each_task_are_told_as_they_come() -> None:
    told: list[Row] = []
    asked: list[int] = []

    def taught(k: int) -> Answerer:
        asked.append(k)
        return CALLS if k else NEVER_CALLS

    rows = await four_rows([TASK], untouched=NEVER_CALLS, control=NEVER_CALLS, taught=taught, k=10, on_row=told.append)
    assert [(row.name, row.k, row.right, row.called) for row in rows] == [
        ("untouched", 0, 1, 0),
        ("control", 0, 1, 0),
        ("disabled", 0, 1, 0),
        ("taught", 10, 3, 3),
    ]
    assert asked == [0, 10]
    assert tuple(told) == rows


@pytest.mark.anyio
async def test_the_taught_model_is_tried_with_each_k() -> None:
    rows = await by_k([TASK], lambda k: CALLS if k else NEVER_CALLS, (0, 3))
    assert [(row.task, row.k, row.called) for row in rows] == [("sums", 0, 0), ("sums", 3, 3)]
