"""A plan for a drive over a small network of roads, often under a condition, with one quickest route that meets it."""

from __future__ import annotations

import re
from heapq import heappop, heappush
from itertools import combinations, pairwise, permutations
from typing import TYPE_CHECKING, TypeAlias

from hammerstone.evals.tasks.generated_task import LookAlike, draw_near_miss, match_form, not_in_form
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "routing"
DESCRIPTION = "Find the quickest route between two towns under a condition, and write it with its minutes."

TOWNS = tuple(
    "Ashby Bexton Corley Dunmere Elmsted Farrow Garston Hollin Ilton Kelby Larne Marden Norwell Oakham Penrose Quarley "
    "Redmire Stanton Thorpe Upwood Varley Welby Yarrow".split()
)

_Road: TypeAlias = tuple[str, str, int]
_Route: TypeAlias = tuple[str, ...]
_Condition: TypeAlias = "tuple[str, Callable[[_Route], bool]]"


def generate(rng: random.Random, family: str | None = None) -> Instance:
    condition = _CONDITIONS[family or rng.choice(FAMILIES)]
    while True:
        roads, routes = _drawn(rng)
        sentence, meets = condition(rng, roads, routes)
        fitting = [route for route in routes if meets(route)]
        # A condition that the quickest route of all meets is none.
        if _one_leads(roads, fitting) and (not sentence or fitting[0] != routes[0]):
            return Instance(
                question=_ask(roads, routes[0], sentence), answer=_written(roads, fitting[0]), source=Source.CALLER
            )


def _drawn(rng: random.Random) -> tuple[list[_Road], list[_Route]]:
    """Roads, and all routes from one town to another over at least one more, the quickest first."""
    while True:
        towns = rng.sample(TOWNS, rng.randint(6, 8))
        # Each town but the first has a road to an earlier one: so all can be reached.
        pairs = [(rng.choice(towns[:place]), towns[place]) for place in range(1, len(towns))]
        others = [pair for pair in combinations(towns, 2) if pair not in pairs]
        ways = [rng.sample(pair, 2) for pair in [*pairs, *rng.sample(others, rng.randint(3, 5))]]
        roads = [(one, other, rng.randint(4, 40)) for one, other in rng.sample(ways, len(ways))]
        routes = list(_routes(roads, *rng.sample(towns, 2)))
        if len(routes[0]) > 2 and _one_leads(roads, routes):
            return roads, routes


def _routes(roads: list[_Road], start: str, end: str, *, both_ways: bool = True) -> Iterator[_Route]:
    """All routes that pass no town twice, the quickest first."""
    ways = [*roads, *((other, one, minutes) for one, other, minutes in roads if both_ways)]
    begun: list[tuple[int, _Route]] = [(0, (start,))]
    while begun:
        spent, route = heappop(begun)
        if route[-1] == end:
            yield route
            continue
        for one, other, minutes in ways:
            if one == route[-1] and other not in route:
                heappush(begun, (spent + minutes, (*route, other)))


def _minutes(roads: list[_Road], route: _Route) -> int:
    steps = [{*step} for step in pairwise(route)]
    return sum(minutes for one, other, minutes in roads if {one, other} in steps)


def _one_leads(roads: list[_Road], routes: list[_Route]) -> bool:
    """Whether there is a choice, and the first route is quicker than the second."""
    return len(routes) > 1 and _minutes(roads, routes[0]) < _minutes(roads, routes[1])


# Conditions: the sentence that states it, and which routes meet it.


def _stop(rng: random.Random, roads: list[_Road], routes: list[_Route]) -> _Condition:
    town = rng.choice(_between(roads, routes))
    return f" The driver has to come through {town}.", lambda route: town in route


def _avoid(rng: random.Random, roads: list[_Road], routes: list[_Route]) -> _Condition:
    town = rng.choice(_between(roads, routes))
    return f" The driver must not come through {town}.", lambda route: town not in route


def _closed(rng: random.Random, roads: list[_Road], routes: list[_Route]) -> _Condition:
    one, other, _ = rng.choice([road for road in roads if {*road[:2]} in map(set, pairwise(routes[0]))])
    sentence = f" The road between {one} and {other} is closed."
    return sentence, lambda route: {one, other} not in map(set, pairwise(route))


