from __future__ import annotations

import ast
import errno
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Self

import pytest

from hammerstone.errors import SandboxError, SettingsError
from hammerstone.sandbox import Limits, Outcome, Status, choose, open_sandbox, survey
from hammerstone.sandbox.choose import PROBE
from hammerstone.sandbox.inside.modules import NATIVE

pytestmark = pytest.mark.anyio


class Pretender:
    """A sandbox that answers what a test wants to each function of the probe."""

    def __init__(self, **answers: Outcome) -> None:
        held = Outcome(status=Status.ERROR, error="PermissionError")
        self.answers = {"add": Outcome(status=Status.OK, value=42), "read": held, "connect": held, "start": held}
        self.answers |= answers
        self.closed = False

    @property
    def name(self) -> str:
        return "pretender"

    async def call(
        self,
        program: str,  # noqa: ARG002 - the shape is the contract's
        function: str,
        arguments: Mapping[str, object],  # noqa: ARG002
        *,
        limits: Limits | None = None,  # noqa: ARG002
        hash_seed: int = 0,  # noqa: ARG002
    ) -> Outcome:
        return self.answers[function]

    def rest(self) -> None:
        pass

    async def aclose(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> dict[str, Pretender]:
    """The backends there are to choose from; one that a test does not set is not installed."""
    made: dict[str, Pretender] = {}

    async def make(name: str, workers: int, limits: Limits) -> Pretender:  # noqa: ARG001 - as the real one
        if name not in made:
            raise SandboxError(f"{name} is not installed", hint="install it")
        return made[name]

    monkeypatch.setattr(choose, "_make", make)
    return made


async def test_the_first_backend_that_proves_itself_is_chosen(backends: dict[str, Pretender]) -> None:
    backends["bubblewrap"], backends["monty"] = Pretender(), Pretender()
    async with open_sandbox() as sandbox:
        assert sandbox is backends["bubblewrap"]
    assert backends["bubblewrap"].closed


@pytest.mark.parametrize("leak", ["read", "connect", "start"])
async def test_a_backend_that_does_not_confine_is_passed_over(backends: dict[str, Pretender], leak: str) -> None:
    backends["sandlock"] = Pretender(**{leak: Outcome(status=Status.OK, value="leaked")})
    backends["monty"] = Pretender()
    async with open_sandbox() as sandbox:
        assert sandbox is backends["monty"]
    assert backends["sandlock"].closed


async def test_a_backend_that_cannot_compute_is_passed_over(backends: dict[str, Pretender]) -> None:
    backends["sandlock"] = Pretender(add=Outcome(status=Status.ERROR, error="broken"))
    backends["monty"] = Pretender()
    async with open_sandbox() as sandbox:
        assert sandbox is backends["monty"]


async def test_a_proof_that_finds_the_disk_full_is_an_error_of_the_sandbox(
    backends: dict[str, Pretender], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: full())
    backends["bubblewrap"] = Pretender()
    with pytest.raises(SandboxError, match=r"bubblewrap cannot be proved: .*No space left"):
        await open_sandbox("bubblewrap").__aenter__()
    assert backends["bubblewrap"].closed


async def test_a_backend_named_is_never_replaced_by_another(backends: dict[str, Pretender]) -> None:
    backends["monty"] = Pretender()
    with pytest.raises(SandboxError, match="sandlock is not installed"):
        async with open_sandbox("sandlock"):
            pass


@pytest.mark.usefixtures("backends")
async def test_none_available_says_what_to_install() -> None:
    with pytest.raises(SandboxError, match="no sandbox works") as caught:
        async with open_sandbox():
            pass
    assert all(word in caught.value.hint for word in ("pip install sandlock", "bubblewrap", "pydantic-monty"))


@pytest.mark.usefixtures("backends")
async def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="no sandbox 'unconfined'") as caught:
        async with open_sandbox("unconfined"):
            pass
    assert "bubblewrap" in caught.value.hint


async def test_the_survey_reports_on_every_backend(backends: dict[str, Pretender]) -> None:
    backends["monty"] = Pretender()
    reports = {report.name: report for report in await survey()}
    assert {name: report.available for name, report in reports.items()} == {
        "sandlock": False,
        "bubblewrap": False,
        "monty": True,
    }
    assert reports["sandlock"].reason == "sandlock is not installed; install it"
    assert all(report.not_covered for report in reports.values())


async def test_a_sandbox_works_on_this_machine() -> None:
    async with open_sandbox() as sandbox:
        assert (await sandbox.call("def one():\n    return 1\n", "one", {})).value == 1


def test_importing_the_package_loads_no_backend() -> None:
    script = "import sys, hammerstone.sandbox; print(*{'sandlock', 'pydantic_monty'} & set(sys.modules))"
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_what_the_proof_tries_is_there_to_be_tried() -> None:
    """Otherwise a missing module would pass for confinement."""
    imported = {name.name for node in ast.walk(ast.parse(PROBE)) if isinstance(node, ast.Import) for name in node.names}
    assert imported <= {"os", *NATIVE}
