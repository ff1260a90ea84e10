"""The stage that proposes calls, its prompts, and the annotator that is only prompted."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.errors import InputError, ModelError, SettingsError
from hammerstone.models.model import Prompt
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.toolformer.annotate.annotation import (
    PAPER_SAMPLING,
    VERSION,
    AnnotateSettings,
    Proposer,
    SamplingSettings,
    annotate,
)
from hammerstone.toolformer.annotate.prompting import PromptedProposer, annotation_prompt, read_rewriting
from hammerstone.toolformer.annotate.sampling import SamplingProposer
from hammerstone.toolformer.apis.calculator import calculate, rounded
from hammerstone.toolformer.call_format import ApiCall, find_calls, insert_calls, remove_calls
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.shards import read_shards, write_shards

from ..tiny_models import TEXTS, language_model


@dataclass(frozen=True)
class Tool:
    name: str
    description: str = "Does something."


ADD = Tool("Add", "Adds numbers: 1 + 2 gives 3.")


class ListedProposer:
    """Proposes what it was told to, by the text of the document."""

    name = "listed"

    def __init__(self, proposals: dict[str, Sequence[tuple[str, str, int]]]) -> None:
        self.proposals = proposals

    def prepare(self, api: Tool, settings: AnnotateSettings) -> str:
        del settings
        return api.description

    def propose(
        self, documents: Sequence[CorpusDocument], api: Tool, settings: AnnotateSettings
    ) -> tuple[list[list[Proposal]], Counter[str]]:
        del settings
        made = [
            [
                Proposal(api=name, input=text, position=position, probability=0.5)
                for name, text, position in self.proposals.get(document.text, ())
                if name == api.name
            ]
            for document in documents
        ]
        return made, Counter({f"draws: {api.name}": sum(map(len, made))})


def corpus(folder: Path, texts: Sequence[str], *, size: int = 2) -> Path:
    documents = (CorpusDocument(id=f"d{at}", text=text) for at, text in enumerate(texts))
    write_shards(folder / "corpus", documents, settings={}, size=size)
    return folder / "corpus"


def annotated(folder: Path, texts: Sequence[str], proposer: Proposer, tools: Sequence[Tool] = (ADD,)):
    """The texts' proposals as (name, input, position), and what was counted."""
    counts = annotate(corpus(folder, texts), folder / "annotated", proposer, tools)
    made = read_shards(folder / "annotated")
    return [[(one.api, one.input, one.position) for one in document.proposals] for document in made], counts


# --- settings ---


def test_the_papers_numbers_are_the_defaults_of_its_tools() -> None:
    settings = AnnotateSettings()
    usual = SamplingSettings(threshold=0.05, positions=5, draws=5)
    many = SamplingSettings(threshold=0.0, positions=20, draws=10)
    assert {name: settings.sampling(name) for name in ("QA", "Search", "Calculator", "Calendar", "MT", "Add")} == {
        "QA": usual,
        "Search": usual,
        "Calculator": many,
        "Calendar": usual,
        "MT": many,
        "Add": usual,
    }
    own = AnnotateSettings(tools={"QA": SamplingSettings(draws=1)})
    assert own.sampling("QA").draws == 1
    assert own.sampling("MT") == many


@pytest.mark.parametrize("wrong", [{"threshold": -0.1}, {"threshold": 1.0}, {"positions": 0}, {"draws": 0}])
def test_numbers_that_sample_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="threshold is") as told:
        SamplingSettings(**wrong)
    assert "draws ≥ 1" in told.value.hint


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"call_tokens": 0}])
def test_settings_that_draw_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="temperature is"):
        AnnotateSettings(**wrong)


@pytest.mark.parametrize("tools", [(), (ADD, ADD)])
def test_tools_are_some_and_have_names_of_their_own(tmp_path: Path, tools: tuple[Tool, ...]) -> None:
    with pytest.raises(SettingsError, match="with different names"):
        annotated(tmp_path, ["x"], ListedProposer({}), tools)
    assert not (tmp_path / "annotated").exists()


# --- the stage ---


