"""A form that brings files with it: never more than a bound, and never in memory as a whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request as HttpRequest

from hammerstone.server.bodies import MEGABYTE
from hammerstone.server.replies import GatewayError

__all__ = ["Upload", "is_upload", "read_upload"]

MOST_FILES, MOST_FIELDS = 10, 50


@dataclass(frozen=True, kw_only=True)
class Upload:
    """The fields of a form, and its files. These go when the form is left."""

    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    files: tuple[UploadFile, ...] = ()


def is_upload(http: HttpRequest) -> bool:
    return http.headers.get("content-type", "").startswith("multipart/form-data")


@asynccontextmanager
async def read_upload(http: HttpRequest, max_mb: float) -> AsyncGenerator[Upload]:
    """Raises `GatewayError` for one that is too large or no form."""
    parser = MultiPartParser(http.headers, _bounded(http, max_mb), max_files=MOST_FILES, max_fields=MOST_FIELDS)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:  # the second one where no boundary is named
        raise GatewayError(f"this form cannot be read: {error}", status=400, code="invalid_request") from None
    try:
        parts = form.multi_items()
        yield Upload(
            fields={name: value for name, value in parts if isinstance(value, str)},
            files=tuple(value for _, value in parts if isinstance(value, UploadFile) and value.filename),
        )
    finally:
        await form.close()


async def _bounded(http: HttpRequest, max_mb: float) -> AsyncGenerator[bytes]:
    left = int(max_mb * MEGABYTE)
    async for chunk in http.stream():
        left -= len(chunk)
        if left < 0:
            raise GatewayError(f"this is larger than {max_mb:g} MB", status=413, code="request_too_large")
        yield chunk
