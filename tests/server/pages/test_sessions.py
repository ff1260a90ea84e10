from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hammerstone.server.pages.sessions import SECONDS, Sessions

SECRET = b"a secret"


def test_a_cookie_is_read_as_it_was_written() -> None:
    sessions = Sessions(SECRET)
    for key_id in (None, 7):
        session = sessions.begin(key_id)
        assert Sessions(SECRET).read(sessions.cookie(session)) == session


def test_a_session_is_over_after_its_time() -> None:
    now = [1_000.0]
    sessions = Sessions(SECRET, clock=lambda: now[0])
    cookie = sessions.cookie(sessions.begin(1))
    now[0] += SECONDS - 1
    assert sessions.read(cookie) is not None
    now[0] += 2
    assert sessions.read(cookie) is None


def test_a_cookie_of_another_secret_and_a_token_of_another_session_are_none() -> None:
    sessions, others = Sessions(SECRET), Sessions(b"another")
    session = sessions.begin(1)
    assert others.read(sessions.cookie(session)) is None
    assert sessions.token(session) != sessions.token(sessions.begin(1))
    assert sessions.token(session) != others.token(session)


@given(st.text())
def test_whatever_a_browser_sends_is_read_or_is_no_session(cookie: str) -> None:
    assert Sessions(SECRET).read(cookie) is None
