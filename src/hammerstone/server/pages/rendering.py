"""Templates become pages: all that users and models wrote is escaped, and what could not be seen is shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from importlib.resources import files
from typing import cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType] - of any options

from hammerstone.formatting import MINUS, counted, dollars, percent
from hammerstone.server.pages.addresses import path_part
from hammerstone.server.pages.differences import halves
from hammerstone.store import Spent
from hammerstone.visible import seen, visible

__all__ = [
    "STATIC",
    "count",
    "duration",
    "milliseconds",
    "paid",
    "render",
    "static_file",
]

STATIC = {"css": "text/css", "js": "text/javascript", "txt": "text/plain", "svg": "image/svg+xml"}
LINE = 80  # characters of JSON that stay together
_WORDS = {"solver": "strong model"}
"""What people call a route or a role, where that is not the API's name."""


def render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


@cache
def static_file(name: str) -> tuple[bytes, str]:
    """A file that the pages use, and its digest. Raises `FileNotFoundError`."""
    content = files("hammerstone.server.pages").joinpath("static", name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hammerstone.server.pages"),
        autoescape=True,
        finalize=partial(seen, lines=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "address": partial(path_part, safe="/"),
        "ago": _ago,
        "breakable": _breakable,
        "code": _code,
        "cost": _cost,
        "count": count,
        "counted": counted,
        "document": _document,
        "dollars": dollars,
        "duration": duration,
        "milliseconds": milliseconds,
        "name": path_part,
        "paid": paid,
        "percent": percent,
        "route": _route,
        "unbroken": _unbroken,
        "when": _when,
    }
    environment.filters.update(filters)  # pyright: ignore[reportUnknownMemberType] - Jinja2's is untyped
    environment.globals.update(halves=halves, static=_static)  # pyright: ignore[reportUnknownMemberType] - Jinja2's is untyped
    return environment


def count(number: float) -> str:
    return f"{number:,}"


def _cost(amount: float | None) -> str:
    """An amount that stands in a sentence, without a heading."""
    return "cost unknown" if amount is None else dollars(amount)


def paid(spent: Spent) -> str:
    """In dollars: at least those that are known."""
    if not spent.unpriced:
        return dollars(spent.usd)
    return f"≥ {dollars(spent.usd)}" if spent.usd else "unknown"


def milliseconds(ms: float) -> str:
    return f"{ms / 1000:,.1f} s" if ms >= 1_000 else f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    sign, size = (MINUS if seconds < 0 else ""), abs(seconds)
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if size >= 2 * length:
            return f"{sign}{size / length:,.1f} {unit}"
    return f"{sign}{size:.0f} s" if size >= 10 else f"{sign}{size:.1f} s"


def _when(moment: str) -> Markup:
    """A moment, as an element: the time of today, else the day with it (UTC)."""
    at = datetime.fromisoformat(moment)
    today = datetime.now(UTC).date() == at.date()
    text = at.strftime("%H:%M:%S" if today else "%-d %b %H:%M" if at.year == datetime.now(UTC).year else "%-d %b %Y")
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(moment, f"{at:%Y-%m-%d %H:%M:%S}", text)


def _ago(moment: str) -> str:
    """How long ago a moment was."""
    return f"{duration(max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()))} ago"


def _document(value: object) -> str:
    """A JSON value, as one reads it: what is short stands in one line."""
    return _laid_out(value, "")


def _laid_out(value: object, indent: str) -> str:
    line = json.dumps(value, ensure_ascii=False, default=str)
    deeper = indent + "  "
    if len(line) <= LINE or not isinstance(value, (dict, list, tuple)) or not value:
        return line
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value).items()
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {_laid_out(one, deeper)}" for name, one in fields]
    else:
        parts = [_laid_out(one, deeper) for one in cast("list[object]", value)]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}{last}"


def _code(text: str, language: str) -> Markup:
    """With colours by classes: no style stands in the page itself."""
    formatter: HtmlFormatter[str] = HtmlFormatter(nowrap=True, classprefix="c-")
    coloured = highlight(visible(text, lines=True), get_lexer_by_name(language), formatter)
    return Markup(coloured)  # noqa: S704 - Pygments escapes


def _breakable(name: str) -> Markup:
    """A task's name, which may go on in the next line after a `_`, and nowhere else."""
    return Markup("_<wbr>").join(visible(name, lines=True).split("_"))


def _route(name: str) -> str:
    """The word for a route, or for a role."""
    return _WORDS.get(name, name)


def _unbroken(text: str) -> Markup:
    """A number stays with its percent sign."""
    return escape(visible(text, lines=True)).replace(" %", "\N{NO-BREAK SPACE}%")


def _static(name: str) -> str:
    """The address of a file, which is another one as soon as the file is."""
    return f"/ui/static/{name}?v={static_file(name)[1]}"
