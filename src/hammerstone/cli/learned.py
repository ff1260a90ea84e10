"""What `hammerstone learn` found, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.cli.tables import show_facts, show_table
from hammerstone.cli.terminal import brief, print_line, talk
from hammerstone.formatting import counted, exact_dollars, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.learn import Findings, KindFinding
    from hammerstone.store import Build

__all__ = ["say_build", "show"]

MOST_KINDS = 15
MOST_DISAGREEMENTS = 5
SHORT = 50  # characters of a question or an answer


def say_build(task: str, build: Build | None) -> None:
    """Show that a tool is being built, or what came of it."""
    if build is None:
        talk(f"a tool for {task}", "building")
    elif build.tool is not None and build.state in {"passed", "live"}:
        talk(f"the tool {task}" + ("" if build.gained is None else f", {counted(build.gained, 'more form')}"), "built:")
    else:
        talk(f"{task}: {brief(build.reason)}", f"{build.state}:")


def show(findings: Findings) -> None:
    """The main numbers, kinds with and without a tool, disagreements, and what to do next."""
    from hammerstone.learn import facts, headline, limits

    print_line("")
    for line in headline(findings):
        print_line(line)
    print_line("")
    show_facts(facts(findings))
    print_line("")
    _show_kinds(findings)
    _show_disagreements(findings)
    for line in limits(findings):
        talk(line)
    if any(kind.tool for kind in findings.kinds):
        talk("hammerstone serve --upstream URL  # starts with these tools in shadow", "next:")
    elif not findings.built:
        talk("name a strong model with --maker to build tools and test them", "next:")


def _show_kinds(findings: Findings) -> None:
    from hammerstone.learn import estimate

    kinds, tenants = findings.kinds, len({kind.tenant for kind in findings.kinds}) > 1
    with_tool = [kind for kind in kinds if kind.tool]
    if with_tool:
        columns = (
            "kind",
            "#requests",
            "#share",
            "#held out",
            "#answered",
            "#disagreed",
            "#at most",
            "#builds",
            "#cost",
        )
        show_table(
            "Kinds with a tool",
            columns,
            [_tested_row(kind, tenants) for kind in with_tool],
            caption="Disagreed: answers that differ from the log's. At most: the upper bound of that rate, with 95 % "
            "confidence however often one looks.",
        )
    without = [kind for kind in kinds if not kind.tool]
    if not findings.built:
        rows = [
            (_name(kind, tenants), str(kind.lines), percent(kind.share), estimate(kind), _short(kind.sample))
            for kind in without[:MOST_KINDS]
        ]
        show_table(
            "Kinds of requests",
            ("kind", "#requests", "#share", "a build, about¶", "first request¶"),
            rows,
            caption="A build: the tokens that a maker would read and write for a first tool, and again for each later "
            "version. With --price-in and --price-out of the maker, also what that costs.",
        )
    elif without:
        rows = [(_name(kind, tenants), str(kind.lines), percent(kind.share), kind.why) for kind in without[:MOST_KINDS]]
        show_table("Kinds without a tool", ("kind", "#requests", "#share", "why¶"), rows)
    _show_rest(without[MOST_KINDS:])


def _tested_row(kind: KindFinding, tenants: bool) -> tuple[str, ...]:
    tested = kind.tested
    bound = percent(tested.bound) if tested.answered else "-"
    return (
        _name(kind, tenants),
        str(kind.lines),
        percent(kind.share),
        str(tested.n),
        percent(tested.answered, tested.n),
        str(tested.disagreed),
        bound,
        str(kind.builds),
        exact_dollars(kind.build_usd),
    )


def _show_rest(kinds: Sequence[KindFinding]) -> None:
    if kinds:
        talk(f"{counted(len(kinds), 'more kind')} with {counted(sum(kind.lines for kind in kinds), 'request')}", "and:")


def _show_disagreements(findings: Findings) -> None:
    found = findings.tested.disagreements
    rows = [
        (one.kind, one.id, _short(one.question), _short(one.logged), _short(one.tool))
        for one in found[:MOST_DISAGREEMENTS]
    ]
    if rows:
        columns = ("kind", "request", "question¶", "the log says¶", "the tool says¶")
        show_table(f"Disagreements, {len(rows)} of {findings.tested.disagreed}", columns, rows)


def _short(text: str) -> str:
    """The beginning, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"


def _name(kind: KindFinding, tenants: bool) -> str:
    return f"{kind.tenant or '(default)'}: {kind.name}" if tenants else kind.name
