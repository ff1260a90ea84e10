"""Words as people write them: greetings, thanks and signatures around a request, dates and amounts within it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from datetime import date

__all__ = [
    "FAREWELLS",
    "GREETINGS",
    "MONTHS",
    "PEOPLE",
    "THANKS",
    "draw_amount",
    "draw_date",
    "draw_message",
    "draw_number",
    "round_half_up",
]

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
PEOPLE = (
    *("Agnes", "Basil", "Chiara", "Dmitri", "Elif", "Fergus", "Greta", "Hamid", "Ilse", "Joao"),
    *("Katya", "Liam", "Mira", "Nils", "Odile", "Pavel", "Quentin", "Rosa", "Stefan", "Tuva"),
    *("Ursula", "Viktor", "Wanda", "Xenia", "Yusuf", "Zofia", "Anton", "Birgit", "Cedric", "Dunja"),
)
GREETINGS = ("Hi,", "Hello!", "Good morning,", "Dear team,", "Hey there,", "To whom it may concern,")
THANKS = ("Thanks!", "Thank you very much.", "Many thanks in advance.", "Thx", "I appreciate your help.")
FAREWELLS = ("Best regards,\n{}", "Cheers, {}", "{}", "Yours sincerely\n{}", "- {}")


def draw_message(rng: random.Random, request: str, details: Sequence[str], reasons: Sequence[str]) -> str:
    """A request with further details before or after it, and with or without what people write around that.

    A request with line breaks keeps its details on lines of their own.
    """
    line_break = "\n" if "\n" in request else " "
    body = rng.sample(details, len(details))
    body.insert(0 if rng.random() < 0.7 else len(body), request)
    if rng.random() < 0.45:
        body.insert(rng.randint(0, 1) * len(body), rng.choice(reasons))
    message = line_break.join(body)
    if rng.random() < 0.6:
        message = rng.choice(GREETINGS) + rng.choice((" ", line_break, "\n\n")) + message
    if rng.random() < 0.45:
        message += rng.choice((line_break, "\n")) + rng.choice(THANKS)
    if rng.random() < 0.5:
        message += "\n" + rng.choice(FAREWELLS).format(rng.choice(PEOPLE))
    return message


def draw_date(rng: random.Random, day: date) -> str:
    """The date as `2026-03-04`, `4 March 2026`, `March 4, 2026` or `04.03.2026`."""
    month = MONTHS[day.month - 1]
    return rng.choice(
        (
            day.isoformat(),
            f"{day.day} {month} {day.year}",
            f"{month} {day.day}, {day.year}",
            f"{day.day:02}.{day.month:02}.{day.year}",
        )
    )


def draw_number(rng: random.Random, cents: int) -> str:
    """The number as `1200`, `1,200`, `1200.00` or `1,200.00`; the short forms keep cents that are not zero."""
    decimals = f".{cents % 100:02}" if cents % 100 or rng.random() < 0.5 else ""
    return rng.choice((f"{cents // 100}{decimals}", f"{cents // 100:,}{decimals}"))


def draw_amount(rng: random.Random, cents: int) -> str:
    """The number with the currency before or after it."""
    return rng.choice(("€{}", "EUR {}", "{} EUR", "{} euros", "{} €")).format(draw_number(rng, cents))


def round_half_up(numerator: int, denominator: int) -> int:
    """The quotient as the nearest integer; a half goes up."""
    return (2 * numerator + denominator) // (2 * denominator)
