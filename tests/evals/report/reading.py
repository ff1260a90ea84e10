"""A page as its reader has it: tables, text, drawings, and what it refers to."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "wbr", "br", "path", "rect", "use", "circle", "link", "img"}


@dataclass
class Tag:
    name: str
    attributes: dict[str, str]


@dataclass
class Page(HTMLParser):
    """`prose` is the text outside of drawings, `drawn` that of each drawing; a spanned cell stands in all its
    rows, and the detail below a row at its end.
    """

    source: str
    tags: list[Tag] = field(default_factory=list[Tag])
    open: list[Tag] = field(default_factory=list[Tag])
    prose: list[str] = field(default_factory=list[str])
    drawn: list[list[str]] = field(default_factory=list[list[str]])
    tables: list[list[list[str]]] = field(default_factory=list[list[list[str]]])
    spanned: str = ""
    _headlines: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self.feed(self.source)
        self.close()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, {key: value or "" for key, value in attrs}))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        here = self.tags[-1]
        if tag not in VOID:
            self.open.append(here)
        if here.attributes.get("role") == "img":
            self.drawn.append([])
        if tag == "li" and any(tag.attributes.get("class") == "headlines" for tag in self.open):
            self._headlines.append("")
        if tag == "table":
            self.tables.append([])
        if tag == "tr" and here.attributes.get("class") != "detail":
            self.tables[-1].append([])
        if tag in {"td", "th"}:
            if tag == "td" and not self.tables[-1][-1] and self.spanned:
                self.tables[-1][-1].append(self.spanned)
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        closed = self.open.pop()
        assert closed.name == tag, f"<{closed.name}> is closed by </{tag}>"
        if closed.attributes.get("scope") == "rowgroup":
            self.spanned = self.tables[-1][-1][-1]
        if tag == "table":
            self.spanned = ""

    def handle_data(self, data: str) -> None:
        within = {tag.name for tag in self.open}
        if any(tag.attributes.get("class") == "headlines" for tag in self.open) and "li" in within and self._headlines:
            self._headlines[-1] += data
        if within & {"td", "th"}:
            self.tables[-1][-1][-1] += data
        if any(tag.attributes.get("role") == "img" for tag in self.open):
            self.drawn[-1] += [data.strip()] if data.strip() else []
        elif not within & {"style", "head"}:
            self.prose.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.prose).split())

    @property
    def headlines(self) -> list[str]:
        return [" ".join(one.split()) for one in self._headlines if one.strip()]

    def table(self, *heads: str) -> list[list[str]]:
        """The rows of all tables whose columns begin with these."""
        return [row for table in self.tables if table[0][: len(heads)] == list(heads) for row in table[1:]]
