"""The price of a parcel: zones, volume weight, services, a season's surcharge and insurance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.companies._reading import (
    AMOUNT,
    find_amount,
    find_dates,
    find_one,
    find_some,
    to_cents,
    which,
)
from hammerstone.evals.tasks.companies._wording import draw_amount, draw_date, draw_message, round_half_up
from hammerstone.evals.tasks.generated_task import chat_instance

if TYPE_CHECKING:
    import random

    from hammerstone.types import Instance

__all__ = ["DESCRIPTION", "DETAILS", "NAME", "REASONS", "SYSTEM", "TEMPLATES", "check", "generate"]

NAME = "shipping_quote"
DESCRIPTION = "Quote the price of sending parcels by zone, weight, size, service, day of pickup and insured value."
NOT_AVAILABLE = "Not available"
SYSTEM = """\
You quote prices for Fjordline Parcel. A customer writes; answer with one line, the price, and nothing else.
Zone 1: Austria, Belgium, Czechia, Denmark, Germany, Luxembourg, Poland, Slovakia.
Zone 2: Estonia, France, Hungary, Ireland, Italy, Latvia, Slovenia, Sweden.
Zone 3: Bulgaria, Croatia, Cyprus, Greece, Iceland, Malta, Portugal, Romania.
Base price per parcel in EUR, zones 1 / 2 / 3: economy 5.20 / 7.90 / 11.50; standard 7.90 / 11.20 / 16.40; express \
14.90 / 21.80 / 32.50.
"Cheapest" means economy, "normal" means standard, "fastest" means express.
Weight is per parcel, and 1 lb counts as 454 g. The volume weight in kg is length x width x height in cm, divided by \
5000; it counts only if a size is stated. The billable weight is the greater of the two, rounded up to a full 0.5 kg.
The base price covers 2 kg. Each further 0.5 kg costs in zones 1 / 2 / 3: economy 0.35 / 0.55 / 0.80; standard 0.50 / \
0.75 / 1.10; express 0.90 / 1.40 / 2.10.
Economy ends at 15 kg of billable weight. Above that, answer: Not available
Multiply by the number of parcels. For 4 parcels or more, take 10 % off.
A pickup on a Saturday adds 8.50 once. A pickup on a Sunday moves to the Monday after it and adds nothing.
A pickup from 15 November to 24 December adds 12 % to the sum so far; the day that counts is the one after any move.
If a value is stated, it is that of the whole shipment. Insurance costs 1.5 % of what exceeds EUR 200, and at least \
3.00 if anything does. It is added last.
Round to a cent once, at the end; half a cent is rounded up.
Dates with dots are day.month.year. In numbers a comma separates thousands and a dot decimals.
Write the answer like this: EUR 1234.50"""

_ZONES = (
    ("Austria", "Belgium", "Czechia", "Denmark", "Germany", "Luxembourg", "Poland", "Slovakia"),
    ("Estonia", "France", "Hungary", "Ireland", "Italy", "Latvia", "Slovenia", "Sweden"),
    ("Bulgaria", "Croatia", "Cyprus", "Greece", "Iceland", "Malta", "Portugal", "Romania"),
)
_BASE = {"economy": (520, 790, 1150), "standard": (790, 1120, 1640), "express": (1490, 2180, 3250)}
_FURTHER = {"economy": (35, 55, 80), "standard": (50, 75, 110), "express": (90, 140, 210)}
_SERVICES = {"economy": ("economy", "cheapest"), "standard": ("standard", "normal"), "express": ("express", "fastest")}
_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
_CONTAINERS = (("parcel", "parcels"), ("box", "boxes"), ("package", "packages"))

TEMPLATES = (
    "What does it cost to send {parcels} of {weight} to {country} with your {service} service, picked up on {date}?",
    "I would like to ship {parcels} ({weight}) to {country}. Could you collect on {date}? Please use "
    "{service} delivery.",
    "quote pls: {parcels}, {weight}, {country}, {service}, pickup {date}.",
    "Pickup date: {date}\nDestination: {country}\nService: {service}\nContents: {parcels}, {weight}",
    "Our customer in {country} is waiting for {parcels}, {weight}. We can hand it all over on {date} and need a price "
    "for {service} shipping.",
    "On {date} your driver could pick up {parcels} here, {weight}. How much would the {service} service to "
    "{country} be?",
    "- to: {country}\n- weight: {weight}\n- how many: {parcels}\n- collection: {date}\n- speed: {service}",
    "Price check for {country}, {service} rate: it is {parcels} with a weight of {weight}, ready on {date}.",
    "Could you be so kind as to tell me the {service} rate to {country}? The pickup should be on {date}. I have "
    "{parcels} weighing {weight}.",
    "Need {service} shipping, destination {country}. It's {parcels}, {weight}. Collect on {date}.",
)
DETAILS = {
    "size": (
        "Size: {}.",
        "The dimensions are {} per piece.",
        "Each piece measures {}.",
        "I measured {} for each, outer size.",
    ),
    "value": (
        "The goods are worth {} in total.",
        "Declared value: {}.",
        "Please insure the shipment for {}.",
        "Total value {}, to be insured.",
    ),
}
REASONS = (
    "It is a birthday present.",
    "Our usual carrier is on strike.",
    "We are moving our warehouse.",
    "I am comparing several offers.",
    "The buyer asked twice already.",
    "This is for a trade fair.",
)


@dataclass(frozen=True, kw_only=True)
class _Shipment:
    """Grams and volume (cubic centimetres, 0 if unknown) are of one parcel, the value in cents is of all."""

    zone: int
    service: str
    parcels: int
    grams: int
    volume: int
    pickup: date
    value: int


def generate(rng: random.Random) -> Instance:
    zone, service = rng.randrange(3), rng.choice(tuple(_BASE))
    parcels = rng.choice((1, 1, 1, *range(2, 9)))
    grams, weight = _draw_weight(rng)
    pickup = date(2026, 1, 1) + timedelta(days=rng.randrange(730))
    details: list[str] = []
    volume, value = 0, 0
    if rng.random() < 0.5:
        volume, size = _draw_size(rng)
        details.append(rng.choice(DETAILS["size"]).format(size))
    if rng.random() < 0.5:
        value = rng.choice((100 * rng.randint(50, 4000), 5000 * rng.randint(1, 80)))
        details.append(rng.choice(DETAILS["value"]).format(draw_amount(rng, value)))
    request = rng.choice(TEMPLATES).format(
        parcels=_draw_count(rng, parcels),
        weight=weight if parcels == 1 else f"{weight} each",
        country=rng.choice(_ZONES[zone]),
        service=rng.choice(_SERVICES[service]),
        date=draw_date(rng, pickup),
    )
    shipment = _Shipment(
        zone=zone, service=service, parcels=parcels, grams=grams, volume=volume, pickup=pickup, value=value
    )
    return chat_instance(SYSTEM, draw_message(rng, request, details, REASONS), _quote(shipment))


def _draw_weight(rng: random.Random) -> tuple[int, str]:
    """Grams, and the weight as it is written: `7.4 kg`, `7.4kg`, `7400 g`, `7,400 g` or `16 lb`."""
    if rng.random() < 0.2:
        pounds = rng.randint(1, 50)
        return 454 * pounds, f"{pounds} lb"
    grams = 50 * rng.randint(6, 440)
    kilograms = f"{grams / 1000:g}"
    return grams, rng.choice((f"{kilograms} kg", f"{kilograms}kg", f"{grams} g", f"{grams:,} g"))


def _draw_size(rng: random.Random) -> tuple[int, str]:
    length, width, height = sorted((rng.randint(8, 70) for _ in range(3)), reverse=True)
    size = rng.choice(
        (
            f"{length} x {width} x {height} cm",
            f"{length}x{width}x{height} cm",
            f"{10 * length} x {10 * width} x {10 * height} mm",
            f"{length} cm by {width} cm by {height} cm",
        )
    )
    return length * width * height, size


def _draw_count(rng: random.Random, parcels: int) -> str:
    singular, plural = rng.choice(_CONTAINERS)
    count = rng.choice((str(parcels), _COUNTS[parcels - 1]))
    return f"{count} {singular if parcels == 1 else plural}"


def _quote(shipment: _Shipment) -> str:
    """The sums are in thousandths of a cent, so that nothing is rounded before the end."""
    halves = -(-max(5 * shipment.grams, shipment.volume) // 2500)
    if shipment.service == "economy" and halves > 30:
        return NOT_AVAILABLE
    one = _BASE[shipment.service][shipment.zone] + max(0, halves - 4) * _FURTHER[shipment.service][shipment.zone]
    total = 1000 * shipment.parcels * one * (90 if shipment.parcels >= 4 else 100) // 100
    pickup = shipment.pickup + timedelta(days=1) if shipment.pickup.weekday() == 6 else shipment.pickup
    total += 850_000 if pickup.weekday() == 5 else 0
    if (11, 15) <= (pickup.month, pickup.day) <= (12, 24):
        total = total * 112 // 100
    if shipment.value > 20_000:
        total += max(300_000, 15 * (shipment.value - 20_000))
    cents = round_half_up(total, 1000)
    return f"EUR {cents // 100}.{cents % 100:02}"


# The check: kilograms and euros as decimals, half a kilogram added at a time.

_PRICES = {
    "economy": ("5.20 7.90 11.50", "0.35 0.55 0.80"),
    "standard": ("7.90 11.20 16.40", "0.50 0.75 1.10"),
    "express": ("14.90 21.80 32.50", "0.90 1.40 2.10"),
}
_GRAMS = {"kg": Decimal(1000), "g": Decimal(1), "lb": Decimal(454)}
_SIZE = r"\b(\d+)(?: cm by |x| x )(\d+)(?: cm by |x| x )(\d+) (cm|mm)\b"


def check(question: str, answer: str) -> bool:
    zone = int(which({str(number): names for number, names in enumerate(_ZONES)}, question, NAME))
    service = which(_SERVICES, question, NAME)
    kilograms = _billable(question)
    if service == "economy" and kilograms > 15:
        return answer == NOT_AVAILABLE
    price, step = (Decimal(row.split()[zone]) for row in _PRICES[service])
    covered = Decimal(2)
    while covered < kilograms:
        covered += Decimal("0.5")
        price += step
    n = _read_count(question)
    price *= n if n < 4 else n * Decimal("0.9")
    return answer == f"EUR {to_cents(_with_surcharges(price, question))}"


def _billable(question: str) -> Decimal:
    """The kilograms charged for a parcel, by weight or by volume."""
    number, unit = find_one(r"(?<![\d.,])(\d[\d,]*(?:\.\d+)?) ?(kg|g|lb)\b", question, NAME).groups()
    actual = Decimal(number.replace(",", "")) * _GRAMS[unit] / 1000
    if size := find_some(_SIZE, question, NAME):
        sides = [Decimal(side) / (10 if size[4] == "mm" else 1) for side in size.groups()[:3]]
        return max(actual, sides[0] * sides[1] * sides[2] / 5000)
    return actual


def _read_count(question: str) -> int:
    found = find_one(rf"\b(\d+|{'|'.join(_COUNTS)}) (?:parcels?|box(?:es)?|packages?)\b", question, NAME)[1]
    return int(found) if found.isdigit() else _COUNTS.index(found) + 1


def _with_surcharges(price: Decimal, question: str) -> Decimal:
    pickup = find_dates(question, NAME, 1)[0]
    if pickup.strftime("%w") == "6":
        price += Decimal("8.5")
    moved = date.fromordinal(pickup.toordinal() + (pickup.isoweekday() == 7))
    if date(moved.year, 11, 14) < moved < date(moved.year, 12, 25):
        price *= Decimal("1.12")
    if find_some(AMOUNT, question, NAME):
        excess = find_amount(question, NAME) - 200
        if excess > 0:
            price += max(Decimal(3), excess * Decimal("0.015"))
    return price
