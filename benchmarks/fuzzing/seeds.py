"""Valid inputs, of which the fuzzed ones are damaged copies."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from hammerstone.routes.solver import solver_prompt
from hammerstone.tools.packages import export_tool
from hammerstone.tools.shortlist import wording
from hammerstone.tools.tool import Check, Demonstration, Provenance, Tool
from hammerstone.types import Route, Usage

QUESTION = "Sort these words in ascending order: pear fig apple"

SORT = r'''
"""Sort words."""

from __future__ import annotations

import re

_QUESTION = re.compile(r"Sort these words in (ascending|descending) order: ([a-z]+(?: [a-z]+)*)")


def solve(words: list[str], order: str) -> str:
    """The words, sorted, with single spaces. `order` is "ascending" or "descending"."""
    if order not in ("ascending", "descending"):
        raise ValueError(order)
    return " ".join(sorted(words, reverse=order == "descending"))


def parse(question: str) -> dict | None:
    match = _QUESTION.fullmatch(question)
    return {"words": match[2].split(" "), "order": match[1]} if match else None


def unparse(words: list[str], order: str) -> str:
    return f"Sort these words in {order} order: {' '.join(words)}"
'''.lstrip()

TYPED = '''
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Optional, Union

Pair = tuple[str, float]
Order = Literal["up", "down", 1, None]


@dataclass(frozen=True)
class Box:
    size: int = 0x10


def solve(
    pairs: "list[Pair]", order: Order = "up", *, table: Mapping[str, Union[int, list[float]]] = {}, rest: Any = None
) -> str:
    """Weighs pairs."""
    total = 0.0
    for name, weight in pairs:
        try:
            total += weight * len(name)
        except (TypeError, ValueError) as error:
            return f"{error!s:>10}"
    match order:
        case "up" | "down":
            return "".join(sorted(name for name, _ in pairs))
        case _:
            return str([n for n in range(3) if n % 2] + [Box().size, (lambda x: -x)(total)])
'''

ONE = "def solve(number: float) -> str:\n    '''Twice.'''\n    return str(number * 2)\n"

SOURCES = (SORT, TYPED, ONE)
TYPES = (
    "str",
    "int",
    "float",
    "bool",
    "None",
    "Any",
    "list",
    "dict",
    "Literal['a', 1, True]",
    "Literal['up']",
    "tuple",
)

REQUESTS: Mapping[str, list[bytes]] = {
    ".jsonl": [
        b'{"question": "What is 2 + 2?", "answer": "4", "id": "a"}\n{"question": "What is 3 + 3?"}\n',
        '{"instruction": "Übersetze", "input": "Haus", "output": "house"}\n'.encode(),
        b'{"question": "Which?", "choices": ["a", "b"], "answer": "b", "context": "c", "system": "s"}\n',
    ],
    ".json": [
        b'[{"question": "What is 2 + 2?", "answer": 4}, {"input": "a", "target": ["b"]}]',
        b'{"examples": [{"input": "Is it?", "target_scores": {"yes": 1, "no": 0}}], "task_prefix": "Say."}',
    ],
    ".csv": [
        b'id,question,answer\n1,"What is ""2"" + 2?",4\n2,"a, b",\n',
        b"question;answer\na;b\n",
        b"sep=;\nquestion;answer\na;b\n",
    ],
    ".tsv": [b"question\tanswer\nWhat is 2 + 2?\t4\n"],
    ".txt": [b"What is 2 + 2?\n\nWhat is 3 + 3?\r\n", "Input, process, …\n".encode()],
}
ROWS: list[Any] = [
    {"question": "What is 2 + 2?", "answer": "4", "id": 7, "task": "sum"},
    {"input": "a", "target": ["b", "c"], "choices": {"text": ["b", "c"], "label": ["A", "B"]}},
    {"input": "Is it?", "target_scores": {"yes": 1, "no": 0}},
    {"instruction": "Say", "input": "a", "output": "b", "context": "c", "system": "d"},
    {"question": "Where?", "context": "Here.", "answers": {"text": ["here"], "answer_start": [0]}},
    {"messages": [{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": "4"}]},
]

_MARKER = next(
    line for line in solver_prompt(QUESTION).messages[-1].content.splitlines() if line.startswith("<answer-")
)
REPLIES = (
    f"First I sort.\n\n{_MARKER}\napple fig pear\n{_MARKER.replace('<', '</')}\n",
    "The words are sorted.\n\n**Answer:** apple fig pear",
    f'Here is the module.\n\n```python\n{SORT}```\n\nand the calls:\n\n```json\n[{{"words": ["a"]}}]\n```\n',
    '{"words": ["b", "a"], "order": "ascending"}',
    'Arguments: {"pairs": [["a", 1], ["b", 2.5]], "table": {"x": [1, 2]}} since it asks for that.',
    '```json\n{"new": "word_sorting", "description": "Sorts words."}\n```',
    '{"kind": "word_sorting"}',
    "null",
    "pear, apple, fig",
)
REPLIED: list[Any] = [
    {"words": ["b", "a"], "order": "ascending"},
    {"pairs": [["a", 1], ["b", 2.5]], "order": 1, "table": {"x": [1, 2], "y": 3}, "rest": None},
    {"number": 21},
    {"kind": "word_sorting"},
    {"new": "word_sorting", "description": "Sorts words."},
    [1, 2, ["a"]],
]

RUN_FILE = """
model = "models/mine"
folder = "runs/mine"
tools = ["calculator", "calendar", "search:index", "registry:word_sorting"]

