"""Signatures: every annotation that stands for JSON, the checks of arguments, and their schema."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.latm.signature import ArgumentsError, Signature, SignatureError, parse_module, read_signature
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


def test_a_module_that_cannot_be_compiled_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        parse_module("return 1")
