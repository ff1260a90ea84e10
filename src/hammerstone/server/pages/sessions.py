"""Who is signed in: a cookie that says which key signed in and until when, signed so that nobody else can write it.

The cookie holds no key. What it says is believed for as long as that key is not revoked, and a day at most. Whoever
needs no key has a session as well, so that their forms have a token, too.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex

__all__ = ["SECONDS", "Session", "Sessions"]

SECONDS = 12 * 3_600
"""How long one lasts."""
_NO_KEY = 0


@dataclass(frozen=True, kw_only=True)
class Session:
    """`key_id` is that of the key which has signed in, `None` where none is needed; `until`, in seconds since 1970."""

    id: str
    key_id: int | None
    until: int


class Sessions:
    """Writes and reads cookies with one secret. `clock` gives seconds since 1970."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def begin(self, key_id: int | None) -> Session:
        return Session(id=token_hex(16), key_id=key_id, until=int(self._clock()) + SECONDS)

    def cookie(self, session: Session) -> str:
        said = f"{session.id}.{session.key_id or _NO_KEY}.{session.until}"
        return f"{said}.{self._sign('session', said)}"

    def read(self, cookie: str) -> Session | None:
        """None for a cookie that was not written here, or is over."""
        said, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign("session", said).encode()):
            return None
        session_id, key_id, until = said.split(".")
        if int(until) < self._clock():
            return None
        return Session(id=session_id, key_id=int(key_id) or None, until=int(until))

    def token(self, session: Session) -> str:
        """What each form of this session holds, and a page of another site cannot know."""
        return self._sign("form", session.id)

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{text}".encode(), sha256).hexdigest()