def test_every_tool_adds_its_proposals_to_the_documents(tmp_path: Path) -> None:
    proposer = ListedProposer({"1 and 2 are 3": [("Add", "1 + 2", 11), ("Day", "", 0)], "none": []})
    found, counts = annotated(tmp_path, ["1 and 2 are 3", "none"], proposer, [ADD, Tool("Day")])
    assert found == [[("Add", "1 + 2", 11), ("Day", "", 0)], []]
    assert counts == {"draws: Add": 1, "draws: Day": 1, "kept: Add": 1, "kept: Day": 1}


def test_proposals_that_a_document_has_already_stay(tmp_path: Path) -> None:
    first = ListedProposer({"a b": [("Add", "1", 1)]})
    annotate(corpus(tmp_path, ["a b"]), tmp_path / "first", first, [ADD])
    second = ListedProposer({"a b": [("Add", "1", 1), ("Add", "2", 1)]})
    counts = annotate(tmp_path / "first", tmp_path / "second", second, [ADD])
    (document,) = read_shards(tmp_path / "second")
    assert [proposal.input for proposal in document.proposals] == ["1", "2"]
    assert counts["dropped: Add: duplicate"] == 1


def test_a_call_that_was_drawn_twice_at_a_position_is_proposed_once(tmp_path: Path) -> None:
    proposer = ListedProposer({"a b": [("Add", "1", 1), ("Add", "1", 1), ("Add", "1", 0), ("Add", "2", 1)]})
    found, counts = annotated(tmp_path, ["a b"], proposer)
    assert found == [[("Add", "1", 1), ("Add", "1", 0), ("Add", "2", 1)]]
    assert (counts["dropped: Add: duplicate"], counts["kept: Add"]) == (1, 3)


def test_a_call_after_which_nothing_comes_is_dropped(tmp_path: Path) -> None:
    found, counts = annotated(tmp_path, ["a b \n"], ListedProposer({"a b \n": [("Add", "1", 3), ("Add", "1", 1)]}))
    assert found == [[("Add", "1", 1)]]
    assert counts["dropped: Add: nothing follows"] == 1


def test_a_translation_of_what_is_still_to_come_is_dropped(tmp_path: Path) -> None:
    text = "the turtle, la tortuga, la tortuga"
    proposer = ListedProposer({text: [("MT", "la tortuga", 11), ("MT", "la tortuga", 23), ("MT", "el sol", 11)]})
    found, counts = annotated(tmp_path, [text], proposer, [Tool("MT")])
    assert found == [[("MT", "la tortuga", 23), ("MT", "el sol", 11)]]
    assert counts["dropped: MT: input comes later"] == 1


def test_a_text_with_calls_of_its_own_is_left_out_and_one_with_other_brackets_is_not(tmp_path: Path) -> None:
    texts = ["see [Add(1) -> 1] here", "see [1] and a -> b", "x"]
    found, counts = annotated(tmp_path, texts, ListedProposer({text: [("Add", "1", 0)] for text in texts}))
    assert found == [[], [("Add", "1", 0)], [("Add", "1", 0)]]
    assert counts["left out: calls of its own"] == 1


def test_a_document_gets_calls_only_of_the_tools_that_it_is_good_for(tmp_path: Path) -> None:
    documents = [
        CorpusDocument(id="0", text="x y", apis=("Add",)),
        CorpusDocument(id="1", text="x y", apis=("Other",)),
        CorpusDocument(id="2", text="x y"),
    ]
    write_shards(tmp_path / "in", documents, settings={})
    proposer = ListedProposer({"x y": [("Add", "1", 0), ("Other", "2", 0)]})
    annotate(tmp_path / "in", tmp_path / "out", proposer, [Tool("Add"), Tool("Other")])
    found = [[one.api for one in document.proposals] for document in read_shards(tmp_path / "out")]
    assert found == [["Add"], ["Other"], ["Add", "Other"]]


