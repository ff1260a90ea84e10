"""Who may come in, and as whom: every route of the gateway's own asks here first.

Without keys, whoever reaches the gateway is the default tenant, and the gateway listens on its own machine alone. The
machine's web browser is there as well, and shows pages of others: a page of another site, or one whose name was made to
lead here (DNS rebinding), is turned away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

from starlette.requests import Request as HttpRequest

from hammerstone.server.replies import GatewayError

__all__ = ["NOBODY", "Administrator", "Entry", "OpenEntry", "check_origin", "is_loopback", "is_of_this_machine"]

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s\[\]:/?#@]+))(?::[0-9]*)?", re.IGNORECASE)
_BEHIND_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


NOBODY = "this machine"
"""The name in the log of who needs no key."""


@dataclass(frozen=True, kw_only=True)
class Administrator:
    """Who may look after the one tenant `scope`, or after all of them (`None`). `name` is that of the key."""

    name: str = NOBODY
    scope: str | None = None


class Entry(Protocol):
    """Decides by the head of a request, before its body is read. Raises `GatewayError` for one that may not come in."""

    async def admit(self, http: HttpRequest) -> str:
        """The tenant whose request it is."""
        ...

    async def admit_admin(self, http: HttpRequest) -> Administrator:
        """Who it is that uses the routes of the administration."""
        ...


class OpenEntry:
    """There are no keys: everybody is the default tenant, and whoever is on this machine an administrator."""

    async def admit(self, http: HttpRequest) -> str:
        check_origin(http)
        if not is_loopback(_host_of(http)):
            named = http.headers.get("host", "")[:80]
            message = f"without keys the gateway is open to this machine alone, as localhost and not as {named!r}"
            raise GatewayError(message, status=403, code="local_only", kind="permission_error")
        return ""

    async def admit_admin(self, http: HttpRequest) -> Administrator:
        await self.admit(http)
        if not is_of_this_machine(http):
            message = "without keys the administration is open to this machine alone"
            hint = "hammerstone keys create NAME --admin"
            raise GatewayError(message, status=403, code="local_only", kind="permission_error", hint=hint)
        return Administrator()


def check_origin(http: HttpRequest) -> None:
    """Raises `GatewayError` for a request that a web page of another site makes."""
    origin = http.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != http.headers.get("host"):
        message = f"web pages of {origin[:80]} may not ask here"
        raise GatewayError(message, status=403, code="cross_site", kind="permission_error")


def is_of_this_machine(http: HttpRequest) -> bool:
    """Whether the client itself is on this machine, and no proxy that speaks for somebody else."""
    if http.client is None or any(name in http.headers for name in _BEHIND_PROXY):
        return False
    return is_loopback(http.client.host) and is_loopback(_host_of(http))


def _host_of(http: HttpRequest) -> str:
    """The name or address in the `Host` header, without its port; empty where it is neither."""
    found = _HOST.fullmatch(http.headers.get("host", ""))
    return "" if found is None else (found[1] or found[2]).lower()


def is_loopback(host: str) -> bool:
    """Whether this is an address or name of the machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
