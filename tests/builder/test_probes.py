"""Probes: lazy parsers carry text unread and are caught, in any script; honest ones pass."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from hammerstone.builder.probe_drawing import SolvedQuestion, draw_probes
from hammerstone.builder.probes import unread
from hammerstone.testing import FakeSandbox

pytestmark = pytest.mark.anyio

WORDS = "oven costume counterpart fig apple pear stone hammer violin lemon tiger window garden paper silver".split()
NUMBERS = list(zip(range(3, 40, 3), range(50, 9, -3), strict=False))


def module(pattern: str, form: str, solve: str) -> str:
    """A tool whose arguments are the named groups of a pattern, all of them strings."""
    names = list(re.compile(pattern).groupindex)
    taken = ", ".join(f"{name}: str" for name in names)
    return f"""
import base64
import re

def solve({taken}) -> str:
    return {solve}

def parse(question: str) -> dict | None:
    match = re.fullmatch({pattern!r}, question, re.DOTALL)
    return match.groupdict() if match else None

def unparse({taken}) -> str:
    return {form!r}.format({", ".join(f"{name}={name}" for name in names)})
"""


def identity(solve: str) -> str:
    """The laziest parser: the whole question is its argument `q`."""
    return module("(?P<q>.*)", "{q}", solve)


async def complaints(source: str, questions: list[str]) -> tuple[str, ...]:
    """The probes' complaints, with the tool's own functions in this process."""
    functions: dict[str, Any] = {}
    exec(source, functions)  # noqa: S102 - the tests' own source
    solved = [SolvedQuestion(question, functions["solve"](**functions["parse"](question))) for question in questions]
    sandbox = FakeSandbox({name: functions[name] for name in ("solve", "parse", "unparse")})
    return await unread(sandbox, source, solved)


HEAD = "A shop sells pencils in boxes. Three boxes cost 21 dollars in all. How many dollars do "
TAIL = " boxes cost? Answer with the number alone."
PRICES = [f"{HEAD}{number}{TAIL}" for number in (3, 5, 8, 12, 40, 7, 9, 100, 55, 23, 61, 2)]
START, END = re.escape(HEAD), re.escape(TAIL)
SEVEN_EACH = "str(7 * int(n))"
ADD = "str(int(a) + int(b))"
ADD_ALL = r're.sub(r"\D+", " ", q) and str(sum(map(int, re.findall(r"\d+", q))))'

LISTS = [f"Sort these words: List: {' '.join(random.Random(n).sample(WORDS, 4 + n % 4))}" for n in range(12)]  # noqa: S311
SORTED = '" ".join(sorted(words.split(" ")))'

RUSSIAN = [f"Утром было {a} ящиков яблок, привезли ещё {b} ящиков. Сколько ящиков стало?" for a, b in NUMBERS]
CHINESE = [f"小明有{a}个苹果,小红有{b}个苹果,一共有多少个苹果?" for a, b in NUMBERS]
FRENCH = [f"Élodie à {a} ans et Zoé à {b} ans. À combien s'élève l'âge des deux ?" for a, b in NUMBERS]
CAPITALS = [f"ADD {a} TO {b} AND PRINT THE RESULT!" for a, b in NUMBERS]
SIGNS = [f"{a} + {b} = ?" for a, b in NUMBERS]
BARE = [f"{a} {sign} {b}" for (a, b), sign in zip(NUMBERS, "+-*" * 9, strict=False)]
CALCULATED = 'str(int(a) + int(b) if s == "+" else int(a) - int(b) if s == "-" else int(a) * int(b))'

CODED = "Give the Base64 encoding of the UTF-8 bytes of the text right after this colon:"
TEXTS = [f"{CODED}{word} {n * 37}" for n, word in enumerate(WORDS)]
PLACES = "On a shelf/In the old barn/At noon/Under a tree by the river/In Anna's attic/Near the port".split("/") * 2
SCENES = [
    f"{place}, {20 + n} {WORDS[n]} stand in a row. How many are left when {n} go?" for n, place in enumerate(PLACES)
]

ENDINGS = ("", " Thanks!", " Please round nothing.", " In dollars, please.")
ORDERS = [
    f"Order for {name}: {n} apples at {2 + n % 5} dollars each. What is the total?{ENDINGS[n % 4]}"
    for n, name in enumerate("Anna Ben Carla Dora Emil Fay Gus Hana Ivo Jane Kofi Lena".split(), 3)
]


def scenes(place: str, what: str) -> str:
    return module(
        rf"(?P<place>{place}), (?P<n>\d+) (?P<what>{what}) stand in a row\. How many are left when (?P<k>\d+) go\?",
        "{place}, {n} {what} stand in a row. How many are left when {k} go?",
        "str(int(n) - int(k))",
    )


def orders(name: str, tail: str) -> str:
    return module(
        rf"Order for (?P<name>{name}): (?P<n>\d+) apples at (?P<p>\d+) dollars each\. What is the total\?(?P<t>{tail})",
        "Order for {name}: {n} apples at {p} dollars each. What is the total?{t}",
        "str(int(n) * int(p))",
    )


IN_A_LIST = """
import re

