"""Sudoku, which the LATM paper names as an application (arXiv 2305.17126), in three sizes, each with one solution."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.generated_task import LookAlike, draw_near_miss, match_form, not_in_form
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "sudoku"
DESCRIPTION = "Fill in a Sudoku of 4, 6 or 9 rows and write its rows on one line."


@dataclass(frozen=True, kw_only=True)
class _Size:
    """A family. Boxes are `high` rows by `wide` columns; there are from `fewest` to `most` empty cells."""

    high: int
    wide: int
    fewest: int
    most: int

    @property
    def side(self) -> int:
        return self.high * self.wide

    @property
    def digits(self) -> str:
        return "123456789"[: self.side]

    @property
    def units(self) -> list[set[int]]:
        """The rows, columns and boxes. Cells are numbered row by row from 0."""
        grid = [range(start, start + self.side) for start in range(0, self.side**2, self.side)]
        boxes = [
            {cell for row in grid[top : top + self.high] for cell in row[left : left + self.wide]}
            for top in range(0, self.side, self.high)
            for left in range(0, self.side, self.wide)
        ]
        return [*map(set, grid), *map(set, zip(*grid, strict=True)), *boxes]

    @property
    def diagonals(self) -> list[set[int]]:
        cells = range(self.side**2)
        return [{*cells[:: self.side + 1]}, {*cells[self.side - 1 : -1 : self.side - 1]}]


_SIZES = {
    "4x4": _Size(high=2, wide=2, fewest=6, most=9),
    "6x6": _Size(high=2, wide=3, fewest=14, most=20),
    "9x9": _Size(high=3, wide=3, fewest=26, most=36),
}
FAMILIES = tuple(_SIZES)

_ROWS = "the solved rows from top to bottom, separated by single spaces"


def generate(rng: random.Random, family: str | None = None) -> Instance:
    size = _SIZES[family or rng.choice(FAMILIES)]
    puzzle, solved = _drawn(rng, size, size.units)
    return Instance(question=_ask(size, puzzle), answer=" ".join(_rows(size, solved)), source=Source.CALLER)


def _drawn(rng: random.Random, size: _Size, units: list[set[int]]) -> tuple[str, str]:
    """A puzzle with one solution, and that; both as text, row by row, dots for what is empty."""
    first, order = ("".join(rng.sample(size.digits, size.side)) for _ in range(2))
    solved = next(_solutions(first.ljust(size.side**2, "."), units, order))
    while True:
        puzzle = _blanked(rng, solved, rng.randint(size.fewest, size.most))
        if len(list(islice(_solutions(puzzle, units, size.digits), 2))) == 1:
            return puzzle, solved


def _blanked(rng: random.Random, solved: str, blanks: int) -> str:
    empty = {*rng.sample(range(len(solved)), blanks)}
    return "".join("." if cell in empty else digit for cell, digit in enumerate(solved))


def _solutions(puzzle: str, units: list[set[int]], digits: str) -> Iterator[str]:
    """Every way to fill the dots: the cell with the fewest possible digits first, and these in the order given."""
    peers = {cell: set[int]().union(*(unit for unit in units if cell in unit)) for cell in range(len(puzzle))}

    def filled(grid: str) -> Iterator[str]:
        if "." not in grid:
            yield grid
            return
        taken = {cell: {grid[peer] for peer in peers[cell]} for cell, digit in enumerate(grid) if digit == "."}
        cell = max(taken, key=lambda empty: len(taken[empty]))
        for digit in digits:
            if digit not in taken[cell]:
                yield from filled(f"{grid[:cell]}{digit}{grid[cell + 1 :]}")

    return filled(puzzle)


def _rows(size: _Size, grid: str) -> list[str]:
    return [grid[start : start + size.side] for start in range(0, len(grid), size.side)]


def _ask(size: _Size, puzzle: str, *, also: str = "", form: str = _ROWS) -> str:
    grid = "\n".join(_rows(size, puzzle))
    return (
        f"Solve this {size.side}x{size.side} Sudoku. Every row, every column and every box of {size.high} rows and "
        f"{size.wide} columns holds each of the digits 1 to {size.side} once{also}; dots are empty cells.\n{grid}\n"
        f"Answer on one line: {form}."
    )


# The check: every row, column and box of the answer is looked at, and each given digit found again.

_FORM = re.compile(
    r"Solve this (\d)x\1 Sudoku\. Every row, every column and every box of ([23]) rows and ([23]) columns holds each "
    r"of the digits 1 to \1 once; dots are empty cells\.\n([1-9.]+(?:\n[1-9.]+)+)\n"
    r"Answer on one line: the solved rows from top to bottom, separated by single spaces\."
)


def check(question: str, answer: str) -> bool:
    """Right if it is a solution; that there is no other is for the generator to see to."""
    side, high, wide, given = _read(question)
    rows, wanted = answer.split(" "), "123456789"[:side]
    if [len(row) for row in rows] != [side] * side:
        return False
    columns = ["".join(column) for column in zip(*rows, strict=True)]
    boxes = [
        "".join(row[left : left + wide] for row in rows[top : top + high])
        for top in range(0, side, high)
        for left in range(0, side, wide)
    ]
    kept = all(old in (".", new) for old, new in zip("".join(given), "".join(rows), strict=True))
    return kept and all("".join(sorted(unit)) == wanted for unit in (*rows, *columns, *boxes))


def _read(question: str) -> tuple[int, int, int, list[str]]:
    """The side of the grid, the height and width of its boxes, and its rows."""
    found = match_form(_FORM, question, NAME)
    side, high, wide, rows = int(found[1]), int(found[2]), int(found[3]), found[4].split("\n")
    if high * wide != side or [len(row) for row in rows] != [side] * side or max(found[4]) > str(side):
        raise not_in_form(question, NAME)
    return side, high, wide, rows


_WORDINGS = (
    "I am stuck with a number puzzle from the newspaper:\n{grid}\nThe numbers from 1 to {side} go once into each line, "
    "across and down, and once into each block ({high} tall, {wide} wide). A dot is a square that I have not filled "
    "yet. {format}",
    "Here is a Sudoku with {side} lines, each block {high} cells high and {wide} cells wide, where . means blank:\n"
    "{grid}\nWhat does it look like when it is complete? {format}",
    "{grid}\nComplete this so that no line across, no line down and no block ({high} by {wide}, height first) has a "
    "number from 1 to {side} twice; fill the dots. {format}",
)
_FORMAT = "Write all {side} lines, the upper one first, next to each other with one space between."


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    side, high, wide, rows = _read(instance.question)
    data = {"side": side, "high": high, "wide": wide, "grid": "\n".join(rows)}
    question = rng.choice(_WORDINGS).format(**data, format=_FORMAT.format(side=side))
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: one more rule, or another part or order of the solved grid.


def _with_diagonals(rng: random.Random) -> LookAlike:
    """A puzzle with diagonals. Without their rule it mostly has several solutions; the usual answer is the first."""
    size = replace(_SIZES["6x6"], fewest=20, most=24)
    puzzle, solved = _drawn(rng, size, [*size.units, *size.diagonals])
    usual = next(_solutions(puzzle, size.units, size.digits))
    question = _ask(size, puzzle, also=", and so does each of the two long diagonals")
    return LookAlike(question, " ".join(_rows(size, solved)), " ".join(_rows(size, usual)))


def _in_another_form(form: str, rule: Callable[[list[str], str], str]) -> Callable[[random.Random], LookAlike]:
    """`rule` makes the answer of the solved rows and the puzzle."""

    def drawn(rng: random.Random) -> LookAlike:
        size = _SIZES[rng.choice(FAMILIES)]
        puzzle, solved = _drawn(rng, size, size.units)
        rows = _rows(size, solved)
        return LookAlike(_ask(size, puzzle, form=form), rule(rows, puzzle), " ".join(rows))

    return drawn


_LOOK_ALIKES = {
    "diagonals": _with_diagonals,
    "columns": _in_another_form(
        "the solved columns from left to right, separated by single spaces",
        lambda rows, _: " ".join(map("".join, zip(*rows, strict=True))),
    ),
    "bottom up": _in_another_form(
        "the solved rows from bottom to top, separated by single spaces", lambda rows, _: " ".join(reversed(rows))
    ),
    "blanks only": _in_another_form(
        "the digits that belong in the empty cells, row by row and without spaces",
        lambda rows, puzzle: "".join(new for new, old in zip("".join(rows), puzzle, strict=True) if old == "."),
    ),
    "one row": _in_another_form("the solved second row from the top alone", lambda rows, _: rows[1]),
}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
