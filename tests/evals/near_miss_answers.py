"""The right answers of near-misses, read from their text by rules of this file alone: no code of the product's."""

from __future__ import annotations

import re
from itertools import pairwise, permutations
from typing import TYPE_CHECKING

from ..evals import reference

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSING = dict(zip("([{<", ")]}>", strict=True))


def found(pattern: str, text: str) -> re.Match[str]:
    match = re.search(pattern, text)
    assert match is not None, (pattern, text)
    return match


def right_word_sorting(question: str) -> str:
    asked, words = question.split(": List: ")
    left, order = words.split(), list[str]()
    key: Callable[[str], str] = str
    if "last letter" in asked:
        key = lambda word: word[-1]  # noqa: E731 - a rule by its place
    elif "number of characters" in asked:
        key = lambda word: f"{len(word):02}{word}"  # noqa: E731 - a rule by its place
    while left:
        order.append(min(left, key=key))
        left.remove(order[-1])
    if "descending" in asked:
        order.reverse()
    if "once" in asked:
        order = list(dict.fromkeys(order))
    if "backwards" in asked:
        order = ["".join(reversed(word)) for word in order]
    return " ".join(order)


def right_dyck(question: str) -> str:
    asked, sequence = question.split("Input: ")
    stack: list[str] = []
    if "beginning" in asked:
        opening = {closing: opens for opens, closing in CLOSING.items()}
        for bracket in reversed(sequence.split()):
            stack.append(opening[bracket]) if bracket in opening else stack.pop()
        return " ".join(stack)
    for bracket in sequence.split():
        stack.append(CLOSING[bracket]) if bracket in CLOSING else stack.pop()
    if "Count" in asked:
        return str(len(stack))
    if "first bracket" in asked:
        return stack[-1]
    if "Write out" in asked:
        return " ".join([sequence, *reversed(stack)])
    return " ".join(stack)