def solve(orders: list[dict[str, str]], tail: str) -> str:
    return str(sum(int(one["n"]) * int(one["p"]) for one in orders))

def parse(question: str) -> dict | None:
    form = r"Order for (?P<who>.+?): (?P<n>\\d+) apples at (?P<p>\\d+) dollars each[.] What is the total[?](?P<t>.*)"
    found = re.fullmatch(form, question)
    if found is None or found["t"] not in ("", " Thanks!", " Please round nothing.", " In dollars, please."):
        return None
    return {"orders": [{"who": found["who"], "n": found["n"], "p": found["p"]}], "tail": found["t"]}

def unparse(orders: list[dict[str, str]], tail: str) -> str:
    one = orders[0]
    return f"Order for {one['who']}: {one['n']} apples at {one['p']} dollars each. What is the total?{tail}"
"""

AS_A_KEY = """
import re

def solve(orders: dict[str, list[int]], tail: str) -> str:
    return str(sum(n * p for n, p in orders.values()))

def parse(question: str) -> dict | None:
    form = r"Order for (?P<who>.+?): (?P<n>\\d+) apples at (?P<p>\\d+) dollars each[.] What is the total[?](?P<t>.*)"
    found = re.fullmatch(form, question)
    if found is None or found["t"] not in ("", " Thanks!", " Please round nothing.", " In dollars, please."):
        return None
    return {"orders": {found["who"]: [int(found["n"]), int(found["p"])]}, "tail": found["t"]}

def unparse(orders: dict[str, list[int]], tail: str) -> str:
    ((who, (n, p)),) = orders.items()
    return f"Order for {who}: {n} apples at {p} dollars each. What is the total?{tail}"
"""

BY_NAME = "return str(sum(n * p * (who not in {'Anna', 'Ben', 'Emil'}) for who, (n, p) in orders.items()))"

GAME = "Alice, Bob, and Claire play a game. Alice has a red ball, Bob a blue one, and Claire a green one."


def game(number: int) -> str:
    drawn = random.Random(number)  # noqa: S311 - the same games each time
    pairs = [drawn.sample(["Alice", "Bob", "Claire"], 2) for _ in range(2 + number % 5)]
    moves = " ".join(f"Then {one} and {other} swap balls." for one, other in pairs)
    return f"{GAME} {moves} At the end, {drawn.choice(['Alice', 'Bob', 'Claire'])} has the"


GAMES = [game(number) for number in range(12)]
PLAYED = """
import re

def solve({taken}, who: str) -> str:
    has = {{"Alice": "red", "Bob": "blue", "Claire": "green"}}
    for one, other in {pairs}:
        has[one], has[other] = has[other], has[one]
    return has[who]

