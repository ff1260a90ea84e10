"""The findings in sentences, the same in the terminal and on the page."""

from __future__ import annotations

from statistics import median

from hammerstone.formatting import counted, dollars, percent
from hammerstone.learn.findings import Findings, KindFinding

__all__ = ["days_of", "estimate", "facts", "headline", "limits", "method", "title"]

UNKNOWN = "unknown"


def title(findings: Findings) -> str:
    return "What hammerstone would save" if findings.built else "What could become tools"


def headline(findings: Findings) -> list[str]:
    """The headline: what a manager reads first."""
    tested = findings.tested
    if not findings.built:
        frequent = [kind for kind in findings.kinds if not kind.why]
        share = sum(kind.share for kind in frequent)
        kinds = {0: "No kind is", 1: "1 kind is"}.get(len(frequent), f"{len(frequent)} kinds are")
        return [f"{kinds} frequent enough for a tool: {100 * share:.0f} % of {counted(findings.lines, 'request')}."]
    if not tested.answered:
        return [f"No tool answers any of the {tested.n:,} held-out requests."]
    lines = [
        f"Tools answer {100 * tested.share:.0f} % of the requests without a model, and agree with the log in "
        f"{percent(tested.agreement or 0)} of these answers."
    ]
    saved = findings.saved_a_month
    if saved is not None:
        lines.append(f"At the log's rate that saves about {dollars(saved)} a month.")
    requests, days = findings.break_even, findings.break_even_days
    if requests is not None:
        after = f", {days_of(days)} at the log's rate" if days is not None else ""
        lines.append(f"Building them cost {dollars(findings.build_usd)}, paid for after {requests:,} requests{after}.")
    return lines


def facts(findings: Findings) -> list[tuple[str, str]]:
    """The main numbers, each with its name."""
    tested, apart = findings.tested, sum(findings.not_for_tools.values())
    period = f", within {days_of(findings.days)}" if findings.days else ""
    shown = [("log", f"{counted(findings.lines, 'request')} with a whole answer{period}")]
    if apart:
        each = ", ".join(f"{count:,} {group}" for group, count in findings.not_for_tools.items())
        shown.append(("not for tools", f"{apart:,} ({each})"))
    if findings.bad:
        shown.append(("unreadable", counted(findings.bad, "line")))
    if not findings.built:
        return shown
    answered = f"{tested.answered:,} of {tested.n:,}"
    shown += [
        ("learned from", f"the first {findings.training:,}; tested on the last {tested.n:,}"),
        ("answered by tools", f"{answered} ({percent(tested.share)}); {tested.repeated:,} repeats"),
    ]
    if tested.answered:
        bound = f"at most {percent(tested.bound)} of all answers, with 95 % confidence"
        shown.append(("disagreed with the log", f"{tested.disagreed:,} of {tested.answered:,}; {bound}"))
        each = tested.paid_usd / tested.priced if tested.priced else None
        known = f"; known of {tested.priced:,} of {tested.answered:,}" if 0 < tested.priced < tested.answered else ""
        shown.append(("price of an answer", f"{dollars(each)} on average{known}" if tested.priced else UNKNOWN))
    if tested.timed:
        logged, tool = tested.waited_s / tested.timed, median(tested.tool_ms)
        shown.append(("time of an answer", f"{logged:,.2f} s in the log on average, {tool:,.1f} ms by a tool (median)"))
    shown.append(("builds", f"{sum(kind.builds for kind in findings.kinds):,}, {dollars(findings.build_usd)}"))
    waited = findings.waited_a_month
    waiting = "" if waited is None else f", and {days_of(waited / 86_400)} of waiting for the model"
    shown.append(("saved in 30 days", f"{dollars(findings.saved_a_month)}{waiting}"))
    even = findings.break_even
    days = findings.break_even_days
    text = UNKNOWN if even is None else f"{even:,} requests" + (f", {days_of(days)}" if days is not None else "")
    shown.append(("break-even", text))
    return shown


def method(findings: Findings) -> str:
    """The method of measurement, in a few sentences."""
    order = "by their times" if findings.timed else "as they stand in the files"
    found = (
        f"The requests were put in order {order}. Kinds were found by what requests have in common, without a model."
    )
    if not findings.built:
        return f"{found} No maker was set, so no tool was built or tested: name one to see what tools would save."
    return (
        f"{found} From the first {findings.training:,}, tools were built and improved as the gateway does it: the "
        "answers of the log stand for those of the model. The last ones were not learned from. There each tool "
        "answered alone, by reproducing the whole question or not at all, and its answers were compared with "
        "those in the log."
    )


def limits(findings: Findings) -> list[str]:
    """The limits of the numbers."""
    said = ["In a disagreement the tool or the log may be wrong: look at both."] if findings.tested.disagreed else []
    if findings.stopped:
        said.append(f"No more builds were started: {findings.stopped}.")
    if not findings.timed and findings.untimed:
        said.append(f"{counted(findings.untimed, 'request')} have no time, so all are taken in the order of the files.")
    if findings.built and findings.estimated:
        said.append(f"The tokens of {findings.estimated:,} answers are estimated from their characters.")
    if findings.built and findings.unknown:
        said.append(f"The price of {findings.unknown:,} answers is unknown and counts as nothing saved.")
    if findings.built:
        said.append("Nothing here was tested on what the log does not hold, such as next month's wordings.")
    return said


def estimate(kind: KindFinding) -> str:
    """The cost of a first tool, or what keeps the kind from having one."""
    read, written = kind.estimate
    cost = "" if kind.estimate_usd is None else f", {dollars(kind.estimate_usd)}"
    return kind.why or f"{read:,} and {written:,} tokens{cost}"


def days_of(days: float) -> str:
    if days < 1:
        return f"{max(1, round(days * 24)):,} h"
    return f"{days:,.1f} days" if days < 10 else f"{days:,.0f} days"