def test_the_manifest_holds_all_that_the_proposals_depend_on(tmp_path: Path) -> None:
    annotated(tmp_path, ["x"], ListedProposer({}))
    manifest = json.loads((tmp_path / "annotated" / "manifest.json").read_text())["settings"]
    assert (manifest["version"], manifest["model"]) == (VERSION, "listed")
    assert manifest["tools"]["Add"].keys() == {"threshold", "positions", "draws", "prompt"}
    assert (manifest["temperature"], manifest["call_tokens"], manifest["seed"]) == (1.0, 48, 0)
    again = tmp_path / "corpus", tmp_path / "annotated", ListedProposer({})
    annotate(*again, [ADD])
    for tool, settings in [(replace(ADD, description="Other."), AnnotateSettings()), (ADD, AnnotateSettings(seed=1))]:
        with pytest.raises(InputError, match="other settings"):
            annotate(*again, [tool], settings=settings)


def test_a_run_that_proposed_calls_in_an_earlier_way_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotated(tmp_path, ["x"], ListedProposer({}))
    monkeypatch.setattr("hammerstone.toolformer.annotate.annotation.VERSION", VERSION + 1)
    with pytest.raises(InputError, match="other settings"):
        annotate(tmp_path / "corpus", tmp_path / "annotated", ListedProposer({}), [ADD])


def test_a_broken_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    lm = language_model()
    settings = AnnotateSettings(
        tools={"Calculator": SamplingSettings(threshold=0.0, positions=2, draws=2)}, call_tokens=4, seed=3
    )

    def run(target: Path, stop: int | None = None) -> dict[str, bytes]:
        def on_progress(progress) -> None:
            if progress.done == stop:
                raise KeyboardInterrupt

        proposer = SamplingProposer(lm, prompt=lambda _: "Add calls.")
        annotate(source, target, proposer, [Tool("Calculator")], settings=settings, on_progress=on_progress)
        return {path.name: path.read_bytes() for path in target.iterdir()}

    source = corpus(tmp_path, [text[:50] for text in TEXTS[:3]], size=1)
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", stop=2)
    before = lm.read
    assert run(tmp_path / "broken") == whole
    assert 0 < lm.read - before < before / 2
    assert b'"draws: Calculator": 4' in whole["00000.counts.json"]


def test_a_prompt_that_does_not_fit_is_reported_before_anything_is_read_or_written(tmp_path: Path) -> None:
    lm = language_model(context=128)
    with pytest.raises(InputError, match="the prompt for Calculator takes"):
        annotate(corpus(tmp_path, ["x"]), tmp_path / "annotated", SamplingProposer(lm), [Tool("Calculator")])
    assert lm.read == 0
    assert not (tmp_path / "annotated").exists()


# --- prompts ---


def examples(prompt: str) -> list[tuple[str, str]]:
    return re.findall(r"Input:\n(.+)\nOutput:\n(.+)", prompt)


@pytest.mark.parametrize("name", PAPER_SAMPLING)
def test_a_tool_of_the_paper_has_worked_examples_that_add_calls_and_change_nothing(name: str) -> None:
    pairs = examples(annotation_prompt(Tool(name)))
    assert len(pairs) >= 4
    for text, output in pairs:
        calls = find_calls(output, [name])
        assert calls
        assert all(found.call.result is None for found in calls)
        assert remove_calls(output, [name]) == text


def test_the_calculators_examples_are_right() -> None:
    for _, output in examples(annotation_prompt(Tool("Calculator"))):
        for _, end, call in find_calls(output, ["Calculator"]):
            assert output[end:].startswith(f" {rounded(calculate(call.input))}")


def test_the_translators_examples_translate_what_came_before() -> None:
    for _, output in examples(annotation_prompt(Tool("MT"))):
        for start, _, call in find_calls(output, ["MT"]):
            assert call.input in output[:start]


def test_a_tool_of_ones_own_has_a_prompt_made_of_its_name_and_description() -> None:
    prompt = annotation_prompt(Tool("Weather", "Gives the weather of a town, at $5 a call."))
    assert "[Weather(input)]" in prompt
    assert "Gives the weather of a town, at $5 a call." in prompt
    assert len(examples(prompt)) == 1
    assert annotation_prompt(Tool("calculator")) != annotation_prompt(Tool("Calculator"))


