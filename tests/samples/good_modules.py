"""Tools as strong models write them, in many styles; all pure. For each: arguments, and the answer they must give."""

from __future__ import annotations

from dataclasses import dataclass

from hammerstone.types import JSON

__all__ = ["GOOD_MODULES", "GoodModule"]


@dataclass(frozen=True, kw_only=True)
class GoodModule:
    source: str
    arguments: dict[str, JSON]
    answer: str


GOOD_MODULES: dict[str, GoodModule] = {
    "regular expressions, aliases of methods and __all__": GoodModule(
        source=r'''
"""Sort words."""

from __future__ import annotations

import re
import string
from typing import Dict, List, Optional

__all__ = ["solve", "parse", "unparse"]
__version__ = "1.0"

_HEAD = "Sort the following words alphabetically: List: "
_WORD = rf"[{string.ascii_lowercase}'-]+"
_RX = re.compile(rf"{re.escape(_HEAD)}({_WORD}(?: {_WORD})*)", re.ASCII | re.DOTALL)
_match = _RX.fullmatch
_join = " ".join
_clean = lambda word: word.strip().casefold()  # noqa: E731


def solve(words: List[str]) -> str:
    """The words in alphabetical order, with single spaces."""
    return _join(sorted(words, key=_clean))


def parse(question: str) -> Optional[Dict[str, List[str]]]:
    if (m := _match(question)) is None:
        return None
    return {"words": m.group(1).split(" ")}


def unparse(words: List[str]) -> str:
    return "{head}{rest}".format(head=_HEAD, rest=_join(words))
''',
        arguments={"words": ["pear", "fig", "apple"]},
        answer="apple fig pear",
    ),
    "tables built at top level": GoodModule(
        source="""
import itertools
from functools import lru_cache, reduce
from types import MappingProxyType

_ONES = "zero one two three four five six seven eight nine".split()
_VALUES = dict(zip(_ONES, range(len(_ONES)), strict=True))
_TENS = {word: 10 * i for i, word in enumerate("ten twenty thirty".split(), start=1)}
_ALL = MappingProxyType({**_VALUES, **_TENS})
_WIDEST = max(len(word) for word in _ALL)
_LOW, _HIGH = min(_ALL.values()), max(_ALL.values())
_PAIRS = frozenset(itertools.product("ab", repeat=2))
_BY_LENGTH: dict[int, list[str]] = {}
for _word in _ALL:
    _BY_LENGTH.setdefault(len(_word), []).append(_word)
    if len(_word) > 6:
        continue
    _BY_LENGTH[len(_word)].sort()
del _word
_BY_LENGTH.update({0: []})
_ORDER = []
_ORDER += sorted(_ALL, key=_ALL.__getitem__)
assert _LOW == 0 and len(_ORDER) == len(_ALL)


def _table() -> list[list[int]]:
    return [[i * j for j in range(10)] for i in range(10)]


_TIMES = _table()


@lru_cache(maxsize=None)
def _value(word: str) -> int:
    if word not in _ALL:
        raise ValueError(f"not a number word: {word!r}")
    return _ALL[word]


def solve(words: list[str], *, operation: str = "sum") -> str:
    values = [_value(word) for word in words]
    match operation:
        case "sum":
            return str(sum(values))
        case "product":
            return str(reduce(lambda a, b: a * b, values, 1))
        case _:
            raise ValueError(operation)
""",
        arguments={"words": ["two", "thirty"], "operation": "product"},
        answer="60",
    ),
    "dataclass, enum and named tuple": GoodModule(
        source="""
from collections import namedtuple
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import ClassVar, Final, NamedTuple, TypedDict

LIMIT: Final = 10


class Side(Enum):
    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> "Side":
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class Rank(IntEnum):
    LOW = auto()
    HIGH = auto()


class Clue(NamedTuple):
    first: str
    side: Side
    second: str


class Row(TypedDict):
    name: str


Pair = namedtuple("Pair", "a b")
Shape = Enum("Shape", "ROUND SQUARE")
_SIDES = tuple(side.value for side in Side)
_NAMES = list(Side.__members__)


@dataclass(frozen=True, slots=True)
class State:
    order: tuple[str, ...]
    seen: frozenset = field(default_factory=frozenset)

    limit: ClassVar[int] = LIMIT

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", tuple(self.order))

    def __hash__(self) -> int:
        return hash(self.order)

    def __eq__(self, other: object) -> bool:
        return self.__class__ is other.__class__ and self.order == other.order

    def holds(self, clue: Clue) -> bool:
        a, b = self.order.index(clue.first), self.order.index(clue.second)
        return a < b if clue.side is Side.LEFT else a > b


class Contradiction(ValueError):
    def __init__(self, clue: Clue) -> None:
        super().__init__(f"{clue!r} contradicts {type(clue).__name__}")


def solve(names: list[str], clues: list[list[str]]) -> str:
    from itertools import permutations

    read = [Clue(first, Side(side), second) for first, side, second in clues]
    orders = [State(order) for order in permutations(names)]
    fitting = {state for state in orders if all(state.holds(clue) for clue in read)}
    if len(fitting) != 1:
        raise ValueError("not one order")
    return ", ".join(fitting.pop().order)
""",
        arguments={"names": ["owl", "hawk"], "clues": [["hawk", "left", "owl"]]},
        answer="hawk, owl",
    ),
    "nested functions, generators and nonlocal": GoodModule(
        source='''
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
import heapq as hq


def solve(grid: list[str], start: list[int], goal: list[int]) -> str:
    """The length of the shortest way, or "none"."""
    rows, columns = len(grid), len(grid[0])
    steps = 0

    def neighbours(row: int, column: int) -> Iterator[tuple[int, int]]:
        for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            r, c = row + dr, column + dc
            if 0 <= r < rows and 0 <= c < columns and grid[r][c] != "#":
                yield r, c

    def search() -> int | None:
        nonlocal steps
        distance = defaultdict(lambda: float("inf"), {tuple(start): 0})
        queue = [(0, *start)]
        while queue:
            d, r, c = hq.heappop(queue)
            steps += 1
            if [r, c] == goal:
                return d
            for place in neighbours(r, c):
                if d + 1 < distance[place]:
                    distance[place] = d + 1
                    hq.heappush(queue, (d + 1, *place))
        return None

    found = search()
    del steps
    return "none" if found is None else str(found)
''',
        arguments={"grid": ["..#", "#..", "..."], "start": [0, 0], "goal": [2, 2]},
        answer="4",
    ),
    "type aliases": GoodModule(
        source="""
import typing as t
from typing import Dict, Literal, Mapping, Optional, Sequence, Tuple, TypeAlias, Union

Name = str
Pair = Tuple[Name, Name]
Pairs: TypeAlias = "list[Pair]"
Order = Literal["up", "down"]
Answer = str
UP = "up"


def solve(
    pairs: Pairs,
    weights: Mapping[str, t.List[int]],
    order: Order = UP,
    extra: Optional[Sequence[str]] = None,
    either: Union[int, str, None] = None,
    table: Optional[Dict[str, t.Any]] = None,
    rest: "list[str] | None" = None,
) -> Answer:
    names = sorted({name for pair in pairs for name in pair}, reverse=order == "down")
    return " ".join(f"{name}:{sum(weights.get(name, []))}" for name in names)
""",
        arguments={"pairs": [["b", "a"]], "weights": {"a": [1, 2]}},
        answer="a:3 b:0",
    ),
    "variables that are called like built-in functions": GoodModule(
        source='''
_OPEN = "([{<"
_CLOSE = ")]}>"
_MATCHING = str.maketrans(_OPEN, _CLOSE)


def solve(input: str) -> str:
    """What closes the open brackets."""
    stack = []
    for id, char in enumerate(input.replace(" ", "")):
        if char in _OPEN:
            stack.append(char)
        elif not stack or stack.pop().translate(_MATCHING) != char:
            raise ValueError(f"at {id}")
    open, close = stack, []
    while open:
        close.append(open.pop().translate(_MATCHING))
    help, vars, exit, hash = "", {}, None, {"a": close}
    return " ".join(hash["a"])
''',
        arguments={"input": "( [ {"},
        answer="} ] )",
    ),
    "dates and decimals": GoodModule(
        source="""
import calendar
import datetime as dt
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, getcontext
from fractions import Fraction
import math

_MONTHS = {name: number for number, name in enumerate(calendar.month_name) if name}
_EPOCH = date(1970, 1, 1)
_WEEK = timedelta(days=7)
_CENT = Decimal("0.01")
_FORMATS = ("%m/%d/%Y", "%d %B %Y")


def _read(text: str) -> date:
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise ValueError(f"not a date: {text}")


def solve(day: str, days: int, price: str = "1") -> str:
    later = _read(day) + timedelta(days=days)
    total = (Decimal(price) * Fraction(1, 1).numerator).quantize(_CENT, rounding=ROUND_HALF_UP)
    return f"{later:%m/%d/%Y} {total} {dt.date.min.year} {math.gcd(12, 18)}"
""",
        arguments={"day": "24 December 1937", "days": 8, "price": "2.5"},
        answer="01/01/1938 2.50 1 6",
    ),
    "try, with and own exceptions": GoodModule(
        source='''
import contextlib
import json
import re
from collections import OrderedDict

RULES = json.loads("""{"red": 1, "blue": 2}""")
TOKEN = re.compile(
    r"""
    (?P<number>\\d+)
  | (?P<name>[a-z]+)
    """,
    re.VERBOSE,
)


class ParseError(Exception):
    pass


def tokens(text):
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if not match:
            if text[position].isspace():
                position += 1
                continue
            raise ParseError(position)
        yield match.lastgroup, match.group()
        position = match.end()


def solve(text: str) -> str:
    total = 0
    try:
        for kind, value in tokens(text):
            if kind == "number":
                total += int(value)
            else:
                with contextlib.suppress(KeyError):
                    total += RULES[value]
    except ParseError as error:
        raise ValueError(str(error)) from error
    else:
        return str(total)
    finally:
        text = ""
''',
        arguments={"text": "3 blue green"},
        answer="5",
    ),
    "classes with operators": GoodModule(
        source="""
import abc
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial, total_ordering, wraps
from typing import Any, Generic, Protocol, TypeVar, overload

T = TypeVar("T")
OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
halve = partial(operator.floordiv, 2)


class Node(abc.ABC):
    @abc.abstractmethod
    def value(self) -> int: ...


class Number(Node):
    __slots__ = ("_n",)

    def __init__(self, n: int) -> None:
        self._n = n

    def value(self) -> int:
        return self._n

    def __add__(self, other: "Number") -> "Number":
        return Number(self._n.__add__(other._n))

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self._n})"


class Named(Protocol):
    name: str


class Box(Generic[T]):
    def __init__(self, content: T) -> None:
        self.content = content


@total_ordering
@dataclass(eq=True)
class Score:
    points: int

    def __lt__(self, other: "Score") -> bool:
        return self.points < other.points


def unchanged(function: Callable[[Any], str]) -> Callable[[Any], str]:
    @wraps(function)
    def same(value: Any) -> str:
        return function(value)

    return same


@unchanged
def show(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(show, value)) if isinstance(value, list) else str(value)


def solve(left: int, sign: str, right: int) -> str:
    result = OPERATIONS[sign](Number(left).value(), Number(right).value())
    return show([result, Score(1) > Score(0)])


def unused(*args: int, **kwargs: int) -> int:
    return sum(args)
""",
        arguments={"left": 2, "sign": "*", "right": 21},
        answer="42,yes",
    ),
    "parse and unparse without annotations": GoodModule(
        source=r"""
import re

PATTERN = re.compile("Reverse: (\\w+)")
TAIL = "\d"


def solve(word: str) -> str:
    return word[::-1]


def parse(question):
    match = PATTERN.fullmatch(question)
    return {"word": match[1]} if match else None


def unparse(word):
    return f"Reverse: {word}"
""",
        arguments={"word": "abc"},
        answer="cba",
    ),
    "recursion with memory in arguments": GoodModule(
        source='''
from functools import cache
from math import inf, isinf, prod
from operator import itemgetter, mul
from statistics import mean, median
from string import Template
from textwrap import dedent
from urllib.parse import quote
import unicodedata
import xml.etree.ElementTree as ET

LETTER = dedent("""
    Dear $name,
""").strip()
TEMPLATE = Template(LETTER)
first, *others = sorted({"b": 1, "a": 2}.items(), key=itemgetter(1))
SQUARES = [n * n for n in range(10) if n % 2]
FIRST_LINE = LETTER.splitlines()[0] if LETTER else ""
NORMAL = unicodedata.normalize("NFC", "e\\u0301")
IS_BIG = (lambda n: n > 100)(5)


@cache
def ways(amount: int, coins: tuple) -> int:
    if amount == 0:
        return 1
    if amount < 0 or not coins:
        return 0
    return ways(amount - coins[0], coins) + ways(amount, coins[1:])


def solve(amount: int, coins: list[int]) -> str:
    """How many ways there are."""
    return f"{ways(amount, tuple(sorted(coins, reverse=True)))}"
''',
        arguments={"amount": 10, "coins": [1, 2, 5]},
        answer="10",
    ),
    "chinese remainders by brute force": GoodModule(
        source="""
from itertools import chain, count, cycle, islice


def solve(divisors: list[int], remainders: list[int], limit: int = 1_000_000) -> str:
    assert len(divisors) == len(remainders), "lengths"
    for n in range(limit):
        if all(n % d == r for d, r in zip(divisors, remainders)):
            break
    else:
        raise ValueError("no such number")
    return str(n)
""",
        arguments={"divisors": [3, 5, 7], "remainders": [2, 3, 2], "limit": 1000},
        answer="23",
    ),
}