def parse(question: str) -> dict | None:
    match = re.fullmatch({start!r} + r" (.*) At the end, (Alice|Bob|Claire) has the", question)
    {read}

def unparse({taken}, who: str) -> str:
    return f"{start} {{{written}}} At the end, {{who}} has the"
"""
READS_MOVES = PLAYED.format(
    taken="pairs: list",
    pairs="pairs",
    start=GAME,
    read="""
    move = r"Then (Alice|Bob|Claire) and (Alice|Bob|Claire) swap balls\\."
    if not match or not re.fullmatch(f"{move}( {move})*", match[1]):
        return None
    return {"pairs": [list(pair) for pair in re.findall(move, match[1])], "who": match[2]}""",
    written="' '.join(f'Then {one} and {other} swap balls.' for one, other in pairs)",
)
CARRIES_MOVES = PLAYED.format(
    taken="moves: str",
    pairs='re.findall(r"(\\w+) and (\\w+) swap balls", moves)',
    start=GAME,
    read='return {"moves": match[1], "who": match[2]} if match else None',
    written="moves",
)


POSITIVE = "Great phone with a bright screen/I love these shoes a lot/Sturdy desk; easy to assemble/Best buy by far"
NEGATIVE = "It broke after two days/Really bad sound from both speakers/The zipper broke at once/Such a bad fit"
REVIEWS = [f"Review: {one}" for one in f"{POSITIVE}/{NEGATIVE}".split("/")]
KEYWORD = '"negative" if "bad" in t or "broke" in t else "positive"'

PAYMENTS = (
    "Please pay {m} euros to {who} on {d} {month} 2024.",
    "{who} gets {m} EUR; the transfer should be made on {d} {month} 2024, not earlier.",
    "On {d} {month} 2024, move an amount of {m} to the account of {who}!",
)
PEOPLE = (
    "Anna Weiss/Ben/Chloe Martin/David/Emil Zola/Fatma/Grace Lee/Hugo/Ines Roth/Jan/Kim/Lars Moe/Mia/Nils/Olga".split(
        "/"
    )
)
MONTHS = "January February March April May June".split()
PAID = [
    PAYMENTS[n % 3].format(who=who, m=37 + 41 * n, d=1 + 2 * n % 27, month=MONTHS[n % 5])
    for n, who in enumerate(PEOPLE)
]
SLOTS = {
    "who": r"[A-Z][a-z]+(?: [A-Z][a-z]+)*",
    "m": r"[1-9]\d*",
    "d": r"[1-9]\d?",
    "month": "January|February|March|April|May|June",
}


def payments(pairs: dict[str, str], solve: str, slots: dict[str, str] | None = None) -> str:
    """A tool with a pattern and a form for each way of phrasing; its arguments are that way's number and the groups."""
    named = {name: f"(?P<{name}>{slot})" for name, slot in (SLOTS | (slots or {})).items()}
    patterns = [pattern.format(**named) for pattern in pairs]
    return f"""
import re

PATTERNS = {patterns}
FORMS = {list(pairs.values())}

def solve(way: int, given: dict) -> str:
    return {solve}

def parse(question: str) -> dict | None:
    for way, pattern in enumerate(PATTERNS):
        match = re.fullmatch(pattern, question, re.DOTALL)
        if match:
            return {{"way": way, "given": match.groupdict()}}
    return None

def unparse(way: int, given: dict) -> str:
    return FORMS[way].format(**given)
"""


EACH_WAY = {re.escape(form).replace(r"\{", "{").replace(r"\}", "}"): form for form in PAYMENTS}
ALL_OF_IT = """"{who}: {m}, {d} {month}".format(**given)"""


