"""Tracing is set up by OpenTelemetry's own environment variables, and by nothing else.

Without them nothing of it is imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from hammerstone.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from hammerstone.server.telemetry.spans import Spans

__all__ = ["open_tracing"]

_WANTED = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}


def open_tracing(masked: Callable[[str], str]) -> Spans | None:
    """The spans of this process, if the environment asks for them; with `masked` texts, if it asks for those too.

    Raises `SettingsError` for what is not installed.
    """
    if not any(os.environ.get(name) for name in _WANTED) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    names = [one.strip() for one in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")]
    if names == ["none"]:
        return None
    try:
        provider = _provider(names)
    except ModuleNotFoundError as error:
        raise _missing(error.name or "opentelemetry-sdk") from None
    from hammerstone.server.telemetry.spans import Spans

    with_content = os.environ.get(_CONTENT, "").lower() in {"true", "span_only", "span_and_event"}
    return Spans(provider, content=masked if with_content else None)


def _provider(exporters: list[str]) -> TracerProvider:
    """Sampler, batches, resource and headers are read from the environment by the SDK itself."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "hammerstone"}))
    provider = TracerProvider(resource=resource)
    for name in exporters:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)()))
    return provider


def _exporter(name: str):
    if name == "otlp":
        protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        name = _PROTOCOLS.get(protocol or "http/protobuf", protocol or "")
    found = list(entry_points(group="opentelemetry_traces_exporter", name=name))
    if not found:
        raise _missing(f"the exporter {name!r} of traces")
    return found[0].load()


def _missing(what: str) -> SettingsError:
    return SettingsError(
        f"the environment asks for traces (OTEL_…), but {what} is not installed",
        hint="uv run --extra serve --extra otel hammerstone serve; OTEL_SDK_DISABLED=true does without",
    )
