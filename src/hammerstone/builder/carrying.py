"""Text that a tool only carries along: where no answer depends on it, it must not take a whole sentence.

A customer's name may change nothing, and any name may stand there. But a parser that takes *any* text for a name takes
"Anna, whose second item is free" as well, `unparse` gives it back, and the answer is silently wrong. So sentences are
put in. Where one is taken and the answer stays, the arguments say where it went: if that part of them never changes an
answer, whatever the other questions have there, nothing reads it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import zip_longest
from typing import TypeAlias, cast

from hammerstone.builder.probe_drawing import Probe, SolvedQuestion
from hammerstone.concurrency import map_concurrently
from hammerstone.sandbox import Sandbox
from hammerstone.tools import Arguments, answer, call_solve
from hammerstone.types import JSON

__all__ = ["carried"]

QUESTIONS = 8  # whose arguments are exchanged for one another's
INSTEAD = 6  # values for one argument of one question

Path: TypeAlias = "tuple[str | int | None, ...]"
"""The keys and indices that lead to a string in arguments; `None` at the end: to a key of the object there."""

Shape: TypeAlias = Path


async def carried(
    sandbox: Sandbox, source: str, solved: Sequence[SolvedQuestion], probes: Sequence[Probe]
) -> list[str]:
    """Complaints for the maker about the `probes`, each of which puts a sentence into one of the questions."""

    async def taken(probe: Probe) -> Arguments | None:
        """The arguments of the changed question, if its answer is the same as without the sentence."""
        parsed, text = await answer(sandbox, source, probe.variants[0])
        return parsed.arguments if text == solved[probe.of].answer else None

    all_taken = await map_concurrently(taken, probes)
    if not any(all_taken):
        return []
    arguments = [(await answer(sandbox, source, one.question))[0].arguments or {} for one in solved[:QUESTIONS]]
    exchange = _Exchange(sandbox, source, arguments, [one.answer for one in solved])
    complaints: list[str] = []
    for probe, changed in zip(probes, all_taken, strict=True):
        if changed is not None and await _is_carried(arguments[probe.of], changed, exchange.matters):
            complaints.append(probe.complaint)
    return complaints


async def _is_carried(before: Arguments, after: Arguments, matters: Callable[[Shape], Awaitable[bool]]) -> bool:
    shapes = {None if path is None else _shape(path) for path in _changes(dict(before), dict(after))}
    if None in shapes:
        return False  # there is one item more: the tool knows of it
    return bool(shapes) and not any([await matters(shape) for shape in shapes if shape is not None])


def _changes(old: JSON, new: JSON, path: Path = ()) -> Iterator[Path | None]:
    """Where another string or key stands, or `None` where there are more or fewer of them than before."""
    if isinstance(old, dict) and isinstance(new, dict):
        gone = [key for key in old if key not in new]
        come = [key for key in new if key not in old]
        if gone:
            yield (*path, None)
        if len(gone) != len(come):
            yield None
        now = dict(zip(gone, come, strict=False))
        for key, one in old.items():
            yield from _changes(one, new.get(now.get(key, key)), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for at, (one, other) in enumerate(zip_longest(old, new)):
            yield from _changes(one, other, (*path, at))
    elif isinstance(old, str) and isinstance(new, str):
        if old != new:
            yield path
    elif any(_strings(old, path)) or any(_strings(new, path)):
        yield None


class _Exchange:
    """Exchanges a part of one question's arguments for that of another, and sees whether the answers change."""

    def __init__(self, sandbox: Sandbox, source: str, arguments: Sequence[Arguments], answers: Sequence[str]) -> None:
        self._sandbox = sandbox
        self._source = source
        self._arguments = arguments
        self._answers = answers
        self._known: dict[Shape, bool] = {}

    async def matters(self, shape: Shape) -> bool:
        if shape not in self._known:
            self._known[shape] = await self._matters(shape)
        return self._known[shape]

    async def _matters(self, shape: Shape) -> bool:
        values = {text: None for one in self._arguments for path, text in _strings(one) if _shape(path) == shape}
        for one, expected in zip(self._arguments, self._answers, strict=False):
            for path, text in _strings(one):
                if _shape(path) != shape:
                    continue
                for other in [value for value in values if value != text][:INSTEAD]:
                    solved = await call_solve(self._sandbox, self._source, _with(one, path, text, other))
                    if solved.text != expected:
                        return True
        return False


def _strings(value: JSON | Arguments, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The strings in arguments, keys of objects included, each with the way that leads there."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, one in value.items():
            if path:  # the names of the arguments themselves are fixed
                yield (*path, None), key
            yield from _strings(one, (*path, key))
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _strings(one, (*path, at))


def _shape(path: Path) -> Shape:
    """A path without its indices: the items of a list are of one kind."""
    return tuple(-1 if isinstance(key, int) else key for key in path)


def _with(arguments: Arguments, path: Path, old: str, new: str) -> Arguments:
    return cast("Arguments", _put(cast("JSON", dict(arguments)), path, old, new))


def _put(value: JSON, path: Path, old: str, new: str) -> JSON:
    """`new` in the place of `old`; of keys, that which has the new name gets the old one."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(key, int):
        return [_put(one, rest, old, new) if at == key else one for at, one in enumerate(value)]
    if isinstance(value, dict) and key is None:
        names = {old: new, new: old}
        return {names.get(name, name): one for name, one in value.items()}
    if isinstance(value, dict):
        return {name: _put(one, rest, old, new) if name == key else one for name, one in value.items()}
    return value