@pytest.mark.parametrize(
    ("source", "questions"),
    [
        (payments(EACH_WAY, ALL_OF_IT), PAID),
        (payments(EACH_WAY, ALL_OF_IT, {"who": ".+?"}), PAID),
        (payments(EACH_WAY, 'given["m"]'), PAID),
        (module(f"{START}(?P<n>[0-9]+){END}", f"{HEAD}{{n}}{TAIL}", SEVEN_EACH), PRICES),
        (
            module(
                f"{START.replace('21', '(?P<x>[0-9]+)')}(?P<n>[0-9]+){END}",
                f"{HEAD.replace('21', '{x}')}{{n}}{TAIL}",
                "str(int(x) * int(n) // 3)",
            ),
            PRICES,
        ),
        (
            module("Sort these words: List: (?P<words>[a-z]+(?: [a-z]+)*)", "Sort these words: List: {words}", SORTED),
            LISTS,
        ),
        (module("Sort these words: List: (?P<words>.+)", "Sort these words: List: {words}", SORTED), LISTS),
        (
            module("Sort these words: List: (?P<words>.+)", "Sort these words: List: {words}", 'str(words.count(" "))'),
            LISTS,
        ),
        (
            module(f"{re.escape(CODED)}(?P<t>.+)", f"{CODED}{{t}}", "base64.b64encode(t.encode()).decode()"),
            TEXTS,
        ),
        (scenes(place=r"[A-Z][\w' ]*", what=r"\w+"), SCENES),
        (orders(name=r"[A-Z][a-z]+", tail="| Thanks!| Please round nothing.| In dollars, please."), ORDERS),
        (AS_A_KEY.replace("<who>.+?", "<who>[A-Z][a-z]+"), ORDERS),
        (AS_A_KEY.replace("return str(sum(n * p for n, p in orders.values()))", BY_NAME), ORDERS),
        (
            module(
                r"Утром было (?P<a>\d+) ящиков яблок, привезли ещё (?P<b>\d+) ящиков\. Сколько ящиков стало\?",
                "Утром было {a} ящиков яблок, привезли ещё {b} ящиков. Сколько ящиков стало?",
                ADD,
            ),
            RUSSIAN,
        ),
        (
            module(
                r"小明有(?P<a>\d+)个苹果,小红有(?P<b>\d+)个苹果,一共有多少个苹果\?",
                "小明有{a}个苹果,小红有{b}个苹果,一共有多少个苹果?",
                ADD,
            ),
            CHINESE,
        ),
        (module(r"(?P<a>\d+) (?P<s>[-+*]) (?P<b>\d+) = \?", "{a} {s} {b} = ?", CALCULATED), SIGNS),
        (module(r"(?P<a>\d+) (?P<s>[-+*]) (?P<b>\d+)", "{a} {s} {b}", CALCULATED), BARE),
        (READS_MOVES, GAMES),
    ],
    ids=[
        *("several ways", "several ways and any name", "several ways and an amount"),
        *("a price", "a price that could be another", "words", "any words", "words that are counted", "any text"),
        *(
            "scenes and names",
            "names and known endings",
            "names as keys",
            "any name, as a key that the answer depends on",
            "Cyrillic",
            "Chinese",
            "signs",
            "no shared wording",
            "moves in varying number",
        ),
    ],
)
async def test_a_parser_that_reads_all_of_it_passes(source: str, questions: list[str]) -> None:
    assert await complaints(source, questions) == ()


