"""The due date and the amount of an invoice: terms, working days, discount, late fee, tax and deposit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.companies._reading import AMOUNT, find_amount, find_dates, find_one, find_some, to_cents
from hammerstone.evals.tasks.companies._wording import MONTHS, draw_amount, draw_date, draw_message, round_half_up
from hammerstone.evals.tasks.generated_task import chat_instance

if TYPE_CHECKING:
    import random

    from hammerstone.types import Instance

__all__ = ["DESCRIPTION", "DETAILS", "NAME", "REASONS", "SYSTEM", "TAXES", "TEMPLATES", "TERMS", "check", "generate"]

NAME = "invoice_payment"
DESCRIPTION = (
    "Say when an invoice is due and what is to be paid by its terms, with tax, discount, late fee and deposit."
)
SYSTEM = """\
You answer questions about invoices of Brandt & Osei Tools. A message states an amount, the terms, the date of the \
invoice and the date of payment (the later of the two dates). Answer with one line and nothing else.
Amounts "plus VAT" or "before VAT" get 19 % added, rounded to a cent; amounts "including VAT" or "incl. VAT" are final.
A deposit, if one is mentioned, is taken off then; what remains is the balance.
"N days net" or "net N" is due N days after the date of the invoice.
"N days EOM" or "end of month plus N days" is due N days after the last day of the month of the invoice.
"On receipt" or "immediately" is due 3 days after the date of the invoice.
If the due date is a Saturday, a Sunday, 1 January, 1 May, 25 December or 26 December, it moves to the next day that \
is none of these.
Discount: payment at most 10 days after the date of the invoice earns 2 % of the balance, key accounts 3 %. It is only \
given for net terms of 30 days or more and for all EOM terms. Round the discount to a cent.
Payment on the due date or before it, without a discount: the balance.
Payment 1 to 5 days late (key accounts: 1 to 15 days): the balance, without a fee.
Later payment: a fee of 1 % of the balance for each 30 days that have begun since the due date, rounded to a cent, and \
at least EUR 20. It is added to the balance.
Half a cent is always rounded up. Dates with dots are day.month.year.
In numbers a comma separates thousands and a dot decimals; 1.2k means 1,200.
The last word is "discount", "balance" or "fee", in brackets.
Write the answer like this: Due on 2 April 2026. To pay: EUR 1234.50 (balance)."""

CUSTOMERS = (
    *("Adler", "Bellini", "Corvin", "Delacroix", "Eklund", "Farkas", "Gruber", "Holm", "Ibarra", "Jansen"),
    *("Kowalski", "Larsen", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Schuster", "Tanaka"),
    *("Uhl", "Varga", "Weiss", "Ximenes", "Yilmaz", "Zeman"),
)
TERMS = {
    "net": ("{} days net", "net {}"),
    "end of month": ("{} days EOM", "end of month plus {} days"),
    "receipt": ("on receipt", "immediately"),
}
TAXES = {"added": ("plus VAT", "before VAT"), "included": ("including VAT", "incl. VAT")}
TEMPLATES = (
    "We received invoice {invoice} for {amount} from you, dated {issued}, terms: {terms}. We intend to pay on {paid}. "
    "What do we have to transfer?",
    "Invoice: {invoice}\nDate: {issued}\nTerms: {terms}\nAmount: {amount}\nPayment: {paid}",
    "{customer} paid invoice {invoice} on {paid}. It was issued on {issued} for {amount}, payment {terms}. What was "
    "owed, and when was it due?",
    "inv {invoice}, {amount}, {issued}, {terms}, paying {paid} - how much?",
    "Please work out the due date of the invoice of {issued} to {customer}, payable {terms}. The amount is {amount}; "
    "the money arrives on {paid}.",
    "According to our invoice of {issued} (terms: {terms}), {customer} has to pay {amount}. They announced it for "
    "{paid}. Which sum do I expect?",
    "customer: {customer}\npaid on: {paid}\ninvoiced on: {issued}\nterms: {terms}\nsum: {amount}",
    "Payment date {paid}; invoice date {issued}; terms {terms}; {amount}. Kindly tell me the amount to book for "
    "{customer}.",
    "Would you be so kind as to confirm what {customer} owes? The terms are {terms}. You billed {amount} on {issued}, "
    "and we would settle on {paid}.",
    "Bank transfer from {customer} planned for {paid}. Invoice {invoice} of {issued}, {amount}, {terms}.",
)
DETAILS = {
    "key account": ("This is a key account.", "Status: key account.", "As you know, it has key account conditions."),
    "deposit": (
        "A deposit of {} was paid.",
        "Deposit: {}.",
        "Please deduct the deposit of {}.",
        "{} came as a deposit.",
    ),
}
REASONS = (
    "Our accountant is on holiday.",
    "We are closing the books.",
    "The bank had a problem with its website.",
    "I could not find it in the portal.",
    "The auditors want to know.",
    "Cash is a bit tight at the moment.",
)


@dataclass(frozen=True, kw_only=True)
class _Invoice:
    """Amounts are in cents. `days` is 0 for terms without a number."""

    amount: int
    taxed: bool
    deposit: int
    terms: str
    days: int
    issued: date
    paid: date
    key_account: bool


def generate(rng: random.Random) -> Instance:
    one = _draw_invoice(rng)
    request = rng.choice(TEMPLATES).format(
        invoice=f"{rng.choice('ABCDEFGH')}{rng.randint(10000, 99999)}",
        customer=rng.choice(CUSTOMERS),
        amount=f"{_draw_amount(rng, one.amount)} {rng.choice(TAXES['included' if one.taxed else 'added'])}",
        issued=draw_date(rng, one.issued),
        paid=draw_date(rng, one.paid),
        terms=rng.choice(TERMS[one.terms]).format(one.days),
    )
    details: list[str] = []
    if one.key_account:
        details.append(rng.choice(DETAILS["key account"]))
    if one.deposit:
        details.append(rng.choice(DETAILS["deposit"]).format(draw_amount(rng, one.deposit)))
    return chat_instance(SYSTEM, draw_message(rng, request, details, REASONS), _answer(one))


def _draw_invoice(rng: random.Random) -> _Invoice:
    """Payment comes within the time for a discount, in time, shortly after it, or months later."""
    terms = rng.choice(tuple(TERMS))
    days = {"net": rng.choice((7, 14, 30, 45, 60)), "end of month": rng.choice((10, 15, 30)), "receipt": 0}[terms]
    amount = rng.choice((rng.randint(30000, 900000), 100 * rng.randint(300, 9000), 10000 * rng.randint(5, 90)))
    issued = date(2026, 1, 1) + timedelta(days=rng.randrange(700))
    one = _Invoice(
        amount=amount,
        taxed=rng.random() < 0.5,
        deposit=500 * rng.randint(4, amount // 1500) if rng.random() < 0.35 else 0,
        terms=terms,
        days=days,
        issued=issued,
        paid=issued,
        key_account=rng.random() < 0.35,
    )
    due = _due(one)
    paid = rng.choice(
        (
            issued + timedelta(days=rng.randint(1, 12)),
            issued + timedelta(days=rng.randint(1, (due - issued).days)),
            due + timedelta(days=rng.randint(1, 20)),
            due + timedelta(days=rng.randint(16, 120)),
        )
    )
    return replace(one, paid=paid)


def _draw_amount(rng: random.Random, cents: int) -> str:
    """An amount as people write it: from 1,000 on, at times as `1.2k`."""
    if cents >= 100_000 and cents % 10_000 == 0 and rng.random() < 0.4:
        return rng.choice(("EUR {:g}k", "€{:g}k", "{:g}k EUR")).format(cents / 100_000)
    return draw_amount(rng, cents)


def _due(one: _Invoice) -> date:
    if one.terms == "receipt":
        due = one.issued + timedelta(days=3)
    elif one.terms == "net":
        due = one.issued + timedelta(days=one.days)
    else:
        first_of_next = (one.issued.replace(day=28) + timedelta(days=4)).replace(day=1)
        due = first_of_next + timedelta(days=one.days - 1)
    while due.weekday() >= 5 or (due.month, due.day) in {(1, 1), (5, 1), (12, 25), (12, 26)}:
        due += timedelta(days=1)
    return due


def _answer(one: _Invoice) -> str:
    due = _due(one)
    balance = (one.amount if one.taxed else round_half_up(119 * one.amount, 100)) - one.deposit
    late = (one.paid - due).days
    discounted = one.terms == "end of month" or one.days >= 30
    if discounted and (one.paid - one.issued).days <= 10:
        pay, why = balance - round_half_up((3 if one.key_account else 2) * balance, 100), "discount"
    elif late <= (15 if one.key_account else 5):
        pay, why = balance, "balance"
    else:
        pay, why = balance + max(2000, round_half_up(-(-late // 30) * balance, 100)), "fee"
    written = f"{due.day} {MONTHS[due.month - 1]} {due.year}"
    return f"Due on {written}. To pay: EUR {pay // 100}.{pay % 100:02} ({why})."


# The check: decimals, and days counted one by one.

_HOLIDAYS = ("01-01", "05-01", "12-25", "12-26")
_DEPOSIT = rf"(?:deposit of |Deposit: )({AMOUNT})|({AMOUNT}) came as a deposit"


def check(question: str, answer: str) -> bool:
    issued, paid = find_dates(question, NAME, 2)
    key = "key account" in question
    due, discounted = _read_due(question, issued)
    balance = _balance(question)
    day, late = due, 0
    while day < paid:
        day = date.fromordinal(day.toordinal() + 1)
        late += 1
    if discounted and paid.toordinal() <= issued.toordinal() + 10:
        pay, why = balance - to_cents(balance * Decimal("0.03" if key else "0.02")), "discount"
    elif late <= 5 or (key and late <= 15):
        pay, why = balance, "balance"
    else:
        begun = len(range(0, late, 30))
        pay, why = balance + max(Decimal(20), to_cents(balance * begun / 100)), "fee"
    month = due.strftime("%m")
    return answer == f"Due on {due.day} {_MONTH_NAMES[month]} {due.year}. To pay: EUR {pay:.2f} ({why})."


_MONTH_NAMES = {f"{number:02}": name for number, name in enumerate(MONTHS, 1)}


def _read_due(question: str, issued: date) -> tuple[date, bool]:
    """The due date, and whether there may be a discount."""
    terms = find_one(
        r"\b(?:net (\d+)|(\d+) days net|(\d+) days EOM|end of month plus (\d+) days|on receipt|immediately)\b",
        question,
        NAME,
    )
    net, end_of_month = terms[1] or terms[2], terms[3] or terms[4]
    day = issued
    if end_of_month:
        while day.month == issued.month:
            day = date.fromordinal(day.toordinal() + 1)
        day = date.fromordinal(day.toordinal() - 1)
    day = date.fromordinal(day.toordinal() + int(net or end_of_month or 3))
    while day.isoweekday() in (6, 7) or day.isoformat()[5:] in _HOLIDAYS:
        day = date.fromordinal(day.toordinal() + 1)
    return day, bool(end_of_month) or int(net or 0) >= 30


def _balance(question: str) -> Decimal:
    deposit = find_some(_DEPOSIT, question, NAME)
    rest = question.replace(deposit[0], "") if deposit else question
    amount = find_amount(rest, NAME)
    if find_one(r"\b(?:plus|before|including|incl\.) VAT\b", question, NAME)[0] in ("plus VAT", "before VAT"):
        amount = to_cents(amount * Decimal("1.19"))
    return amount - (find_amount(deposit[0], NAME) if deposit else 0)
