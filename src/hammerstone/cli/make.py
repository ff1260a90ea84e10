"""`hammerstone make`: build a tool from a file of solved instances, now."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.home import by_hand
from hammerstone.cli.options import (
    Answers,
    Backend,
    BaseURL,
    Config,
    Home,
    Json,
    Maker,
    Recipe,
    Record,
    SandboxName,
    Solver,
    User,
)
from hammerstone.cli.requests import MOST_SHOWN, RequestFile
from hammerstone.cli.terminal import print_json, print_line, progress, talk
from hammerstone.errors import InputError
from hammerstone.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.store import Build
    from hammerstone.types import Instance, Request

__all__ = ["make"]


def make(
    file: Annotated[str, typer.Argument(help="Solved requests: each needs an `answer` (or `target`).")],
    name: Annotated[str, typer.Option("--name", help="The task's name, in snake_case.")],
    description: Annotated[str, typer.Option("--description", help="One line: what is given, what is asked.")] = "",
    answers: Answers = None,
    home: Home = None,
    maker: Maker = None,
    user: User = None,
    solver: Solver = None,
    base_url: BaseURL = None,
    record: Record = None,
    recipe: Annotated[Recipe | None, typer.Option("--recipe", help="How the tool is built. Default: auto.")] = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Build a tool from solved instances: propose, verify, and pass the held-out gate.

    Where lines name tenants, each of them gets a tool of its own, built from its own instances.
    """
    import anyio

    from hammerstone.opening import open_host
    from hammerstone.settings_file import load_settings
    from hammerstone.tools import is_tool_name, tool_name

    loaded = load_settings(
        config,
        {
            "roles.maker.model": maker,
            "roles.user.model": user,
            "roles.solver.model": solver,
            "build.recipe": recipe and recipe.value,
        },
    )
    requests = RequestFile(file, answers)
    instances = _instances(requests)
    if not is_tool_name(name):
        hint = f"snake_case, as in {tool_name(name) or 'word_sorting'}"
        raise InputError(f"{name!r} is not a name for a tool", hint=hint)

    async def run() -> list[Build]:
        builds: list[Build] = []
        async with open_host(home, base_url=base_url, record=record, settings=loaded.settings, sandbox=sandbox) as host:
            for tenant, given in instances.items():
                loop = await host.of(tenant)
                with progress(f"building {name} from {len(given)} instances"):
                    try:
                        builds.append(await loop.make(given, name=name, description=description))
                    except InputError as error:  # too few instances
                        if len(instances) == 1:
                            raise
                        talk(f"{tenant or 'default'}: {error.message}", "error:")
                        requests.unusable += 1
                        continue
                loop.store.note(by_hand("build_tool", name))
                _show(builds[-1], tenant, json)
        return builds

    live = all(build.state == "live" for build in anyio.run(run))
    if requests.unusable or not live:
        raise typer.Exit(2 if live else 1)


def _instances(requests: RequestFile) -> dict[str, list[Instance]]:
    """What each tenant's requests give a tool to be built from."""
    solved: dict[str, list[tuple[Request, str]]] = {}
    for request, answer in requests.answered():
        solved.setdefault(request.tenant, []).append((request, answer))
    if not solved:
        raise InputError(
            "no solved request was read",
            hint="each line needs a `question` and an `answer`, or `messages` that end with the assistant's",
        )
    return {tenant: _latest(given) for tenant, given in solved.items()}


def _latest(solved: Sequence[tuple[Request, str]]) -> list[Instance]:
    """The instances, of which the later ones overrule the earlier ones; that is shown."""
    from hammerstone.life import latest
    from hammerstone.requests import framed
    from hammerstone.types import Instance, Source

    given = [
        Instance(
            question=request.question,
            answer=answer,
            source=Source.CALLER,
            chat=None if request.chat.plain else request.chat,
        )
        for request, answer in solved
    ]
    usable, conflicts = latest(framed(given)[1])
    for conflict in conflicts[:MOST_SHOWN]:
        earlier, later = (solved[number - 1][0].line for number in conflict.numbers)
        former, answer = conflict.answers
        replaced = f"line {later} answers the question of line {earlier} with {answer!r} instead of {former!r}"
        talk(replaced, "later wins:")
    if len(conflicts) > MOST_SHOWN:
        talk(f"{len(conflicts) - MOST_SHOWN} more lines are overruled by later ones", "later wins:")
    return usable


def _show(build: Build, tenant: str, json: bool) -> None:
    named, option = (f" of {tenant}", f" --tenant {quote(tenant)}") if tenant else ("", "")
    if json:
        shown = {"task": build.task, "state": build.state, "reason": build.reason, "instances": build.instances}
        print_json(shown | ({"tenant": tenant} if tenant else {}))
    elif build.tool is not None and build.state == "live":
        print_line(
            f"{build.task}{named}: live by {' and '.join(build.tool.routes)} after "
            f"{counted(build.tool.provenance.attempts, 'attempt')}"
        )
    else:
        print_line(f"{build.task}{named}: {build.state}: {build.reason}")
        talk(f"every attempt is kept: hammerstone tasks show {build.task}{option}", "hint:")
