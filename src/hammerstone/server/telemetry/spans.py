"""Traces as OpenTelemetry's spans, by the semantic conventions for HTTP and for generative AI.

POST /v1/chat/completions           server: route, tool, model, saved money
├── execute_tool convert_units      the tools that were asked
└── chat gpt-5.4                    client: the call of the upstream, which gets `traceparent`
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from hammerstone.server.telemetry.record import RequestRecord
from hammerstone.server.telemetry.trace import RawHeaders
from hammerstone.store import Build
from hammerstone.types import Usage

__all__ = ["Spans"]

_OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/v1/messages": "chat",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
}


class Spans:
    """Begins each request's trace, and ends it as an `Observer`.

    With `content`, spans hold what that leaves of prompts and answers.
    """

    def __init__(self, provider: TracerProvider, *, content: Callable[[str], str] | None = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("hammerstone")
        self._content = content

    def begin(self, record: RequestRecord, headers: RawHeaders) -> None:
        """Let `record.trace` make spans from now on, below the one that the client's headers name."""
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        span = self._tracer.start_span(
            f"{record.method} {record.api}", context=propagate.extract(carrier), kind=SpanKind.SERVER
        )
        record.trace = _RequestTrace(self._tracer, span, record, content=self._content)

    def over(self, record: RequestRecord) -> None:
        """See `Observer`."""
        if isinstance(record.trace, _RequestTrace):
            record.trace.end()

    def built(self, build: Build) -> None:
        """A build has ended."""
        span = self._tracer.start_span("build", start_time=_nanoseconds(build.started), kind=SpanKind.INTERNAL)
        _set(span, "hammerstone.task", build.task)
        _set(span, "hammerstone.build.outcome", build.state)
        _set(span, "hammerstone.build.instances", build.instances)
        _set(span, "hammerstone.build.improves", build.improves)
        _set(span, "hammerstone.build.cost_usd", build.cost_usd)
        span.end()

    def close(self) -> None:
        """Send what waits."""
        shutdown = getattr(self._provider, "shutdown", None)  # of the SDK's alone
        if shutdown is not None:
            shutdown()


class _RequestTrace:
    """A `Trace`."""

    is_on = True

    def __init__(
        self, tracer: trace.Tracer, span: Span, record: RequestRecord, *, content: Callable[[str], str] | None
    ) -> None:
        self._tracer = tracer
        self._span = span
        self._record = record
        self._content = content
        self._context = trace.set_span_in_context(span)
        self._tools: Span | None = None
        self._upstream: Span | None = None

    @property
    def _operation(self) -> str | None:
        return _OPERATIONS.get(self._record.api)

    def tools_began(self) -> None:
        self._tools = self._tracer.start_span("execute_tool", context=self._context, kind=SpanKind.INTERNAL)

    def tools_ended(self, tool: str | None) -> None:
        span, self._tools = self._tools, None
        if span is None:
            return
        _set(span, "gen_ai.operation.name", "execute_tool")
        _set(span, "gen_ai.tool.name", tool)
        _set(span, "gen_ai.tool.type", "function")
        if tool is not None:
            span.update_name(f"execute_tool {tool}")
        span.end()

    def upstream_began(self, address: str, headers: RawHeaders) -> RawHeaders:
        record, where = self._record, urlsplit(address)
        name = f"{self._operation} {_text(record.model)}" if self._operation and record.model else record.method
        span = self._tracer.start_span(name, context=self._context, kind=SpanKind.CLIENT)
        self._upstream = span
        _set(span, "gen_ai.operation.name", self._operation)
        _set(span, "gen_ai.request.model", record.model)
        _set(span, "gen_ai.provider.name", "anthropic" if record.api == "/v1/messages" else "openai")
        _set(span, "http.request.method", record.method)
        _set(span, "server.address", where.hostname)
        _set(span, "server.port", where.port)
        carrier: dict[str, str] = {}
        propagate.inject(carrier, context=trace.set_span_in_context(span))
        kept = [(one, value) for one, value in headers if one.decode("latin-1").lower() not in carrier]
        return [*kept, *((one.encode(), value.encode()) for one, value in carrier.items())]

    def upstream_replied(self, status: int) -> None:
        if self._upstream is not None:
            _set_status(self._upstream, status, fails_from=400)

    def answered(self, text: str | None, usage: Usage) -> None:
        for span in (self._span, self._upstream):
            if span is not None:
                _set(span, "gen_ai.usage.input_tokens", usage.input_tokens)
                _set(span, "gen_ai.usage.output_tokens", usage.output_tokens)
        if self._content is not None and text is not None:
            said = {"role": "assistant", "parts": [_part(self._content(text))], "finish_reason": "stop"}
            _set(self._span, "gen_ai.output.messages", json.dumps([said]))

    def end(self) -> None:
        record, span = self._record, self._span
        if self._upstream is not None:
            if record.upstream_failed:
                _set(self._upstream, "error.type", record.upstream_failed)
                self._upstream.set_status(Status(StatusCode.ERROR))
            self._upstream.end()
        self.tools_ended(None)
        _set(span, "http.request.method", record.method)
        _set(span, "http.route", record.api)
        _set(span, "gen_ai.operation.name", self._operation)
        _set(span, "gen_ai.provider.name", "hammerstone" if self._operation else None)
        _set(span, "gen_ai.request.model", record.model)
        _set(span, "hammerstone.request_id", record.id or None)
        _set(span, "hammerstone.tenant", record.tenant or None)
        for name, value in record.notes.items():
            _set(span, f"hammerstone.{name.replace('-', '_')}", value)
        if self._content is not None and record.chat is not None:
            messages = [
                {"role": one.role, "parts": [_part(self._content(one.content))]} for one in record.chat.messages
            ]
            _set(span, "gen_ai.input.messages", json.dumps(messages))
        if record.status is not None:
            _set_status(span, record.status, fails_from=500)
        span.end()


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "content": text}


def _set(span: Span, name: str, value: Any) -> None:
    if value is not None:
        span.set_attribute(name, _text(value) if isinstance(value, str) else value)


def _text(value: str) -> str:
    """One that can be encoded: a whole batch of spans would be lost with a model's name that cannot."""
    return value.encode("utf-8", "replace").decode()


def _set_status(span: Span, status: int, *, fails_from: int) -> None:
    """A client's own mistake is no error of the server's span (conventions for HTTP spans)."""
    span.set_attribute("http.response.status_code", status)
    if status >= fails_from:
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))


def _nanoseconds(when: str) -> int:
    moment = datetime.fromisoformat(when)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e9)