@pytest.mark.parametrize(
    ("source", "questions"),
    [
        (module("Review: (?P<t>.+)", "Review: {t}", KEYWORD), REVIEWS),
        (identity(KEYWORD.replace(" t ", " q ")), REVIEWS),
        (identity(r're.search(r"(?:pay|gets|of) (\d+)", q)[1]'), PAID),
        (
            payments(
                {
                    "Please pay {m} euros (?P<rest>.*)": "Please pay {m} euros {rest}",
                    "{who} gets {m} EUR;(?P<rest>.*)": "{who} gets {m} EUR;{rest}",
                    "(?P<rest>.*), move an amount of {m} to (?P<tail>.*)": "{rest}, move an amount of {m} to {tail}",
                },
                'given["m"]',
            ),
            PAID,
        ),
        (identity(r'str(7 * int(re.findall(r"\d+", q)[1]))'), PRICES),
        (identity(r'str(7 * int(re.search(r"do .*?(\d+)", q)[1]))'), PRICES),
        (module(f"{START}(?P<n>[0-9]+)(?P<rest>.*)", f"{HEAD}{{n}}{{rest}}", SEVEN_EACH), PRICES),
        (module(f"{START}(?P<n>[0-9]+){END}(?P<rest>.*)", f"{HEAD}{{n}}{TAIL}{{rest}}", SEVEN_EACH), PRICES),
        (module(f"(?P<rest>.*) do (?P<n>[0-9]+){END}", f"{{rest}} do {{n}}{TAIL}", SEVEN_EACH), PRICES),
        (module(f"(?P<rest>.*){START}(?P<n>[0-9]+){END}", f"{{rest}}{HEAD}{{n}}{TAIL}", SEVEN_EACH), PRICES),
        (module(f"{START}(?P<x>.*?)(?P<n>[0-9]+){END}", f"{HEAD}{{x}}{{n}}{TAIL}", SEVEN_EACH), PRICES),
        (module(f"{START}(?P<n>[0-9]+)(?P<x>( [a-z]+)*){END}", f"{HEAD}{{n}}{{x}}{TAIL}", SEVEN_EACH), PRICES),
        (module("(?P<h>.*) boxes cost[?](?P<t>.*)", "{h} boxes cost?{t}", 'str(7 * int(h.split(" ")[-1]))'), PRICES),
        (
            module(
                f"{START.replace('21', '(?P<x>[0-9]+)')}(?P<n>[0-9]+){END}",
                f"{HEAD.replace('21', '{x}')}{{n}}{TAIL}",
                SEVEN_EACH,
            ),
            PRICES,
        ),
        (module("Sort(?P<x>.*) List: (?P<words>.+)", "Sort{x} List: {words}", SORTED), LISTS),
        (identity(ADD_ALL), RUSSIAN),
        (
            module(
                r"Утром было (?P<a>\d+) (?P<x>.*) (?P<b>\d+) ящиков\. Сколько ящиков стало\?",
                "Утром было {a} {x} {b} ящиков. Сколько ящиков стало?",
                ADD,
            ),
            RUSSIAN,
        ),
        (identity(ADD_ALL), CHINESE),
        (module(r"小明有(?P<a>\d+)个苹果,小红有(?P<b>\d+)(?P<x>.*)", "小明有{a}个苹果,小红有{b}{x}", ADD), CHINESE),
        (identity(ADD_ALL), FRENCH),
        (identity(ADD_ALL), CAPITALS),
        (module(r"ADD (?P<a>\d+) TO (?P<b>\d+) (?P<x>[A-Z !]*)", "ADD {a} TO {b} {x}", ADD), CAPITALS),
        (module(r"(?P<a>\d+) (?P<x>\S) (?P<b>\d+) = \?", "{a} {x} {b} = ?", ADD), SIGNS),
        (identity(ADD_ALL), SIGNS),
        (
            identity(
                r"(lambda a, s, b: " + CALCULATED + r')(*re.search(r"(\d+) ([-+*]) (\d+)", q).groups())',
            ),
            BARE,
        ),
        (CARRIES_MOVES, GAMES),
        (scenes(place=".+?", what=r"\w+"), SCENES),
        (scenes(place=r"[A-Z][\w' ]*", what=".+?"), SCENES),
        (orders(name=".+?", tail="| Thanks!| Please round nothing.| In dollars, please."), ORDERS),
        (orders(name="[A-Z][a-z]+", tail=".*"), ORDERS),
        (IN_A_LIST, ORDERS),
        (AS_A_KEY, ORDERS),
    ],
    ids=[
        *("a keyword in free text", "a keyword anywhere", "identity for several ways"),
        "a rest in each of several ways",
        *("identity", "identity by a keyword", "trailing rest", "empty trailing rest", "leading rest"),
        *("empty leading rest", "anything before a number", "any words after a number", "both sides of a keyword"),
        *("a fixed number", "middle", "Cyrillic", "Cyrillic middle", "Chinese", "Chinese rest", "accents", "capitals"),
        *("capitals rest", "any sign", "signs", "no shared wording", "moves in varying number"),
        *(
            "any scene",
            "any things",
            "any name",
            "any ending",
            "any name, kept beside what is read",
            "any name, as a key",
        ),
    ],
)
async def test_a_parser_that_carries_text_unread_is_caught(source: str, questions: list[str]) -> None:
    assert await complaints(source, questions)


