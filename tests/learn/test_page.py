"""The page of the findings: it shows what others wrote as they wrote it, and needs nothing else."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.errors import InputError
from hammerstone.evals.report import check_report_path
from hammerstone.learn import Findings, KindFinding
from hammerstone.learn.findings import HeldOut, LogDisagreement
from hammerstone.learn.page import write_findings

HOSTILE = "<script>alert(1)</script>\u202e{{ 7 * 7 }}"


def findings() -> Findings:
    tested = HeldOut(
        n=30, answered=20, disagreed=1, priced=20, saved_usd=0.02, timed=20, waited_s=20, tool_ms=[2.0] * 20
    )
    tested.disagreements.append(
        LogDisagreement(id=HOSTILE, kind=HOSTILE, question=HOSTILE, logged=HOSTILE, tool=f"not {HOSTILE}")
    )
    kind = KindFinding(name=HOSTILE, tenant=HOSTILE, sample=HOSTILE, lines=60, share=0.6, tool="t@1", tested=tested)
    kind.builds, kind.build_usd = 1, 0.5
    other = KindFinding(name="other", tenant="", sample=HOSTILE, lines=40, share=0.4, why=HOSTILE)
    return Findings(
        files=(HOSTILE,),
        lines=100,
        training=70,
        days=1.0,
        timed=True,
        untimed=0,
        bad=1,
        not_for_tools={HOSTILE: 3},
        kinds=[kind, other],
        coverage=[(50, 0.0), (100, 0.5)],
        built=True,
        maker=HOSTILE,
        stopped=HOSTILE,
    )


def test_nothing_that_others_wrote_is_markup_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_findings(findings(), page)
    text = page.read_text()
    assert "<script" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "{{ 7 * 7 }}" in text


def test_without_a_maker_the_page_claims_neither_a_saving_nor_a_test(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_findings(replace(findings(), built=False, maker=""), page)
    text = page.read_text()
    assert "<title>What could become tools</title>" in text
    assert "No maker was set" in text
    assert "would save</h1>" not in text
    assert "tools were built and improved" not in text


def test_the_same_findings_give_the_same_page_for_its_owner_alone(tmp_path: Path) -> None:
    one, other = tmp_path / "one.html", tmp_path / "other.html"
    write_findings(findings(), one)
    write_findings(findings(), other)
    assert one.read_bytes() == other.read_bytes()
    assert stat.S_IMODE(one.stat().st_mode) == 0o600


def test_the_numbers_at_the_top_are_the_findings(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_findings(findings(), page)
    text = page.read_text()
    for number in ("66.7 %", "95.0 %", "$2.00", "7.5 days"):
        assert f'<span class="value">{number}</span>' in text


def test_an_earlier_report_is_written_over_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_findings(findings(), page)
    check_report_path(page)
    page.write_text("<html>mine</html>")
    with pytest.raises(InputError, match="not a report"):
        check_report_path(page)
    with pytest.raises(InputError, match="no folder"):
        check_report_path(tmp_path / "none" / "report.html")