[corpus]
sources = ["texts/*.txt", "news.jsonl"]
limit = 100_000

[annotate.tools.Calculator]
positions = 10

[finetune]
learning_rate = 1e-5
batch = 128

[evaluate]
dateset = 500
ks = [0, 1, 3]
files.lama = ["lama/squad.jsonl"]
"""


def _records() -> list[Any]:
    prompts = [solver_prompt(QUESTION), solver_prompt("What is 2 + 2?", sample=1)]
    usage = asdict(Usage(input_tokens=3))
    reply = {"text": REPLIES[0], "model": "test:strong", "usage": usage, "cost_usd": 0.1, "seconds": 1.2}
    rest = {"reply": reply, "recorded": "2026-05-04", "note": "a"}
    return [{"key": one.key, "prompt": asdict(one), **rest} for one in prompts]


RECORDS = _records()
MARK = "# Below this line is the source as it was made.\n"


@cache
def package() -> Mapping[str, str]:
    """The files of an exported tool."""
    with tempfile.TemporaryDirectory() as folder:
        target = export_tool(_tool(), 1, Path(folder))
        return {file.name: file.read_text(encoding="utf-8") for file in target.iterdir() if file.is_file()}


def _tool() -> Tool:
    questions = [QUESTION, "Sort these words in descending order: owl hawk"]
    words = [["pear", "fig", "apple"], ["owl", "hawk"]]
    orders, answers = ["ascending", "descending"], ["apple fig pear", "owl hawk"]
    checks = tuple(
        Check(question=question, arguments={"words": [*some], "order": order}, answer=answer, parsed=True)
        for question, some, order, answer in zip(questions, words, orders, answers, strict=True)
    )
    return Tool(
        name="word_sorting",
        description="Sorts words in either order.",
        source=SORT,
        demonstrations=tuple(Demonstration(question=one.question, arguments=one.arguments) for one in checks),
        checks=checks,
        routes=(Route.PARSER, Route.USER),
        wording=wording(questions),
        provenance=Provenance(
            maker="test:strong",
            recipe="module",
            prompts="0123456789ab",
            shown=1,
            verified=1,
            held_out=0,
            instances=("0123456789abcdef",),
            attempts=1,
            usage=Usage(input_tokens=10, output_tokens=None),
            cost_usd=0.25,
            made="2026-01-02T03:04:05+00:00",
        ),
    )
