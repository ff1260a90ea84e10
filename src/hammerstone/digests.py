"""Digests of any text, also of one that holds half of a surrogate pair."""

from __future__ import annotations

import hashlib

__all__ = ["pair_digest", "sha256"]


def sha256(text: str) -> str:
    """The digest of a text, in 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def pair_digest(one: str, other: str) -> bytes:
    """The first 8 bytes of a digest of two texts, which tells them from any other two."""
    return bytes.fromhex(sha256(f"{sha256(one)}{other}")[:16])
