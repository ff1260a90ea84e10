"""The calendar: a date is given or today's, and never invented."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.toolformer.apis.api import ApiError, CallContext
from hammerstone.toolformer.apis.calendar import DAYS, MONTHS, Calendar

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("day", "result"),
    [
        ("2023-01-30", "Today is Monday, January 30, 2023."),  # table 1
        ("2017-03-09", "Today is Thursday, March 9, 2017."),  # table 10
        ("2013-04-19", "Today is Friday, April 19, 2013."),
        ("2011-06-25", "Today is Saturday, June 25, 2011."),
    ],
)
async def test_the_papers_own_examples_have_the_papers_results(day: str, result: str) -> None:
    assert await Calendar()("", CallContext(date=day)) == result


async def test_without_a_date_it_is_today() -> None:
    before = date.today()
    result = await Calendar()(" ", CallContext())
    assert result in {await Calendar()("", CallContext(date=day.isoformat())) for day in (before, date.today())}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "/blog/post-12",
            "post-12",
            "12",
            "2023",
            "2023-02",
            "May 2023",
            "2023-02-30",
            "2023-2-9",
            "20230209",
        ),
        *("2023-W06-4", "2023-02-09T10:00:00", " 2023-02-09", "09-02-2023", "https://a.org/2023/02/09/b", "today"),
    ],
)
async def test_what_is_no_date_is_never_made_one(text: str) -> None:
    """Fuzzy parsing finds a date in `/blog/post-12`."""
    with pytest.raises(ApiError, match=r"^no date$"):
        await Calendar()("", CallContext(date=text))


async def test_an_input_is_refused() -> None:
    with pytest.raises(ApiError, match=r"^takes no input$"):
        await Calendar()("2020-01-01", CallContext(date="2023-01-30"))


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_day_has_its_name(day: date) -> None:
    names = ("%A", DAYS[day.weekday()]), ("%B", MONTHS[day.month - 1])
    assert [day.strftime(form) for form, _ in names] == [name for _, name in names]
