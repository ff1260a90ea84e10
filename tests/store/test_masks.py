"""What the built-in patterns take out of a text, and what they leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.errors import SettingsError
from hammerstone.store.masks import PATTERNS, open_mask

mask = open_mask(PATTERNS)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to ann.o'neill+x@mail.example.co.uk.", "write to [email]."),
        ("<ann@exämple.de>", "<[email]>"),
        ("DE89 3704 0044 0532 0130 00 please", "[iban] please"),
        ("gb82west12345698765432", "[iban]"),
        ("4111 1111 1111 1111", "[credit-card]"),
        ("card 378282246310005, 5500-0000-0000-0004!", "card [credit-card], [credit-card]!"),
        ("from 10.0.0.255 and 2001:db8::1", "from [ip-address] and [ip-address]"),
    ],
)
def test_what_has_a_fixed_form_is_taken_out(text: str, left: str) -> None:
    assert mask(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "What is the sum of 3 and 40?",
        "sort 4 11 1 2 3 5 8 13 21 34 55 89 144 233",
        "4111 1111 1111 1112",
        "GB82 WEST 1234 5698 7654 31",
        "at 12:30:45 on 2026.11.29, version 1.2.3",
        "std::vector, a::b, x :: y, 300.1.1.1",
        "@home, a@b, one@",
        "",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize("part", ["a", "1", ":", "a:", "1.", "a@", "DE89", "1 ", "-", "a.", "4111 "])
def test_a_long_text_takes_time_in_proportion_to_its_length(part: str) -> None:
    assert len(mask(part * 200_000)) > 0


def test_a_function_of_ones_own_comes_after_the_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_mask.py").write_text("def shout(text):\n    return text.replace('[email]', 'SOMEBODY')\n")
    monkeypatch.chdir(tmp_path)
    assert open_mask(["own_mask:shout", "email"])("to a@b.cc") == "to SOMEBODY"


@pytest.mark.parametrize("name", ["emails", "no_such_module_here:f", "os:no_such_name", "os:sep"])
def test_a_mask_that_is_none_is_refused_with_a_hint(name: str) -> None:
    with pytest.raises(SettingsError, match=r"serve\.mask") as caught:
        open_mask([name])
    assert caught.value.hint
