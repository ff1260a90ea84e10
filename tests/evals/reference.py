"""The problems behind the newer tasks, solved plainly, for the tests to compare with: no code of the product's."""

from __future__ import annotations

import html
import json
import re
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

Part = tuple[Fraction, str]
Roads = dict[frozenset[str], int]
Busy = dict[str, list[tuple[str, int, int]]]

NONE_SUITS = "No time suits everybody."
WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]


def ways_to_make(target: int, numbers: list[int]) -> set[str]:
    """Two of the parts become one, until one is left."""

    def joined(parts: list[Part]) -> set[str]:
        if len(parts) == 1:
            return {parts[0][1]} if parts[0][0] == target else set()
        ways: set[str] = set()
        for one, other in combinations(range(len(parts)), 2):
            rest = [part for place, part in enumerate(parts) if place not in (one, other)]
            for both in operations(parts[one], parts[other]) | operations(parts[other], parts[one]):
                ways |= joined([*rest, both])
        return ways

    return joined([(Fraction(number), str(number)) for number in numbers])


def operations(first: Part, second: Part) -> set[Part]:
    (x, left), (y, right) = first, second
    results = {("+", x + y), ("-", x - y), ("*", x * y)} if x >= y else set()
    results |= {("/", x / y)} if y else set()
    return {(value, f"({left}{sign}{right})") for sign, value in results}


def sudokus(rows: list[str], high: int, wide: int, *, diagonals: bool = False) -> list[list[str]]:
    """All solutions: the first empty cell gets every digit that it does not see."""
    side = high * wide
    hole = next(((y, x) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell == "."), None)
    if hole is None:
        return [rows]

    def sees(y: int, x: int) -> bool:
        box = (y // high, x // wide) == (hole[0] // high, hole[1] // wide)
        falling = diagonals and y == x and hole[0] == hole[1]
        rising = diagonals and y + x == side - 1 == hole[0] + hole[1]
        return y == hole[0] or x == hole[1] or box or falling or rising

    seen = {rows[y][x] for y in range(side) for x in range(side) if sees(y, x)}
    found: list[list[str]] = []
    for digit in sorted({*"123456789"[:side]} - seen):
        row = rows[hole[0]][: hole[1]] + digit + rows[hole[0]][hole[1] + 1 :]
        found += sudokus([*rows[: hole[0]], row, *rows[hole[0] + 1 :]], high, wide, diagonals=diagonals)
    return found


def routes(roads: Roads, start: str, end: str) -> list[tuple[int, list[str]]]:
    """All routes that pass no town twice, quickest first."""

    def onward(way: list[str]) -> list[list[str]]:
        if way[-1] == end:
            return [way]
        nexts = sorted(town for road in roads if way[-1] in road for town in road - {*way})
        return [whole for town in nexts for whole in onward([*way, town])]

    return sorted((minutes_of(roads, way), way) for way in onward([start]))


def minutes_of(roads: Roads, way: list[str]) -> int:
    return sum(roads[frozenset(step)] for step in pairwise(way))


def written_route(roads: Roads, way: list[str]) -> str:
    return f"{' > '.join(way)}: {minutes_of(roads, way)} minutes"


def records(page: str) -> list[dict[str, Any]]:
    """The records that a page lists, by regular expressions."""
    texts = [
        [html.unescape(re.sub("<.*?>", "", cell)) for cell in re.findall(r"<(?:t[hd]|a|time|em|h3|p)\b.*?(?=</)", line)]
        for line in page.split("\n")
        if line.startswith(("<tr", "<li", "<div"))
    ]
    if "<table>" in page:
        at = texts[0].index
        return [
            {
                "name": row[at("Product")],
                "price_cents": round(100 * float(row[at("Price")][1:].replace(",", ""))),
                "in_stock": row[at("Availability")] == "In stock",
            }
            for row in texts[1:]
        ]
    if "<ul" in page:
        return [{"title": title, "start": iso(when), "free": price == "free"} for title, when, price in texts]
    return [
        {"flight": flight, "from": way[:3], "to": way[12:15], "departs": way[4:9], "nonstop": "non" in stops}
        for flight, way, stops in texts
    ]


def iso(when: str) -> str:
    day, month, year, clock = when.replace(",", "").split()
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return f"{year}-{1 + months.index(month[:3]):02}-{int(day):02}T{clock}"


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def meetings(days: list[str], opens: int, closes: int, length: int, busy: Busy) -> list[str]:
    """Every minute at which a meeting can begin, earliest first, as it would be answered."""
    found: list[str] = []
    for day in days:
        taken = {m for told in busy.values() for on, start, end in told if on in (day, "") for m in range(start, end)}
        for start in range(opens, closes - length + 1):
            if taken.isdisjoint(range(start, start + length)):
                found.append(f"{day} {clock(start)} - {clock(start + length)}")
    return found


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def after_midnight(text: str) -> int:
    return 60 * int(text[:2]) + int(text[3:5])
