"""The commands that a hint names are for the home and the tenant that the command was given."""

from __future__ import annotations

import re
import sys
from shlex import quote

__all__ = ["completed"]

_ON_TENANTS = re.compile(r"hammerstone (?:(?:tasks|tools) [a-z]+|correct|label|ledger|mcp)\b(?! --(?:home|tenant))")
_ON_HOMES = re.compile(r"hammerstone (?:keys [a-z]+|solve|make|serve|ui|learn|purge)\b(?! --home)")


def completed(hint: str) -> str:
    """The hint, whose commands have the `--home` and `--tenant` of the command that is run."""
    home, tenant = _given("--home"), _given("--tenant")
    hint = _ON_TENANTS.sub(lambda found: found[0] + home + tenant, hint)
    return _ON_HOMES.sub(lambda found: found[0] + home, hint)


def _given(option: str) -> str:
    """The option as it was typed, to be typed again; empty if it was not."""
    for number, one in enumerate(sys.argv):
        name, equals, value = one.partition("=")
        if name == option:
            value = value if equals else next(iter(sys.argv[number + 1 :]), "")
            return f" {option} {quote(value)}" if value else ""
    return ""
