from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from hammerstone.errors import ModelError, ModelTimeoutError, SettingsError
from hammerstone.models import MailboxModel, Message, Prompt, Reply

from .local_provider import ask

pytestmark = pytest.mark.anyio


def mailbox(directory: Path, timeout_seconds: float | None = None) -> MailboxModel:
    return MailboxModel(directory, timeout_seconds=timeout_seconds, poll_seconds=0)


def pending(directory: Path) -> list[Path]:
    return sorted((directory / "prompts").iterdir())


def answer(directory: Path, prompt_file: Path, text: str) -> None:
    """As a careful person does it: write under another name, then rename."""
    unfinished = directory / "replies" / f"{prompt_file.name}.part"
    unfinished.write_text(text)
    unfinished.rename(directory / "replies" / prompt_file.name)


async def some_polls() -> None:
    for _ in range(50):
        await anyio.lowlevel.checkpoint()


async def leave(directory: Path, *prompts: Prompt) -> None:
    """Asks and goes away before anyone answers, as a process that is stopped."""
    async with anyio.create_task_group() as group:
        for prompt in prompts:
            group.start_soon(mailbox(directory).complete, prompt)
        await some_polls()
        group.cancel_scope.cancel()


async def test_a_prompt_is_left_answered_and_set_aside(tmp_path: Path) -> None:
    replies: list[Reply] = []

    async def complete() -> None:
        replies.append(await mailbox(tmp_path).complete(ask("How many is a dozen?")))

    async with anyio.create_task_group() as group:
        group.start_soon(complete)
        await some_polls()
        (prompt_file,) = pending(tmp_path)
        assert prompt_file.read_text() == "How many is a dozen?\n"
        answer(tmp_path, prompt_file, "Twelve.\n\nThat is all.\n")

    assert replies[0].text == "Twelve.\n\nThat is all.\n"
    assert (replies[0].usage.input_tokens, replies[0].cost_usd) == (None, None)
    assert pending(tmp_path) == []
    assert (tmp_path / "done" / prompt_file.name).read_text() == "How many is a dozen?\n"
    assert (tmp_path / "replies" / prompt_file.name).exists()


async def test_many_prompts_wait_at_once_and_each_gets_its_own_reply(tmp_path: Path) -> None:
    model = mailbox(tmp_path)
    got: dict[str, str] = {}

    async def complete(question: str) -> None:
        got[question] = (await model.complete(ask(question))).text

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(complete, f"q{number}")
        await some_polls()
        assert len(pending(tmp_path)) == 30
        for prompt_file in reversed(pending(tmp_path)):
            answer(tmp_path, prompt_file, f"re {prompt_file.read_text().strip()}")

    assert got == {f"q{number}": f"re q{number}" for number in range(30)}


async def test_a_half_written_reply_is_not_read(tmp_path: Path) -> None:
    replies: list[str] = []

    async def complete() -> None:
        replies.append((await mailbox(tmp_path).complete(ask("q"))).text)

    async with anyio.create_task_group() as group:
        group.start_soon(complete)
        await some_polls()
        (prompt_file,) = pending(tmp_path)
        unfinished = tmp_path / "replies" / f".{prompt_file.name}.tmp"
        unfinished.write_text("only ha")
        await some_polls()
        assert replies == []
        unfinished.write_text("only half was there")
        unfinished.rename(tmp_path / "replies" / prompt_file.name)

    assert replies == ["only half was there"]


async def test_a_restart_reads_what_was_answered_meanwhile(tmp_path: Path) -> None:
    await leave(tmp_path, ask("q"))
    (prompt_file,) = pending(tmp_path)
    answer(tmp_path, prompt_file, "a")

    assert (await mailbox(tmp_path, timeout_seconds=0).complete(ask("q"))).text == "a"
    assert pending(tmp_path) == []


async def test_a_restart_leaves_a_waiting_prompt_as_it_is(tmp_path: Path) -> None:
    await leave(tmp_path, ask("one"), ask("two"))
    before = [(file.name, file.stat().st_mtime_ns, file.stat().st_ino) for file in pending(tmp_path)]

    await leave(tmp_path, ask("one"), ask("two"))

    assert [(file.name, file.stat().st_mtime_ns, file.stat().st_ino) for file in pending(tmp_path)] == before
    assert len(before) == 2


