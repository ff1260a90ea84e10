"""`hammerstone tasks`: what has been seen, what is still collecting, and what needs review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.home import by_hand, open_home
from hammerstone.cli.options import Home, Json, Tenant
from hammerstone.cli.tables import show_facts, show_table
from hammerstone.cli.terminal import brief, confirm, print_json, print_line, talk
from hammerstone.cli.transcripts import show_parts
from hammerstone.errors import SettingsError
from hammerstone.formatting import counted, day_and_time, exact_dollars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.store import Build, Disagreement, Store, Task

__all__ = ["app"]

app = typer.Typer(
    help="List tasks, show their instances and builds, settle what needs review; merge, rename and remove tasks.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The task's name.")]


@app.command("list")
def list_tasks(home: Home = None, tenant: Tenant = "", json: Json = False) -> None:
    """The tasks, how many instances each has, and how far its tool is."""
    from hammerstone.admin.tasks import listed

    with open_home(home, tenant) as store:
        tasks = listed(store)
    if json:
        for task in tasks:
            print_json(task)
        return
    shown = [
        (
            task.name,
            str(task.instances),
            f"{task.standing}, time-dependent" if task.time_dependent else task.standing,
            task.description,
        )
        for task in tasks
    ]
    show_table("Tasks", ("task", "#instances", "standing", "description…"), shown)


@app.command()
def show(name: Name, home: Home = None, tenant: Tenant = "", json: Json = False) -> None:
    """A task's frame, its instances, the builds with every attempt, and any disagreement."""
    from hammerstone.admin.tasks import find_task

    with open_home(home, tenant) as store:
        task = find_task(store, name)
        if json:
            print_json(_document(store, task))
            return
        facts = [("task", task.name), ("description", task.description)]
        if task.chat is not None and task.chat.model is not None:
            facts.append(("model", task.chat.model))
        if task.time_dependent:
            facts.append(("answers", "depend on the time: no cache repeats them"))
        show_facts(facts)
        _show_frame(task)
        print_line("")
        rows = [
            (one.request_id, one.source, one.answer, one.former_answer or "", one.question)
            for one in store.instances(name)
        ]
        show_table("Instances", ("request", "source", "answer…", "before…", "question…"), rows)
        for build in store.builds(name):
            _show_build(store, build)
        refused = store.refused_questions(name, 20)
    if refused:
        show_table(
            "Questions that the parser refused (material for a next version)",
            ("question…",),
            [(question,) for question in refused],
        )


@app.command()
def mark(
    name: Name,
    time_dependent: Annotated[
        bool,
        typer.Option(
            "--time-dependent/--timeless", help="Whether the same question has different answers at different times."
        ),
    ],
    home: Home = None,
    tenant: Tenant = "",
    json: Json = False,
) -> None:
    """Say that a task's answers depend on the time: the gateway's exact cache then repeats none of them."""
    with open_home(home, tenant, by_hand("mark_task", name)) as store:
        task = store.mark_task(name, time_dependent=time_dependent)
    if json:
        print_json({"name": task.name, "time_dependent": task.time_dependent})
        return
    print_line(f"{task.name}: {'time-dependent' if task.time_dependent else 'timeless'}")


@app.command()
def settle(
    name: Name,
    tool: Annotated[
        bool, typer.Option("--tool", help="The tool is right: correct the stored answer, go live.")
    ] = False,
    label: Annotated[bool, typer.Option("--label", help="The stored answer is right: drop this tool.")] = False,
    home: Home = None,
    tenant: Tenant = "",
) -> None:
    """Say who is right where a tool that needs review and one stored answer differ. Both are shown with the request."""
    from hammerstone.life import in_review
    from hammerstone.life import settle as settle_review

    with open_home(home, tenant, by_hand("settle_task", name)) as store:
        held = in_review(store, name)
        if held is not None and held.disagreement is not None:
            _show_disagreement(store, name, held.disagreement)
        if tool == label:
            raise SettingsError("say who is right", hint=f"hammerstone tasks settle {name} --tool, or --label")
        build = settle_review(store, name, tool_is_right=tool)
    print_line(f"{name}: {build.state}")


