"""A piece of a web page into a given JSON format, which the LATM paper names as an application (arXiv 2305.17126)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from html import escape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, TypeAlias

from hammerstone.evals.tasks.generated_task import LookAlike, draw_near_miss, match_form, not_in_form
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "web_listing"
DESCRIPTION = "Read the products, events or flights of a piece of HTML into JSON of a given format."

_Record: TypeAlias = dict[str, str | int | bool]


@dataclass(frozen=True, kw_only=True)
class _Page:
    """A family. The question states `keys` with their meaning; `kept` names the records whose last key is true."""

    opening: str
    noun: str
    keys: tuple[str, ...]
    kept: str
    draw: Callable[[random.Random], _Record]
    html: Callable[[random.Random, list[_Record]], str]


_THINGS = tuple(
    "Lamp, Oak Table, Desk Chair, Tea Pot, Salt & Pepper Mill, Wall Clock, Crème Brûlée Torch, Book Shelf, Coat Rack, "
    'Bread Knife, 24" Monitor, Garden Hose, Piñata, Rain Coat, Tool Box, Card Game, Bike Pump, Café Set, Alarm Clock, '
    "Picture Frame, Nuts & Bolts, Jam Jar, Yoga Mat, Flower Pot, Hand Saw, Wool Rug, Soup Bowl, Door Bell".split(", ")
)
_TITLES = tuple(
    "Jazz Night, Book Fair, Chess Open, Poetry Slam, Rock & Roll Evening, Pottery Class, Film Club, Fête du Village, "
    "Science Slam, Flea Market, Choir Concert, Science & Cake, City Run, Opera Gala, Plant Swap, Quiz Night, Art Walk, "
    'Wine Tasting, "Hamlet" Reading, Open Stage, Lantern Parade, Repair Café, Star Gazing, Dance Workshop'.split(", ")
)
_AIRPORTS = "ARN ATH BCN BUD CDG CPH DUB EDI FCO HEL KEF LIS MAD MUC OSL PRG RIX SOF VIE WAW ZAG ZRH".split()
_MONTHS = "January February March April May June July August September October November December".split()


def _markup(value: object) -> str:
    return escape(str(value)).encode("ascii", "xmlcharrefreplace").decode()


def _product(rng: random.Random) -> _Record:
    cents = 100 * rng.randint(1, 2500) + rng.choice((0, 50, 90, 95, 99))
    return {"name": rng.choice(_THINGS), "price_cents": cents, "in_stock": rng.random() < 0.6}


def _table(rng: random.Random, records: list[_Record]) -> str:
    columns: dict[str, Callable[[_Record], object]] = {
        "Product": lambda record: record["name"],
        "Price": lambda record: f"${int(record['price_cents']) / 100:,.2f}",
        "Availability": lambda record: "In stock" if record["in_stock"] else "Sold out",
        "Rating": lambda _: f"{rng.randint(10, 50) / 10} of 5",
    }
    order = rng.sample(sorted(columns), 4)
    head = "".join(f"<th>{name}</th>" for name in order)
    rows = ("".join(f"<td>{_markup(columns[name](record))}</td>" for name in order) for record in records)
    return "\n".join(["<table>", *(f"<tr>{row}</tr>" for row in (head, *rows)), "</table>"])


def _event(rng: random.Random) -> _Record:
    day, clock = (
        f"{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        f"{rng.randint(9, 21):02}:{15 * rng.randrange(4):02}",
    )
    return {"title": rng.choice(_TITLES), "start": f"2026-{day}T{clock}", "free": rng.random() < 0.5}


def _list(rng: random.Random, records: list[_Record]) -> str:
    lines: list[str] = []
    for record in records:
        year, month, day, clock = re.split("[-T]", str(record["start"]))
        when = f"{int(day)} {_MONTHS[int(month) - 1]} {year}, {clock}"
        price = "free" if record["free"] else f"{rng.randint(3, 60)} EUR"
        link = f'<a href="/events/{rng.randint(100, 999)}">{_markup(record["title"])}</a>'
        lines.append(f"<li>{link} <time>{when}</time> <em>{price}</em></li>")
    return "\n".join(['<ul class="events">', *lines, "</ul>"])


def _flight(rng: random.Random) -> _Record:
    start, end = rng.sample(_AIRPORTS, 2)
    return {
        "flight": f"{rng.choice(('QX', 'NV', 'ZB'))} {rng.randint(100, 999)}",
        "from": start,
        "to": end,
        "departs": f"{rng.randint(5, 22):02}:{5 * rng.randrange(12):02}",
        "nonstop": rng.random() < 0.5,
    }


def _cards(rng: random.Random, records: list[_Record]) -> str:
    cards: list[str] = []
    for record in records:
        lands = f"{rng.randint(5, 23):02}:{5 * rng.randrange(12):02}"
        way = f"{record['from']} {record['departs']} &rarr; {record['to']} {lands}"
        stops = "non-stop" if record["nonstop"] else rng.choice(("1 stop", "2 stops"))
        cards.append(f'<div class="flight"><h3>{record["flight"]}</h3><p>{way}</p><p>{stops}</p></div>')
    return "\n".join(cards)


_PAGES = {
    "products": _Page(
        opening="Turn this price list into JSON.",
        noun="product",
        keys=(
            '"name" (text)',
            '"price_cents" (the price as a whole number of cents)',
            '"in_stock" (true or false)',
        ),
        kept="in stock",
        draw=_product,
        html=_table,
    ),
    "events": _Page(
        opening="Turn this calendar of events into JSON.",
        noun="event",
        keys=(
            '"title" (text)',
            '"start" (text of the form YYYY-MM-DDTHH:MM)',
            '"free" (true if the entry is free, else false)',
        ),
        kept="free",
        draw=_event,
        html=_list,
    ),
    "flights": _Page(
        opening="Turn these flights into JSON.",
        noun="flight",
        keys=(
            '"flight" (its letters and number, text)',
            '"from" and "to" (the airports, text)',
            '"departs" (text of the form HH:MM)',
            '"nonstop" (true or false)',
        ),
        kept="non-stop",
        draw=_flight,
        html=_cards,
    ),
}
FAMILIES = tuple(_PAGES)


def generate(rng: random.Random, family: str | None = None) -> Instance:
    page = _PAGES[family or rng.choice(FAMILIES)]
    records = _records(rng, page)
    return Instance(question=_ask(page, page.html(rng, records)), answer=_written(records), source=Source.CALLER)


def _records(rng: random.Random, page: _Page) -> list[_Record]:
    """Three to seven records, no two with the same name."""
    drawn = [page.draw(rng) for _ in range(20)]
    return [*{next(iter(record.values())): record for record in drawn}.values()][: rng.randint(3, 7)]


def _ask(page: _Page, html: str) -> str:
    keys = f"{', '.join(page.keys[:-1])} and {page.keys[-1]}"
    return (
        f"{page.opening}\n{html}\nAnswer with a JSON array on one line, without spaces outside of text. "
        f"Every {page.noun} gives one object, in the order of the page, with the keys {keys}, in this order. "
        "Every character is written as itself, but for what JSON has to escape."
    )


def _written(value: object, *, compact: bool = True) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":") if compact else None)


# The check: the page is read tag by tag, as a browser would.

_FORM = re.compile(
    r"Turn (?:this price list|this calendar of events|these flights) into JSON\.\n(<.+>)\n"
    r"Answer with a JSON array on one line, without spaces outside of text\. Every (product|event|flight) gives one "
    r"object, in the order of the page, with the keys (.+), in this order\. Every character is written as itself, but "
    r"for what JSON has to escape\.",
    re.DOTALL,
)
_SPECIFIED = {
    "product": '"name" (text), "price_cents" (the price as a whole number of cents) and "in_stock" (true or false)',
    "event": '"title" (text), "start" (text of the form YYYY-MM-DDTHH:MM) and "free" (true if the entry is free, else '
    "false)",
    "flight": '"flight" (its letters and number, text), "from" and "to" (the airports, text), "departs" (text of the '
    'form HH:MM) and "nonstop" (true or false)',
}


class _Cells(HTMLParser):
    """The text of each innermost element, element by element of the listing."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in ("tr", "li", "div"):
            self.rows.append([])
        elif self.rows:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if data.strip() and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def check(question: str, answer: str) -> bool:
    return answer == _written(_read(question)[2])


