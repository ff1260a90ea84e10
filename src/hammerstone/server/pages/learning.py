"""Learning from logs by page: a file is dropped, kinds are found and tools built while one watches, then the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from anyio import to_thread
from starlette.responses import Response

from hammerstone.admin.learning_runs import LearningRun, Order, TenantRuns
from hammerstone.errors import InputError, SettingsError
from hammerstone.server.pages.foreign_page import foreign_page
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import Act, KeyRole

__all__ = ["LOG_MB", "PAGES", "runs_of"]

LOG_MB = 200.0  # of all files of one log together
MOST = 50  # runs that are listed
SPEND_USD = 5.0  # at most, unless the form says otherwise
_BACKENDS = frozenset(("sandlock", "bubblewrap", "monty"))


def show(visit: Visit) -> Response:
    """What was learned from before, and a form for another log."""
    _ = visit.store  # which there has to be
    runs = runs_of(visit)
    if runs is not None:
        _forget_old(visit, runs)
    return visit.show(
        "learning.html",
        runs=[(one, one.order, runs.progress(one)) for one in islice(runs, MOST)] if runs is not None else [],
        why_not=_why_not(visit),
        maker=visit.settings.roles.maker.model,
        most_mb=LOG_MB,
        spend=SPEND_USD,
    )


async def take(visit: Visit) -> Response:
    """Begin. The loop's own sandbox is that of the run."""
    sandbox = (await visit.loop()).sandbox.name
    return await to_thread.run_sync(_begin, visit, sandbox)


def _begin(visit: Visit, sandbox: str) -> Response:
    runs, why_not = runs_of(visit), _why_not(visit)
    if runs is None or why_not:
        raise SettingsError(why_not, hint="`hammerstone learn` takes another home")
    if not visit.files:
        raise InputError("there is no file in the form", hint="drop a log, or choose one")
    names = tuple(Path(one.filename or "").name[:200] for one in visit.files)
    order = Order(
        home=str(runs.home),
        tenant=visit.tenant,
        names=names,
        started=datetime.now(UTC).isoformat(timespec="microseconds"),
        who=visit.visitor.name,
        kinds=max(1, int(_amount(visit.form, "kinds") or Order.kinds)),
        max_usd=_amount(visit.form, "max_usd"),
        price_in=_amount(visit.form, "price_in"),
        price_out=_amount(visit.form, "price_out"),
        sandbox=sandbox if sandbox in _BACKENDS else "auto",
    )
    if (order.price_in is None) != (order.price_out is None):
        raise InputError("a price has two parts", hint="give both, or none")
    files = [one.file for one in visit.files]
    run = visit.place.learning.begin(runs, order, files, visit.settings)
    _note(visit, "learn_from_log", run)
    return visit.to(f"/learn/{run.number}")


def show_one(visit: Visit) -> Response:
    """One run. While it is under way, htmx asks for its live part again."""
    runs, run = _run(visit)
    progress = runs.progress(run)
    if not progress.is_under_way:
        run.drop_logs()  # its process may have been killed
    is_part = "hx-request" in visit.http.headers
    return visit.show(
        "learning_live.html" if is_part else "learning_run.html",
        run=run,
        order=run.order,
        progress=progress,
        has_report=run.report.is_file(),
    )


def show_report(visit: Visit) -> Response:
    """The page of `learn --report`."""
    _, run = _run(visit)
    return foreign_page(run.report)


def take_stop(visit: Visit) -> Response:
    """End it. What was built stays."""
    runs, run = _run(visit)
    visit.place.learning.stop(runs, run)
    _note(visit, "stop_learning", run)
    return visit.to(f"/learn/{run.number}", done="stopping")


def take_removal(visit: Visit) -> Response:
    """Its report quotes requests: somebody may want it gone. Tools and figures stay."""
    runs, run = _run(visit)
    runs.remove(run)
    _note(visit, "remove_learning", run)
    return visit.to("/learn", done="removed")


def runs_of(visit: Visit) -> TenantRuns | None:
    """The runs of the visit's tenant; `None` if the home is a database without a folder."""
    home = visit.place.home
    return TenantRuns(home=home, tenant=visit.tenant) if home is not None else None


def _run(visit: Visit) -> tuple[TenantRuns, LearningRun]:
    _ = visit.store  # which there has to be
    runs = runs_of(visit)
    if runs is None:
        raise SettingsError(_why_not(visit))
    return runs, runs.run(visit.http.path_params["number"])


def _why_not(visit: Visit) -> str:
    """Why nothing can be learned from a log here."""
    serve = visit.settings.serve
    if visit.place.home is None:
        return "this home is a database without a folder, in which a log could lie"
    if serve.store == "none" or serve.mask:
        return "here texts are not stored as they came, and a report quotes them"
    return ""


def _forget_old(visit: Visit, runs: TenantRuns) -> None:
    """Remove runs that are older than requests may become here."""
    days = visit.settings.serve.keep_days
    if days is None:
        return
    oldest = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
    for one in runs:
        if one.order.started < oldest and not runs.progress(one).is_under_way:
            runs.remove(one)


def _amount(form: Mapping[str, str], name: str) -> float | None:
    """A number that is not negative, if the form has it. Raises `InputError` for anything else."""
    text = form.get(name, "").strip()
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not 0 <= value < math.inf:
        raise InputError(f"{text[:40]!r} is not an amount", hint="write a number, such as 2.50, or leave it empty")
    return value


def _note(visit: Visit, what: str, run: LearningRun) -> None:
    visit.store.note(Act(who=visit.visitor.name, what=what, about=f"run {run.number}"))


_ADMIN = KeyRole.ADMIN
PAGES = (
    Page("GET", "/learn", show),
    Page("POST", "/learn", take, _ADMIN, upload_mb=LOG_MB),
    Page("GET", "/learn/{number:int}", show_one),
    Page("GET", "/learn/{number:int}/report", show_report),
    Page("POST", "/learn/{number:int}/stop", take_stop, _ADMIN),
    Page("POST", "/learn/{number:int}/remove", take_removal, _ADMIN),
)
