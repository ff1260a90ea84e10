"""Which requests at one moment are so equal that they may share one call of the upstream."""

from __future__ import annotations

from typing import TypeAlias

from hammerstone.server.call import Call

__all__ = ["SharedKey", "shared_key"]

SharedKey: TypeAlias = "tuple[str, ...]"


def shared_key(call: Call, *, by_default: bool) -> SharedKey | None:
    """All that two requests have in common that share a call; `None` for one that shares none.

    That takes a request that asks for no variety, and lets its answer be kept and given again. `by_default` holds where
    the request itself says nothing.
    """
    wanted = by_default if call.controls.share is None else call.controls.share
    if not wanted or call.exact_key is None or call.controls.upstream_answers:
        return None
    fields = call.fields or {}
    delivery = (str(fields.get("stream")), str(fields.get("stream_options")), str(fields.get("store")))
    return (call.tenant, call.exact_key, *delivery, call.http.headers.get("accept-encoding", ""))
