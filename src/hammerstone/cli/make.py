"""`hammerstone make`: build a tool from a file of solved instances, now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

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

if TYPE_CHECKING:
    from hammerstone.store.records import Build
    from hammerstone.types import Instance

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
    """Build a tool from solved instances: propose, verify, and pass the held-out gate."""
    import anyio

    from hammerstone.opening import open_hammerstone
    from hammerstone.settings_file import load_settings
    from hammerstone.tools.tool import is_tool_name, tool_name

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

    async def run() -> Build:
        async with open_hammerstone(
            home, base_url=base_url, record=record, settings=loaded.settings, sandbox=sandbox
        ) as hammerstone:
            with progress(f"building {name} from {len(instances)} instances"):
                return await hammerstone.make(instances, name=name, description=description)

    _show(anyio.run(run), json)
    if requests.unusable:
        raise typer.Exit(2)


def _instances(requests: RequestFile) -> list[Instance]:
    from hammerstone.builder import framed
    from hammerstone.life.labels import latest
    from hammerstone.types import Instance, Source

    solved = list(requests.answered())
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
    if not usable:
        raise InputError(
            "no solved request was read",
            hint="each line needs a `question` and an `answer`, or `messages` that end with the assistant's",
        )
    return usable


def _show(build: Build, json: bool) -> None:
    if json:
        print_json({"task": build.task, "state": build.state, "reason": build.reason, "instances": build.instances})
    elif build.tool is not None and build.state == "live":
        print_line(
            f"{build.task}: live by {' and '.join(build.tool.routes)} after {build.tool.provenance.attempts} replies"
        )
    else:
        print_line(f"{build.task}: {build.state}: {build.reason}")
        talk(f"every attempt is kept: hammerstone tasks show {build.task}", "hint:")
    if build.state != "live":
        raise typer.Exit(1)
