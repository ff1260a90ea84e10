"""`/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from hammerstone.server.entry import Entry, is_loopback
from hammerstone.server.replies import GatewayError, error_response, json_response
from hammerstone.server.telemetry.metrics import CONTENT_TYPE
from hammerstone.server.telemetry.signals import Signals
from hammerstone.settings import WhoScrapes

__all__ = ["telemetry_routes"]

_BEHIND_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


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
            if who != "loopback" or not _is_of_this_machine(http):
                await entry.admit_admin(http)
        except GatewayError as error:
            return error_response(error, None, {})
        return Response(signals.metrics.page(), headers={"content-type": CONTENT_TYPE})

    return [
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _is_of_this_machine(http: HttpRequest) -> bool:
    """Whether the client itself is on this machine, and no proxy that speaks for somebody else."""
    if http.client is None or any(name in http.headers for name in _BEHIND_PROXY):
        return False
    host = urlsplit(f"//{http.headers.get('host', '')}").hostname or ""
    return is_loopback(http.client.host) and is_loopback(host)
