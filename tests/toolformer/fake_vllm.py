"""A server of a tiny model that speaks vLLM's protocol, as far as decoding with calls needs it (vLLM 0.33)."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import anyio.lowlevel
import httpx2
import torch
from openai import AsyncOpenAI

from hammerstone.toolformer.lm import LanguageModel

__all__ = ["URL", "FakeVllm"]

URL = "http://localhost:8000/v1"
CARD = {"object": "model", "created": 1, "owned_by": "vllm", "parent": None, "permission": []}

# Of vLLM's CompletionRequest, all of which stands there; whatever else is sent is a mistake.
FIELDS = {
    "model": str,
    "prompt": list,
    "stream": bool,
    "max_tokens": int,
    "logprobs": int,
    "temperature": float,
    "seed": int,
    "top_p": float,
    "top_k": int,
    "min_p": float,
    "repetition_penalty": float,
    "frequency_penalty": float,
    "presence_penalty": float,
    "logit_bias": dict,
    "return_tokens_as_token_ids": bool,
}


@dataclass
class FakeVllm:
    """`at_once` tokens stand in a chunk; at most `cap` are written in a request, as a server's settings may say.

    `asked` are the requests, `written` counts tokens, `open` the streams that are neither at their end nor dropped, and
    `most_open` what that has been at most.
    """

    lm: LanguageModel
    at_once: int = 1
    cap: int = 10**9
    usage: bool = False
    max_logprobs: int = 20
    models: Sequence[Mapping[str, Any]] = ()
    asked: list[dict[str, Any]] = field(default_factory=list)
    written: int = 0
    open: int = 0
    most_open: int = 0

    def __post_init__(self) -> None:
        self.models = self.models or [{"id": "tiny", "root": "tiny", "max_model_len": self.lm.context}]

    def client(self, url: str) -> AsyncOpenAI:
        """One that reaches this server, in this process."""
        transport = httpx2.MockTransport(self._handle)
        return AsyncOpenAI(base_url=url, api_key="none", http_client=httpx2.AsyncClient(transport=transport))

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Listen at an address of its own on this machine."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        """The status, and JSON or lines of a stream."""
        if path == "/v1/models":
            return 200, {"object": "list", "data": [CARD | dict(model) for model in self.models]}
        if path != "/v1/completions":
            return 404, {"detail": "Not Found"}
        request = json.loads(body)
        wrong = {name for name, value in request.items() if not isinstance(value, FIELDS[name])}
        if wrong or FIELDS.keys() - request.keys() - {"logit_bias"}:
            return error(400, f"wrong or missing: {wrong or FIELDS.keys() - request.keys()}")
        if request["model"] not in {model["id"] for model in self.models}:
            return error(404, f"The model `{request['model']}` does not exist.", kind="NotFoundError")
        if request["max_tokens"] + len(request["prompt"]) > self.lm.context:
            return error(400, "more tokens than the context has room for")
        self.asked.append(request)
        return 200, self._events(request)

    def _events(self, request: Mapping[str, Any]) -> Iterator[str]:
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            for event in self._chunks(request):
                yield f"data: {json.dumps(event)}\n\n"
            yield "data: [DONE]\n\n"
        finally:
            self.open -= 1

    def _chunks(self, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        if request["logprobs"] > self.max_logprobs:  # told in the stream, as it has begun by then
            most = f"Requested sample logprobs of {request['logprobs']}, which is greater than max allowed: "
            yield error(400, f"{most}{self.max_logprobs} (parameter=logprobs)", param="logprobs")[1]
            return
        tokens = self._tokens(request)
        while some := [*itertools.islice(tokens, self.at_once)]:
            ids = [f"token_id:{token}" for token, _ in some]
            told = {
                "text_offset": [0] * len(some),
                "token_logprobs": [likely[token] for token, likely in some],
                "tokens": ids,
                "top_logprobs": [{f"token_id:{one}": value for one, value in likely.items()} for _, likely in some],
            }
            text = self.lm.decode([token for token, _ in some])
            choice = {"index": 0, "text": text, "logprobs": told, "finish_reason": None, "stop_reason": None}
            yield self._chunk([choice | {"prompt_token_ids": None, "token_ids": None}])
        nothing = {"text_offset": [], "token_logprobs": [], "tokens": [], "top_logprobs": []}
        yield self._chunk([{"index": 0, "text": "", "logprobs": nothing, "finish_reason": "stop"}])
        if self.usage:
            yield self._chunk([])

    def _chunk(self, choices: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "tiny", "choices": choices}

    def _tokens(self, request: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[int, float]]]:
        """Each with the log-probabilities that vLLM tells: its own first, then the likeliest, before any bias."""
        ids, random = [*request["prompt"]], torch.Generator().manual_seed(request["seed"])
        bias = {int(token): value for token, value in request.get("logit_bias", {}).items()}
        for _ in range(min(request["max_tokens"], self.cap)):
            with torch.inference_mode():
                logits = self.lm.model(input_ids=torch.tensor([ids])).logits[0, -1]
            raw = logits.log_softmax(-1, dtype=torch.float32)
            token = _drawn(
                logits.index_add(0, torch.tensor([*bias], dtype=torch.long), _as(logits, bias)), request, random
            )
            best = raw.topk(request["logprobs"]).indices.tolist()
            self.written += 1
            yield token, {one: max(raw[one].item(), -9999.0) for one in dict.fromkeys([token, *best])}
            ids.append(token)
            if token == self.lm.tokenizer.eos_token_id:
                return

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        status, said = self.answer(request.url.path, request.content)
        if isinstance(said, dict):
            return httpx2.Response(status, json=said)
        return httpx2.Response(status, headers={"content-type": "text/event-stream"}, stream=_Lines(said))


def _as(logits: torch.Tensor, bias: Mapping[int, float]) -> torch.Tensor:
    return torch.tensor([*bias.values()], dtype=logits.dtype)


def _drawn(logits: torch.Tensor, request: Mapping[str, Any], random: torch.Generator) -> int:
    if request["temperature"] == 0:
        return int(logits.argmax())
    return int(torch.multinomial(torch.softmax(logits / request["temperature"], -1), 1, generator=random))


def error(status: int, message: str, *, kind: str = "BadRequestError", param: str | None = None) -> tuple[int, Any]:
    return status, {"error": {"message": message, "type": kind, "param": param, "code": status}}


class _Lines(httpx2.AsyncByteStream):
    """Written as they are asked for, so that nothing is after the stream has been dropped."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for line in self._lines:
            await anyio.lowlevel.checkpoint()
            yield line.encode()

    async def aclose(self) -> None:
        self._lines.close()


def _handler(fake: FakeVllm) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*fake.answer(self.path, b""))

        def do_POST(self) -> None:
            self._say(*fake.answer(self.path, self.rfile.read(int(self.headers["content-length"]))))

        def _say(self, status: int, said: Any) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json" if isinstance(said, dict) else "text/event-stream")
            self.end_headers()
            try:
                for line in [json.dumps(said)] if isinstance(said, dict) else said:
                    self.wfile.write(line.encode())
            except ConnectionError:
                said.close()  # the client has dropped it

        def log_message(self, *_: object) -> None: ...

    return Handler
