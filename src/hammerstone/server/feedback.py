"""What clients say of the answers they got: `POST /v1/feedback`, and the same from whoever has the request's id.

{"request_id": "…", "correct": false, "answer": "what is right, if it is known"}
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import anyio
from anyio import to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from hammerstone.admin.corrections import correct
from hammerstone.errors import NotFoundError
from hammerstone.server.bodies import json_body
from hammerstone.server.entry import Entry
from hammerstone.server.learner import Learner
from hammerstone.server.replies import GatewayError, answered
from hammerstone.server.tenants import Tenants
from hammerstone.settings import ServeSettings
from hammerstone.store import Store
from hammerstone.types import JSON

__all__ = ["FEEDBACK", "Feedback"]

FEEDBACK = "/v1/feedback"

OWN_SECONDS = 10.0  # that what this process has answered may take to be stored
OTHERS_SECONDS = 1.0  # that what another process has answered may take to be there
LOOK_SECONDS = 0.1
OTHERS_SHOWN = 100  # further answers of a tool that was wrong
NO_LABEL = "the answer is kept as no label: not all of the request was stored, or its task is gone"


@dataclass(frozen=True, kw_only=True)
class _Said:
    request_id: str
    correct: bool
    answer: str | None = None


class Feedback:
    """The route. A request is known to its own tenant alone."""

    def __init__(self, *, tenants: Tenants, entry: Entry, learner: Learner, settings: ServeSettings) -> None:
        self._tenants = tenants
        self._entry = entry
        self._learner = learner
        self._settings = settings

    async def take(self, http: HttpRequest) -> Response:
        return await answered(self._take(http), {})

    async def _take(self, http: HttpRequest) -> dict[str, Any]:
        tenant = await self._entry.admit(http)
        said = _read(await json_body(http, self._settings.max_body_mb))
        loop = await self._tenants.of(tenant)
        is_flushed = await self._learner.flushed(tenant, OWN_SECONDS)
        deadline = time.monotonic() + OTHERS_SECONDS
        while True:
            try:
                taken = await to_thread.run_sync(_keep, loop.store, said)
                break
            except NotFoundError:
                if not is_flushed:
                    raise _not_yet(said.request_id) from None
                if time.monotonic() > deadline:
                    raise _unknown(said.request_id) from None
            await anyio.sleep(LOOK_SECONDS)
        await loop.catalog.refresh(at_once=True)
        return taken


def _read(body: JSON) -> _Said:
    match body:
        case {"request_id": str(request_id), "correct": True, **more} if not more:
            return _Said(request_id=request_id, correct=True)
        case {"request_id": str(request_id), "correct": False, **more} if not more.keys() - {"answer"}:
            answer = more.get("answer")
            if answer is None or (isinstance(answer, str) and answer.strip()):
                return _Said(request_id=request_id, correct=False, answer=answer)
        case _:
            pass
    message = "feedback is a `request_id`, `correct`: true or false, and where it is false perhaps the right `answer`"
    hint = 'as in {"request_id": "…", "correct": false, "answer": "4321"}'
    raise GatewayError(message, status=422, code="invalid_feedback", hint=hint)


def _keep(store: Store, said: _Said) -> dict[str, Any]:
    """Raises `NotFoundError`, `SettingsError`, `StoreError`."""
    if said.correct:
        return {"correct": True, **asdict(store.confirm(said.request_id))}
    corrected = correct(store, said.request_id, said.answer, shown=OTHERS_SHOWN)
    others = [{"request_id": one.id, "question": one.question, "answer": one.answer} for one in corrected.others]
    return {
        "correct": False,
        **asdict(corrected.correction),
        **({"hint": NO_LABEL} if said.answer is not None and not corrected.correction.labeled else {}),
        "others": others,
        "others_total": corrected.total,
    }


def _unknown(request_id: str) -> GatewayError:
    return GatewayError(
        f"no request {request_id[:80]!r} was answered for you here",
        status=404,
        code="request_not_found",
        hint="its id is in the header x-hammerstone-request-id; what was sent with no-store or is purged is not known, "
        "nor are calls of a tool with arguments",
    )


def _not_yet(request_id: str) -> GatewayError:
    return GatewayError(
        f"request {request_id[:80]!r} is not stored yet",
        status=503,
        code="not_stored_yet",
        kind="hammerstone_error",
        hint="say it again in a moment",
        retry_after=5,
    )
