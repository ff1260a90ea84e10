"""Where a request carries a key of hammerstone's, and what of it the upstream may see."""

from __future__ import annotations

from starlette.datastructures import Headers

from hammerstone.server.upstream import OURS, RawHeaders
from hammerstone.store import KEY_FORM, KEY_MARK

__all__ = ["CREDENTIALS", "UPSTREAM_AUTHORIZATION", "credentials_for_upstream", "key_in"]

CREDENTIALS = ("authorization", "x-api-key", "api-key")  # OpenAI's and most clients', Anthropic's, Azure's
UPSTREAM_AUTHORIZATION = f"{OURS.decode()}upstream-authorization"
"""The header in which a client sends the provider's own key, where the gateway has none."""


def key_in(headers: Headers) -> str | None:
    """The first credential that has the form of a key of ours."""
    tokens = (_token(value) for name in CREDENTIALS for value in headers.getlist(name))
    return next((one for one in tokens if KEY_FORM.fullmatch(one)), None)


def credentials_for_upstream(headers: RawHeaders, key_header: str) -> list[tuple[bytes, bytes]]:
    """The same headers without any key of ours, and with the client's second credential where it belongs.

    `key_header` is the one in which the upstream looks for a key.
    """
    theirs = [(name, value) for name, value in headers if not _holds_ours(name, value)]
    second = next((value.decode("latin-1") for name, value in headers if _is(name, UPSTREAM_AUTHORIZATION)), None)
    if not second:
        return theirs
    written = _written(second.strip(), key_header)
    return [(name, value) for name, value in theirs if not _is_credential(name)] + [written]


def _written(value: str, key_header: str) -> tuple[bytes, bytes]:
    """A key, or an `Authorization` with its scheme, as the upstream reads it."""
    if key_header == "authorization":
        whole = value if " " in value else f"Bearer {value}"
        return b"authorization", whole.encode("latin-1")
    return key_header.encode(), _token(value).encode("latin-1")


def _token(value: str) -> str:
    scheme, space, token = value.strip().partition(" ")
    return token.strip() if space and scheme.lower() == "bearer" else value.strip()


def _holds_ours(name: bytes, value: bytes) -> bool:
    """Whatever begins like a key of ours, good or not, is nobody else's business, wherever a whole one stands."""
    text = value.decode("latin-1")
    return KEY_FORM.search(text) is not None or (_is_credential(name) and _token(text).startswith(KEY_MARK))


def _is_credential(name: bytes) -> bool:
    return any(_is(name, one) for one in CREDENTIALS)


def _is(name: bytes, wanted: str) -> bool:
    return name.lower() == wanted.encode()
