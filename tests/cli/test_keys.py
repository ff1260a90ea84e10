"""`hammerstone keys`: a key is shown once, listed without its secret, and revoked."""

from __future__ import annotations

import json

from .conftest import Cli


def test_a_key_is_shown_once_and_stored_without_its_secret(cli: Cli) -> None:
    made = cli("keys", "create", "web", "--tenant", "acme", "--budget-usd", "5", "--per", "day")
    secret = made.out.strip()
    assert secret.startswith("hs-")
    listed = cli("keys", "list", "--json").out
    assert secret not in listed
    (key,) = [json.loads(line) for line in listed.splitlines()]
    assert (key["name"], key["tenant"], key["budget_usd"], key["budget_per"]) == ("web", "acme", 5.0, "day")
    assert secret.startswith(key["prefix"])


def test_a_second_key_of_one_name_is_refused(cli: Cli) -> None:
    cli("keys", "create", "web")
    refused = cli("keys", "create", "web")
    assert "there is a key 'web' already" in refused.err


def test_a_revoked_key_is_listed_as_such(cli: Cli) -> None:
    cli("keys", "create", "web")
    cli("keys", "revoke", "web")
    assert "revoked" in cli("keys", "list").out


def test_a_key_that_is_not_there_cannot_be_revoked(cli: Cli) -> None:
    cli("keys", "create", "app")
    assert "there is no key 'web'" in cli("keys", "revoke", "web").err


def test_a_budget_is_per_day_or_per_month(cli: Cli) -> None:
    assert "--per day" in cli("keys", "create", "web", "--per", "week").err


def test_a_key_has_a_role_in_the_pages(cli: Cli) -> None:
    for options in (("ada", "--role", "viewer"), ("root", "--admin")):
        assert cli("keys", "create", *options).code == 0
    listed = [json.loads(line) for line in cli("keys", "list", "--json").out.splitlines()]
    assert [(one["name"], one["role"], one["admin"]) for one in listed] == [
        ("ada", "viewer", False),
        ("root", "admin", True),
    ]
    assert "viewer, active" in cli("keys", "list").out
    refused = cli("keys", "create", "eve", "--role", "king")
    assert (refused.code, "there is no role king" in refused.err) == (2, True)


def test_with_the_first_key_the_gateway_needs_the_upstreams(cli: Cli) -> None:
    assert "api_key_env of [serve]" in cli("keys", "create", "web").err
    assert "api_key_env" not in cli("keys", "create", "app").err
