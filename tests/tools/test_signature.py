"""Signatures: every annotation that stands for JSON, the checks of arguments, and their schema."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.tools.signature import ArgumentsError, Signature, SignatureError, read_signature
from hammerstone.types import JSON


def of(parameters: str, before: str = "") -> Signature:
    return read_signature(f"{before}\ndef solve({parameters}) -> str:\n    return ''\n")


def refusal(signature: Signature, **arguments: JSON) -> str:
    with pytest.raises(ArgumentsError) as caught:
        signature.validate(arguments)
    return str(caught.value)


SCALARS: list[tuple[str, JSON, JSON]] = [
    ("str", "a", 1),
    ("int", 3, "3"),
    ("int", 10**30, 3.0),
    ("int", 0, True),
    ("float", 1.5, "1.5"),
    ("float", 2, True),
    ("bool", True, 1),
    ("None", None, 0),
]
CONTAINERS: list[tuple[str, JSON, JSON]] = [
    ("list", [1, "a", None], {"a": 1}),
    ("list[str]", ["a"], ["a", 1]),
    ("List[int]", [1], [1.5]),
    ("typing.List[typing.List[int]]", [[1], []], [1]),
    ("Sequence[str]", ["a"], "a"),
    ("collections.abc.Sequence[str]", ["a"], [None]),
    ("Iterable[int]", [1], ["1"]),
    ("list[list[str]]", [["a"]], [["a"], "b"]),
    ("tuple", [1, "a"], "a"),
    ("tuple[int, str]", [1, "a"], [1, "a", 2]),
    ("Tuple[str, ...]", ["a", "b"], ["a", 1]),
    ("list[tuple[str, int]]", [["a", 1]], [["a"]]),
    ("dict", {"a": [1]}, [1]),
    ("dict[str, int]", {"a": 1}, {"a": "1"}),
    ("Dict[str, List[int]]", {"a": [1]}, {"a": 1}),
    ("Mapping[str, float]", {"a": 1.5}, {"a": None}),
    ("dict[Literal['a', 'b'], int]", {"a": 1}, {"c": 1}),
]
OTHERS: list[tuple[str, JSON, JSON]] = [
    ("str | None", None, 1),
    ("Optional[str]", "a", 1),
    ("Union[int, str]", "a", None),
    ("int | list[int]", [1], ["a"]),
    ("Literal['up', 'down']", "up", "left"),
    ("Literal[1, -1]", -1, 2),
    ("Literal[True]", True, False),
    ("'list[str]'", ["a"], "a"),
    ("list['int']", [1], ["a"]),
    ("Annotated[str, 'the word']", "a", 1),
    ("list[Any]", [1, "a", None, [True]], 1),
    ("dict[str, object]", {"a": 1}, [1]),
]


@pytest.mark.parametrize(("annotation", "fits", "fails"), SCALARS + CONTAINERS + OTHERS)
def test_an_annotation_takes_what_fits_and_nothing_else(annotation: str, fits: JSON, fails: JSON) -> None:
    signature = of(f"a: {annotation}")
    signature.validate({"a": fits})
    assert refusal(signature, a=fails).startswith("a")


@pytest.mark.parametrize("annotation", ["Any", "object", "typing.Any"])
def test_any_takes_every_json_value(annotation: str) -> None:
    for value in (None, 1, "a", [1], {"a": [None]}):
        of(f"a: {annotation}").validate({"a": value})


@pytest.mark.parametrize(
    "annotation",
    [
        "set[str]",
        "frozenset",
        "bytes",
        "complex",
        "date",
        "Fraction",
        "Callable[[int], int]",
        "dict[int, str]",
        "dict[str]",
        "list[int, str]",
        "Optional[int, str]",
        "Literal[1.5]",
        "Literal[Color.RED]",
        "Union[()]",
        "'a list of words'",
        "[str]",
        "1",
        "str or int",
        "list[" * 40 + "int" + "]" * 40,
    ],
)
def test_an_annotation_that_is_no_json_type_is_refused_with_the_name_of_the_parameter(annotation: str) -> None:
    with pytest.raises(SignatureError, match="parameter `words` of `solve`"):
        of(f"words: {annotation}")


# names of types


@pytest.mark.parametrize(
    "before",
    [
        "Pair = tuple[str, str]\n",
        "Pair: TypeAlias = Tuple[str, str]\n",
        "Name = str\nPair = tuple[Name, Name]\n",
        "Pair = 'tuple[str, str]'\n",
        "Name = Pair = str\nName = str\nPair = tuple[Name, 'Name']\n",
    ],
)
def test_a_name_that_the_module_gives_to_a_type_is_read(before: str) -> None:
    signature = of("pairs: list[Pair]", before)
    signature.validate({"pairs": [["a", "b"]]})
    assert refusal(signature, pairs=[["a", 1]]).startswith("pairs.0.1")


def test_the_manual_shows_what_the_names_stand_for() -> None:
    source = (
        "Pair = tuple[str, int]\nUP = 'up'\n"
        "def solve(pairs: 'list[Pair]', order: str = UP) -> str:\n    '''Sorts.\n\n    By number.'''\n    return ''\n"
    )
    assert read_signature(source).manual == (
        'def solve(pairs: list[tuple[str, int]], order: str=\'up\') -> str:\n    """Sorts.\n\n    By number."""'
    )


@pytest.mark.parametrize(
    "before",
    [
        "A = list['A']\n",
        "A = B\nB = A\n",
        "A0 = int\n" + "".join(f"A{i} = tuple[A{i - 1}, A{i - 1}]\n" for i in range(1, 60)) + "A = A59\n",
        "A = re.compile('a')\n",
        "A = 'a b'\n",
    ],
)
def test_a_name_that_leads_to_itself_or_to_too_much_or_to_no_type_is_refused(before: str) -> None:
    with pytest.raises(SignatureError, match="parameter `a`"):
        of("a: A", before)


# defaults


@pytest.mark.parametrize("default", ["1", "-1", "'a'", "None", "True", "1.5", "[]", "{}", "()", "[1, [2]]", "{'a': 1}"])
def test_a_parameter_with_a_default_may_be_left_out(default: str) -> None:
    of(f"a: int, b: object = {default}").validate({"a": 1})


@pytest.mark.parametrize("default", ["set()", "{1}", "b'a'", "1j", "1e999", "str(1)", "UNKNOWN", "...", "f'{1}'"])
def test_a_default_that_is_no_json_value_is_refused(default: str) -> None:
    with pytest.raises(SignatureError, match="is not a literal JSON value"):
        of(f"a: object = {default}")


def test_a_default_of_none_means_that_none_may_be_given() -> None:
    of("a: str = None").validate({"a": None})


@pytest.mark.parametrize(
    ("parameter", "passed"),
    [
        ("b: float = 21", "21.0"),
        ("b: float | None = 21", "21.0"),
        ("b: list[float] = [1, 2.5]", "[1.0, 2.5]"),
        ("b: Mapping[str, float] = {'c': -1}", "{'c': -1.0}"),
    ],
)
def test_leaving_out_a_default_that_stands_for_a_float_is_passing_it(parameter: str, passed: str) -> None:
    signature = of(f"a: int, {parameter}")
    left_out = signature.validate({"a": 1})
    assert repr(left_out["b"]) == passed
    assert repr(signature.validate({"a": 1, "b": signature.fields[1].default})) == repr(left_out)


@pytest.mark.parametrize("parameter", ["b: float = 21.0", "b: float | int = 21", "b: object = 21", "b: list = [1]"])
def test_a_default_that_is_passed_as_it_is_written_is_left_to_python(parameter: str) -> None:
    assert of(f"a: int, {parameter}").validate({"a": 1}) == {"a": 1}


def test_a_keyword_only_parameter_is_like_any_other() -> None:
    signature = of("a: int, *, b: int, c: int = 3")
    signature.validate({"a": 1, "b": 2})
    assert signature.parameters == ("a", "b", "c")
    assert refusal(signature, a=1) == "b: Field required"


# arguments


def test_every_argument_that_does_not_fit_is_named() -> None:
    message = refusal(of("a: int, b: str, c: list[str]"), b=1, c=["x", None], d=0)
    assert message.split("; ") == [
        "a: Field required",
        "b: Input should be a valid string",
        "c.1: Input should be a valid string",
        "d: Extra inputs are not permitted",
    ]


def test_at_most_five_faults_are_told() -> None:
    assert refusal(of("a: list[int]"), a=["x"] * 50).count(";") == 4


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_of_json_is_no_argument(number: float) -> None:
    assert "not JSON compliant" in refusal(of("a: float"), a=number)
    assert "not JSON compliant" in refusal(of("a: Any"), a=[number])


def test_arguments_nested_beyond_reason_are_refused_and_do_not_crash() -> None:
    deep: JSON = []
    for _ in range(100_000):
        deep = [deep]
    assert refusal(of("a: list"), a=deep) == "arguments: nested too deeply"


@pytest.mark.parametrize("name", ["copy", "_x", "model_config", "schema", "json", "self", "validate", "größe"])
def test_a_parameter_may_have_any_name(name: str) -> None:
    signature = of(f"{name}: int")
    signature.validate({name: 1})
    assert list(signature.schema["properties"]) == [name]


@given(st.dictionaries(st.sampled_from("abcd"), st.integers() | st.text() | st.none()))
def test_arguments_fit_exactly_when_python_could_call_the_function_with_values_of_its_types(
    arguments: dict[str, JSON],
) -> None:
    expected = (
        set(arguments) <= set("abc")
        and type(arguments.get("a")) is int
        and isinstance(arguments.get("b"), str)
        and ("c" not in arguments or isinstance(arguments["c"], str) or arguments["c"] is None)
    )
    try:
        of("a: int, b: str, c: str | None = 'x'").validate(arguments)
        fits = True
    except ArgumentsError:
        fits = False
    assert fits == expected


# the rest of a signature


def test_the_schema_says_what_is_required_and_allows_nothing_else() -> None:
    schema = of("words: list[str], order: Literal['up', 'down'] = 'up', copy: int | None = None").schema
    assert schema["required"] == ["words"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["words"]["items"] == {"type": "string"}
    assert schema["properties"]["order"]["enum"] == ["up", "down"]
    assert schema["properties"]["order"]["default"] == "up"
    assert schema["properties"]["copy"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]


def test_the_text_is_the_def_line() -> None:
    assert of("a: int, *, b: str = 'x'").text == "def solve(a: int, *, b: str='x') -> str"


def test_a_function_without_a_docstring_has_a_manual_too() -> None:
    assert of("a: int").manual == "def solve(a: int) -> str:\n    ..."


def test_another_function_of_the_module_can_be_read() -> None:
    source = "def solve(a: int) -> str:\n    return ''\n\ndef unparse(b: str) -> 'str':\n    return b\n"
    assert (read_signature(source, "unparse").parameters, read_signature(source, "unparse").returns) == (("b",), "str")


@pytest.mark.parametrize("parameters", ["a: int, /", "*a: int", "**a: int"])
def test_parameters_that_cannot_be_given_by_name_are_refused(parameters: str) -> None:
    with pytest.raises(SignatureError, match="may only have named parameters"):
        of(parameters)


def test_a_return_annotation_is_needed_and_read() -> None:
    with pytest.raises(SignatureError, match="needs a return annotation"):
        read_signature("def solve(a: int):\n    return ''\n")
    with pytest.raises(SignatureError, match="the return annotation of `solve`"):
        read_signature("def solve(a: int) -> 'the answer':\n    return ''\n")


def test_a_method_or_an_inner_function_is_not_the_function() -> None:
    with pytest.raises(SignatureError, match="no top-level function `solve`"):
        read_signature("def other():\n    def solve(a: int) -> str:\n        return ''\n")


@pytest.mark.parametrize(
    ("annotation", "written", "passed"),
    [
        ("float", 21, 21.0),
        ("float", -(2**53), -(2.0**53)),
        ("float", 10**22, 1e22),  # beyond 2**53, and yet a float has exactly this value
        ("float | None", 3, 3.0),
        ("str | float", 3, 3.0),
        ("list[float]", [1, 2.5], [1.0, 2.5]),
        ("tuple[int, float]", [1, 2], [1, 2.0]),
        ("tuple[float, ...]", [1, 2], [1.0, 2.0]),
        ("dict[str, float]", {"a": 1}, {"a": 1.0}),
        ("list[dict[str, list[float]]]", [{"a": [1]}], [{"a": [1.0]}]),
        ("list[int] | list[float]", [1, 2.5], [1.0, 2.5]),
        ("int", 21, 21),
        ("int | float", 21, 21),
        ("float | int", 21, 21),
        ("float | Literal[21]", 21, 21),
        ("list[float] | list[int]", [1, 2], [1, 2]),
        ("list[float] | list[Any]", [1, 2], [1, 2]),
        ("Any", [21], [21]),
    ],
)
def test_an_integer_is_passed_as_a_float_where_only_a_float_fits(annotation: str, written: JSON, passed: JSON) -> None:
    validated = of(f"a: {annotation}").validate({"a": written})
    assert repr(validated) == repr({"a": passed})  # 21 == 21.0 and 1 == True: only their text tells them apart


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 10**23, 10**400])
def test_an_integer_that_no_float_has_is_no_float(number: int) -> None:
    assert refusal(of("a: float"), a=number) == "a: No float has exactly this value"
    assert refusal(of("a: list[float | None]"), a=[number]).startswith("a.0: ")
    assert of("a: float | int").validate({"a": number}) == {"a": number}


def test_arguments_keep_their_order_and_are_not_changed_themselves() -> None:
    given: dict[str, JSON] = {"b": [1], "a": 2}
    validated = of("a: float, b: list[float]").validate(given)
    assert repr(validated) == "{'b': [1.0], 'a': 2.0}"
    assert repr(given) == "{'b': [1], 'a': 2}"


@pytest.mark.parametrize(
    ("annotation", "fails", "message"),
    [
        ("Literal[1]", True, "a: Input should be 1"),
        ("Literal[True, 'x']", 1, "a: Input should be True or 'x'"),
        ("Literal['a', 'b', 'c']", "d", "a: Input should be 'a', 'b' or 'c'"),
        ("int | list[int]", ["a"], "a.0: Input should be a valid integer"),
        ("int | str", [], "a: Input should be a valid integer or a valid string"),
        ("Literal['x'] | Literal['y'] | None", "z", "a: Input should be 'x' or 'y' or null"),
        ("tuple[int, int]", [1], "a: Input should have 2 items, not 1"),
        ("dict[Literal['a'], int]", {"b": 1}, "a.b: The key should be 'a'"),
        ("bool", 0, "a: Input should be a valid boolean"),
        ("dict", [], "a: Input should be an object"),
    ],
)
def test_a_fault_says_where_it_is_and_what_should_stand_there(annotation: str, fails: JSON, message: str) -> None:
    assert refusal(of(f"a: {annotation}"), a=fails) == message


# bounds of arguments


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0] * 100_000, "more than 100,000 values"),
        ("x" * 1_000_001, "1,000,000 characters"),
        ({"x" * 1_000_001: 1}, "1,000,000 characters"),
        (10**4_300, "an integer of 14,285 bits"),
        ([10**4_000] * 1_000, "1,000,000 characters"),
        ([[[[{"a": 1 << 20_000}]]]], "an integer of 20,001 bits"),
        ("a\ud800", "half of a surrogate pair"),
        ({"\udfff": 1}, "half of a surrogate pair"),
    ],
    ids=range(8),
)
def test_arguments_have_bounds_of_size_and_are_text(value: JSON, message: str) -> None:
    assert message in refusal(of("a: Any"), a=value)


@pytest.mark.parametrize("value", [{1: 2}, {1, 2}, b"a", (1,), 1j, object()], ids=range(6))
def test_what_json_does_not_have_is_no_argument(value: Any) -> None:
    assert refusal(of("a: Any"), a=[value]).startswith("arguments: ")


def test_the_largest_arguments_that_a_question_can_hold_are_checked() -> None:
    signature = of("a: list[Literal['x', 'y'] | float | None], b: str")
    validated = signature.validate({"a": [1, "x", None] * 30_000, "b": "é" * 200_000})
    assert validated["a"] == [1, "x", None] * 30_000


def nested(value: JSON, levels: int) -> JSON:
    for _ in range(levels):
        value = [value]
    return value


DOUBLING = "int"
for _ in range(7):  # each level can be read in two ways
    DOUBLING = f"list[{DOUBLING}] | Sequence[{DOUBLING}]"


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("list[Union[" + ", ".join(f"list[Literal[{number}]]" for number in range(200)) + "]]", [[-1]] * 3_000),
        ("list[int]", ["x"] * 99_000),
        (DOUBLING, [nested("x", 6)] * 10_000),
        ("dict[Literal['a'], int]", {f"{number}" + "x" * 100: 1 for number in range(9_000)}),
        ("list[list[list[int]]]", [[["x"] * 40] * 40] * 40),
    ],
    ids=range(5),
)
def test_hostile_arguments_are_refused_with_a_short_message(annotation: str, value: JSON) -> None:
    assert len(refusal(of(f"a: {annotation}"), a=value)) < 5_000


HOSTILE = """
import json, resource
from hammerstone.tools.signature import ArgumentsError, read_signature

