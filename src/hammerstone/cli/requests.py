"""The requests of a command's file: what cannot be read is reported, and the rest goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hammerstone.cli.terminal import brief, talk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hammerstone.types import Request

__all__ = ["MOST_SHOWN", "RequestFile"]

MOST_SHOWN = 10  # lines that cannot be used: the others are likely to be wrong in the same way


class RequestFile:
    """A file of requests, or standard input if it is `-`. `unusable` counts the lines that were reported so far.

    `answers` is the output file of a batch, whose answers belong to the requests by the ids that the file gives them.
    """

    def __init__(self, file: str, answers: str | None = None) -> None:
        self._file = file
        self._answers = answers
        self.unusable = 0

    def __iter__(self) -> Iterator[Request]:
        """The readable requests; the first of the others are reported at once, and their number at the end."""
        from hammerstone.requests import Unreadable, read_requests

        answers = self._batch_answers()
        for item in read_requests(self._file, on_ignored=_say_ignored):
            if isinstance(item, Unreadable):
                self._report(item.line, item.why)
            elif item.answer is None and not item.numbered and item.id in answers:
                yield replace(item, answer=answers[item.id])
            else:
                yield item
        self._say_how_many_more()

    def _batch_answers(self) -> dict[str, str]:
        from hammerstone.requests import Unreadable, read_batch_answers

        answers: dict[str, str] = {}
        for item in read_batch_answers(self._answers) if self._answers is not None else ():
            if isinstance(item, Unreadable):
                self._report(item.line, f"of {self._answers}: {item.why}")
            else:
                answers[item.id] = item.answer
        return answers

    def answered(self) -> Iterator[tuple[Request, str]]:
        """The readable requests that have an answer, with it; one that has none is reported as well."""
        for request in self:
            if request.answer is None:
                self._report(request.line, f"request {request.id} has no answer: add an `answer`")
            else:
                yield request, request.answer

    def _report(self, line: int | None, why: str) -> None:
        self.unusable += 1
        if self.unusable <= MOST_SHOWN:
            talk(f"line {line}: {brief(why)}", "error:")

    def _say_how_many_more(self) -> None:
        if self.unusable > MOST_SHOWN:
            talk(f"{self.unusable - MOST_SHOWN} more lines cannot be used", "error:")


def _say_ignored(names: Sequence[str]) -> None:
    named = [name or "a column without a name" for name in names]
    talk(f"{', '.join(named)} (not part of the question)", "ignored:")
