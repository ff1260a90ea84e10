"""Documents are kept for the tools that they may be useful for."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.errors import SettingsError
from hammerstone.toolformer.data.heuristics import (
    DocumentRules,
    calculator_rule,
    fasttext_language_id,
    has_foreign_chunk,
    iso_date,
    url_date,
)

TEXT = "every document"


# --- Calculator ---


@pytest.mark.parametrize(
    "text",
    [
        "Out of 1400 participants, 400 (or 29%) passed the test.",
        "Out of 1400 participants, 400 (0.29 of all) passed.",
        "12 men and 30 women, so 42 people came",
        "42 people came: 12 men, the other 30 women",
        "7 rows of 6 seats, 42 in all",
        "42 seats in 7 rows, 6 in each",
        "1,200 and 1,300 are 2,500",
        "he paid 0.1 and 0.2 which is 0.3",
        "20% of 1400 is 280",
        "29 % of 1400 is 406",
        "3% and then 4%, so 7%",
        "9.99, of which 3 are gone: 7.0",  # as it is rounded
        "$5 here, 6€ there, 30km apart",
    ],
)
def test_a_number_that_results_from_two_others_keeps_a_document(text: str) -> None:
    assert calculator_rule(text) == "result of two others"


@pytest.mark.parametrize(
    "text",
    [
        "7 of 2 is not 3",  # whole numbers are not rounded
        "7 of 2 is not 4",
        "10 and 10",  # two numbers only
        "A4 and B8 and C12",
        "versions 1.2.3 and 2.3.4 and 3.5.7",
        "a list of 1,2,3",
        "12345678901234567 and 1 and 12345678901234568",
        "5 or 11 or 100",
    ],
)
def test_other_numbers_do_not(text: str) -> None:
    assert calculator_rule(text) in (None, "three numbers")


def test_the_three_numbers_stand_within_a_hundred_words() -> None:
    def apart(words_between: int) -> str:
        return f"12 {'word ' * words_between} 30 or 42"

    assert calculator_rule(apart(96)) == "result of two others"
    assert calculator_rule(apart(97)) == "three numbers"


@pytest.mark.parametrize(
    "text",
    [
        "x = 5",
        "this equals 7.5",
        "it is Equal to $30",
        "a total of 1,400",
        "an average\nof 12",
        "y =-3",
        "t = \u22124",
    ],
)
def test_a_sign_before_a_number_keeps_a_document(text: str) -> None:
    assert calculator_rule(text) == "sign before a number"


@pytest.mark.parametrize(
    "text", ["x = y", "all equals", "a total of many", "unequals 5", "5 equals it", "", "no number"]
)
def test_a_sign_before_a_word_does_not(text: str) -> None:
    assert calculator_rule(text) is None


def by_the_sentence(text: str) -> bool:
    """The rule as the paper has it, literally: all triples, exact whole numbers."""
    values = [(k, int(word)) for k, word in enumerate(text.split()) if word.isdigit()]
    return any(
        c[1] in (a[1] + b[1], a[1] - b[1], a[1] * b[1]) or (b[1] and c[1] * b[1] == a[1])
        for a, b, c in itertools.permutations(values, 3)
        if max(a[0], b[0], c[0]) - min(a[0], b[0], c[0]) < 100
    )


@given(st.lists(st.one_of(st.integers(0, 300).map(str), st.sampled_from([60 * "w ", "word"])), max_size=9))
def test_pairs_and_a_look_up_find_what_all_triples_find(parts: list[str]) -> None:
    text = " ".join(parts)
    assert (calculator_rule(text) == "result of two others") == by_the_sentence(text)


def kept(id: str, text: str, *, seed: int = 0) -> dict[str, str]:  # noqa: A002
    return DocumentRules(apis=["Calculator"], seed=seed).that_keep(id, text, None)


def test_one_of_a_hundred_is_kept_for_three_numbers_alone() -> None:
    drawn = [k for k in range(5000) if kept(f"d{k}", "5 or 11 or 100")]
    assert 30 < len(drawn) < 75
    assert drawn == [k for k in reversed(range(5000)) if kept(f"d{k}", "5 or 11 or 100")][::-1], "order is nothing"
    assert kept(f"d{drawn[0]}", "5 or 11 or 100") == {"Calculator": "three numbers"}
    assert drawn != [k for k in range(5000) if kept(f"d{k}", "5 or 11 or 100", seed=1)]


# --- Calendar ---


@pytest.mark.parametrize(
    ("url", "date"),
    [
        ("https://example.org/2023/02/09/turtles.html", "2023-02-09"),
        ("https://example.org/blog/2019/5/3/turtles", "2019-05-03"),
        ("https://example.org/2019/05/03", "2019-05-03"),
        ("https://example.org/2019/05/03.html", "2019-05-03"),
        ("https://example.org/news/turtles-2020-02-29?page=2", "2020-02-29"),
        ("https://example.org/2020-02-29-turtles", "2020-02-29"),
        ("https://example.org/a?day=1999-12-31", "1999-12-31"),
        ("https://example.org/2023/02/30/x/2023-03-01", "2023-03-01"),
    ],
)
def test_a_url_tells_the_date(url: str, date: str) -> None:
    assert url_date(url) == date


@pytest.mark.parametrize(
    "url",
    [
        "/blog/post-12",
        "https://example.org/blog/post-12",
        "https://example.org/2023/02/",
        "https://example.org/2023/13/01/x",
        "https://example.org/2023-02-30",
        "https://example.org/2019-02-29",
        "https://example.org/20230209/x",  # as likely the number of an article
        "https://example.org/id/120230209",
        "https://example.org/12-05-2019",
        "https://example.org/2023/02-09",
        "https://example.org/2019/5/3-things-to-know",
        "https://example.org/a12019/05/03/",
        "https://example.org/0123/05/03/",
        "https://example.org/n912019-05-03",
        "https://example.org/2019-05-031",
        "https://example.org/may-2019",
        "",
    ],
)
def test_no_date_is_invented(url: str) -> None:
    assert url_date(url) is None


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2023-02-09", "2023-02-09"),
        (" 2023-02-09T23:59:00-08:00 ", "2023-02-09"),
        ("2023-02-09 10:00", "2023-02-09"),
        ("2023-02-30", None),
        ("20230209", None),
        ("2023-W06-4", None),
        ("9 Feb 2023", None),
        ("1675900800", None),
        ("2023-02-091", None),
        ("", None),
    ],
)
def test_a_date_of_the_data_is_iso_or_none(text: str, date: str | None) -> None:
    assert iso_date(text) == date


def test_the_calendar_keeps_what_has_a_date() -> None:
    rules = DocumentRules(apis=["Calendar"])
    assert rules.that_keep("a", "text", "date in the URL") == {"Calendar": "date in the URL"}
    assert rules.that_keep("a", "2023-02-09 in the text is no date of writing", None) == {}


# --- MT ---


def by_case(text: str) -> tuple[str, float]:
    """A fake: small letters are English, capitals Spanish, and a mixture is the likelier the purer it is."""
    letters = [letter for letter in text if letter.isalpha()]
    assert letters, "asked about a chunk without a letter"
    large = sum(letter.isupper() for letter in letters) / len(letters)
    return ("es", large) if large > 0.5 else ("en", 1 - large)


ENGLISH, SPANISH = "word " * 10, "PALABRA " * 10


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ENGLISH + SPANISH + ENGLISH, True),
        ("a b c " + ENGLISH + SPANISH + "d " + ENGLISH, True),
        (ENGLISH + SPANISH, False),
        (SPANISH + ENGLISH, False),
        (SPANISH + ENGLISH + SPANISH, False),
        (ENGLISH * 3, False),
        (SPANISH * 3, False),
        (ENGLISH + "PALABRA " * 8 + ENGLISH, False),  # no ten words on end of which one can be sure
        (ENGLISH + "12 + 7 = % " * 10 + ENGLISH, False),
        (ENGLISH + SPANISH + "12 , 7 " * 10, False),
        ("PALABRA", False),
        ("", False),
    ],
)
def test_a_chunk_of_another_language_stands_between_english(text: str, found: bool) -> None:
    assert has_foreign_chunk(text, by_case) is found


def test_a_language_must_be_sure() -> None:
    def unsure(text: str) -> tuple[str, float]:
        language, _ = by_case(text)
        return language, 0.8 if language == "es" else 1.0

    assert not has_foreign_chunk(ENGLISH + SPANISH + ENGLISH, unsure)


def test_mt_asks_for_something_that_tells_languages_apart() -> None:
    with pytest.raises(SettingsError, match="language identification") as caught:
        DocumentRules(apis=["QA", "MT"])
    assert "lid.176.bin" in caught.value.hint


def test_fasttext_is_asked_for_when_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"fasttext|fastText") as caught:
        fasttext_language_id(tmp_path / "lid.176.bin")
    assert caught.value.hint


# --- All together ---


def test_each_tool_has_its_own_rule() -> None:
    rules = DocumentRules(apis=["QA", "Search", "Mine", "Calculator", "Calendar", "MT"], identify=by_case)
    assert rules.that_keep("a", "nothing to see", None) == {"QA": TEXT, "Search": TEXT, "Mine": TEXT}
    assert rules.that_keep("a", f"{ENGLISH} {SPANISH} {ENGLISH} x = 1", "date in the data") == {
        "QA": TEXT,
        "Search": TEXT,
        "Mine": TEXT,
        "Calculator": "sign before a number",
        "Calendar": "date in the data",
        "MT": "words of another language",
    }
