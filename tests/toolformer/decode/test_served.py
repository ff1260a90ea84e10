"""Decoding over a server with vLLM's protocol writes what it writes here; other servers are reported."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import anyio
import httpx2
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI

from hammerstone.errors import HammerstoneError, ModelError, ModelTimeoutError, SettingsError
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.decode import DecodeSettings, GeneratedText, TokenPiece, generate, served
from hammerstone.toolformer.decode.decoding_row import begin_rows
from hammerstone.toolformer.decode.partial_call import vocabulary_of
from hammerstone.toolformer.decode.served import generate_served
from hammerstone.toolformer.decode.vllm import open_client, open_endpoint
from hammerstone.toolformer.lm import LanguageModel, ModelTokenizer, load_tokenizer

from ..fake_vllm import URL, FakeVllm, error
from ..tiny_models import MODELS, TOKENIZERS, byte_level, language_model
from .test_engine import TEXTS, late, led_model, options, prompts


async def served_by(
    fake: FakeVllm,
    texts: Sequence[str],
    apis: Mapping[str, Api],
    asked: DecodeSettings,
    pieces: list[TokenPiece] | None = None,
) -> list[GeneratedText]:
    async with open_endpoint(URL, "tiny", client=fake.client) as endpoint:
        tokenizer = ModelTokenizer(fake.lm.tokenizer, context=endpoint.context, end_ids=fake.lm.end_ids)
        tell = (lambda _: None) if pieces is None else pieces.append
        return await generate_served(endpoint, tokenizer, texts, apis, asked, on_piece=tell)


def padded(tokenizer: str, seed: int) -> LanguageModel:
    """A model with room for more tokens than there are, and a liking for those that do not exist."""
    torch.manual_seed(seed)
    words = TOKENIZERS[tokenizer]()
    model = MODELS["gpt2"](len(words) + 300, 512)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
    return LanguageModel(model.double(), words)


# the same as here


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=40)
@given(
    model=st.sampled_from([*MODELS]),
    seed=st.integers(0, 2),
    strength=st.sampled_from([6.0, 12.0]),
    context=st.sampled_from([30, 512]),
    texts=prompts,
    asked=options,
    stop=st.sampled_from([(), (), ("2", "sum"), ("]",)]),
    ticks=st.lists(st.sampled_from([0, 1, 60, 300]), min_size=1, max_size=5),
    at_once=st.sampled_from([1, 1, 2, 5]),
    cap=st.sampled_from([1, 4, 10**9]),
    usage=st.booleans(),
)
def test_a_server_writes_what_is_written_here(
    tokenizer: str, model: str, seed: int, strength: float, context: int, texts, asked, stop, ticks, **says
) -> None:
    lm = led_model(model, tokenizer, seed=seed, context=context, strength=strength)
    asked = replace(asked, temperature=0.0, stop=stop, k=min(asked.k, 20))
    expected_pieces, pieces, fake = list[TokenPiece](), list[TokenPiece](), FakeVllm(lm, **says)
    expected = anyio.run(lambda: generate(lm, texts, late(ticks), asked, on_piece=expected_pieces.append))
    assert anyio.run(served_by, fake, texts, late(ticks), asked, pieces) == expected
    assert by_row(pieces) == by_row(expected_pieces)
    assert fake.open == 0


def by_row(pieces: Sequence[TokenPiece]) -> Mapping[int, list[tuple[int, bool]]]:
    found = defaultdict[int, list[tuple[int, bool]]](list)
    for piece in pieces:
        found[piece.row] += [(token, piece.sampled) for token in piece.ids]
    return found


def test_the_examples_above_have_calls_that_are_inside_of_others_and_brackets_that_are_taken_back() -> None:
    lm, seen = led_model("gpt2", "byte-level"), []
    for nested in (False, True):
        asked = DecodeSettings(k=10, calls=5, nested=nested, max_tokens=40)
        seen += anyio.run(served_by, FakeVllm(lm), [*TEXTS, "", "so ["], late([1]), asked)
    assert any(row.calls for row in seen)
    assert any(row.taken_back for row in seen)
    assert any("<" not in call.input and call.api == "C" for row in seen for call in row.calls)
    assert any(len(row.calls) > 1 and "[C([" in row.text for row in seen)


@pytest.mark.parametrize("seed", range(4))
def test_tokens_that_the_tokenizer_has_not_are_not_written(seed: int) -> None:
    lm = padded("byte-level", seed)
    asked, texts = DecodeSettings(max_tokens=20), ["The sum", "of 12"]
    expected = anyio.run(generate, lm, texts, late([1]), asked)
    fake = FakeVllm(lm)
    assert anyio.run(served_by, fake, texts, late([1]), asked) == expected
    assert len(fake.asked) > 2


def test_where_all_that_is_told_has_a_bracket_the_server_is_asked_for_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(served, "LIKELY", 1)
    lm, asked = led_model("gpt2", "byte-level"), DecodeSettings(k=1, calls=2, max_tokens=30)
    fake = FakeVllm(lm)
    assert anyio.run(served_by, fake, TEXTS, late([1]), asked) == anyio.run(generate, lm, TEXTS, late([1]), asked)
    assert any(request.get("logit_bias") for request in fake.asked)
    assert {request["logprobs"] for request in fake.asked} == {1}


@pytest.mark.parametrize("which", [0, 1])
def test_of_several_tokens_that_are_a_bracket_the_likeliest_is_written(which: int) -> None:
    lm = LanguageModel(language_model().model.double(), byte_level())
    starts, own = vocabulary_of(lm).starts, lm.encode("x")[0]
    likes = torch.zeros(len(lm.tokenizer)).index_fill(0, torch.tensor(starts), 1e3)
    likes[starts[which]], likes[own] = 2e3, 3e3
    lm.model.register_forward_hook(lambda _model, _given, out: setattr(out, "logits", out.logits + likes))
    fake = FakeVllm(lm)
    expected = anyio.run(generate, lm, ["so"], late([1]), DecodeSettings(max_tokens=2))
    assert anyio.run(served_by, fake, ["so"], late([1]), DecodeSettings(max_tokens=2)) == expected
    assert fake.asked[1]["prompt"][-1] == starts[which]


def test_what_is_written_instead_of_a_bracket_is_no_bracket_and_a_token_of_the_tokenizer() -> None:
    vocabulary = vocabulary_of(language_model())
    fits = served._without_brackets(vocabulary)
    assert {token for token in range(vocabulary.size + 9) if not fits(token)} == {
        *vocabulary.brackets,
        *range(vocabulary.size, vocabulary.size + 9),
    }


def test_a_text_without_brackets_is_one_request_and_a_bracket_tried_in_vain_is_two_more() -> None:
    lm = led_model("gpt2", "byte-level")
    fake = FakeVllm(lm)
    anyio.run(served_by, fake, ["The name"], {}, DecodeSettings(k=0, max_tokens=12))
    assert (len(fake.asked), fake.written, fake.asked[0]["max_tokens"]) == (1, 12, 12)
    fake = FakeVllm(lm)
    (row,) = anyio.run(served_by, fake, TEXTS[:1], late([1]), DecodeSettings(max_tokens=12))
    assert len(fake.asked) > 1
    assert row.taken_back > 0
    assert len(fake.asked) <= 1 + 2 * (row.taken_back + len(row.calls))
    assert fake.open == 0
    begun = lm.encode(TEXTS[0])
    assert all(request["prompt"][: len(begun)] == begun for request in fake.asked)


def test_no_more_rows_are_under_way_than_may_be() -> None:
    fake = FakeVllm(led_model("gpt2", "byte-level"))
    anyio.run(served_by, fake, [*TEXTS] * 2, late([5]), DecodeSettings(rows=3, max_tokens=8))
    assert (fake.most_open, fake.open) == (3, 0)


# drawn


def test_what_is_drawn_depends_on_the_seed_and_not_on_the_rows_beside_it() -> None:
    lm = led_model("gpt2", "byte-level", strength=6.0)
    asked = DecodeSettings(temperature=1.0, max_tokens=30, calls=3)

    def drawn(texts: Sequence[str], seed: int) -> list[GeneratedText]:
        fake = FakeVllm(lm)
        found = anyio.run(served_by, fake, texts, late([1]), replace(asked, seed=seed))
        seeds = [request["seed"] for request in fake.asked]
        assert len({*seeds}) == len(seeds)
        return found

    first = drawn(TEXTS, 0)
    assert drawn(TEXTS, 0) == first
    assert drawn(TEXTS[:2], 0) == first[:2]
    assert drawn(TEXTS, 1) != first


async def instead(lm: LanguageModel, asked: DecodeSettings, prompt: str, count: int) -> list[int]:
    """The tokens written in place of an odd one, `count` of them; the server listed only odd ones as likely."""
    (row,) = begin_rows(lm, [prompt], (), asked)
    async with open_endpoint(URL, "tiny", client=FakeVllm(lm).client) as endpoint:
        writing, told = served._ServedRow(endpoint, row), dict.fromkeys(range(1, 20, 2), -1.0)
        return [await writing._instead(told, lambda token: token % 2 == 0) for _ in range(count)]


def even(lm: LanguageModel, prompt: str) -> torch.Tensor:
    with torch.inference_mode():
        logits = lm.model(input_ids=torch.tensor([lm.encode(prompt)])).logits[0, -1]
    return logits.index_fill(0, torch.arange(1, len(logits), 2), -torch.inf)


def test_what_is_drawn_instead_of_a_bracket_is_drawn_of_what_is_left_of_the_probabilities() -> None:
    lm, count = language_model(), 300
    drawn = Counter(anyio.run(instead, lm, DecodeSettings(temperature=1.5), "The sum", count))
    for token, p in enumerate(torch.softmax(even(lm, "The sum") / 1.5, -1).tolist()):
        assert abs(drawn[token] / count - p) <= 4 * math.sqrt(p * (1 - p) / count) + 1 / count
    assert max(drawn.values()) > 10


@pytest.mark.parametrize("prompt", ["The sum", "of 12", "in", "Monday the", "see [1]", "x"])
def test_what_is_written_instead_is_the_likeliest_though_it_was_not_told(prompt: str) -> None:
    lm = language_model()
    assert anyio.run(instead, lm, DecodeSettings(), prompt, 1) == [int(even(lm, prompt).argmax())]


# what is told of mistakes


def says(status: int, body: Any, *, path: str = "/v1/models") -> Callable[[str], AsyncOpenAI]:
    """A server that says this at one address, and elsewhere what vLLM says."""
    fake = FakeVllm(language_model())

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == path:
            if isinstance(body, Exception):
                raise body
            headers = {"x-should-retry": "false"}
            if isinstance(body, str):
                return httpx2.Response(status, headers=headers | {"content-type": "text/event-stream"}, text=body)
            return httpx2.Response(status, headers=headers, json=body)
        as_usual, said = fake.answer(request.url.path, request.content)
        return httpx2.Response(as_usual, json=said)

    transport = httpx2.MockTransport(handle)
    return lambda url: AsyncOpenAI(base_url=url, api_key="none", http_client=httpx2.AsyncClient(transport=transport))


def told(client: Callable[[str], AsyncOpenAI], *, model: str = "tiny", url: str = URL) -> HammerstoneError:
    async def run() -> None:
        async with open_endpoint(url, model, client=client) as endpoint:
            lm = language_model()
            await generate_served(
                endpoint, ModelTokenizer(lm.tokenizer, context=64), ["The sum"], {}, DecodeSettings(k=0)
            )

    with pytest.raises(HammerstoneError) as caught:
        anyio.run(run)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("client", "kind", "message", "hint"),
    [
        (says(0, httpx2.ConnectError("all attempts failed")), ModelError, "no server answers at", "vllm serve tiny"),
        (says(0, httpx2.ReadTimeout("")), ModelTimeoutError, "did not answer in time", ""),
        (says(401, {"error": "Unauthorized"}), ModelError, "refused the key", "OPENAI_API_KEY"),
        (says(404, {"detail": "Not Found"}), SettingsError, "no OpenAI-compatible endpoint", "ends in /v1"),
        (says(200, "<html>"), ModelError, "does not speak vLLM's protocol", "vllm serve"),
        (says(200, {"data": [{"id": "gpt"}]}), ModelError, "does not report the context of gpt", "vllm serve"),
        (says(500, error(500, "EngineCore died")[1]), ModelError, "failed: EngineCore died", ""),
    ],
)
def test_a_server_that_is_none_is_reported_in_a_sentence(client, kind: type, message: str, hint: str) -> None:
    found = told(client)
    assert type(found) is kind
    assert message in found.message
    assert hint in found.hint


def event(**logprobs: Any) -> str:
    choice = {"index": 0, "text": " x", "finish_reason": None, "logprobs": logprobs or None}
    return f"data: {json.dumps({'id': '1', 'choices': [choice]})}\n\ndata: [DONE]\n\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (event(), "does not report log-probabilities"),
        (event(tokens=[" x"], top_logprobs=[{" x": -1.0}]), "does not report token ids"),
        (event(tokens=["token_id:x"], top_logprobs=[{}]), "does not speak vLLM's protocol"),
        ("data: [DONE]\n\n", "returned no token"),
        ("data: {nonsense\n\n", "does not speak vLLM's protocol"),
        ('data: {"error": {"message": "Internal server error", "code": 500}}\n\n', "failed: Internal server error"),
    ],
)
def test_a_server_that_breaks_off_or_is_no_vllm_is_reported_in_a_sentence(body: str, message: str) -> None:
    found = told(says(200, body, path="/v1/completions"))
    assert isinstance(found, ModelError)
    assert message in found.message


def test_an_address_without_a_scheme_is_none() -> None:
    assert told(open_client, url="localhost:8000/v1").message == "localhost:8000/v1 is not the address of a server"


def test_a_k_beyond_what_the_server_tells_says_how_to_start_it() -> None:
    lm, asked = led_model("gpt2", "byte-level"), DecodeSettings(k=30, max_tokens=20)
    with pytest.raises(SettingsError) as caught:
        anyio.run(served_by, FakeVllm(lm), TEXTS, late([1]), asked)
    assert caught.value.hint.startswith("start it with vllm serve tiny --port 8000 --max-logprobs 30")
    expected = anyio.run(generate, lm, TEXTS, late([1]), asked)
    assert anyio.run(served_by, FakeVllm(lm, max_logprobs=30), TEXTS, late([1]), asked) == expected


def test_a_server_that_does_not_heed_the_ban_of_a_token_is_not_asked_for_ever() -> None:
    class Deaf(FakeVllm):
        def answer(self, path: str, body: bytes) -> tuple[int, Any]:
            return super().answer(path, body.replace(b"-100", b"0"))

    asked = DecodeSettings(temperature=1e-3, k=1, max_tokens=30)
    with pytest.raises(ModelError, match="ignores logit_bias"):
        anyio.run(served_by, Deaf(led_model("gpt2", "byte-level")), TEXTS, late([1]), asked)


async def chosen(model: str, *models: Mapping[str, Any]) -> tuple[str, int]:
    fake = FakeVllm(language_model(), models=models)
    async with open_endpoint(URL, model, client=fake.client) as endpoint:
        return endpoint.name, endpoint.context


def test_the_model_is_the_only_one_or_the_one_whose_name_or_folder_was_given() -> None:
    big, other = {"id": "big", "root": "runs/mine", "max_model_len": 4096}, {"id": "b", "root": "c", "max_model_len": 9}
    adapter = {"id": "calls", "root": "runs/calls", "parent": "big"}
    assert anyio.run(chosen, "whatever", big) == ("big", 4096)
    assert anyio.run(chosen, "big", big, other) == ("big", 4096)
    assert anyio.run(chosen, "runs/mine", other, big) == ("big", 4096)
    assert anyio.run(chosen, "runs/calls", big, other, adapter) == ("calls", 4096)
    with pytest.raises(SettingsError, match="has no model runs") as caught:
        anyio.run(chosen, "runs", big, other)
    assert "big (runs/mine), b (c)" in caught.value.hint


# over a socket, with a tokenizer from a folder


def test_a_server_at_an_address_and_a_folder_without_weights_are_enough(tmp_path) -> None:
    lm = led_model("llama", "sentencepiece-like")
    lm.model.config.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    asked = DecodeSettings(max_tokens=12, calls=2)

    async def run(url: str) -> list[GeneratedText]:
        async with open_endpoint(url, str(tmp_path)) as endpoint:
            tokenizer = load_tokenizer(tmp_path, context=endpoint.context)
            assert tokenizer.end_ids == lm.end_ids
            return await generate_served(endpoint, tokenizer, TEXTS, late([1]), asked)

    with FakeVllm(lm).listening() as url:
        assert anyio.run(run, url) == anyio.run(generate, lm, TEXTS, late([1]), asked)


def test_a_folder_without_a_tokenizer_says_so(tmp_path) -> None:
    with pytest.raises(SettingsError, match="cannot load the tokenizer"):
        load_tokenizer(tmp_path, context=64)