def _window(rng: random.Random, roads: list[_Road], routes: list[_Route]) -> _Condition:
    town, leaves = rng.choice(_between(roads, routes)), 15 * rng.randint(28, 40)

    def arrives(route: _Route) -> int:
        return leaves + _minutes(roads, route[: route.index(town) + 1])

    wished = arrives(rng.choice([route for route in routes if town in route]))
    first, last = wished - rng.randint(1, 9), wished + rng.randint(1, 9)
    sentence = (
        f" The driver leaves at {_clock(leaves)}, has to arrive in {town} no earlier than {_clock(first)} and "
        f"no later than {_clock(last)}, and does not wait anywhere."
    )
    return sentence, lambda route: town in route and first <= arrives(route) <= last


def _between(roads: list[_Road], routes: list[_Route]) -> list[str]:
    """The towns that routes come through, in the order in which the roads name them."""
    return [*dict.fromkeys(town for road in roads for town in road[:2] if any(town in route[1:-1] for route in routes))]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


_CONDITIONS: dict[str, Callable[[random.Random, list[_Road], list[_Route]], _Condition]] = {
    "no condition": lambda rng, roads, routes: ("", lambda route: True),  # noqa: ARG005 - the shape of the others
    "stop on the way": _stop,
    "town to avoid": _avoid,
    "closed road": _closed,
    "time of arrival": _window,
}
FAMILIES = tuple(_CONDITIONS)


def _ask(roads: list[_Road], route: _Route, condition: str = "", *, most: str = "takes the fewest minutes") -> str:
    """`route` gives the two ends."""
    legs = " ".join(f"From {one} to {other} it is {minutes} minutes." for one, other, minutes in roads)
    return (
        f"Plan a drive from {route[0]} to {route[-1]}. {legs} Every road can be driven in both directions.{condition} "
        f"Which route {most}, if no town is passed twice? "
        'Answer with the towns in order and the minutes, like "Hythe > Lydd > Rye: 45 minutes".'
    )


def _written(roads: list[_Road], route: _Route) -> str:
    return f"{' > '.join(route)}: {_minutes(roads, route)} minutes"


# The check: every order of any of the other towns is tried.

_CLOCK = r"\d\d:\d\d"
_FORM = re.compile(
    r"Plan a drive from (\w+) to (\w+)\. ((?:From \w+ to \w+ it is \d+ minutes\. )+)"
    r"Every road can be driven in both directions\.(?: (The .+))? "
    r"Which route takes the fewest minutes, if no town is passed twice\? "
    r'Answer with the towns in order and the minutes, like "Hythe > Lydd > Rye: 45 minutes"\.'
)
_ROAD = re.compile(r"From (\w+) to (\w+) it is (\d+) minutes\.")
_CONDITION = re.compile(
    r"The driver has to come through (?P<stop>\w+)\."
    r"|The driver must not come through (?P<avoid>\w+)\."
    r"|The road between (?P<one>\w+) and (?P<other>\w+) is closed\."
    rf"|The driver leaves at (?P<leaves>{_CLOCK}), has to arrive in (?P<town>\w+) no earlier than (?P<first>{_CLOCK}) "
    rf"and no later than (?P<last>{_CLOCK}), and does not wait anywhere\."
)


def check(question: str, answer: str) -> bool:
    start, end, roads, stated = _read(question)
    times = {frozenset(road[:2]): int(road[2]) for road in roads}
    times.pop(frozenset({stated.get("one", ""), stated.get("other", "")}), None)
    others = sorted({town for road in times for town in road} - {start, end})
    orders = (order for n in range(len(others) + 1) for order in permutations(others, n))
    found: list[tuple[int, str]] = []
    for order in orders:
        route = (start, *order, end)
        steps = [times.get(frozenset(step)) for step in pairwise(route)]
        if None not in steps and _meets(route, [step or 0 for step in steps], stated):
            found.append((sum(step or 0 for step in steps), " > ".join(route)))
    best = [f"{route}: {minutes} minutes" for minutes, route in found if minutes == min(found)[0]]
    return best == [answer]


def _meets(route: tuple[str, ...], steps: list[int], stated: dict[str, str]) -> bool:
    if stated.get("stop", route[0]) not in route or stated.get("avoid") in route:
        return False
    if "town" not in stated:
        return True
    if stated["town"] not in route:
        return False
    arrives = _after_midnight(stated["leaves"]) + sum(steps[: route.index(stated["town"])])
    return _after_midnight(stated["first"]) <= arrives <= _after_midnight(stated["last"])