@app.command()
def merge(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The task that becomes part of the other one.")],
    target: Annotated[str, typer.Argument(metavar="INTO", help="The task that stays.")],
    home: Home = None,
    tenant: Tenant = "",
    json: Json = False,
) -> None:
    """Make one task of two. Instances move; of two labels of a question that of INTO stays, and both are listed.

    Tools and builds of FROM are kept as replaced.
    """
    with open_home(home, tenant, by_hand("merge_task", source)) as store:
        merged = store.merge_tasks(source, target)
    if json:
        print_json(
            {"name": target, "instances": merged.instances, "tools": merged.tools, "conflicts": merged.conflicts}
        )
        return
    print_line(f"{target}: {counted(merged.instances, 'instance')} of {source} moved here")
    if merged.tools:
        print_line(f"{target}: its tools are kept here, replaced: version {', '.join(map(str, merged.tools))}")
    rows = [(one.answer, one.former_answer, one.question) for one in merged.conflicts]
    if rows:
        title = "Questions with two labels"
        show_table(title, ("stays…", "kept as former…", "question…"), rows)


@app.command()
def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The task's name.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name, in snake_case.")],
    home: Home = None,
    tenant: Tenant = "",
    json: Json = False,
) -> None:
    """Give a task another name. Its tools, builds, answers and costs follow it."""
    with open_home(home, tenant, by_hand("rename_task", old)) as store:
        store.rename_task(old, new)
    print_json({"name": new, "former_name": old}) if json else print_line(f"{old}: renamed to {new}")


@app.command()
def remove(
    name: Name,
    home: Home = None,
    tenant: Tenant = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete a task with its instances, builds and tools. Paid calls and answers stay."""
    from hammerstone.admin.tasks import find_task

    with open_home(home, tenant, by_hand("remove_task", name)) as store:
        task = find_task(store, name)
        what = f"the task {name}, its {task.instances} instances, its builds and its tools"
        if not yes:
            confirm(f"Delete {what}?", "nothing was deleted")
        store.remove_task(name)
    print_json({"name": name, "state": "removed"}) if json else print_line(f"{name}: removed")


def _show_build(store: Store, build: Build) -> None:
    attempts = store.attempts(build.id)
    rows = [
        (one.recipe, str(one.number), one.stage, exact_dollars(one.cost_usd), _first(one.problems)) for one in attempts
    ]
    when = day_and_time(build.started)
    title = f"Build of {when} UTC, from {build.instances} instances: {build.state}"
    if rows:
        show_table(title, ("recipe", "#attempt", "ended at", "#cost", "problems¶"), rows, caption=build.reason)
    else:  # the maker gave no reply
        print_line(f"{title}: {build.reason}" if build.reason else title)
    if build.disagreement is not None and build.state == "needs-review":
        _show_disagreement(store, build.task, build.disagreement)
        talk(f"hammerstone tasks settle {build.task} --tool, or --label", "hint:")


def _show_disagreement(store: Store, task: str, differ: Disagreement) -> None:
    """Both answers, and the whole request that they are given to."""
    from hammerstone.life import disputed_request

    talk(f"the tool says {differ.tool!r}, the stored answer is {differ.stored!r}, for:", "needs review:")
    show_parts(disputed_request(store, task, differ), stderr=True)


def _show_frame(task: Task) -> None:
    """What all of its requests have in common."""
    from hammerstone.requests import fixed_parts

    parts = fixed_parts(task.frame, task.chat)
    if parts:
        print_line("")
        print_line("All of its requests have in common")
        show_parts(parts)


def _document(store: Store, task: Task) -> dict[str, object]:
    from dataclasses import asdict

    from hammerstone.admin.tasks import shown_build
    from hammerstone.requests import fixed_parts

    return {
        "name": task.name,
        "description": task.description,
        "time_dependent": task.time_dependent,
        "frame": [asdict(part) for part in fixed_parts(task.frame, task.chat)],
        "model": task.chat.model if task.chat is not None else None,
        "instances": [asdict(one) for one in store.instances(task.name)],
        "builds": [asdict(shown_build(store, build)) for build in store.builds(task.name)],
        "refused": store.refused_questions(task.name, 1000),
    }


def _first(problems: Sequence[str]) -> str:
    """The first problem in short, and how many more there are; --json has them whole."""
    if not problems:
        return ""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return brief(problems[0], 200) + more