async def test_an_answered_prompt_is_answered_from_its_file_ever_after(tmp_path: Path) -> None:
    await leave(tmp_path, ask("q"))
    answer(tmp_path, pending(tmp_path)[0], "a")

    texts = [(await mailbox(tmp_path, timeout_seconds=0).complete(ask("q"))).text for _ in range(3)]

    assert texts == ["a", "a", "a"]
    assert pending(tmp_path) == []


async def test_a_prompt_whose_reply_was_taken_away_is_asked_again(tmp_path: Path) -> None:
    await leave(tmp_path, ask("q"))
    answer(tmp_path, pending(tmp_path)[0], "a bad answer")
    await mailbox(tmp_path, timeout_seconds=0).complete(ask("q"))
    next((tmp_path / "replies").iterdir()).unlink()

    await leave(tmp_path, ask("q"))

    assert len(pending(tmp_path)) == 1


async def test_samples_and_settings_are_prompts_of_their_own(tmp_path: Path) -> None:
    await leave(tmp_path, ask("q"), ask("q", sample=1), ask("q", temperature=0.1))

    assert [file.read_text() for file in pending(tmp_path)] == ["q\n"] * 3


async def test_instructions_and_one_question_are_plain_text(tmp_path: Path) -> None:
    await leave(
        tmp_path,
        Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="Why?"))),
    )

    assert pending(tmp_path)[0].read_text() == "Be brief.\n\nWhy?\n"


async def test_a_conversation_has_headings_and_ends_with_the_turn_to_be_written(tmp_path: Path) -> None:
    await leave(
        tmp_path,
        Prompt(
            messages=(
                Message(role="system", content="Write code."),
                Message(role="user", content="Sort."),
                Message(role="assistant", content="sort()"),
                Message(role="user", content="It failed."),
            )
        ),
    )

    assert pending(tmp_path)[0].read_text() == (
        "=== system ===\n\nWrite code.\n\n=== user ===\n\nSort.\n\n"
        "=== assistant ===\n\nsort()\n\n=== user ===\n\nIt failed.\n\n=== assistant ===\n"
    )


@pytest.mark.parametrize(
    ("reply", "says", "hint"), [(b" \n\t\n", "is empty", "write the answer"), (b"\xff\xfe\xff", "cannot read", "UTF-8")]
)
async def test_a_reply_without_text_is_an_error_and_the_prompt_stays(
    tmp_path: Path, reply: bytes, says: str, hint: str
) -> None:
    await leave(tmp_path, ask("q"))
    (tmp_path / "replies" / pending(tmp_path)[0].name).write_bytes(reply)

    with pytest.raises(ModelError, match=says) as caught:
        await mailbox(tmp_path).complete(ask("q"))
    assert hint in caught.value.hint
    assert len(pending(tmp_path)) == 1


async def test_a_byte_order_mark_is_not_part_of_the_reply(tmp_path: Path) -> None:
    await leave(tmp_path, ask("q"))
    (tmp_path / "replies" / pending(tmp_path)[0].name).write_text("a", encoding="utf-8-sig")

    assert (await mailbox(tmp_path).complete(ask("q"))).text == "a"


async def test_no_reply_in_time_is_an_error_that_names_both_files(tmp_path: Path) -> None:
    with pytest.raises(ModelTimeoutError) as caught:
        await mailbox(tmp_path, timeout_seconds=0).complete(ask("q"))

    (prompt_file,) = pending(tmp_path)
    assert str(tmp_path / "replies" / prompt_file.name) in caught.value.message
    assert str(prompt_file) in caught.value.hint


async def test_a_mailbox_that_cannot_be_made_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="cannot make the mailbox"):
        MailboxModel(tmp_path / "file" / "box")


async def test_a_mailbox_that_went_away_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    model = mailbox(tmp_path)
    (tmp_path / "prompts").rmdir()

    with pytest.raises(ModelError, match="cannot leave a prompt"):
        await model.complete(ask("q"))