def _read(question: str) -> tuple[str, str, list[_Record]]:
    """The noun, the page, and its records."""
    html, noun, keys = match_form(_FORM, question, NAME).groups()
    cells = _Cells()
    cells.feed(html)
    read = {"product": _read_products, "event": _read_events, "flight": _read_flights}[noun]
    if keys != _SPECIFIED[noun]:
        raise not_in_form(question, NAME)
    try:
        return noun, html, read(cells.rows)
    except (KeyError, IndexError, ValueError) as error:
        raise not_in_form(question, NAME) from error


def _read_products(rows: list[list[str]]) -> list[_Record]:
    named = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    return [
        {
            "name": row["Product"],
            "price_cents": int(re.sub("[$,.]", "", row["Price"])),
            "in_stock": {"In stock": True, "Sold out": False}[row["Availability"]],
        }
        for row in named
    ]


def _read_events(rows: list[list[str]]) -> list[_Record]:
    events: list[_Record] = []
    for title, when, price in rows:
        start = datetime.strptime(when, "%d %B %Y, %H:%M").isoformat("T", "minutes")
        events.append({"title": title, "start": start, "free": price == "free"})
    return events


def _read_flights(rows: list[list[str]]) -> list[_Record]:
    flights: list[_Record] = []
    for number, way, stops in rows:
        start, departs, _, end, _ = way.split(" ")
        flights.append({"flight": number, "from": start, "to": end, "departs": departs, "nonstop": stops == "non-stop"})
    return flights


