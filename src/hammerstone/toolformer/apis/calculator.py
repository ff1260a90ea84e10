"""A calculator: the four operations, and whatever else the paper's prompt for it uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from fractions import Fraction
from math import floor

from hammerstone.toolformer.apis.api import ApiError, CallContext

__all__ = ["Calculator", "calculate", "rounded"]

LONGEST = 200  # characters of an expression
MOST_DIGITS = 30  # of a result, before its decimal point

_SIGNS = str.maketrans({"x": "*", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})  # noqa: RUF001 - as texts write them
_NUMBER = re.compile(r"[$€£]?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)( ?%)?", re.ASCII)
_BETWEEN = re.compile(r"[ +\-*/()]*")


class Calculator:
    """`400 / 1400` is 0.29: exact arithmetic, rounded to two decimals at the end ("Results are always rounded to two
    decimal places", section 3); whole numbers have none. Anything but an expression has no result (appendix A.1).
    """

    @property
    def name(self) -> str:
        return "Calculator"

    @property
    def description(self) -> str:
        return (
            "Computes an expression of numbers with +, -, *, / and parentheses, such as 658,893 / 11.4%, "
            "and gives a number that is rounded to two decimals."
        )

    async def __call__(self, text: str, context: CallContext) -> str:  # noqa: ARG002 - the contract's
        return rounded(calculate(text))


def calculate(text: str) -> Fraction:
    """The exact value. Raises `ApiError`.

    Nothing is evaluated as Python. First a name replaces each number in the text (floats would lose digits, and Python
    reads `1,400` as a pair); Python's parser then only finds the structure of names, operators and parentheses. We walk
    that syntax tree and accept four operations and two signs: a power, a call or a pair is bad syntax, so `9**9**9`
    costs nothing.
    """
    text = " ".join(text.translate(_SIGNS).split())
    if len(text) > LONGEST:
        raise ApiError("too long")
    if not _BETWEEN.fullmatch(_NUMBER.sub("", text)):
        raise ApiError("bad syntax")
    numbers = [_number(match) for match in _NUMBER.finditer(text)]
    names = (f" n{k} " for k in range(len(numbers)))
    try:
        tree = ast.parse(_NUMBER.sub(lambda _: next(names), text).strip(), mode="eval")
    except SyntaxError as error:
        raise ApiError("bad syntax") from error
    return _value(tree.body, numbers)


def rounded(value: Fraction) -> str:
    """The value with two decimals, halves rounded away from zero; a whole number without decimals."""
    if value.denominator == 1:
        digits = str(abs(value.numerator))
    else:
        hundredths = floor(abs(value) * 100 + Fraction(1, 2))
        digits = f"{hundredths // 100}.{hundredths % 100:02}"
    if len(digits.partition(".")[0]) > MOST_DIGITS:
        raise ApiError("too large")
    return f"-{digits}" if value < 0 and digits != "0.00" else digits


def _number(match: re.Match[str]) -> Fraction:
    value = Fraction(match[1].replace(",", "").rstrip("."))
    return value / 100 if match[2] else value


def _value(node: ast.expr, numbers: Sequence[Fraction]) -> Fraction:
    match node:
        case ast.Name(id=name):
            return numbers[int(name[1:])]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, numbers)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, numbers)
        case ast.BinOp(left=left, op=operator, right=right):
            return _combined(_value(left, numbers), operator, _value(right, numbers))
        case _:
            raise ApiError("bad syntax")


def _combined(left: Fraction, operator: ast.operator, right: Fraction) -> Fraction:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            if not right:
                raise ApiError("division by zero")
            return left / right
        case _:
            raise ApiError("bad syntax")
