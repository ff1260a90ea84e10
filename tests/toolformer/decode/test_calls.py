"""Decoding recognises calls, survives what a tool may do, and reports it to the caller.

The models here are led by a few pairs of tokens, and end the text where nothing leads them on.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import anyio
import anyio.lowlevel
import pytest
import torch

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.apis.api import Api, ApiError, CallContext
from hammerstone.toolformer.call_format import ApiCall, find_calls
from hammerstone.toolformer.decode import DecodeSettings, GeneratedText, TokenPiece, generate
from hammerstone.toolformer.lm import LanguageModel

from ..tiny_models import language_model
from .test_engine import FakeApi, led


@cache
def unled(tokenizer: str, context: int) -> LanguageModel:
    return language_model(tokenizer=tokenizer, context=context)


def fresh(tokenizer: str = "byte-level", context: int = 512) -> LanguageModel:
    made = unled(tokenizer, context)
    return LanguageModel(copy.deepcopy(made.model).double(), made.tokenizer)


def ending(lm: LanguageModel) -> LanguageModel:
    likes = torch.zeros(len(lm.tokenizer), dtype=torch.float64)
    likes[lm.tokenizer.eos_token_id] = 30

    def end(_model, _args, output):
        output.logits = output.logits + likes
        return output

    lm.model.register_forward_hook(end)
    return lm


def scripted(likes: Mapping[str, float], *, tokenizer: str = "byte-level", context: int = 512) -> LanguageModel:
    """Goes on from each token as the texts do, wherever it stands; after any other token it ends."""
    return ending(led(fresh(tokenizer, context), likes))


def reciting(text: str) -> LanguageModel:
    """Goes on as the text does, place by place, whatever stands before."""
    lm = fresh()
    ids = lm.encode(text)
    likes = torch.zeros(lm.context, len(lm.tokenizer), dtype=torch.float64)
    likes[range(len(ids) - 1), ids[1:]] = 90

    def recite(_model, _args, options, output):
        output.logits = output.logits + likes[options["position_ids"][:, options.get("logits_to_keep", slice(None))]]
        return output

    lm.model.register_forward_hook(recite, with_kwargs=True)
    return ending(lm)


def decode(
    lm: LanguageModel,
    prompts: Sequence[str],
    apis: Sequence[Api],
    *,
    on_piece: Callable[[TokenPiece], None] = lambda _: None,
    contexts: Sequence[CallContext] | None = None,
    **options,
) -> list[GeneratedText]:
    async def run() -> list[GeneratedText]:
        with anyio.fail_after(60):
            named = {api.name: api for api in apis}
            made = DecodeSettings(**options)
            return await generate(lm, prompts, named, made, contexts=contexts, on_piece=on_piece)

    return anyio.run(run)


def calculator(result: object = "5", **options) -> FakeApi:
    return FakeApi("C", lambda _: result, **options)


CALLS = {"um [C(1 + 2) -> ": 90, "] is": 90}  # after "sum": a call, and after its result one word and the end


def test_a_call_is_run_and_its_result_stands_in_the_text() -> None:
    lm, api = scripted(CALLS), calculator()
    (row,) = decode(lm, ["sum"], [api])
    assert row.text == " [C(1 + 2) -> 5] is"
    assert row.calls == (ApiCall(api="C", input="1 + 2", result="5"),)
    assert [text for text, _ in api.asked] == ["1 + 2"]
    assert (row.failures, row.taken_back, row.ended) == ((), 0, "end")
    inserted = [token for token, sampled in zip(row.ids, row.sampled, strict=True) if not sampled]
    assert lm.decode(inserted) == " 5]"


@pytest.mark.parametrize("tokenizer", ["byte-level", "sentencepiece-like"])
def test_a_call_closed_without_an_arrow_is_run_too(tokenizer: str) -> None:
    """One tokenizer has `)]` as one token, the other as two."""
    lm, api = scripted({"um [C(12)]": 90}, tokenizer=tokenizer), calculator()
    (row,) = decode(lm, ["sum"], [api])
    assert row.text.startswith(" [C(12) -> 5]")
    assert [text for text, _ in api.asked] == ["12"]


def test_an_argument_needs_no_quotes_and_may_have_parentheses() -> None:
    """Earlier re-implementations looked for quoted arguments alone, so that `Calculator(1+2)` never ran.

    Quotation marks around one are no part of it, as when the calls were run for the training.
    """
    api = calculator()
    for written in ("1+2", "(1+2)", '"1"', ""):
        decode(reciting(f"sum [C({written}) ->"), ["sum"], [api])
    assert [text for text, _ in api.asked] == ["1+2", "(1+2)", "1", ""]


def test_a_bracket_among_the_k_most_likely_begins_a_call() -> None:
    likes = {**CALLS, "um is": 95}
    assert decode(scripted(likes), ["sum"], [calculator()], k=2)[0].text == " [C(1 + 2) -> 5] is"
    assert decode(scripted(likes), ["sum"], [calculator()], k=1)[0].text == " is"


def test_with_k_of_0_there_are_no_calls_even_where_the_model_writes_one() -> None:
    api = calculator()
    (row,) = decode(scripted({**CALLS, "um is": 85}), ["sum"], [api], k=0)
    assert (row.text, row.taken_back, api.asked) == (" is", 1, [])


def test_brackets_of_the_text_itself_stay() -> None:
    (row,) = decode(scripted({"um [1] and": 90}), ["sum"], [calculator()])
    assert (row.text, row.taken_back, row.calls) == (" [1] and", 0, ())


def test_a_tool_that_is_not_in_use_is_not_called() -> None:
    (row,) = decode(scripted({"um [C(12)] is": 90}), ["sum"], [FakeApi("Ca")])
    assert (row.text, row.calls) == (" [C(12)] is", ())


def test_a_forced_bracket_that_comes_to_nothing_leaves_no_trace_but_a_count() -> None:
    likes = {"um [1": 80, "um is": 90, " is the": 90}
    with_calls = decode(scripted(likes), ["sum"], [calculator()], k=2)[0]
    without = decode(scripted(likes), ["sum"], [calculator()], k=0)[0]
    assert with_calls.taken_back > 0
    assert (with_calls.text, with_calls.ids) == (without.text, without.ids)


@pytest.mark.parametrize("written", ["C(1 + 1 + 1 +", "C(1\n", "C(12) is"])
def test_a_call_that_finds_no_end_is_taken_back_once_and_not_tried_again(written: str) -> None:
    api = calculator()
    likes = {f" [{written}": 90, "um is": 90, "um [": 80, " is [": 80, " is the": 90}
    (row,) = decode(scripted(likes), ["sum"], [api], k=3, longest_input=6)
    assert (row.text, api.asked) == (" is the", [])


AGAIN = {**CALLS, "] [": 90, "] is": 80}  # after a result, the same call again


def test_there_is_one_call_in_a_row_by_default() -> None:
    (row,) = decode(scripted(AGAIN), ["sum"], [calculator()])
    assert row.text == " [C(1 + 2) -> 5] is"
    assert (len(row.calls), row.taken_back) == (1, 1)


def test_there_may_be_several_calls_by_setting() -> None:
    (row,) = decode(scripted(AGAIN), ["sum"], [calculator()], calls=3)
    assert row.text == 3 * " [C(1 + 2) -> 5]" + " is"
    assert [found.call for found in find_calls(row.text, ["C"])] == [*row.calls]


def test_a_call_within_an_argument_is_run_first_and_its_result_used() -> None:
    outer, inner = calculator("14"), FakeApi("May", lambda _: "12 :)")
    lm = reciting("sum [C([May() -> 12 :)] + 2) -> 14] in all")
    (row,) = decode(lm, ["sum"], [outer, inner], nested=True, calls=2)
    assert row.text == " [C([May() -> 12 :)] + 2) -> 14] in all"
    assert [text for text, _ in outer.asked] == ["12 :) + 2"]
    assert row.calls == (ApiCall(api="May", input="", result="12 :)"), ApiCall(api="C", input="12 :) + 2", result="14"))


def test_a_bracket_within_an_argument_is_text_where_calls_are_not_nested() -> None:
    outer, inner = calculator(), FakeApi("May")
    (row,) = decode(reciting("sum [C([May()] + 2) -> 5] in all"), ["sum"], [outer, inner], calls=2)
    assert row.text == " [C([May()] + 2) -> 5] in all"
    assert ([text for text, _ in outer.asked], inner.asked) == (["[May()] + 2"], [])


def test_logits_are_read_at_a_rows_own_last_token_and_not_at_padding() -> None:
    lm, api = fresh(), calculator()
    prompts = ["The sum of 12 and 30 is", "On", "Out of 1400 participants, 400 (or", ""]
    together = decode(lm, prompts, [api], max_tokens=12)
    assert together == [decode(lm, [prompt], [api], max_tokens=12)[0] for prompt in prompts]


def test_what_has_been_read_is_not_read_again_after_a_call() -> None:
    lm = scripted(CALLS)
    prompt = "Out of 1400 participants, 400 (sum"
    (row,) = decode(lm, [prompt], [calculator()])
    assert len(row.calls) == 1
    assert lm.read == len(lm.encode(prompt)) + len(row.ids)


def test_rows_are_read_together() -> None:
    lm = scripted(CALLS)
    decode(lm, ["sum"], [calculator()])  # what the model can do is found out at its first reading
    steps: list[int] = []
    lm.model.register_forward_hook(lambda _model, _args, output: steps.append(len(output.logits)) or None)
    decode(lm, ["sum"] * 8, [calculator()])
    assert steps == [8] * len(steps)
    assert len(steps) == 10  # the prompt, seven tokens and not the arrow, the result with it, " is"; not the end


def test_other_rows_go_on_while_a_tool_is_waited_for() -> None:
    lm, ended = scripted({**CALLS, "on the on": 90}), anyio.Event()
    seen: list[int] = []

    def on_piece(piece: TokenPiece) -> None:
        seen.append(piece.row)
        if seen.count(1) == 20:
            ended.set()

    api = calculator(wait=lambda _: ended.wait())
    called, other = decode(lm, ["sum", "on"], [api], on_piece=on_piece, k=1, max_tokens=20, timeout_seconds=60.0)
    assert (called.text, called.failures) == (" [C(1 + 2) -> 5] is", ())
    assert (len(other.ids), other.ended) == (20, "length")
    assert seen[:20] == [1] * 20


def test_equal_calls_are_run_once_and_others_for_themselves() -> None:
    api = calculator()
    monday, tuesday = CallContext(date="2023-05-01"), CallContext(date="2023-05-02")
    rows = decode(scripted(CALLS), ["sum", "sum", "sum"], [api], contexts=[monday, monday, tuesday])
    assert api.asked == [("1 + 2", monday), ("1 + 2", tuesday)]
    assert len({row.text for row in rows}) == 1


def cancelled() -> Exception:
    return asyncio.CancelledError()  # type: ignore[return-value]  # that it is none is the point


@pytest.mark.parametrize(
    ("api", "reason"),
    [
        (calculator(ApiError("bad syntax")), "C: bad syntax"),
        (calculator(ZeroDivisionError()), "C: ZeroDivisionError"),
        (calculator(TimeoutError("it gave up")), "C: it gave up"),
        (calculator(cancelled()), "C: was cancelled"),
        (calculator(None), "C: returned nothing"),
        (calculator(""), "C: returned nothing"),
        (calculator(42), "C: returned int, not text"),
        (calculator("x" * 10_000_000), "C: returned 10,000,000 characters"),
    ],
)
def test_a_tool_that_fails_is_a_result_that_the_model_sees_or_an_empty_one(api: FakeApi, reason: str) -> None:
    see_failure(api, reason, timeout_seconds=60.0)


def test_a_tool_that_hangs_is_given_up_and_that_is_its_result() -> None:
    hanging = calculator(wait=lambda _: anyio.sleep_forever())
    see_failure(hanging, "C: no answer within 0.01 s", timeout_seconds=0.01)


def see_failure(api: FakeApi, reason: str, *, timeout_seconds: float) -> None:
    lm = scripted(CALLS)
    (seen,) = decode(lm, ["sum"], [api], timeout_seconds=timeout_seconds, on_failure="message")
    assert seen.text == f" [C(1 + 2) -> {reason}] is"
    (empty,) = decode(lm, ["sum"], [api], timeout_seconds=timeout_seconds)
    assert empty.text == " [C(1 + 2) -> ] is"
    assert seen.failures == empty.failures == (reason,)


@pytest.mark.parametrize(("result", "shown"), [("x" * 10_000, "x" * 199 + "…"), ("a]\n[C(2) -> b", "a) (C(2) to b")])
def test_what_a_tool_returns_is_made_to_fit(result: str, shown: str) -> None:
    (row,) = decode(scripted(CALLS), ["sum"], [calculator(result)])
    assert row.text == f" [C(1 + 2) -> {shown}] is"
    assert (row.calls[0].result, row.failures) == (shown, ())


def test_tokens_are_streamed_as_they_become_final_with_who_wrote_them() -> None:
    pieces: list[TokenPiece] = []
    rows = decode(scripted({**AGAIN, "on is": 90}), ["sum", "on"], [calculator()], k=3, on_piece=pieces.append)
    for number, row in enumerate(rows):
        own = [piece for piece in pieces if piece.row == number]
        assert tuple(token for piece in own for token in piece.ids) == row.ids
        assert tuple(piece.sampled for piece in own for _ in piece.ids) == row.sampled
    assert len(pieces) > 3


def test_a_model_that_can_read_no_more_ends_that_row_alone() -> None:
    lm = scripted({"on the on": 90, **CALLS}, context=20)
    rows = decode(lm, ["of 12 and 30 it is 42 or 7" * 2, "on", "sum"], [calculator()], k=1)
    assert [row.ended for row in rows] == ["context", "context", "end"]
    assert rows[0].ids == ()
    assert len(lm.encode("on")) + len(rows[1].ids) == 20
    assert rows[2].text == " [C(1 + 2) -> 5] is"


def test_a_result_that_the_model_has_no_room_for_takes_the_call_back() -> None:
    (row,) = decode(scripted({**CALLS, "um is": 80}, context=16), ["sum"], [calculator("1 2 3 4 5 6 7 8 9")])
    assert (row.text, row.calls, row.taken_back, row.ended) == (" is", (), 1, "end")


def test_half_a_call_at_the_end_is_taken_back() -> None:
    (row,) = decode(scripted({**CALLS, "um is": 80}), ["sum"], [calculator()], max_tokens=4)
    assert (row.text, row.taken_back) == (" is", 1)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_bracket_that_might_have_become_a_call_is_left_out_at_the_end(limit: int) -> None:
    """The model wrote this bracket itself, and the name is not complete."""
    lm, shown = reciting("sum is [Calc"), list[TokenPiece]()
    most = len(lm.encode(" is")) + limit
    (row,) = decode(lm, ["sum"], [FakeApi("Calculator")], max_tokens=most, on_piece=shown.append)
    assert (row.text, row.ended) == (" is", "length")
    assert tuple(token for piece in shown for token in piece.ids) == row.ids


def test_a_bracket_of_the_texts_own_stays_at_the_end() -> None:
    (row,) = decode(reciting("sum is [1"), ["sum"], [calculator()], max_tokens=20)
    assert (row.text, row.ended) == (" is [1", "end")


def test_a_row_ends_before_a_stop_string_and_results_have_none() -> None:
    lm = reciting("sum [C(1 + 2) -> is 5] is the day [1] and 5")
    (row,) = decode(lm, ["sum"], [calculator("is 5")], stop=("5", "y [", "ay ["))
    assert (row.text, row.ended) == (" [C(1 + 2) -> is 5] is the d", "stop")
    assert decode(lm, ["sum"], [calculator("is 5")], stop=("y [", "ay ["), max_tokens=row.sampled.count(True)) == [row]


def test_most_tokens_are_those_that_are_sampled() -> None:
    (row,) = decode(scripted({**CALLS, "] is is": 90}), ["sum"], [calculator()], max_tokens=11)
    assert (row.sampled.count(True), row.ended) == (11, "length")
    assert len(row.ids) > 11


def test_what_a_row_draws_depends_on_the_seed_and_not_on_other_rows() -> None:
    lm, api = fresh(), calculator()
    one, again, other = (decode(lm, ["On"], [api], temperature=1.0, seed=seed)[0] for seed in (1, 1, 2))
    beside = decode(lm, ["On", "The sum of 12 and 30 is"], [api], temperature=1.0, seed=1)[0]
    assert one == again == beside
    assert one.text != other.text


def test_a_token_that_the_tokenizer_does_not_have_is_never_written() -> None:
    """Models are often wider than their tokenizers."""
    lm = fresh()
    lm.model.resize_token_embeddings(len(lm.tokenizer) + 8, mean_resizing=False)
    lm.model.register_forward_hook(lambda _model, _args, output: output.logits[..., -8:].add_(1000).sum() and None)
    (row,) = decode(lm, ["on"], [calculator()], max_tokens=6)
    assert all(token < len(lm.tokenizer) for token in row.ids)


def test_nothing_to_decode_is_nothing() -> None:
    assert decode(scripted(CALLS), [], [calculator()]) == []


def test_who_no_longer_wants_it_is_not_kept_waiting() -> None:
    async def run() -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                api = calculator(wait=lambda _: _stop(tasks))
                await generate(scripted(CALLS), ["sum"], {"C": api})

    async def _stop(tasks) -> None:
        tasks.cancel_scope.cancel()
        await anyio.sleep_forever()

    anyio.run(run)


@pytest.mark.parametrize(
    "options", [{"k": -1}, {"calls": -1}, {"longest_input": 0}, {"temperature": -1.0}, {"timeout_seconds": 0.0}]
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(SettingsError) as told:
        DecodeSettings(**options)  # type: ignore[arg-type]
    assert told.value.hint


def test_there_is_one_context_for_each_prompt() -> None:
    with pytest.raises(InputError, match="2 prompts and 1 contexts"):
        decode(scripted(CALLS), ["sum", "sum"], [calculator()], contexts=[CallContext()])
