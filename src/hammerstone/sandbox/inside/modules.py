"""The modules that generated code may import, and those that a worker loads before it forks for a call.

A process of a call can read nothing from disk. So either its worker has loaded a module, or `Lacking` tells the host,
which then has a worker load everything and starts the call again. What a program imports by name is loaded at
once; the rest is seldom needed, and every page of a worker makes each of its forks slower.

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import encodings
import encodings.aliases
import io
import json
import re
import sys
import types

TYPE_CHECKING = False  # as in `typing`, which no worker needs
if TYPE_CHECKING:
    import typing

__all__ = ["PRELOADED", "Lacking", "load_all", "load_common", "load_named"]

# All that a tool can import. `_strptime`, `expatreader` and their like are what these import only when they are first
# used.
PRELOADED = (
    "abc array base64 binascii bisect calendar cmath collections collections.abc configparser contextlib copy csv "
    "dataclasses datetime _strptime decimal difflib enum fractions functools hashlib heapq html html.parser io "
    "ipaddress itertools json math numbers operator random re statistics string struct textwrap types typing "
    "unicodedata urllib.parse uuid warnings xml.etree.ElementTree xml.dom.minidom xml.dom.expatbuilder "
    "xml.sax.saxutils xml.sax.expatreader zoneinfo"
).split()

# No tool can import these. A hostile program can, and then it is the filter that stops it, not that they are missing.
NATIVE = ("_socket", "mmap", "resource", "zlib")

IMPORT = re.compile(r"^[ \t]*(?:from|import)[ \t]+(.+)", re.MULTILINE)


def load_common() -> None:
    """Load what nearly every program imports."""
    # `xml.sax.saxutils` imports it for something no call can do, and it would bring in all of networking.
    sys.modules["urllib.request"] = types.ModuleType("urllib.request")
    for name in ("collections.abc", "functools", "itertools", "json", "math", "re", "string", "unicodedata"):
        __import__(name)


def load_named(source: str, zones: bytes) -> None:
    """Load what `source` imports by name, and what that is known to import later."""
    words = {word for line in IMPORT.findall(source) for word in re.findall(r"[\w.]+", line)}
    roots = {word.partition(".")[0] for word in words}
    if "strptime" in source:
        roots.add("_strptime")
    for name in PRELOADED:
        if name.partition(".")[0] in roots:
            __import__(name)
    for word in set(re.findall(r"[\w-]+", source)):
        encoding = encodings.aliases.aliases.get(word.replace("-", "_").lower())
        if encoding:
            __import__(f"encodings.{encoding}")
    serve_zones(zones)


def load_all(zones: bytes) -> None:
    """Every module that a tool can import, every encoding and the time zones."""
    for name in (*PRELOADED, *NATIVE):
        __import__(name)
    import pkgutil  # which no other worker needs

    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            __import__(f"encodings.{module.name}")
        except ImportError:
            continue  # of another operating system
    serve_zones(zones)


def serve_zones(packed: bytes) -> None:
    """Let `zoneinfo`, if it is loaded, find its data in memory. `packed` is as in `interpreter.Interpreter`."""
    zoneinfo: typing.Any = sys.modules.get("zoneinfo")
    if zoneinfo is None:
        return
    import base64  # like `zlib`, for these alone
    import zlib

    zones: dict[str, str] = json.loads(zlib.decompress(base64.b64decode(packed)))
    shared: dict[str, bytes] = {}  # many names stand for one zone
    data = {name: shared.setdefault(text, bytes.fromhex(text)) for name, text in zones.items()}

    def load(key: str) -> io.BytesIO:
        if key not in data:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
        return io.BytesIO(data[key])

    zoneinfo.reset_tzpath(to=())
    sys.modules["zoneinfo._common"].load_tzdata = load  # pyright: ignore[reportAttributeAccessIssue]
    zoneinfo.available_timezones = lambda: set(data)


class Lacking:
    """The last finder of a process whose worker has not loaded everything: `tell` does not return."""

    def __init__(self, tell: typing.Callable[[], typing.NoReturn]) -> None:
        self.tell = tell

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        del path, target
        if name.partition(".")[0] in sys.stdlib_module_names:
            self.tell()
