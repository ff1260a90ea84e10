"""The calculator against exact fractions, and against everything that is no arithmetic."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.toolformer.apis.api import ApiError
from hammerstone.toolformer.apis.api import CallContext as CallContext
from hammerstone.toolformer.apis.calculator import Calculator, calculate, rounded

pytestmark = pytest.mark.anyio


async def asked(text: str) -> str:
    return await Calculator()(text, CallContext())


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("400 / 1400", "0.29"),  # figure 1
        ("27 + 4 * 2", "35"),  # table 1
        ("735 / 499", "1.47"),  # table 10
        ("85 / 23", "3.70"),
        ("18 + 12 * 3", "54"),  # the prompt
        ("18 + 12 x 3", "54"),
        ("658,893 / 11.4%", "5779763.16"),
        ("723 / 252", "2.87"),
        ("723 - 20", "703"),
        ("2011 - 1994", "17"),
        ("4 * 30", "120"),
    ],
)
async def test_the_papers_own_examples_have_the_papers_results(text: str, result: str) -> None:
    assert await asked(text) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1+2", "3"),
        ("  ( 1 + 2 ) * -3 ", "-9"),
        ("12x3", "36"),
        ("6 × 7", "42"),  # noqa: RUF001 - the sign of a text
        ("7 ÷ 2", "3.50"),
        ("5 − 7", "-2"),  # noqa: RUF001
        ("$1,234,567.50 * 2", "2469135"),
        ("50%", "0.50"),
        ("50 % * 8", "4"),
        ("--5", "5"),
        (".5 + 5.", "5.50"),
        ("0.1 + 0.2 - 0.3", "0"),
        ("1 / 3 * 3", "1"),
        ("1 / 3 * 3 * 0.005", "0.01"),
        ("0 - 0.001", "0.00"),
        ("-2.675", "-2.68"),
        ("2.999", "3.00"),
        ("99999999999999 * 99999999999999", "9999999999999800000000000001"),
    ],
)
async def test_numbers_are_exact_and_rounded_once(text: str, result: str) -> None:
    assert await asked(text) == result


@pytest.mark.parametrize(
    "text",
    [
        *("9**9**9", "9^9", "7 // 2", "7 % 2", "2(3)", "(2)(3)", "1, 2", "1,40", "1,4000", "12 34", "1.2.3", "()", ""),
        *("1 +", "* 2", "(1", "1)", "1 = 1", "1 < 2", "1 if 1 else 2", "n0", "n0 + 1", "1e5", "1_000", "1j", "exp 2"),
        *("__import__('os')", "print(1)", "[1]", "'1'", "1 # 2", "1\\\n+ 2", "lambda: 1", "٣ + 1", "1;2", "xxx"),
    ],
)
async def test_what_is_no_expression_has_no_result(text: str) -> None:
    with pytest.raises(ApiError, match=r"^bad syntax$"):
        await asked(text)


async def test_a_tower_of_powers_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(ApiError, match="bad syntax"):
        await asked("**".join(["9"] * 60))


async def test_expressions_are_never_evaluated_as_python(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`eval` as a calculator runs whatever a model has written."""
    file = tmp_path_factory.mktemp("empty") / "made"
    with pytest.raises(ApiError):
        await asked(f"open({str(file)!r}, 'w').write('x')")
    assert not file.exists()


@pytest.mark.parametrize("text", ["1 / 0", "1 / (2 - 2)", "0 / 0%"])
async def test_division_by_zero_has_no_result(text: str) -> None:
    with pytest.raises(ApiError, match=r"^division by zero$"):
        await asked(text)


@pytest.mark.parametrize("text", ["1" * 201, "1 + " * 60 + "1"])
async def test_a_long_expression_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match=r"^too long$"):
        await asked(text)


async def test_a_result_that_would_have_to_be_cut_is_refused() -> None:
    with pytest.raises(ApiError, match=r"^too large$"):
        await asked("9999999999 * 9999999999 * 9999999999 * 9999999999")


async def test_deep_nesting_is_computed() -> None:
    assert await asked("(" * 99 + "1" + ")" * 99) == "1"
    assert await asked("-" * 199 + "1") == "-1"


@pytest.mark.parametrize("text", ["(" * 200, ")" * 200, "(" * 100 + "1" + ")" * 99, "-" * 200])
async def test_deep_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match=r"^bad syntax$"):
        await asked(text)


numbers = st.one_of(
    st.integers(0, 10**9).map(lambda n: (str(n), Fraction(n))),
    st.integers(0, 10**9).map(lambda n: (f"{n:,}", Fraction(n))),
    st.decimals(0, 10**6, places=3).map(lambda d: (f"{d:f}", Fraction(d))),
    st.decimals(0, 1000, places=1).map(lambda d: (f"{d:f}%", Fraction(d) / 100)),
)


def combined(parts: st.SearchStrategy[tuple[str, Fraction | None]]) -> st.SearchStrategy[tuple[str, Fraction | None]]:
    def join(left: tuple[str, Fraction | None], sign: str, right: tuple[str, Fraction | None]):
        text = f"({left[0]}){sign}({right[0]})"
        if left[1] is None or right[1] is None or (sign.strip() in "/÷" and not right[1]):
            return text, None
        match sign.strip():
            case "+":
                return text, left[1] + right[1]
            case "-":
                return text, left[1] - right[1]
            case "/" | "÷":
                return text, left[1] / right[1]
            case _:
                return text, left[1] * right[1]

    signs = st.sampled_from(["+", " - ", "*", " x ", "×", " / ", "÷"])  # noqa: RUF001 - signs of texts
    return st.builds(join, parts, signs, parts)


@given(st.recursive(numbers, combined, max_leaves=6))
def test_any_expression_has_the_value_that_fractions_give(tree: tuple[str, Fraction | None]) -> None:
    text, value = tree
    if value is None:
        with pytest.raises(ApiError, match="division by zero"):
            calculate(text)
    else:
        assert calculate(text) == value
        assert calculate(f"-({text})") == -value


@given(st.lists(st.sampled_from(["1", "23", "4.5", "+", "-", "*", "/", "(", ")", " "]), max_size=12).map("".join))
def test_precedence_is_that_of_arithmetic(text: str) -> None:
    """Python itself is the reference, for expressions that it reads alike."""
    try:
        expected = eval(text.strip(), {})  # noqa: S307 - of the characters above only
    except (SyntaxError, ZeroDivisionError, TypeError):  # TypeError: `1(2)`, `()`
        with pytest.raises(ApiError):
            calculate(text)
        return
    if "**" in text or "//" in text or not isinstance(expected, int | float):
        with pytest.raises(ApiError):
            calculate(text)
    else:
        assert float(calculate(text)) == pytest.approx(expected)


@given(st.fractions(min_value=-(10**12), max_value=10**12, max_denominator=10**6))
def test_a_result_is_rounded_to_two_decimals_as_decimal_does_it(value: Fraction) -> None:
    exact = Context(prec=60)
    quotient = exact.divide(Decimal(value.numerator), Decimal(value.denominator))
    expected = quotient.quantize(Decimal("0.01"), ROUND_HALF_UP, exact)
    assert Decimal(rounded(value)) == expected
    assert ("." in rounded(value)) == (value.denominator != 1)
