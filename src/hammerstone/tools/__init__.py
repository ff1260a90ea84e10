"""A tool: a Python function for one task, with its parser, demonstrations and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.tools.code_checks import check_source
    from hammerstone.tools.descriptions import few, one_line, short_description
    from hammerstone.tools.packages import export_tool, import_tool, package_document, tool_of_document
    from hammerstone.tools.parser import Arguments, Parsed, answer, call_solve
    from hammerstone.tools.rewording import differences, overlooked
    from hammerstone.tools.shortlist import (
        GRAM_CHARS,
        LEAST_WORDING,
        Shortlist,
        forms,
        grams,
        holds_wording,
        likeness,
        phrased_alike,
        wording,
    )
    from hammerstone.tools.signature import ArgumentsError, Signature, SignatureError, read_signature
    from hammerstone.tools.tool import (
        Check,
        Demonstration,
        Provenance,
        Recipe,
        Tool,
        is_tool_name,
        task_name,
        tool_name,
    )
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "code_checks": "check_source",
            "descriptions": "few one_line short_description",
            "packages": "export_tool import_tool package_document tool_of_document",
            "parser": "Arguments Parsed answer call_solve",
            "rewording": "differences overlooked",
            "shortlist": "GRAM_CHARS LEAST_WORDING Shortlist forms grams holds_wording likeness phrased_alike wording",
            "signature": "ArgumentsError Signature SignatureError read_signature",
            "tool": "Check Demonstration Provenance Recipe Tool is_tool_name task_name tool_name",
        },
    )

__all__ = [  # noqa: RUF022 - in plain order, as every package's
    "Arguments",
    "ArgumentsError",
    "Check",
    "Demonstration",
    "GRAM_CHARS",
    "LEAST_WORDING",
    "Parsed",
    "Provenance",
    "Recipe",
    "Shortlist",
    "Signature",
    "SignatureError",
    "Tool",
    "answer",
    "call_solve",
    "check_source",
    "differences",
    "export_tool",
    "few",
    "forms",
    "grams",
    "holds_wording",
    "import_tool",
    "is_tool_name",
    "likeness",
    "one_line",
    "overlooked",
    "package_document",
    "phrased_alike",
    "read_signature",
    "short_description",
    "task_name",
    "tool_name",
    "tool_of_document",
    "wording",
]