def right_chinese_remainder(question: str) -> str:
    most, *numbers = map(int, re.findall(r"\d+", question))
    pairs = list(zip(numbers[0:6:2], numbers[1:6:2], strict=True))
    if "too few" in question:
        pairs = [(modulus, -missing % modulus) for modulus, missing in pairs]
    modulus, left = max(pairs)
    first = most + (left - most) % modulus if "no fewer than" in question else left
    count = next(n for n in range(first, 2 * most + 1, modulus) if all(n % m == r for m, r in pairs))
    if "eat" in question:
        return str(count - numbers[6])
    return str(count // numbers[6] if "does each" in question else count)


RANKS = {
    **dict.fromkeys(["leftmost", "oldest", "first", "cheapest"], 0),
    **dict.fromkeys(["second from the left", "second-oldest", "second", "second-cheapest"], 1),
    **dict.fromkeys(["third from the left", "third-oldest", "third", "third-cheapest"], 2),
    **dict.fromkeys(["fourth"], 3),
    **dict.fromkeys(["third from the right", "third-newest", "third-most expensive"], -3),
    **dict.fromkeys(["second from the right", "second-newest", "second-to-last", "second-most expensive"], -2),
    **dict.fromkeys(["rightmost", "newest", "last", "most expensive"], -1),
}
CLAIM = re.compile(r"(?:The )?(.+?) (?:is|are|finished) (?:the )?(.+)")
LESS = re.compile(r"(?:to the left of|older than|above|less expensive than) (?:the )?(.+)")
MORE = re.compile(r"(?:to the right of|newer than|below|more expensive than) (?:the )?(.+)")


def right_logical_deduction(question: str) -> str:
    paragraph, options = question.split("each paragraph. ")[1].split("\nOptions")
    listing, *sentences = paragraph[:-1].split(": ")[1].split(". ")
    things = [re.sub("^an? ", "", thing) for thing in re.split(", (?:and )?", listing)]
    claims = [CLAIM.fullmatch(sentence) for sentence in sentences if not sentence.startswith("Then")]
    orders = [
        order for order in permutations(things) if all(holds(order, claim[1], claim[2]) for claim in claims if claim)
    ]
    assert len(orders) == 1
    order = list(orders[0])
    if changed := re.search(r"Then (?:the )?(.+) and (?:the )?(.+) change places", paragraph):
        one, other = (order.index(thing) for thing in changed.groups())
        order[one], order[other] = order[other], order[one]
    if "turned around" in paragraph:
        order.reverse()
    wanted = "all true but one" not in options
    said = [(line[:3], CLAIM.fullmatch(line[4:])) for line in options.split("\n")[1:]]
    (answer,) = [letter for letter, claim in said if claim and holds(tuple(order), claim[1], claim[2]) is wanted]
    return answer


def holds(order: tuple[str, ...], thing: str, predicate: str) -> bool:
    if less := LESS.fullmatch(predicate):
        return order.index(thing) < order.index(less[1])
    if more := MORE.fullmatch(predicate):
        return order.index(thing) > order.index(more[1])
    return order[RANKS[predicate]] == thing


def right_tracking(question: str) -> str:
    story, options = question.split("\nOptions:\n")
    start, rest = story.split(".\n")
    people = "Alice|Bob|Claire|Dave|Eve|Fred"
    has = re.findall(rf"(?:: |, |and )({people}) (?:is dancing with|gets|is playing|has an?|has) (.+?)(?=, |$)", start)
    holders = dict(has)
    swaps = re.findall(rf"(?:First|Then|Finally), ({people}) and ({people}) (?:switch|swap|trade)", rest)
    assert len(swaps) == 5
    if never := re.search(r"But the (\w+) of these", rest):
        del swaps["first second third fourth fifth".split().index(never[1])]
    if "undone" in rest:
        swaps = swaps[:3]
    if "At the start" in rest:
        swaps = []
    for one, other in swaps:
        holders[one], holders[other] = holders[other], holders[one]
    asks = rest.rsplit(". ", 1)[1]
    letters = {line[4:]: line[:3] for line in options.split("\n")}
    if " who " in asks:
        (owner,) = [person for person, thing in holders.items() if asks.endswith(f" {thing}")]
        return letters[owner]
    return letters[holders[found(people, asks)[0]]]


def right_schedule_meeting(question: str) -> str:
    times = re.findall(r"\d\d:\d\d", question.split("\n")[1]), re.findall(r"\d\d:\d\d", question.split("\n")[2])
    told = [[reference.after_midnight(time) for time in some] for some in times]
    free = [{m for s, e in zip(some[::2], some[1::2], strict=True) for m in range(s, e)} for some in told]
    needed = int(60 * float(found(r"meeting of ([\d.]+)", question)[1]))
    if "is busy at" in question:
        free = [{*range(480, 1080)} - busy for busy in free]
    common = free[0] & free[1]
    if "lunch" in question:
        common -= {*range(720, 780)}
    sets = free if "at least one" in question else [common]
    starts = [m for m in range(480, 1080, 30) if any(some.issuperset(range(m, m + needed)) for some in sets)]
    if not starts:
        return "No time slot works."
    start = starts[-1] if "latest" in question else starts[0]
    end = start + needed
    if "shortest stretch" in question:
        ends = [m for m in range(481, 1081) if m - 1 in common and m not in common]
        spans = [(e - s, s, e) for e in ends if (s := begin_of(common, e)) + needed <= e]
        assert len(spans) == 1 or sorted(spans)[0][0] < sorted(spans)[1][0]
        _, start, end = min(spans)
    return f"{reference.clock(start)} - {reference.clock(end)}"


def begin_of(minutes: set[int], end: int) -> int:
    return next(m for m in range(end - 1, 0, -1) if m - 1 not in minutes)


def right_game_of_24(question: str) -> str:
    target, *numbers = map(int, found(r"Make (\d+) from the numbers (\d+), (\d+), (\d+) and (\d+)", question).groups())
    picked = [numbers]
    if "leave one out" in question:
        picked = [numbers[:place] + numbers[place + 1 :] for place in range(4)]
    (way,) = set[str]().union(*(reference.ways_to_make(target, some) for some in picked))
    if "lesser part first" in question:
        # No way at all of the usual form is one of the new form, but for equal parts.
        assert sorted(re.findall(r"\d+", way)) == sorted(map(str, numbers))
        return lesser_first(way)
    return "".join(sign for sign in way if sign in "+-*/") if "three signs" in question else way


def lesser_first(way: str) -> str:
    """Innermost first: a pair in parentheses stands as a name until the end."""
    written: dict[str, str] = {}
    while pair := re.search(r"\((\w+)([-+*/])(\w+)\)", way):
        parts = [written.get(pair[i], pair[i]) for i in (1, 3)]
        name = f"p{len(written)}"
        written[name] = f"({pair[2].join(parts[::-1] if pair[2] in '+*' else parts)})"
        way = way.replace(pair[0], name, 1)
    return written[way]


def right_sudoku(question: str) -> str:
    rows = re.findall(r"^[1-9.]{4,9}$", question, re.MULTILINE)
    high, wide = map(int, found(r"box of (\d) rows and (\d) columns", question).groups())
    (solved,) = reference.sudokus(rows, high, wide, diagonals="diagonals" in question)
    form = question.split("Answer on one line: ")[1]
    if "columns" in form:
        return " ".join("".join(row[x] for row in solved) for x in range(len(solved)))
    if "bottom" in form and "from bottom" in form:
        return " ".join(solved[::-1])
    if "empty cells" in form:
        return "".join(
            new
            for row, given in zip(solved, rows, strict=True)
            for new, old in zip(row, given, strict=True)
            if old == "."
        )
    return solved[1] if "second row" in form else " ".join(solved)


def right_routing(question: str) -> str:
    told = re.findall(r"From (\w+) to (\w+) it is (\d+) minutes", question)
    roads = {frozenset(road[:2]): int(road[2]) for road in told}
    start, end = found(r"drive from (\w+) to (\w+)\.", question).groups()
    ways = [way for _, way in reference.routes(roads, start, end)]
    if "only in the direction named" in question:
        allowed = {road[:2] for road in told}
        ways = [way for way in ways if {*pairwise(way)} <= allowed]
    key: Callable[[list[str]], int] = lambda way: reference.minutes_of(roads, way)  # noqa: E731 - a rule by its place
    if "fewest roads" in question:
        key = len
    ways.sort(key=key, reverse="most minutes" in question)
    ways = ways[1:] if "second fewest" in question else ways
    assert len(ways) == 1 or key(ways[0]) != key(ways[1])
    return reference.written_route(roads, ways[0])


def right_web_listing(question: str) -> str:
    records = reference.records(question)
    if " that is " in question:
        records = [record for record in records if list(record.values())[-1] is True]
    if '"item_' in question:
        records = [{f"item_{key}": value for key, value in record.items()} for record in records]
    if "reverse order" in question:
        records.reverse()
    text = reference.compact(records)
    if "one space after each comma and colon" not in question:
        return text
    strings = r'"(?:[^"\\]|\\.)*"'
    return re.sub(rf"({strings})|([,:])", lambda part: part[1] or f"{part[2]} ", text)


def right_email_meeting(question: str) -> str:
    asks = question.rsplit("\n---\n", 1)[1]
    mails = question.split("\n---\n")[1:-1]
    week = "|".join(reference.WEEK)
    clocks, days = re.findall(r"\d\d:\d\d", mails[0]), re.findall(week, mails[0])
    busy: reference.Busy = {}
    for place, mail in enumerate(mails):
        person, text = found(r"From: (\w+)\n\n(.+)\n", mail).groups()
        if place == 0:
            text = re.sub(r"^.*?\d\d:\d\d.*?\d\d:\d\d\.", "", text)
        for sentence in re.split(r"(?<=[.!?]) +", text):
            busy[person] = after(sentence, busy.get(person, []))
    for person in re.findall(r"all of them but (\w+)", asks):
        del busy[person]
    among = reference.WEEK[reference.WEEK.index(days[0]) : reference.WEEK.index(days[1]) + 1]
    if only := re.search(rf"earliest time on ({week})", asks):
        among = [only[1]]
    length = int(found(r"for (\d+) minutes", asks)[1])
    opens, closes = (reference.after_midnight(clock) for clock in clocks[:2])
    times = reference.meetings(among, opens, closes, length, busy)
    return (times[-1] if "latest" in asks else times[0]) if times else reference.NONE_SUITS


def after(sentence: str, busy: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The times that a person's sentence rules out, read by cue words."""
    day = re.search("|".join(reference.WEEK), sentence)
    times = [reference.after_midnight(time) for time in re.findall(r"\d\d:\d\d", sentence)]
    on = day[0] if day else ""
    if "forget" in sentence or "after all" in sentence:
        return [one for one in busy if one[0] != on]
    if len(times) == 2:
        return [*busy, (on, *times)]
    if len(times) == 1:
        early = re.search(r"before|from \d", sentence)
        return [*busy, (on, 0, times[0]) if early else (on, times[0], 1440)]
    return [*busy, (on, 0, 1440)] if day else busy


RIGHT: dict[str, Callable[[str], str]] = {
    "chinese_remainder": right_chinese_remainder,
    "dyck": right_dyck,
    "email_meeting": right_email_meeting,
    "game_of_24": right_game_of_24,
    "logical_deduction": right_logical_deduction,
    "routing": right_routing,
    "schedule_meeting": right_schedule_meeting,
    "sudoku": right_sudoku,
    "tracking_shuffled_objects": right_tracking,
    "web_listing": right_web_listing,
    "word_sorting": right_word_sorting,
}