# --- a model that is only prompted ---

SUM = "The sum of 12 and 30 is 42."
CALLED = "The sum of 12 and 30 is [Add(12 + 30)] 42."


def test_a_prompted_model_writes_the_text_anew_with_calls_in_it(tmp_path: Path) -> None:
    model = ScriptedModel([CALLED])
    found, counts = annotated(tmp_path, [SUM], PromptedProposer(model))
    assert found == [[("Add", "12 + 30", 23)]]
    assert counts == {"replies: Add": 1, "kept: Add": 1}
    (message,) = model.prompts[0].messages
    assert SUM in message.content
    assert ADD.description in message.content
    (document,) = read_shards(tmp_path / "annotated")
    assert document.proposals[0].probability == 1.0
    assert document.text == SUM


@pytest.mark.parametrize(
    ("reply", "calls"),
    [
        (f"Output: {CALLED}\n", [(23, "12 + 30")]),
        (CALLED.replace("] 42", "]42"), [(23, "12 + 30")]),
        (CALLED.replace(" [", "["), [(23, "12 + 30")]),
        (CALLED.replace("+ 30)]", "+ 30) -> 42]"), [(23, "12 + 30")]),
        ("[Add(1)]" + CALLED, [(0, "1"), (23, "12 + 30")]),
        ("The sum of [Add(1)] 12 and [Add(2)] 30 is 42[Add(3)].", [(10, "1"), (17, "2"), (26, "3")]),
        (SUM, []),
        (CALLED.replace("sum", "total"), None),
        (CALLED + " I added one call.", None),
        (CALLED.replace("Add", "Sum"), None),
        ("", None),
    ],
)
def test_a_reply_is_taken_only_if_its_calls_alone_are_new(reply: str, calls: list[tuple[int, str]] | None) -> None:
    found = read_rewriting(reply, SUM, "Add")
    assert (None if found is None else [(position, call.input) for position, call in found]) == calls


@given(
    st.text(st.sampled_from("ab1 (),.\n[]"), max_size=40),
    st.lists(st.integers(0, 40), max_size=3),
)
def test_calls_are_read_back_from_where_they_were_written(text: str, positions: list[int]) -> None:
    positions = sorted({position % (len(text) + 1) for position in positions})
    calls = [ApiCall(api="Add", input=f"1 + {number}", result="3") for number in range(len(positions))]
    found = read_rewriting(insert_calls(text, list(zip(positions, calls, strict=True))), text, "Add")
    assert found is not None
    assert [call for _, call in found] == calls
    for position, (read, _) in zip(positions, found, strict=True):
        assert text[: max(read, position)].split() == text[: min(read, position)].split()


def test_replies_that_cannot_be_used_are_counted_and_the_others_are(tmp_path: Path) -> None:
    def reply(prompt: Prompt) -> str:
        if "refused" in prompt.messages[0].content:
            raise ModelError("refused to answer")
        return CALLED if SUM in prompt.messages[0].content else "Sure, here it is!"

    model = FunctionModel(reply)
    found, counts = annotated(tmp_path, ["refused", SUM, "other", "more"], PromptedProposer(model))
    assert found == [[], [("Add", "12 + 30", 23)], [], []]
    assert counts == {
        "replies: Add": 4,
        "dropped: Add: no reply": 1,
        "dropped: Add: text was changed": 2,
        "kept: Add": 1,
    }


def test_a_model_that_is_down_ends_the_run_and_what_is_finished_stays(tmp_path: Path) -> None:
    def reply(prompt: Prompt) -> str:
        if "lost" in prompt.messages[0].content:
            raise ModelError("no connection")
        return CALLED

    source = corpus(tmp_path, [SUM, "lost"], size=1)
    with pytest.raises(ModelError, match="no connection"):
        annotate(source, tmp_path / "annotated", PromptedProposer(FunctionModel(reply)), [ADD])
    assert [path.name for path in sorted((tmp_path / "annotated").glob("*.jsonl"))] == ["00000.jsonl"]
