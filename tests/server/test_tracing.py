"""Spans of requests and builds, as an exporter in memory gets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from hammerstone.errors import SettingsError
from hammerstone.sandbox import Sandbox
from hammerstone.server.telemetry.signals import open_signals
from hammerstone.server.telemetry.spans import Spans
from hammerstone.server.telemetry.tracing import open_tracing
from hammerstone.settings import ServeSettings
from hammerstone.store import Keeping

from .fake_upstream import FakeUpstream, Reply
from .sums import CHAT, Served, body, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@asynccontextmanager
async def traced(
    home: Path,
    sandbox: Sandbox,
    exporter: InMemorySpanExporter,
    upstream: FakeUpstream | None = None,
    *,
    content: Callable[[str], str] | None = None,
) -> AsyncIterator[Served]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    signals = replace(open_signals(ServeSettings()), spans=Spans(provider, content=content))
    async with open_gateway(home, sandbox, upstream, signals=signals) as served:
        yield served


def tree(exporter: InMemorySpanExporter) -> list[tuple[str, str | None]]:
    """Each span with the name of its parent, in the order of their ends."""
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans if span.context is not None}
    return [(span.name, names.get(span.parent.span_id, "?") if span.parent else None) for span in spans]


def find(exporter: InMemorySpanExporter, kind: SpanKind) -> ReadableSpan:
    return next(span for span in exporter.get_finished_spans() if span.kind is kind)


async def test_a_hit_is_a_span_with_the_tool_below_it(
    tmp_path: Path, sandbox: Sandbox, exporter: InMemorySpanExporter
) -> None:
    async with traced(tmp_path, sandbox, exporter) as served:
        await served.learn_sums()
        exporter.clear()
        response = await served.ask(NEW)
        (live,) = (await served.loop()).store.live_tools()
    assert tree(exporter) == [(f"execute_tool {live.task}", f"POST {CHAT}"), (f"POST {CHAT}", None)]
    seen = dict(find(exporter, SpanKind.SERVER).attributes or {})
    assert seen["hammerstone.route"] == "parser"
    assert seen["hammerstone.tool"] == f"{live.task}@1"
    assert seen["hammerstone.request_id"] == response.headers["x-hammerstone-request-id"]
    assert (seen["gen_ai.operation.name"], seen["gen_ai.request.model"]) == ("chat", "gpt-4o-mini")
    assert (seen["http.response.status_code"], seen["gen_ai.usage.output_tokens"]) == (200, 0)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_miss_has_the_upstreams_call_below_it(
    tmp_path: Path, sandbox: Sandbox, exporter: InMemorySpanExporter, stream: bool
) -> None:
    async with traced(tmp_path, sandbox, exporter) as served:
        await served.ask(NEW, stream=stream)
    assert ("chat gpt-4o-mini", f"POST {CHAT}") in tree(exporter)
    call = dict(find(exporter, SpanKind.CLIENT).attributes or {})
    assert (call["server.address"], call["http.response.status_code"]) == ("upstream.test", 200)
    assert call.get("gen_ai.usage.input_tokens") == (None if stream else 21)


async def test_the_clients_trace_goes_on_at_the_upstream(
    tmp_path: Path, sandbox: Sandbox, exporter: InMemorySpanExporter
) -> None:
    async with traced(tmp_path, sandbox, exporter) as served:
        await served.ask(NEW, headers={"traceparent": PARENT, "tracestate": "a=b"})
        sent = served.upstream.seen[0]
    span = find(exporter, SpanKind.CLIENT).context
    assert span is not None
    assert sent.header("traceparent") == f"00-{PARENT.split('-')[1]}-{span.span_id:016x}-01"
    assert sent.header("tracestate") == "a=b"
    assert [name for name, _ in sent.headers].count(b"traceparent") == 1


async def test_without_tracing_the_clients_header_is_passed_on(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path, sandbox) as served:
        await served.ask(NEW, headers={"traceparent": PARENT})
        assert served.upstream.seen[0].header("traceparent") == PARENT


async def test_an_error_of_the_upstream_is_one_of_its_span(
    tmp_path: Path, sandbox: Sandbox, exporter: InMemorySpanExporter
) -> None:
    upstream = FakeUpstream(lambda _: Reply.of({"error": {"message": "no"}}, 429))
    async with traced(tmp_path, sandbox, exporter, upstream) as served:
        await served.ask(NEW)
    assert find(exporter, SpanKind.CLIENT).status.status_code is StatusCode.ERROR
    assert find(exporter, SpanKind.SERVER).status.status_code is StatusCode.UNSET


async def test_a_name_that_cannot_be_encoded_spoils_no_batch(
    tmp_path: Path, sandbox: Sandbox, exporter: InMemorySpanExporter
) -> None:
    async with traced(tmp_path, sandbox, exporter) as served:
        sent = json.dumps(body(NEW, model="m\udc80"))  # which JSON can say
        await served.client.post(CHAT, content=sent, headers={"content-type": "application/json"})
    for span in exporter.get_finished_spans():
        said = [span.name, *(one for one in (span.attributes or {}).values() if isinstance(one, str))]
        assert "".join(said).encode()
    assert dict(find(exporter, SpanKind.SERVER).attributes or {})["gen_ai.request.model"] == "m?"


async def test_a_build_is_a_span(tmp_path: Path, sandbox: Sandbox, exporter: InMemorySpanExporter) -> None:
    async with traced(tmp_path, sandbox, exporter) as served:
        await served.learn_sums()
    (build,) = [span for span in exporter.get_finished_spans() if span.name == "build"]
    assert dict(build.attributes or {})["hammerstone.build.outcome"] == "live"
    assert build.start_time is not None
    assert build.end_time is not None
    assert build.start_time <= build.end_time


@pytest.mark.parametrize("content", [True, False])
async def test_prompts_and_answers_are_in_spans_only_where_the_environment_asks_for_them(
    tmp_path: Path, sandbox: Sandbox, exporter: InMemorySpanExporter, content: bool
) -> None:
    async with traced(tmp_path, sandbox, exporter, content=str if content else None) as served:
        await served.ask(NEW, headers={"authorization": "Bearer sk-secret"})
    span = find(exporter, SpanKind.SERVER)
    if content:
        asked = json.loads(str(dict(span.attributes or {})["gen_ai.input.messages"]))
        said = json.loads(str(dict(span.attributes or {})["gen_ai.output.messages"]))
        assert asked[-1] == {"role": "user", "parts": [{"type": "text", "content": NEW}]}
        assert said[0]["parts"][0]["content"] == "4321"
    everything = "".join(one.to_json() for one in exporter.get_finished_spans())
    assert (NEW in everything) is content
    assert "sk-secret" not in everything


async def test_a_mask_takes_out_of_spans_what_it_takes_out_of_the_store(
    tmp_path: Path, sandbox: Sandbox, exporter: InMemorySpanExporter
) -> None:
    mask = Keeping(lambda text: text.replace("321", "#")).text
    async with traced(tmp_path, sandbox, exporter, content=mask) as served:
        await served.ask(NEW)
    attributes = dict(find(exporter, SpanKind.SERVER).attributes or {})
    assert "What is the sum of 4000 and #?" in str(attributes["gen_ai.input.messages"])
    assert "4#" in str(attributes["gen_ai.output.messages"])
    assert "321" not in str(attributes)


def test_spans_are_given_the_mask_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Callable[[str], str]] = []
    monkeypatch.setattr("hammerstone.server.telemetry.signals.open_tracing", given.append)
    open_signals(ServeSettings(mask=frozenset({"email"})))
    (masked,) = given
    assert "ada@example.org" not in masked("Write to ada@example.org.")


def test_only_the_environment_switches_tracing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    assert open_tracing(str) is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    spans = open_tracing(str)
    assert spans is not None
    spans.close()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert open_tracing(str) is None
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(SettingsError, match="'zipkin' of traces is not installed"):
        open_tracing(str)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert open_tracing(str) is None


def test_without_tracing_nothing_of_opentelemetry_is_imported() -> None:
    program = "import hammerstone.server.app, sys; print(any(one.startswith('opentelemetry') for one in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
