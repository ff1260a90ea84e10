"""`/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from hammerstone.server.entry import Entry, is_of_this_machine
from hammerstone.server.replies import GatewayError, error_response, json_response
from hammerstone.server.telemetry.metrics import CONTENT_TYPE
from hammerstone.server.telemetry.signals import Signals
from hammerstone.settings import WhoScrapes

__all__ = ["telemetry_routes"]


def telemetry_routes(signals: Signals, entry: Entry, who: WhoScrapes) -> list[Route]:
    """Anybody may look whether the gateway lives and is ready; its figures are for those whom `who` names."""

    async def alive(http: HttpRequest) -> Response:
        del http
        return json_response({"status": "ok"})

    async def ready(http: HttpRequest) -> Response:
        del http
        status, body = signals.health.report()
        return json_response(body, status=status)

    async def metrics(http: HttpRequest) -> Response:
        try:
            if who != "loopback" or not is_of_this_machine(http):
                _check_all((await entry.admit_admin(http)).scope)
        except GatewayError as error:
            return error_response(error, None, {})
        return Response(signals.metrics.page(), headers={"content-type": CONTENT_TYPE})

    return [
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _check_all(scope: str | None) -> None:
    """The figures are of all tenants."""
    if scope is not None:
        message = "metrics are of all tenants: this needs an admin key that was created without --tenant"
        raise GatewayError(message, status=403, code="tenant_admin", kind="permission_error")
