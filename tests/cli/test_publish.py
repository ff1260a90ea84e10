"""A person gives a tool to other tenants: the program crosses, and no question."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.requests.frame import Form, Frame
from hammerstone.store import open_stores
from hammerstone.store.records import Actor, ToolState
from hammerstone.types import Route

from ..samples.sums import PRODUCT, SUM, ask, instances, tool
from .conftest import Cli


@pytest.fixture
def tenants(made: Path) -> Path:
    """A home whose default tenant has a tool, and two others."""
    with open_stores(made) as stores:
        stores.of("acme")
        stores.of("globex")
    return made


def test_another_tenant_gets_it_in_shadow_with_its_provenance(cli: Cli, tenants: Path) -> None:
    done = cli("tools", "publish", "sum", "--to", "acme")
    assert (done.code, done.out) == (0, "acme: version 1 of sum is shadow\n")
    with open_stores(tenants) as stores:
        store = stores.of("acme")
        (given,) = store.tools()
        assert (given.state, given.tool.source, given.tool.wording) == (ToolState.SHADOW, SUM, tool().wording)
        assert given.tool.provenance.maker == tool().provenance.maker
        (change,) = store.changes("sum")
        assert change.who is Actor.PERSON
        assert change.reason == f"a person published it from another tenant: version 1 of sum, {tool().digest[:16]}"
        assert stores.of("globex").tools() == ()


def test_no_question_crosses(cli: Cli, tenants: Path) -> None:
    cli("tools", "publish", "sum", "--to", "acme")
    with open_stores(tenants) as stores:
        store = stores.of("acme")
        (given,) = store.tools()
        assert (given.tool.checks, given.tool.demonstrations, given.tool.provenance.instances) == ((), (), ())
        assert given.tool.routes == (Route.PARSER,)
        assert store.instances("sum") == ()
    files = [file for file in (tenants / "tenants").iterdir() if file.name.startswith("acme")]
    assert files
    assert all(ask(number).encode() not in file.read_bytes() for file in files for number in range(5))


def test_all_are_all_the_others(cli: Cli, tenants: Path) -> None:
    given = cli("tools", "publish", "sum", "--to", "all", "--json").lines
    assert [(one["tenant"], one["state"]) for one in given] == [("acme", "shadow"), ("globex", "shadow")]
    with open_stores(tenants) as stores:
        assert [one.state for one in stores.of("").tools()] == [ToolState.LIVE]


def test_what_a_tenant_has_already_stays_as_it_is(cli: Cli, tenants: Path) -> None:
    cli("tools", "publish", "sum", "--to", "acme")
    cli("tools", "quarantine", "sum", "--reason", "wrong here", "--tenant", "acme")
    assert cli("tools", "publish", "sum", "--to", "acme").out == "acme: version 1 of sum is quarantined\n"
    with open_stores(tenants) as stores:
        assert len(stores.of("acme").tools(all_versions=True)) == 1


def test_the_tenants_own_live_tool_serves_on(cli: Cli, tenants: Path) -> None:
    with open_stores(tenants) as stores:
        stores.of("acme").publish(tool(source=f"{SUM}\n"))
    cli("tools", "publish", "sum", "--to", "acme")
    with open_stores(tenants) as stores:
        states = [(one.version, str(one.state)) for one in stores.of("acme").tools(all_versions=True)]
    assert states == [(1, "live"), (2, "shadow")]


def test_a_task_of_another_frame_keeps_its_name(cli: Cli, tenants: Path) -> None:
    with open_stores(tenants) as stores:
        framed = replace(tool(), name="framed", frame=Frame(form=Form.LAST, digest="ab" * 8))
        stores.of("").add_task("framed", "", framed.frame)
        stores.of("").publish(framed)
        stores.of("acme").publish(replace(tool("framed"), source=PRODUCT))
    assert cli("tools", "publish", "framed", "--to", "acme").out == "acme: version 1 of framed_ababab is shadow\n"


def test_one_tenant_that_is_not_there_keeps_it_from_no_other(cli: Cli, tenants: Path) -> None:
    done = cli("tools", "publish", "sum", "--to", "acm", "--to", "acme")
    assert (done.code, done.out) == (2, "acme: version 1 of sum is shadow\n")
    assert "error: acm: " in done.err
    assert "has no tenant 'acm'" in done.err
    assert tenants.exists()


@pytest.mark.usefixtures("tenants")
def test_a_tool_without_a_parser_cannot_be_published(cli: Cli, made: Path) -> None:
    with open_stores(made) as stores:
        stores.of("").publish(tool("told", routes=(Route.USER,)))
    done = cli("tools", "publish", "told", "--to", "acme")
    assert (done.code, done.out) == (2, "")
    assert "hint: only a tool with a parser can be published" in done.err


def test_a_home_with_one_tenant_says_so(cli: Cli, made: Path) -> None:
    done = cli("tools", "publish", "sum", "--to", "all")
    assert (done.code, made.exists()) == (2, True)
    assert "there is no other tenant" in done.err
    assert len(instances(1)) == 1
