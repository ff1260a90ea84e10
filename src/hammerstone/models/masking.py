"""Keys and passwords that others quote in their errors are not shown, stored or logged."""

from __future__ import annotations

import re
from urllib.parse import quote

from hammerstone.environment import secrets

__all__ = ["masked"]

MASK = "***"

_VALUE = r"[^\s\"'<>,;&]+"
_NO_WORD = r"(?=\S{0,200}?[\d_*…+/=-]|\S{0,200}?(?-i:[a-z][A-Z])|\S{16})"  # looks at more than a word of a sentence
_KEYLIKE = _NO_WORD + _VALUE
_IS = r"\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?"  # what stands between a name and its value, also in quoted JSON

# Each keeps its first group and masks the rest.
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(\w://)[^\s/@\"'<>]+(?=@)",  # user and password of a URL
        r"([?&][\w.-]{0,40}(?:key|token|secret|password|signature|sig|auth|code)=)[^\s&\"'<>]+",
        rf"(\bauthorization{_IS}(?:(?:bearer|basic|token)\s+)?){_VALUE}",
        rf"(\b(?:bearer|basic)\s+){_KEYLIKE}",
        rf"(\b[\w-]{{0,30}}(?:key|token|secret|passw(?:or)?d)(?:\s+(?:provided|supplied|given))?{_IS}){_KEYLIKE}",
        r"()\b(?:sk|pk|rk|ak)-[\w*….-]{4,}",  # OpenAI, Anthropic, OpenRouter, DeepSeek, …, also as they shorten them
        r"()\bAIza[\w*….-]{4,}",  # Google
        r"()\bya29\.[\w*….-]{4,}",
        r"()\b(?:gsk|xai|hf|ghp|gho|ghs|github_pat|glpat|nvapi|pplx|csk|fw|xox[abeprs])[_-][\w*….-]{8,}",
        r"()\bAKIA[\dA-Z*…]{8,}",  # Amazon
        r"()\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?",  # a JSON web token
    )
)


def masked(text: str) -> str:
    """`text` with `***` in place of every key, token and password in it.

    These are the values of the environment's variables for keys and tokens, and whatever has the form of one: after
    `Bearer`, `api_key=` and the like, in a URL, or with the prefix of a well-known provider.
    """
    for secret in secrets():
        for written in (secret, quote(secret, safe="", errors="surrogateescape")):
            text = text.replace(written, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text