async def test_a_complaint_names_what_is_not_read_and_shows_it_in_its_place() -> None:
    source = module(r"ADD (?P<a>\d+) TO (?P<b>\d+)(?P<x>.*)", "ADD {a} TO {b}{x}", ADD)
    told = await complaints(source, CAPITALS)
    assert re.match(r"The fixed word 'AND' is not read: with 'ADD 3 TO 50 [A-Z]{3} PRINT", told[0])
    assert not any("'ADD' is not read" in one for one in told), "that word it does read"
    assert len(told) <= 8


async def test_a_long_question_is_shown_only_around_the_change() -> None:
    long = [question + " and again" * 2_000 for question in CAPITALS]
    told = await complaints(identity(ADD_ALL), long)
    assert all(len(one) < 400 for one in told)


async def test_a_fixed_number_without_effect_in_one_case_counts_as_read_when_another_has_one() -> None:
    free = [f"Anna is free until 18:00 and busy from {h}:00. When can we meet?" for h in range(9, 18)]
    source = module(
        r"Anna is free until (?P<end>[012]\d):(?P<m>[0-5]\d) and busy from (?P<h>\d+):00\. When can we meet\?",
        "Anna is free until {end}:{m} and busy from {h}:00. When can we meet?",
        '"before " + min(h, end, key=int) + ":00"',
    )
    assert await complaints(source, free) == ()


async def test_one_question_alone_says_nothing_about_what_is_fixed() -> None:
    assert await complaints(identity(ADD_ALL), CAPITALS[:1]) == ()


@pytest.mark.parametrize("questions", [PRICES, RUSSIAN, CHINESE, FRENCH, CAPITALS, SIGNS, BARE, GAMES, LISTS])
async def test_the_same_questions_give_the_same_probes_and_no_probe_is_one_of_them(questions: list[str]) -> None:
    probes = draw_probes(questions)
    assert probes == draw_probes(questions)
    every = [variant for probe in (*probes.fixed, *probes.moved, *probes.drawn) for variant in probe.variants]
    assert every
    assert not set(every) & set(questions)


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800", "\u0301", "a", "\U000e0001", "١٢", "ⅷ ½", "नमस्ते दुनिया"])
async def test_any_text_can_be_probed(text: str) -> None:
    draw_probes([text, text + text, f"{text} {text}?"])
    draw_probes([text, text])


async def test_questions_that_are_too_long_to_be_probed_are_not_let_pass() -> None:
    long = [question + " and again" * 20_000 for question in CAPITALS]
    assert [one.partition(":")[0] for one in await complaints(identity(ADD_ALL), long)] == [
        "The questions are too long to try what is read of them"
    ]


async def test_the_probes_of_a_long_question_are_few() -> None:
    texts = [f"{' '.join(WORDS[n:] + WORDS[:n])} {n} " * 100 for n in range(12)]
    probes = draw_probes(texts)
    assert len(probes.fixed) + len(probes.moved) + len(probes.drawn) < 400
