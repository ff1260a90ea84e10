from __future__ import annotations

import gzip
import json
import os
import resource
import stat
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from hammerstone.errors import ModelError, RecordingError, SettingsError
from hammerstone.models import Message, Prompt, RecordedModel, RecordingModel, Reply
from hammerstone.models.model import digest
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.types import Usage

from .local_provider import ask

pytestmark = pytest.mark.anyio

REPLY = Reply(
    text="zwölf\nline 2", model="big", usage=Usage(input_tokens=5, output_tokens=2), cost_usd=0.25, seconds=1.5
)


def repeat(prompt: Prompt) -> str:
    return f"re: {prompt.messages[-1].content}"


async def record(path: Path, *questions: str) -> None:
    model = RecordingModel(FunctionModel(repeat), path)
    for question in questions:
        await model.complete(ask(question))


async def test_a_recorded_completion_comes_back_whole(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    prompt = Prompt(
        messages=(Message(role="system", content="Be brief."), Message(role="user", content="a\nb")),
        temperature=0.5,
        max_tokens=7,
        sample=2,
    )
    await RecordingModel(ScriptedModel([REPLY]), file).complete(prompt)

    assert await RecordedModel(file).complete(prompt) == REPLY


async def test_a_record_is_one_line_that_a_person_can_review(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await RecordingModel(ScriptedModel([REPLY]), file).complete(ask("Wieviel ist ein Dutzend?", max_tokens=9))

    (line,) = file.read_text().splitlines()
    record = json.loads(line)
    assert list(record) == ["key", "prompt", "reply", "recorded", "model"]
    assert record["prompt"] == {
        "messages": [{"role": "user", "content": "Wieviel ist ein Dutzend?"}],
        "temperature": None,
        "max_tokens": 9,
        "sample": 0,
    }
    assert record["reply"]["usage"] == {"input_tokens": 5, "output_tokens": 2}
    assert "zwölf" in line  # not escaped


async def test_a_note_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "q")
    file.write_text(json.dumps({**json.loads(file.read_text()), "note": "written by hand"}) + "\n")

    assert (await RecordedModel(file).complete(ask("q"))).text == "re: q"


async def test_a_packed_recording_is_read_under_its_own_name_and_before_what_came_later(tmp_path: Path) -> None:
    file = tmp_path / "user.jsonl"
    await record(file, "q")
    packed = file.with_name("user.jsonl.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    for path in (file, packed, tmp_path):
        assert (await RecordedModel(path).complete(ask("q"))).text == "re: q"

    asked = FunctionModel(repeat)
    model = RecordingModel(asked, file)
    for question in ("q", "another"):
        await model.complete(ask(question))
    assert [json.loads(line)["prompt"]["messages"][0]["content"] for line in file.read_text().splitlines()] == [
        "another"
    ]
    for question in ("q", "another"):
        assert (await RecordedModel(tmp_path).complete(ask(question))).text == f"re: {question}"


PACKED = gzip.compress(b'{"key": "0"}\n' * 50, mtime=0)


@pytest.mark.parametrize(
    "damaged",
    [PACKED[:-9], b"no gzip", PACKED[:20] + b"\xff" * 20],
    ids=["cut short", "no gzip", "overwritten in the middle"],
)
def test_a_packed_recording_that_is_damaged_is_one_clear_error(damaged: bytes, tmp_path: Path) -> None:
    (tmp_path / "user.jsonl.gz").write_bytes(damaged)

    with pytest.raises(RecordingError, match=r"cannot read the recording .*user\.jsonl\.gz"):
        RecordedModel(tmp_path / "user.jsonl")


async def test_what_is_recorded_is_not_paid_again(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "q")
    live = FunctionModel(repeat)

    reply = await RecordingModel(live, file).complete(ask("q"))

    assert reply.text == "re: q"
    assert live.prompts == []
    assert len(file.read_text().splitlines()) == 1


async def test_response_formats_and_requested_models_are_recorded_apart_and_found_again(tmp_path: Path) -> None:
    file = tmp_path / "solver.jsonl"
    others: list[dict[str, Any]] = [{}, {"response_format": {"type": "json_object"}}, {"requested_model": "gpt-9"}]
    prompts = [ask("q", **other) for other in others]
    live = RecordingModel(ScriptedModel(["text", "{}", "other"]), file)
    texts = [(await live.complete(prompt)).text for prompt in prompts]
    assert [(await RecordedModel(file).complete(prompt)).text for prompt in prompts] == texts == ["text", "{}", "other"]

    with pytest.raises(RecordingError) as missed:
        await RecordedModel(file).complete(ask("q", requested_model="gpt-8"))
    assert "+requested_model=gpt-8" in missed.value.details


async def test_samples_are_recorded_apart(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    model = RecordingModel(ScriptedModel(["one", "two"]), file)

    texts = [(await model.complete(ask("q", sample=sample))).text for sample in (0, 1)]

    assert texts == ["one", "two"]
    assert len(file.read_text().splitlines()) == 2


async def test_one_prompt_asked_many_times_at_once_is_paid_once(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"

    async def slow(_: Prompt) -> str:
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        return "answer"

    live = FunctionModel(slow)
    model = RecordingModel(live, file)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(model.complete, ask("q"))

    assert len(live.prompts) == 1
    assert len(file.read_text().splitlines()) == 1


async def test_concurrent_completions_are_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    answer = "long " * 20_000  # more than one pipe or page
    models = [RecordingModel(FunctionModel(lambda _: answer), file) for _ in range(2)]  # as two processes would
    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(models[number % 2].complete, ask(str(number)))

    recorded = RecordedModel(file)
    assert [(await recorded.complete(ask(str(number)))).text for number in range(10)] == [answer] * 10


async def test_a_lost_last_line_end_does_not_spoil_the_next_record(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "one")
    file.write_bytes(file.read_bytes().rstrip(b"\n"))

    await record(file, "two")

    assert (await RecordedModel(file).complete(ask("two"))).text == "re: two"


async def test_a_write_that_fails_midway_is_taken_back(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "one")
    before = file.read_bytes()
    old_limit, hard_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard_limit))  # as a disk with 20 bytes left
    try:
        with pytest.raises(RecordingError, match="cannot write the recording") as caught:
            await record(file, "two")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (old_limit, hard_limit))

    assert file.read_bytes() == before
    assert "not stored" in caught.value.hint


async def test_a_failing_model_leaves_no_record_and_may_be_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    answers = iter([ModelError("down"), "up"])

    def flaky(_: Prompt) -> str:
        answer = next(answers)
        if isinstance(answer, str):
            return answer
        raise answer

    model = RecordingModel(FunctionModel(flaky), file)
    with pytest.raises(ModelError, match="down"):
        await model.complete(ask("q"))
    assert file.read_text() == ""

    assert (await model.complete(ask("q"))).text == "up"


async def test_a_reply_is_recorded_even_when_its_asker_is_cancelled(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    with anyio.CancelScope() as scope:

        def answer_and_cancel(_: Prompt) -> str:
            scope.cancel()
            return "paid for"

        await RecordingModel(FunctionModel(answer_and_cancel), file).complete(ask("q"))

    assert (await RecordedModel(file).complete(ask("q"))).text == "paid for"


async def test_a_folder_is_the_recordings_in_its_files(tmp_path: Path) -> None:
    await record(tmp_path / "maker.jsonl", "one")
    await record(tmp_path / "user.jsonl", "two")
    (tmp_path / "notes.txt").write_text("not a recording")
    model = RecordedModel(tmp_path)

    assert [(await model.complete(ask(question))).text for question in ("one", "two")] == ["re: one", "re: two"]


async def test_of_two_records_for_a_prompt_the_first_counts(tmp_path: Path) -> None:
    await RecordingModel(ScriptedModel(["first"]), tmp_path / "a.jsonl").complete(ask("q"))
    await RecordingModel(ScriptedModel(["second"]), tmp_path / "b.jsonl").complete(ask("q"))

    assert (await RecordedModel(tmp_path).complete(ask("q"))).text == "first"


async def test_a_missing_prompt_shows_the_nearest_one_and_where_they_differ(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "What is the capital of France?", "Sort these words in order: pear apple fig", "12 times 12")

    with pytest.raises(RecordingError) as caught:
        await RecordedModel(file).complete(ask("Sort these words in order: pear apple plum"))

    assert "-Sort these words in order: pear apple fig" in caught.value.details
    assert "+Sort these words in order: pear apple plum" in caught.value.details
    assert "France" not in str(caught.value)
    assert f"--record {file}" in caught.value.hint


async def test_a_missing_prompt_shows_a_difference_in_settings(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "q")

    with pytest.raises(RecordingError, match=r"\+temperature=0\.3"):
        await RecordedModel(file).complete(ask("q", temperature=0.3))


async def test_a_difference_late_in_a_long_line_is_seen_and_the_diff_stays_short(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    long = "the same words again and again " * 400
    await record(file, long + "old ending")

    with pytest.raises(RecordingError, match="new ending") as caught:
        await RecordedModel(file).complete(ask(long + "new ending"))
    assert len(str(caught.value)) < 1_000

    with pytest.raises(RecordingError, match="more lines") as caught:
        await RecordedModel(file).complete(ask("\n".join(f"line {number}" for number in range(500))))
    assert len(str(caught.value).splitlines()) < 30


async def test_an_empty_recording_says_that_it_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.touch()

    with pytest.raises(RecordingError, match="no recordings at all"):
        await RecordedModel(file).complete(ask("q"))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{half a li", "Invalid JSON"),
        ('{"key": "00"}', "prompt: Field required"),
        ("[]", "not a recorded completion"),
    ],
)
async def test_a_broken_line_is_named_by_its_number(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "one")
    with file.open("a") as opened:
        opened.write(f"\n{line}\n")

    with pytest.raises(RecordingError, match=says) as caught:
        RecordedModel(file)
    assert f"{file}, line 3 " in caught.value.message
    assert "--record" in caught.value.hint


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
async def test_a_byte_order_mark_and_the_line_ends_of_an_editor_are_no_part_of_a_recording(
    tmp_path: Path, mark: bytes
) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "one")
    file.write_bytes(mark + file.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    await record(file, "two")

    texts = [(await RecordedModel(file).complete(ask(question))).text for question in ("one", "two")]
    assert texts == ["re: one", "re: two"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
async def test_a_recording_in_utf16_is_refused_with_a_way_out(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "one")
    file.write_bytes(("\ufeff" * (encoding == "utf-16-be") + file.read_text()).encode(encoding))

    for model in (RecordedModel, partial(RecordingModel, ScriptedModel([]))):
        with pytest.raises(RecordingError, match="is UTF-16 text") as caught:
            model(file)
        assert "save it as UTF-8" in caught.value.hint


@pytest.mark.parametrize("umask", [0o000, 0o022])
async def test_a_recording_is_readable_by_its_owner_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        await record(tmp_path / "new" / "r.jsonl", "one")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "r.jsonl").stat().st_mode) == 0o600


async def test_a_recording_that_everybody_may_read_is_closed_when_it_is_added_to(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.touch()
    file.chmod(0o644)
    RecordedModel(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    await record(file, "one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_prompt_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await record(file, "one")
    file.write_text(file.read_text().replace('"content": "one"', '"content": "two"'))

    with pytest.raises(RecordingError, match="line 1: the key"):
        RecordedModel(file)


async def test_a_recording_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file") as caught:
        RecordedModel(tmp_path / "none.jsonl")
    assert "--record FILE" in caught.value.hint

    with pytest.raises(RecordingError, match="holds no recordings"):
        RecordedModel(tmp_path)


async def test_recording_where_nothing_can_be_written_fails_before_anything_is_paid(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    live = ScriptedModel(["never asked for"])

    with pytest.raises(SettingsError, match="cannot record into the folder"):
        RecordingModel(live, tmp_path)
    with pytest.raises(SettingsError, match="cannot record into"):
        RecordingModel(live, tmp_path / "file" / "r.jsonl")


async def test_recording_makes_the_folders_it_needs(tmp_path: Path) -> None:
    await record(tmp_path / "new" / "deep" / "r.jsonl", "q")

    assert (await RecordedModel(tmp_path / "new" / "deep").complete(ask("q"))).text == "re: q"


async def test_a_wrapped_model_keeps_its_name(tmp_path: Path) -> None:
    assert RecordingModel(ScriptedModel([], name="openai:big"), tmp_path / "r.jsonl").name == "openai:big"


# replies that were cut short


def cut(limit: int) -> Reply:
    return Reply(text="x" * limit, model="m", cut=True)


async def test_a_reply_that_was_cut_short_replays_under_the_same_limit_or_a_lower_one(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    live = ScriptedModel([cut(9)])
    for limit in (9, 4):
        assert await RecordingModel(live, file).complete(ask("q", max_tokens=limit)) == cut(9)
        assert await RecordedModel(file).complete(ask("q", max_tokens=limit)) == cut(9)


async def test_a_reply_that_was_cut_short_is_asked_for_again_under_a_higher_limit(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    model = RecordingModel(ScriptedModel([cut(9), cut(20), "whole"]), file)
    for limit in (9, 20):
        await model.complete(ask("q", max_tokens=limit))
    with pytest.raises(RecordingError, match="cut short at 20 tokens") as caught:
        await RecordedModel(file).complete(ask("q", max_tokens=30))
    assert "--record" in caught.value.hint

    for limit in (30, 4, None):
        assert (await model.complete(ask("q", max_tokens=limit))).text == "whole"
        assert (await RecordedModel(file).complete(ask("q", max_tokens=limit))).text == "whole"


async def test_a_line_says_that_its_reply_was_cut_only_if_it_was(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    model = RecordingModel(ScriptedModel([cut(9), "whole"]), file)
    for question in ("1", "2"):
        await model.complete(ask(question, max_tokens=9, schema={"type": "null"}, timeout_s=1.0))

    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert first["reply"]["cut"] is True
    assert "cut" not in second["reply"]
    assert list(first["prompt"]) == ["messages", "temperature", "max_tokens", "sample"]


async def test_a_recording_whose_keys_hold_the_limit_still_replays(tmp_path: Path) -> None:
    """As earlier versions wrote it."""
    file = tmp_path / "r.jsonl"
    prompt = ask("q", max_tokens=9)
    line = {"key": digest(prompt.document), "prompt": prompt.document, "reply": {"text": "a", "model": "m"}}
    file.write_text(json.dumps(line | {"recorded": "2026-05-04"}) + "\n")

    assert (await RecordedModel(file).complete(prompt)).text == "a"
