"""The refund for a returned article: by category, condition, days and membership."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.companies._reading import find_amount, find_dates, find_some, to_cents, which
from hammerstone.evals.tasks.companies._wording import draw_amount, draw_date, draw_message, round_half_up
from hammerstone.evals.tasks.generated_task import chat_instance

if TYPE_CHECKING:
    import random

    from hammerstone.types import Instance

__all__ = ["DESCRIPTION", "DETAILS", "NAME", "REASONS", "STATES", "SYSTEM", "TEMPLATES", "check", "generate"]

NAME = "refund_decision"
DESCRIPTION = "Decide what is paid back for a returned product by category, condition, dates, membership and sale."
SYSTEM = """\
You decide on returns for Lindqvist Home. A message states a product, its price, the day of purchase, the day of the \
return (the later of the two dates) and its condition. Answer with one JSON object and nothing else.
Clothing: coat, raincoat, shirt, scarf, skirt, belt, sweater, hat.
Electronics: grinder, lamp, speaker, hairdryer, tablet, keyboard, kettle, headset.
Furniture: armchair, bookcase, stool, table, bedframe, bench, wardrobe, desk.
Hygiene: pillow, mattress, toothbrush, shaver, sponge, duvet, towel, bathrobe.
Return period in days after the purchase: clothing 30, electronics 14, furniture 45, hygiene 14.
Plus members have 10 days more. Something defective has 365 days instead, for everybody.
"last_day" is the last day of that period; if it is a Sunday, it is the Monday after it.
Share of the price: sealed 100 %; opened but not used 90 %, electronics 80 %; used 50 %, electronics 40 %; defective \
100 %. Hygiene products that were opened or used get nothing.
On the last day or before it, the decision is "refund"; for something bought on sale (reduced, marked down) \
it is "credit", unless defective.
From 1 to 10 days after the last day, the decision is "credit", and the share falls by 2 percentage points for each day.
Later than that, or where the share is nothing, the decision is "none" and the amount 0.00.
The amount is price times share, rounded to a cent (half a cent up). Then 4.90 for postage is taken off, but not from \
members, not for something defective, and not if the price is 150 EUR or more.
Dates with dots are day.month.year. In numbers a comma separates thousands and a dot decimals.
Write the object in this order, without spaces: {"decision":"refund","amount":"1234.50","last_day":"2026-04-30"}"""

_CATEGORIES = {
    "clothing": ("coat", "raincoat", "shirt", "scarf", "skirt", "belt", "sweater", "hat"),
    "electronics": ("grinder", "lamp", "speaker", "hairdryer", "tablet", "keyboard", "kettle", "headset"),
    "furniture": ("armchair", "bookcase", "stool", "table", "bedframe", "bench", "wardrobe", "desk"),
    "hygiene": ("pillow", "mattress", "toothbrush", "shaver", "sponge", "duvet", "towel", "bathrobe"),
}
_PERIODS = {"clothing": 30, "electronics": 14, "furniture": 45, "hygiene": 14}
STATES = {
    "sealed": ("still sealed", "in its sealed wrapping", "unopened"),
    "opened": ("opened but not used", "out of the wrapping, not in use so far", "unpacked but never tried"),
    "used": ("lightly used", "already in use", "no longer new, in daily use"),
    "defective": ("defective", "broken on arrival", "faulty"),
}
TEMPLATES = (
    "I bought the {product} for {price} on {bought} and would like to return it on {returned}. It is {state}.",
    "Return request\nProduct: {product}\nPrice: {price}\nPurchased: {bought}\nReturned: {returned}\nCondition: {state}",
    "On {returned} the customer brought back one {product}, {state}. Receipt of {bought}, {price}.",
    "{product}, {price}, bought {bought}, back {returned}, {state}. what do they get?",
    "Can I send back my {product} on {returned}? I paid {price} for it on {bought}. The condition: {state}.",
    "Could you please check whether order {order} can be refunded? It contains a single {product} at {price}, dated "
    "{bought}. We would post it on {returned}, and it is {state}.",
    "order {order}\nitem: {product}, {state}\nbought on: {bought}\nsent back on: {returned}\npaid: {price}",
    "The {product} you sold me is {state}. You charged {price} on {bought}. I can drop it off on {returned}.",
    "How much money is due for this return: {product} ({state}), {price}, purchase {bought}, return {returned}?",
    "A return arrived on {returned}: {product} from order {order}, {state}. It was paid on {bought}, {price}.",
)
DETAILS = {
    "member": (
        "I am a Plus member.",
        "Plus membership: yes.",
        "The account has Plus.",
        "We have been with Plus for years.",
    ),
    "sale": ("It was on sale.", "It was a sale item.", "The price was reduced.", "It was marked down at the time."),
}
REASONS = (
    "It was the wrong colour.",
    "My partner had already ordered one.",
    "It does not fit into our hall.",
    "It was meant as a gift.",
    "We are moving abroad soon.",
    "I changed my mind.",
)


@dataclass(frozen=True, kw_only=True)
class _Return:
    """The price is in cents."""

    category: str
    state: str
    price: int
    bought: date
    returned: date
    member: bool
    sale: bool


def generate(rng: random.Random) -> Instance:
    one = _draw_return(rng)
    request = rng.choice(TEMPLATES).format(
        product=rng.choice(_CATEGORIES[one.category]),
        state=rng.choice(STATES[one.state]),
        price=draw_amount(rng, one.price),
        bought=draw_date(rng, one.bought),
        returned=draw_date(rng, one.returned),
        order=f"{rng.choice('BDFKMRTX')}{rng.choice('LNPQSVWZ')}-{rng.randint(10000, 99999)}",
    )
    stated = [name for name, said in (("member", one.member), ("sale", one.sale)) if said]
    details = [rng.choice(DETAILS[name]) for name in stated]
    decision, amount = _decide(one)
    answer = {"decision": decision, "amount": f"{amount // 100}.{amount % 100:02}", "last_day": str(_last_day(one))}
    return chat_instance(
        SYSTEM, draw_message(rng, request, details, REASONS), json.dumps(answer, separators=(",", ":"))
    )


def _draw_return(rng: random.Random) -> _Return:
    """Most returns come near the end of their period, where the rules differ."""
    category, state = rng.choice(tuple(_PERIODS)), rng.choice(tuple(STATES))
    period = 365 if state == "defective" else _PERIODS[category] + 5
    bought = date(2025, 1, 1) + timedelta(days=rng.randrange(600))
    return _Return(
        category=category,
        state=state,
        price=_draw_price(rng, category),
        bought=bought,
        returned=bought + timedelta(days=max(1, period + rng.randint(-20, 20))),
        member=rng.random() < 0.4,
        sale=rng.random() < 0.35,
    )


def _draw_price(rng: random.Random, category: str) -> int:
    """Cents, on both sides of the price from which postage is free."""
    if category in ("electronics", "furniture") and rng.random() < 0.5:
        return rng.choice((5000 * rng.randint(10, 60), 100 * rng.randint(1000, 2500) - 1))
    return rng.choice((rng.randint(3000, 24000), 500 * rng.randint(6, 50)))


def _last_day(one: _Return) -> date:
    period = 365 if one.state == "defective" else _PERIODS[one.category] + 10 * one.member
    last = one.bought + timedelta(days=period)
    return last + timedelta(days=1) if last.weekday() == 6 else last


def _decide(one: _Return) -> tuple[str, int]:
    """The decision and the amount in cents."""
    late = max(0, (one.returned - _last_day(one)).days)
    share = _share(one)
    if late > 10 or not share:
        return "none", 0
    decision = "credit" if late or (one.sale and one.state != "defective") else "refund"
    amount = round_half_up(one.price * (share - 2 * late), 100)
    free = one.member or one.state == "defective" or one.price >= 15000
    return decision, amount if free else amount - 490


def _share(one: _Return) -> int:
    """The refund in per cent of the price, for a return in time."""
    if one.category == "hygiene" and one.state in ("opened", "used"):
        return 0
    shares = {"sealed": 100, "opened": 90, "used": 50, "defective": 100}
    return shares[one.state] - 10 * (one.category == "electronics" and one.state in ("opened", "used"))


# The check: a table of all cases, and days counted one by one.

_READ_STATES = {
    "sealed": ("sealed", "unopened"),
    "opened": ("opened but not used", "not in use so far", "unpacked but never tried"),
    "used": ("lightly used", "already in use", "no longer new, in daily use"),
    "defective": ("defective", "broken on arrival", "faulty"),
}
_PERCENT = {
    "clothing": {"sealed": 100, "opened": 90, "used": 50},
    "electronics": {"sealed": 100, "opened": 80, "used": 40},
    "furniture": {"sealed": 100, "opened": 90, "used": 50},
    "hygiene": {"sealed": 100, "opened": 0, "used": 0},
}


def check(question: str, answer: str) -> bool:
    category, state = which(_CATEGORIES, question, NAME), which(_READ_STATES, question, NAME)
    bought, returned = find_dates(question, NAME, 2)
    member = find_some(r"\bPlus\b", question, NAME) is not None
    sale = find_some(r"\b(?:on sale|sale item|reduced|marked down)\b", question, NAME) is not None
    price = find_amount(question, NAME)
    days = 365 if state == "defective" else {"clothing": 30, "furniture": 45}.get(category, 14) + (10 if member else 0)
    last = bought.toordinal() + days
    last += last % 7 == 0  # day 7 of the calendar was a Sunday
    percent = _PERCENT[category].get(state, 100)
    late = len(range(last, returned.toordinal()))
    if percent == 0 or late > 10:
        decision, amount = "none", Decimal(0)
    else:
        decision = "refund" if late == 0 and (state == "defective" or not sale) else "credit"
        amount = to_cents(price * (percent - late - late) / 100)
        if not member and state != "defective" and price < 150:
            amount -= Decimal("4.9")
    last_day = date.fromordinal(last).isoformat()
    return answer == f'{{"decision":"{decision}","amount":"{amount:.2f}","last_day":"{last_day}"}}'
