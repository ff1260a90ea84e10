"""A calendar: the day on which a text was written, or today."""

from __future__ import annotations

from datetime import date

from hammerstone.toolformer.apis.api import ApiError, CallContext

__all__ = ["Calendar"]

# `strftime` would write these in the language of the machine.
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()


class Calendar:
    """`Calendar()` is "Today is Monday, January 30, 2023." (table 1), for the date of the context.

    A date is never guessed: only YYYY-MM-DD is accepted; anything else has no result. Without a date it is today. A
    text of the corpus without a known date has the empty date, since today's date would be wrong for it.
    """

    @property
    def name(self) -> str:
        return "Calendar"

    @property
    def description(self) -> str:
        return "Takes no input and gives the current date, such as: Today is Monday, January 30, 2023."

    async def __call__(self, text: str, context: CallContext) -> str:
        if text.strip():
            raise ApiError("takes no input")
        day = date.today() if context.date is None else _day(context.date)
        return f"Today is {DAYS[day.weekday()]}, {MONTHS[day.month - 1]} {day.day}, {day.year}."


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ApiError("no date") from error
    if day.isoformat() != text:  # `20230130` and `2023-W05-1` are ISO as well, but not the form of a document's date
        raise ApiError("no date")
    return day