def _after_midnight(clock: str) -> int:
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)


def _read(question: str) -> tuple[str, str, list[tuple[str, str, str]], dict[str, str]]:
    """The ends, the roads, and the parts of the condition by the names in `_CONDITION`."""
    start, end, roads, condition = match_form(_FORM, question, NAME).groups()
    stated = match_form(_CONDITION, condition, NAME).groupdict() if condition else {}
    if start == end:
        raise not_in_form(question, NAME)
    return start, end, _ROAD.findall(roads), {name: value for name, value in stated.items() if value}


_WORDINGS = (
    "I live in {start} and have to be in {end}. Driving times in minutes, the same there and back: {roads}. {condition}"
    "What is the fastest way that does not touch any place twice? {format}",
    "Travel times, whichever way you drive: {roads}. {condition}Find the shortest trip in time that starts in {start}, "
    "ends in {end} and visits nothing twice. {format}",
    "Our van goes to {end}, and it stands in {start} now. We know how long the roads take it (in minutes, either "
    "direction): {roads}. {condition}How does it get there soonest without seeing a town again? {format}",
)
_REWORDED = {
    "stop": "A parcel must be picked up in {stop}. ",
    "avoid": "Keep away from {avoid}. ",
    "one": "Road works block the connection {one}/{other}. ",
    "town": "At {leaves} the trip begins, and at {town} it must be from {first} to {last} on the clock "
    "(to the minute is fine, pausing is not). ",
}
_FORMAT = (
    'Write every town passed, first to last, with " > " between two, then a colon and the total: '
    '"Hythe > Lydd > Rye: 45 minutes" shows how.'
)


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    start, end, roads, stated = _read(instance.question)
    question = rng.choice(_WORDINGS).format(
        start=start,
        end=end,
        roads=", ".join(f"{one}/{other} {minutes}" for one, other, minutes in roads),
        condition="".join(text.format(**stated) for name, text in _REWORDED.items() if name in stated),
        format=_FORMAT,
    )
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: the same network, and another route is the best.


def _slowest(rng: random.Random) -> LookAlike:
    while True:
        roads, routes = _drawn(rng)
        if _minutes(roads, routes[-1]) > _minutes(roads, routes[-2]):
            break
    question = _ask(roads, routes[0], most="takes the most minutes")
    return LookAlike(question, _written(roads, routes[-1]), _written(roads, routes[0]))


def _second(rng: random.Random) -> LookAlike:
    while True:
        roads, routes = _drawn(rng)
        if _one_leads(roads, routes[1:]):
            break
    question = _ask(roads, routes[0], most="takes the second fewest minutes")
    return LookAlike(question, _written(roads, routes[1]), _written(roads, routes[0]))


def _fewest_roads(rng: random.Random) -> LookAlike:
    while True:
        roads, routes = _drawn(rng)
        shortest, *others = sorted(routes, key=len)
        if len(shortest) < len(others[0]):
            break
    question = _ask(roads, routes[0], most="takes the fewest roads")
    return LookAlike(question, _written(roads, shortest), _written(roads, routes[0]))


def _one_way(rng: random.Random) -> LookAlike:
    while True:
        roads, routes = _drawn(rng)
        directed = [*_routes(roads, routes[0][0], routes[0][-1], both_ways=False)]
        if _one_leads(roads, directed):
            break
    question = _ask(roads, routes[0]).replace("in both directions", "only in the direction named")
    return LookAlike(question, _written(roads, directed[0]), _written(roads, routes[0]))


def _open_again(rng: random.Random) -> LookAlike:
    roads, routes = _drawn(rng)
    sentence, meets = _closed(rng, roads, routes)
    usual = next((_written(roads, route) for route in routes if meets(route)), "")
    question = _ask(roads, routes[0], sentence.replace("is closed", "was closed and is open again"))
    return LookAlike(question, _written(roads, routes[0]), usual)


_LOOK_ALIKES = {
    "slowest": _slowest,
    "second": _second,
    "fewest roads": _fewest_roads,
    "one way": _one_way,
    "open again": _open_again,
}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
