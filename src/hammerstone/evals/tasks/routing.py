"""A plan for a drive over a small network of roads, often under a condition, with one quickest route that meets it."""

from __future__ import annotations

import re
from heapq import heappop, heappush
from itertools import combinations, pairwise, permutations
from typing import TYPE_CHECKING, TypeAlias

from hammerstone.evals.task import LookAlike, draw_near_miss, match_form, not_in_form
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
_LEAVES = 8 * 60  # minutes after midnight

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
        if _one_leads(roads, fitting) and (condition is _free or fitting[0] != routes[0]):
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
    begun = [(0, (start,))]
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
    """There is a choice, and the first is quicker than the second."""
    return len(routes) > 1 and _minutes(roads, routes[0]) < _minutes(roads, routes[1])


# Conditions: the sentence that tells it, and which routes meet it.


def _free(rng: random.Random, roads: list[_Road], routes: list[_Route]) -> _Condition:
    del rng, roads, routes
    return "", lambda route: True


def _stop(rng: random.Random, roads: list[_Road], routes: list[_Route]) -> _Condition:
    town = rng.choice(_between(roads, routes))
    return f" The driver has to come through {town}.", lambda route: town in route


def _avoid(rng: random.Random, roads: list[_Road], routes: list[_Route]) -> _Condition:
    town = rng.choice(_between(roads, routes))
    return f" The driver must not come through {town}.", lambda route: town not in route


def _closed(rng: random.Random, roads: list[_Road], routes: list[_Route]) -> _Condition:
    del roads
    one, other = rng.sample(rng.choice([*pairwise(routes[0])]), 2)
    open_still: Callable[[_Route], bool] = lambda route: not {(one, other), (other, one)} & {*pairwise(route)}
    return f" The road between {one} and {other} is closed.", open_still


def _window(rng: random.Random, roads: list[_Road], routes: list[_Route]) -> _Condition:
    town = rng.choice(_between(roads, routes))

    def arrives(route: _Route) -> int:
        return _LEAVES + _minutes(roads, route[: route.index(town) + 1])

    wished = arrives(rng.choice([route for route in routes if town in route]))
    first, last = wished - rng.randint(1, 9), wished + rng.randint(1, 9)
    sentence = (
        f" The driver leaves at {_clock(_LEAVES)}, has to arrive in {town} no earlier than {_clock(first)} and no later "
        f"than {_clock(last)}, and does not wait anywhere."
    )
    return sentence, lambda route: town in route and first <= arrives(route) <= last


def _between(roads: list[_Road], routes: list[_Route]) -> list[str]:
    """The towns that routes come through, in the order in which the roads name them."""
    return [*dict.fromkeys(town for road in roads for town in road[:2] if any(town in route[1:-1] for route in routes))]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


_CONDITIONS = {
    "no condition": _free,
    "stop on the way": _stop,
    "town to avoid": _avoid,
    "closed road": _closed,
    "time of arrival": _window,
}
FAMILIES = tuple(_CONDITIONS)

_BOTH_WAYS = "Every road can be driven in both directions."


def _ask(roads: list[_Road], route: _Route, condition: str = "", *, most: str = "takes the fewest minutes") -> str:
    """`route` gives the two ends."""
    told = " ".join(f"From {one} to {other} it is {minutes} minutes." for one, other, minutes in roads)
    return (
        f"Plan a drive from {route[0]} to {route[-1]}. {told} {_BOTH_WAYS}{condition} Which route {most}, if no town is "
        'passed twice? Answer with the towns in order and the minutes, like "Hythe > Lydd > Rye: 45 minutes".'
    )


def _written(roads: list[_Road], route: _Route) -> str:
    return f"{' > '.join(route)}: {_minutes(roads, route)} minutes"
