"""`hammerstone generate` with companies: chats that `read_requests` reads back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.evals.tasks import COMPANIES, generate_instances
from hammerstone.requests import Unreadable, read_requests

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli


def test_chats_are_read_back_with_their_answers(cli: Cli, tmp_path: Path) -> None:
    for name in COMPANIES:
        file = tmp_path / f"{name}.jsonl"
        file.write_text(cli("generate", name, "-n", "20", "--seed", "5").out, encoding="utf-8")
        for request, one in zip(read_requests(file), generate_instances(name, 20, 5), strict=True):
            assert not isinstance(request, Unreadable)
            assert (request.chat, request.question, request.answer) == (one.chat, one.question, one.answer)


def test_chats_do_not_go_into_a_big_bench_file(cli: Cli) -> None:
    done = cli("generate", "refund_decision", "--form", "bigbench")
    assert (done.code, done.out) == (2, "")
    assert "hint: leave out --form" in done.err


def test_an_unknown_task_lists_the_companies_too(cli: Cli) -> None:
    assert "word_sorting, invoice_payment, refund_decision" in cli("generate", "cooking").err
