"""Replies of the gateway's own: answers of tools, and errors that clients can read."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from math import ceil

from starlette.responses import Response

from hammerstone.errors import HammerstoneError, NotFoundError, OperatorError
from hammerstone.server.protocols.chat_completions import openai_error
from hammerstone.server.protocols.contract import Body, Completion, TextApi

__all__ = [
    "GatewayError",
    "answer_response",
    "answered",
    "client_error_of",
    "error_response",
    "json_response",
    "refusal_of",
]


class GatewayError(Exception):
    """A request that the gateway itself refuses. `kind` and `code` are stable words of OpenAI's error objects.

    `hint` says what repairs it, or is empty.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        kind: str = "invalid_request_error",
        hint: str = "",
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.kind = kind
        self.hint = hint
        self.retry_after = retry_after
        self.headers = headers or {}


def client_error_of(error: HammerstoneError | GatewayError) -> GatewayError:
    """The error as a client of the gateway gets it: not which file or program of the operator's has failed."""
    if isinstance(error, OperatorError):
        return GatewayError(
            "this gateway cannot answer at the moment",
            status=503,
            code=error.code,
            kind="hammerstone_error",
            hint="try again in a moment; its log says what has failed",
            retry_after=1,
        )
    return refusal_of(error)


def refusal_of(error: HammerstoneError | GatewayError) -> GatewayError:
    """The error as those who administer the gateway get it."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, OperatorError):
        return GatewayError(
            error.message, status=503, code=error.code, kind="hammerstone_error", hint=error.hint, retry_after=1
        )
    status = 404 if isinstance(error, NotFoundError) else 422
    return GatewayError(error.message, status=status, code=error.code.replace("-", "_"), hint=error.hint)


def json_response(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Compact JSON in UTF-8; what cannot be encoded is escaped."""
    body = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    return Response(body, status_code=status, media_type="application/json", headers={**_dated(), **(headers or {})})


def error_response(error: GatewayError, api: TextApi | None, headers: Mapping[str, str]) -> Response:
    """The error in the form of the API that was called."""
    write = openai_error if api is None else api.error
    retry = {} if error.retry_after is None else {"retry-after": str(max(1, ceil(error.retry_after)))}
    message = error.message if not error.hint else f"{error.message} ({error.hint})"
    body = write(message, kind=error.kind, code=error.code)
    return json_response(body, status=error.status, headers={**headers, **error.headers, **retry})


async def answered(
    work: Awaitable[object],
    headers: Mapping[str, str],
    error_of: Callable[[HammerstoneError | GatewayError], GatewayError] = client_error_of,
) -> Response:
    """What `work` returns, as JSON, or its error in OpenAI's form; either with these headers."""
    try:
        return json_response(await work, headers=headers)
    except (GatewayError, HammerstoneError) as error:
        return error_response(error_of(error), None, headers)


def answer_response(api: TextApi, text: str, *, request_id: str, body: Body, headers: Mapping[str, str]) -> Response:
    """An answer without a model, whole or as a stream, as the client asks for it."""
    completion = Completion(id=request_id, text=text, created=int(time.time()), body=body)
    return completion_response(api, completion, headers)


def completion_response(api: TextApi, completion: Completion, headers: Mapping[str, str]) -> Response:
    """The same of a completion, which may count tokens."""
    if not api.streams(completion.body):
        return json_response(api.whole(completion), headers=headers)
    events = b"".join(api.events(completion))
    return Response(
        events, media_type="text/event-stream", headers={**_dated(), **headers, "cache-control": "no-cache"}
    )


def _dated() -> dict[str, str]:
    return {"date": formatdate(usegmt=True)}
