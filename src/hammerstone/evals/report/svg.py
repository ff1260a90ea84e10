"""Matplotlib's SVG, made fit to stand beside others inside one page of HTML."""

from __future__ import annotations

import re
from xml.etree import ElementTree

__all__ = ["inline"]

_LONG = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"#([\w.-]+)")
_GEOMETRY = ("d", "x", "y", "width", "height", "points", "transform")
_FONT = re.compile(r"font-family: [^;]*(; )?")  # the page's own type is used


def inline(drawing: str, *, prefix: str, label: str) -> str:
    """The drawing as an element of a page: read out as `label`, with ids that begin with `prefix`, in the page's type.

    A drawing's style sheet, name spaces, size and metadata are for a file of its own: here they would act on the page
    or say nothing. Coordinates keep hundredths of a pixel, which halves the size, and hides a processor's last bit.
    """
    root = ElementTree.fromstring(drawing)  # noqa: S314 - our own drawing
    for parent in root.iter():
        for child in [one for one in parent if _name(one.tag) in {"metadata", "style"}]:
            parent.remove(child)
    used = {name for element in root.iter() for value in element.attrib.values() for name in _REFERENCE.findall(value)}
    for element in root.iter():
        element.tag = _name(element.tag)
        element.attrib = {_name(key): _shortened(key, value) for key, value in element.attrib.items()}
        _rename(element, used, prefix)
        element.text, element.tail = element.text if element.tag == "text" else None, None
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode")


def _name(qualified: str) -> str:
    return qualified.rpartition("}")[2]


def _shortened(key: str, value: str) -> str:
    if key in _GEOMETRY:
        return _LONG.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), " ".join(value.split()))
    return _FONT.sub("", value) if key == "style" else value


def _rename(element: ElementTree.Element, used: set[str], prefix: str) -> None:
    """Ids that nothing refers to go; the others, and what refers to them, get the prefix."""
    if element.attrib.get("id", "") not in used:
        element.attrib.pop("id", None)
    else:
        element.attrib["id"] = prefix + element.attrib["id"]
    for key, value in element.attrib.items():
        element.attrib[key] = value.replace("url(#", f"url(#{prefix}")
    if "href" in element.attrib:
        element.attrib["href"] = f"#{prefix}{element.attrib['href'].removeprefix('#')}"
