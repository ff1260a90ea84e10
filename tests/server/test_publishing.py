"""A published tool at the gateway: it serves its new tenant once it has agreed with that tenant's upstream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.admin.publishing import publish
from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER
from hammerstone.settings import LifeSettings

from ..samples.sums import SETTINGS
from .access.test_access import key
from .sums import open_gateway

pytestmark = pytest.mark.anyio

ROUTE = HEADER + "route"


async def test_it_goes_live_by_agreement_and_no_second_tool_is_built_beside_it(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    settings = replace(SETTINGS, life=LifeSettings(shadow=3))
    async with open_gateway(tmp_path / "home", sandbox, settings=settings) as served:
        acme, globex = await key(served, "acme", tenant="acme"), await key(served, "globex", tenant="globex")
        await served.learn_sums(headers=acme, count=8)
        stores = served.host.stores
        (tool,) = stores.of("acme").live_tools()
        stores.of("globex")
        (given,) = publish(stores, "acme", tool.task, None, ["globex"])
        routes = [
            (await served.ask(f"What is the sum of {number} and 7?", headers=globex)).headers[ROUTE]
            for number in range(8)
        ]
        assert routes == ["upstream"] * 3 + ["parser"] * 5
        assert [(one.task, one.version) for one in stores.of("globex").live_tools()] == [(given.name, 1)]
        assert [task.name for task in stores.of("globex").tasks()] == [given.name]
        assert stores.of("globex").builds() == ()