_WORDINGS = (
    "My program needs the {noun}s on this page:\n{html}\nPlease give me a list in JSON with an entry like {example} "
    "for each of them, fields in just that sequence. {format}",
    "{html}\nThat is copied from a web site. Extract what it lists (one after the other as it stands there) as JSON: "
    "[{example}, ...] is the pattern. {format}",
    "Convert to a JSON list, one entry for each {noun} and shaped like {example}, keeping their sequence. {format}\n"
    "{html}",
)
_EXAMPLES = {
    "product": '{"name":"Spoon","price_cents":250,"in_stock":true}',
    "event": '{"title":"Tea Party","start":"2025-01-31T15:00","free":false}',
    "flight": '{"flight":"XY 12","from":"HAM","to":"NCE","departs":"23:00","nonstop":true}',
}
_FORMAT = (
    "Everything goes on a single line with no blank between the parts. Letters with accents and the like are to appear "
    "as they are."
)


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    noun, html, _ = _read(instance.question)
    question = rng.choice(_WORDINGS).format(noun=noun, html=html, example=_EXAMPLES[noun], format=_FORMAT)
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: the same page, other records of it or another format.


def _look_alike(
    wording: str, changed: str, rule: Callable[[list[_Record]], object], *, compact: bool = True
) -> Callable[[random.Random], LookAlike]:
    """Put `changed` in place of `wording`; `rule` makes the right answer from the page's records."""

    def drawn(rng: random.Random) -> LookAlike:
        page = _PAGES[rng.choice(FAMILIES)]
        records = _records(rng, page)
        question = re.sub(wording, changed.replace("KEPT", page.kept), _ask(page, page.html(rng, records)))
        return LookAlike(question, _written(rule(records), compact=compact), _written(records))

    return drawn


_LOOK_ALIKES = {
    "some only": _look_alike(
        r"(Every \w+) gives",
        r"\1 that is KEPT gives",
        lambda records: [record for record in records if [*record.values()][-1]],
    ),
    "other keys": _look_alike(
        r'"(\w+)"(?= (?:\(|and "))',
        r'"item_\1"',
        lambda records: [{f"item_{key}": value for key, value in record.items()} for record in records],
    ),
    "backwards": _look_alike(
        "in the order of the page", "in the reverse order of the page", lambda records: records[::-1]
    ),
    "spaced": _look_alike(
        "without spaces outside of text",
        "with one space after each comma and colon outside of text",
        lambda records: records,
        compact=False,
    ),
}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
