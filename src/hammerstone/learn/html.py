"""The page: the findings, put into the template."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hammerstone.evals.report import Series, draw_lines, inline, styles_of
from hammerstone.formatting import dollars, percent
from hammerstone.learn.findings import Findings, KindFinding
from hammerstone.learn.words import days_of, estimate, facts, headline, limits, method, title
from hammerstone.visible import seen

__all__ = ["render"]

MOST_KINDS = 30  # rows of a table
MOST_DISAGREEMENTS = 40


@dataclass(frozen=True, kw_only=True)
class _Number:
    """One of the numbers at the top, with its caption."""

    value: str
    text: str


def render(findings: Findings) -> str:
    """Render the whole page."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("hammerstone.learn"), PackageLoader("hammerstone.evals.report")]),
        autoescape=True,
        finalize=partial(seen, lines=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    kinds = findings.kinds
    return environment.get_template("learn.html").render(
        findings=findings,
        tested=findings.tested,
        numbers=_numbers(findings),
        title=title(findings),
        headline=headline(findings),
        facts=facts(findings),
        plot=_plot(findings),
        built=[kind for kind in kinds if kind.tool],
        unbuilt=[kind for kind in kinds if not kind.tool][:MOST_KINDS],
        more=max(0, sum(not kind.tool for kind in kinds) - MOST_KINDS),
        disagreements=findings.tested.disagreements[:MOST_DISAGREEMENTS],
        method=method(findings),
        limits=limits(findings),
        dollars=dollars,
        percent=percent,
        estimate=estimate,
        bound=_bound,
        saved=_saved,
    )


def _numbers(findings: Findings) -> list[_Number]:
    tested = findings.tested
    if not findings.built:
        return []
    even, days = findings.break_even, findings.break_even_days
    after = "unknown" if even is None else days_of(days) if days is not None else f"{even:,}"
    agreeing = f"of these answers agree with the log ({tested.disagreed} do not)"
    unit = f"until the builds ({dollars(findings.build_usd)}) have paid for themselves"
    return [
        _Number(value=percent(tested.share), text="of the tested requests are answered by tools, without a model"),
        _Number(value=percent(tested.agreement), text=agreeing),
        _Number(value=dollars(findings.saved_a_month), text="saved in 30 days at the log's own rate"),
        _Number(value=after, text=unit if days is not None or even is None else f"requests {unit}"),
    ]


def _plot(findings: Findings) -> Markup | None:
    if len(findings.coverage) < 2:
        return None
    series = Series(
        plot="coverage",
        name="answered by tools",
        x=tuple(float(end) for end, _ in findings.coverage),
        y=tuple(share for _, share in findings.coverage),
        mark=float(findings.training),
    )
    svg = draw_lines([series], styles_of([series.name]), percent, "tested after")
    return Markup(inline(svg, prefix="coverage-", label="Share of the requests that tools answered"))  # noqa: S704 - our own


def _bound(kind: KindFinding) -> str:
    return percent(kind.tested.bound) if kind.tested.answered else "-"


def _saved(findings: Findings, kind: KindFinding) -> str:
    """Dollars saved on this kind in 30 days."""
    return dollars(findings.saved_a_month_on(kind))
