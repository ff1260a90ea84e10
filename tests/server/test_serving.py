"""What `hammerstone serve` is started with: a mistake is one sentence before anybody is let in."""

from __future__ import annotations

import gc
import socket
from collections.abc import Sequence
from dataclasses import replace

import pytest
from starlette.applications import Starlette

from hammerstone.errors import SettingsError
from hammerstone.models.masking import masked
from hammerstone.server.draining import DrainingServer
from hammerstone.server.serving import _bound, check_address, open_upstreams, warn_of_missing_key
from hammerstone.server.serving import _listen as listen
from hammerstone.server.telemetry.signals import open_signals
from hammerstone.settings import ServeSettings


@pytest.mark.parametrize("url", ["https://api.openai.com", "http://127.0.0.1:1/v1", "http://[::1]:8000/proxy"])
def test_an_upstream_is_named_by_its_url(url: str) -> None:
    assert open_upstreams(ServeSettings(upstream=url)).openai.base_url == url.removesuffix("/v1")


@pytest.mark.parametrize(
    "url",
    [
        *(
            None,
            "",
            "api.openai.com",
            "ftp://x",
            "https://",
            "http:///v1",
            "http://[::1",
            "http://x:99999",
            "http://x?a=1",
        ),
        "https://user:secret@api.openai.com",
    ],
)
def test_what_is_no_url_of_an_upstream_is_refused_at_once(url: str | None) -> None:
    for settings in (ServeSettings(upstream=url), ServeSettings(upstream="http://x", anthropic_upstream=url)):
        if url is None and settings.upstream is not None:
            continue
        with pytest.raises(SettingsError) as refused:
            open_upstreams(settings)
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages/"])
def test_the_url_of_one_api_is_refused_with_that_of_the_upstream(path: str) -> None:
    with pytest.raises(SettingsError) as refused:
        open_upstreams(ServeSettings(upstream=f"https://x.example/openai/v1/{path}"))
    assert refused.value.hint == "name it as https://x.example/openai"


def test_the_upstreams_key_may_end_in_a_line_end(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ServeSettings(upstream="http://x", api_key_env="THE_KEY")
    monkeypatch.setenv("THE_KEY", " \n")
    with pytest.raises(SettingsError):
        open_upstreams(settings)
    monkeypatch.setenv("THE_KEY", "sk-1\n")
    assert open_upstreams(settings).openai.has_key


def test_each_upstream_gets_its_own_key_and_never_that_of_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_KEY", "sk-1")
    both = ServeSettings(upstream="http://x", anthropic_upstream="http://y")
    for settings, expected in (
        (replace(both, api_key_env="ONE_KEY"), (True, False)),
        (replace(both, anthropic_api_key_env="ONE_KEY"), (False, True)),
    ):
        upstreams = open_upstreams(settings)
        assert upstreams.anthropic is not None
        assert (upstreams.openai.has_key, upstreams.anthropic.has_key) == expected


def test_what_speaks_anthropics_api_goes_to_its_server_whatever_the_path() -> None:
    upstreams = open_upstreams(ServeSettings(upstream="http://x", anthropic_upstream="http://y"))
    theirs = [(b"Anthropic-Version", b"2023-06-01")]
    assert upstreams.of("/v1/models", theirs) is upstreams.anthropic
    assert upstreams.of("/v1/messages", []) is upstreams.anthropic
    assert upstreams.of("/v1/models", [(b"x-api-key", b"1")]) is upstreams.openai
    alone = open_upstreams(ServeSettings(upstream="http://x"))
    assert alone.of("/v1/messages", theirs) is alone.openai


def test_the_upstreams_key_is_never_shown_whatever_its_variable_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_PW", "correct horse battery")
    open_upstreams(ServeSettings(upstream="http://x", api_key_env="UPSTREAM_PW"))
    assert "horse" not in masked("refused: correct horse battery")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "8.8.8.8", "example.com", ""])  # noqa: S104 - it is refused
def test_without_keys_no_other_machine_is_listened_to(host: str) -> None:
    check_address(ServeSettings(host=host), has_keys=True)
    with pytest.raises(SettingsError):
        check_address(ServeSettings(host=host), has_keys=False)


def test_keys_without_one_for_the_upstream_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_missing_key(ServeSettings(), has_keys=False)
    warn_of_missing_key(ServeSettings(api_key_env="UPSTREAM_KEY"), has_keys=True)
    assert caplog.records == []
    warn_of_missing_key(ServeSettings(), has_keys=True)
    assert "no api_key_env" in caplog.text
    caplog.clear()
    warn_of_missing_key(ServeSettings(api_key_env="UPSTREAM_KEY", anthropic_upstream="http://y"), has_keys=True)
    assert "no anthropic_api_key_env" in caplog.text


@pytest.mark.parametrize(("host", "offered"), [("127.0.0.1", False), ("192.0.2.1", True)])
def test_another_address_is_offered_only_where_one_was_named(host: str, offered: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsError) as refused:
        _bound(host, taken.getsockname()[1])
    assert ("--host" in refused.value.hint) is offered


@pytest.mark.anyio
async def test_no_search_for_garbage_looks_through_what_was_there_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[int] = []

    async def serve(_: DrainingServer, sockets: Sequence[socket.socket]) -> None:
        frozen.append(gc.get_freeze_count())
        for one in sockets:
            one.close()

    monkeypatch.setattr(DrainingServer, "serve", serve)
    settings = ServeSettings(host="127.0.0.1", port=0)
    try:
        await listen(Starlette(), settings, open_signals(settings), lambda _: None)
    finally:
        gc.unfreeze()
    assert frozen[0] > 10_000
