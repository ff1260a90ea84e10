"""Finds which requests are of one kind without a model, by frame and wording alone.

    chat ─► shape: roles, model, response format
              └─► frame: the messages before the last one; those that differ in a date alone, or are alike and come in
                  many variants (a customer's name), are one frame, in which the whole chat is the question
                    ├─► a frame that says much is a kind, however its questions are worded
                    └─► in one that says little ("You are a helpful assistant."), or none, the wording of the question

Where it is in doubt, one kind becomes two: that costs a second build, while two kinds in one may have no tool that is
right for both. A request in words of its own is a kind of its own.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar

from hammerstone.digests import sha256
from hammerstone.requests import Form, form_identity, frame_of, render
from hammerstone.routes.wording_groups import WordingGroup, WordingGroups
from hammerstone.types import Chat

__all__ = ["Kind", "Kinds", "used_last"]

SAYS_MUCH = 200  # characters of a frame: an instruction rather than a greeting
VARIANTS = 8  # alike frames, from which on their difference is a value rather than an instruction
FREE_TEXT = 40  # questions of a frame of few words, none worded like another: then the frame tells
FRAMES_ALIKE = 0.7  # of the n-grams of the shorter
MAX_FRAMES = 20_000  # that are recognised at once; others are compared again
MAX_SHAPES = 200  # whose frames are compared
MAX_FAMILIES = 10_000

K = TypeVar("K")
V = TypeVar("V")

_GREETING = re.compile(
    r"you(?: are|'re) (?:(?:a|an|the|my) )?(?:[\w,-]+ ){0,4}(?:assistant|ai|bot|chatbot|model|[\w-]*gpt\b[\w.-]*)[.!]*",
    re.IGNORECASE,
)
"""A frame that says nothing of what is asked: "You are a helpful assistant."."""
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAYS = "Mon|Tues|Wednes|Thurs|Fri|Satur|Sun"
_DATE = re.compile(
    rf"\d+(?=(?:st|nd|rd|th)?[ .-]*(?:{_MONTHS}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b)"
    rf"|\b(?:{_MONTHS}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?(?: \d+)?"
    rf"|\b(?:{_DAYS})day\b|\d+(?:[-/.:]\d+)+|\d{{4,}}"
)


@dataclass(eq=False)
class Kind:
    """A kind of requests. `sample` is the beginning of its first question.

    `form` is how much of its chats is the question. `into` is the kind that it has become part of.
    """

    sample: str
    form: Form = Form.LAST
    into: Kind | None = field(default=None, repr=False)

    @property
    def now(self) -> Kind:
        """The kind that its requests belong to now."""
        return self if self.into is None else self.into.now


@dataclass(eq=False)
class _Frame:
    """Chats whose messages before the last are the same, dates aside, or alike."""

    kind: Kind | None  # that of all of its questions, where the frame tells
    digest: str
    form: Form = Form.LAST
    questions: int = 0
    wordings: WordingGroups = field(default_factory=WordingGroups)
    by_wording: dict[int, Kind] = field(default_factory=dict[int, Kind])


@dataclass(eq=False)
class _Family:
    """Similar frames. `frame` is the one for all of them, once they are many."""

    variants: list[_Frame] = field(default_factory=list[_Frame])
    frame: _Frame | None = None


class Kinds:
    """Sorts requests one by one. What was not asked for longest is forgotten, so that memory stays bounded. Not for
    several threads at once.
    """

    def __init__(self) -> None:
        self._frames: OrderedDict[str, _Frame] = OrderedDict()
        self._alike: OrderedDict[str, WordingGroups] = OrderedDict()
        self._families: OrderedDict[tuple[str, int], _Family] = OrderedDict()

    def of(self, chat: Chat) -> Kind:
        """The kind of a request, which is learned from: one that is there, or a new one."""
        frame = self._frame(chat)
        frame.questions += 1
        question = chat.messages[-1].content
        if frame.kind is None:
            group = frame.wordings.add(question)
            if group.number not in frame.by_wording:
                frame.by_wording[group.number] = _new(question, frame.form)
                self._forget(frame)
            kind = frame.by_wording[group.number]
            self._settle(frame, chat)
            return kind.now
        return frame.kind.now

    def find(self, chat: Chat) -> Kind | None:
        """The kind of a request, if there is one. Nothing is learned from it."""
        frame = self._known(chat)
        if frame is None or frame.kind is not None:
            return None if frame is None or frame.kind is None else frame.kind.now
        group = frame.wordings.find(chat.messages[-1].content)
        kind = frame.by_wording.get(group.number) if group is not None else None
        return None if kind is None else kind.now

    @staticmethod
    def _forget(frame: _Frame) -> None:
        """Forget kinds whose wording was dropped to make room for others."""
        if len(frame.by_wording) > 2 * len(frame.wordings):
            there = {group.number for group in frame.wordings}
            frame.by_wording = {number: kind for number, kind in frame.by_wording.items() if number in there}

    def _settle(self, frame: _Frame, chat: Chat) -> None:
        """Make a frame one kind if it says something and no two questions are worded alike: they are free text."""
        groups: list[WordingGroup] = list(frame.wordings)
        if frame.questions < FREE_TEXT or not all(one.is_young for one in groups) or _says_nothing(chat):
            return
        frame.kind = _new(chat.messages[-1].content, frame.form)
        for kind in frame.by_wording.values():
            kind.now.into = frame.kind
        frame.by_wording = {}
        frame.wordings = WordingGroups()

    def _frame(self, chat: Chat) -> _Frame:
        """The frame of a chat, or a new one among those alike."""
        key = _key(chat)
        frame = self._known(chat)
        if frame is None:
            frame = self._join(chat)
            self._frames[key] = frame
            if len(self._frames) > MAX_FRAMES:
                self._frames.popitem(last=False)
        if frame.form is Form.LAST and frame.digest != frame_of(chat).digest:
            self._widen(frame)
        return frame

    def _known(self, chat: Chat) -> _Frame | None:
        frame = self._frames.get(_key(chat))
        if frame is not None or len(chat.messages) == 1:
            return frame
        shape = _shape(chat)
        group = self._alike[shape].find(_fixed(chat)) if shape in self._alike else None
        family = self._families.get((shape, group.number)) if group is not None else None
        return family.frame if family is not None else None

    def _join(self, chat: Chat) -> _Frame:
        """Add a variant to the frames that it is like; with it they may be many enough to become one."""
        fixed = _fixed(chat)
        tells = len(fixed) >= SAYS_MUCH or chat.response_format is not None
        kind = _new(chat.messages[-1].content, Form.LAST) if tells and len(chat.messages) > 1 else None
        frame = _Frame(kind=kind, digest=frame_of(chat).digest)
        if len(chat.messages) == 1:
            return frame
        shape = _shape(chat)
        alike = self._alike.setdefault(shape, WordingGroups(alike=FRAMES_ALIKE, alike_after=FRAMES_ALIKE))
        used_last(self._alike, shape, MAX_SHAPES)
        key = (shape, alike.add(fixed).number)
        family = self._families.setdefault(key, _Family())
        used_last(self._families, key, MAX_FAMILIES)
        family.variants.append(frame)
        if len(family.variants) == VARIANTS:
            family.frame = self._united(family.variants)
            return family.frame
        return family.frame or frame

    def _united(self, variants: list[_Frame]) -> _Frame:
        """Make one frame of all variants: their difference is a value, which belongs to the question."""
        kept = max(variants, key=lambda one: one.questions)
        for other in variants:
            if other is kept:
                continue
            for key in [key for key, frame in self._frames.items() if frame is other]:
                self._frames[key] = kept
            if kept.kind is not None and other.kind is not None:
                other.kind.now.into = kept.kind
            self._merge_wordings(kept, other)
        self._widen(kept)
        return kept

    @staticmethod
    def _merge_wordings(kept: _Frame, other: _Frame) -> None:
        """Merge kinds of the same wording; each of the others ends with its frame."""
        for number, kind in other.by_wording.items():
            first = next((one.first for one in other.wordings if one.number == number), None)
            group = kept.wordings.find(first) if first is not None else None
            into = kept.by_wording.get(group.number) if group is not None else None
            if into is not None:
                kind.now.into = into.now

    @staticmethod
    def _widen(frame: _Frame) -> None:
        """Take the whole chat as the question from now on."""
        frame.form = Form.WHOLE
        for kind in (frame.kind, *frame.by_wording.values()):
            if kind is not None:
                kind.now.form = Form.WHOLE


def _new(question: str, form: Form) -> Kind:
    return Kind(sample=question[:200], form=form)


def used_last(entries: OrderedDict[K, V], key: K, most: int) -> None:
    """Note that this entry is in use, and forget those that were not for longest, if there are more than `most`."""
    entries.move_to_end(key)
    while len(entries) > most:
        entries.popitem(last=False)


def _key(chat: Chat) -> str:
    """A key that is the same for frames that differ in dates alone."""
    return sha256(f"{_shape(chat)}\0{_DATE.sub('0', _fixed(chat))}")


def _shape(chat: Chat) -> str:
    roles = [one.role for one in chat.messages]
    return json.dumps([chat.model, form_identity(chat), roles], sort_keys=True)


def _says_nothing(chat: Chat) -> bool:
    """Whether no message before the last is more than a greeting."""
    return all(_GREETING.fullmatch(one.content.strip()) for one in chat.messages[:-1])


def _fixed(chat: Chat) -> str:
    return render(chat.messages[:-1])