def check(annotation, text):
    signature = read_signature(f"def solve(a: {annotation}) -> str: return ''")
    try:
        signature.validate({"a": json.loads(text)})
    except ArgumentsError:
        print("refused")

words = ", ".join(f"Literal['w{i}', 'v{i}']" for i in range(300))
pairs = ", ".join(f"tuple[Literal['w{i}'], int]" for i in range(300))
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 100_000_000,) * 2)
used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 4,) * 2)
check(f"list[Union[{words}]]", json.dumps(["x"] * 3_000))
check(f"list[Union[{pairs}]]", json.dumps([["w299", "x"]] * 3_000))
check("list[int]", json.dumps(["x"] * 200_000))
check("list[int]", "[" + ",".join(["[]"] * 330_000) + "]")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and limits on memory that the kernel keeps")
def test_hostile_arguments_are_refused_before_they_cost_much_time_or_memory() -> None:
    """All of them in a process that may take 100 MB more and four seconds of a processor."""
    done = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["refused"] * 4), done.stderr[-500:]


# bounds of a signature

DOCSTRING = "word " * 2_000
A_LIST = "A = [" + "1, " * 900 + "]\n"
A_TUPLE = "A = tuple[" + "int, " * 900 + "]\n"
IN_PARENTHESES = "A = '" + "(" * 190 + "int" + ")" * 190 + "'\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (f"def solve({', '.join(f'a{number}: int' for number in range(65))}) -> str: ...", "more than 64 parameters"),
        (f'def solve(a: int) -> str:\n    """{DOCSTRING}"""', "the docstring of `solve` has 10,000 characters"),
        (f"def solve({'a' * 10_000}: int) -> str: ...", "the signature of `solve` has 10,0"),
        (f"def solve(a: Literal['{'x' * 10_000}']) -> str: ...", "the signature of `solve` has 10,0"),
        (f"def solve(a: str = '{'x' * 10_000}') -> str: ...", "the signature of `solve` has 10,0"),
        (f"def solve(a: Literal[{'1, ' * 5_000}]) -> str: ...", "parameter `a` of `solve`: `Literal"),
        (f"def solve(a: Union[{'int, ' * 5_000}]) -> str: ...", "parameter `a` of `solve`: `Union"),
        (f"def solve(a: object = [{'1, ' * 5_000}]) -> str: ...", "is too long"),
        (f"{A_TUPLE}def solve(a: tuple[{'A, ' * 900}]) -> str: ...", "cannot be read"),
        (f"{A_LIST}def solve({', '.join(f'a{n}: list = A' for n in range(9))}) -> str: ...", "is too long"),
        (f"{IN_PARENTHESES}def solve(a: tuple[{'A, ' * 3_000}]) -> str: ...", "cannot be read"),
        (f"def solve(a: '{'int | ' * 500}int') -> str: ...", "cannot be read"),
        (f"def solve(a: int = 0x{'f' * 4_000}) -> str: ...", "an integer of 16,000 bits"),
        (f"def solve(a: Literal[0o{'7' * 5_000}]) -> str: ...", "an integer of 15,000 bits"),
        ("def solve(a: 'int\\0') -> str: ...", "cannot be read"),
    ],
    ids=range(15),
)
def test_a_signature_beyond_all_bounds_is_refused_with_a_short_reason(source: str, message: str) -> None:
    with pytest.raises(SignatureError) as caught:
        read_signature(source)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_long_signature_within_bounds_is_read() -> None:
    names = ", ".join(f"'country {number}'" for number in range(300))
    signature = of(f"a: Country, b: Literal[{', '.join(map(str, range(365)))}]", f"Country = Literal[{names}]\n")
    signature.validate({"a": "country 299", "b": 364})


def test_a_module_that_python_cannot_compile_has_no_signature() -> None:
    with pytest.raises(SignatureError, match="not valid Python"):
        read_signature("return 1")
