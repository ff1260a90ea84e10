"""A prompt from the corpus's own sentences: where results come next, which are shown, and what the prompt does."""

from __future__ import annotations

import pytest
import torch

from hammerstone.errors import InputError
from hammerstone.toolformer.annotate.annotation import AnnotateSettings, SamplingSettings
from hammerstone.toolformer.annotate.prompting import annotation_prompt, instructions
from hammerstone.toolformer.apis.api import Api, ApiError, CallContext
from hammerstone.toolformer.apis.calculator import Calculator
from hammerstone.toolformer.apis.calendar import Calendar
from hammerstone.toolformer.call_format import find_calls, remove_calls
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.near_questions import EvaluationQuestions
from hammerstone.toolformer.suggest.example_prompt import choose_examples, example_prompt, example_texts
from hammerstone.toolformer.suggest.prompt_measure import measure_prompt
from hammerstone.toolformer.suggest.result_places import places_by_rule, places_of_proposals
from hammerstone.toolformer.suggest.suggestion import sample_documents, suggest_prompt

from ..tiny_models import language_model

pytestmark = pytest.mark.anyio
TEXTS = (
    "It was spring. The orchard has 36 rows of 25 trees each, so 900 trees must be pruned before March. Nobody knew.",
    "The bridge was finished in 1887 and closed in 1961, after 74 years of service to the town.",
    "The lamp cost $18.50 and the bulb $6.25, which makes $24.75 in all, and she paid it at once.",
    "A garden of 12 beds with 30 roses each has 360 roses, as anybody can count on a summer day.",
    "Nothing happened in 1999, when 14 of the 20 were away for the whole of the year.",
)
DOCUMENTS = [CorpusDocument(id=f"d{k}", text=text) for k, text in enumerate(TEXTS)]
PAIRS = "Input:\nHe had 2 and 3.\nOutput:\nHe had 2 and [Calculator(1 + 2)] 3."
SETTINGS = AnnotateSettings(tools={"Calculator": SamplingSettings(threshold=0.0, positions=4, draws=1)}, call_tokens=8)


class Population:
    name = "Population"
    description = "The number of people in a country."

    async def __call__(self, text: str, context: CallContext) -> str:  # noqa: ARG002 - the contract's
        if text != "Peru":
            raise ApiError("unknown")
        return "34 million people"


async def test_the_tool_itself_says_where_its_result_comes_next() -> None:
    places = await places_by_rule(DOCUMENTS, Calculator())
    shown = [(one.document.id, one.call.asked, one.document.text[one.position :][:5]) for one in places]
    assert shown == [
        ("d0", "[Calculator(36 * 25)]", "900 t"),
        ("d1", "[Calculator(1961 - 1887)]", "74 ye"),
        ("d2", "[Calculator(18.50 + 6.25)]", "$24.7"),
        ("d3", "[Calculator(12 * 30)]", "360 r"),
    ]


async def test_a_date_is_known_from_the_beginning_and_helps_wherever_a_part_of_it_stands() -> None:
    text = "We close on Thursday, February 9, 2023, since the days of February are cold."
    dated, unknown = CorpusDocument(id="a", text=text, date="2023-02-09"), CorpusDocument(id="b", text=text)
    places = await places_by_rule([dated, unknown], Calendar())
    assert [(one.document.id, text[one.position :][:8]) for one in places] == [
        ("a", "Thursday"),
        ("a", "February"),
    ]


async def test_a_tool_of_ones_own_is_asked_for_names() -> None:
    text = "The delegation left for Peru, a country of 34 million."
    (first, *_) = await places_by_rule([CorpusDocument(id="a", text=text)], Population())
    assert (first.call.input, text[first.position :]) == ("Peru", "34 million.")


async def test_of_a_models_proposals_those_stay_whose_result_comes_next() -> None:
    at = TEXTS[0].index(" 900")
    proposals = [
        Proposal(api="Calculator", input=asked, position=position, probability=0.1)
        for asked, position in (("36 * 25", at), ("36 + 25", at), ("36 * 25", 5), ("36 x y", at))
    ]
    (place,) = await places_of_proposals(
        [CorpusDocument(id="a", text=TEXTS[0], proposals=tuple(proposals))], Calculator()
    )
    assert (place.call.input, place.call.result, place.position) == ("36 * 25", "900", at)
    assert place.begin == TEXTS[0].index("36")


async def test_examples_are_whole_sentences_of_different_documents_that_differ_in_what_is_asked() -> None:
    examples = choose_examples(await places_by_rule(DOCUMENTS, Calculator()), 3)
    assert {one.document for one in examples} == {"d1", "d2", "d3"} or {one.document for one in examples} == {
        *("d0", "d1", "d2")
    }
    for one in examples:
        assert one.text in " ".join(TEXTS)
        assert remove_calls(one.annotated, ["Calculator"]) == one.text
    (orchard,) = choose_examples(await places_by_rule(DOCUMENTS[:1], Calculator()), 3)
    assert orchard.annotated == (
        "The orchard has 36 rows of 25 trees each, so [Calculator(36 * 25)] 900 trees must be pruned before March."
    )


async def test_an_example_whose_calculation_is_written_out_comes_last() -> None:
    written = CorpusDocument(id="a", text="There are 12 beds with 30 roses, which makes 12 x 30 = 360 roses here.")
    (first, second) = choose_examples(await places_by_rule([written, DOCUMENTS[0]], Calculator()), 2)
    assert (first.document, second.document) == ("d0", "a")


@pytest.mark.parametrize("api", [Calculator(), Population()])
async def test_a_prompt_is_the_tools_instructions_and_the_examples(api: Api) -> None:
    examples = choose_examples(await places_by_rule(DOCUMENTS, Calculator()), 2)
    prompt = example_prompt(api, examples)
    assert prompt.startswith(instructions(api))
    assert f"examples:\n\nInput:\n{examples[0].text}\nOutput:\n" in prompt
    assert prompt.count("Input:") == prompt.count("Output:") == 2
    assert prompt.endswith(examples[-1].annotated)
    assert (
        "orchard has 36 rows of 25 trees each, so 900"
        not in instructions(Calculator())
        != annotation_prompt(Calculator())
    )


async def test_a_prompt_is_measured_by_what_the_model_makes_of_each_position() -> None:
    lm = language_model(context=1024)
    places = await places_by_rule(DOCUMENTS, Calculator())
    measure = measure_prompt(lm, Calculator(), PAIRS, places, SETTINGS)
    assert (measure.documents, measure.places, measure.k) == (4, 4, 4)
    chosen, probabilities = 0, []
    for place in places:  # each document by itself, with nothing shared
        text, position = place.document.text, place.position
        head = [lm.start_id, *lm.encode(f"{PAIRS}\n\nInput:\n"), *lm.encode(text), *lm.encode("\nOutput:\n")]
        ids, spans = lm.encode_with_offsets(text)
        with torch.inference_mode():
            logits = lm.model(input_ids=torch.tensor([[*head, *ids]])).logits[0, len(head) - 1 : -1].float()
        forms = [at for at in range(lm.vocabulary_size) if lm.tokenizer.decode([at]).lstrip(" ") == "["]
        p = logits.softmax(dim=-1)[:, forms].sum(dim=-1).tolist()
        before = [0, *(end for _, end in spans[:-1])]
        ranked = sorted(range(len(ids)), key=lambda i: (-p[i], i))[:4]
        chosen += any(before[i] in (position, position - 1) for i in ranked)
        probabilities.append(max(p[i] for i in range(len(ids)) if before[i] in (position, position - 1)))
    assert measure.chosen == chosen
    assert measure.probability == pytest.approx(sum(probabilities) / 4, rel=1e-3)


async def test_a_prompt_is_suggested_and_measured_on_other_documents_than_its_examples() -> None:
    made = await suggest_prompt(
        DOCUMENTS, Calculator(), language_model(context=1024), PAIRS, count=2, settings=SETTINGS
    )
    assert (made.api, made.documents, made.with_places, len(made.examples)) == ("Calculator", 5, 4, 2)
    assert made.present is not None
    assert made.pairs is not None
    assert made.texts is not None
    assert made.present.documents == made.pairs.documents == made.texts.documents == 2
    assert len({made.present.probability, made.pairs.probability, made.texts.probability}) == 3
    better = max((made.pairs, made.texts), key=lambda one: (one.chosen, one.probability))
    forms = {id(made.pairs): example_prompt(Calculator(), made.examples), id(made.texts): example_texts(made.examples)}
    assert made.prompt == forms[id(better)]
    assert len(find_calls(made.prompt, ["Calculator"])) >= 2


async def test_examples_as_texts_alone_are_the_annotated_texts() -> None:
    examples = choose_examples(await places_by_rule(DOCUMENTS, Calculator()), 2)
    assert example_texts(examples) == f"{examples[0].annotated}\n\n{examples[1].annotated}"


async def test_without_other_documents_a_prompt_is_not_measured() -> None:
    made = await suggest_prompt(DOCUMENTS[:1], Calculator(), language_model(), PAIRS, settings=SETTINGS)
    assert (made.present, made.pairs, made.texts) == (None, None, None)
    assert made.prompt == example_prompt(Calculator(), made.examples)


async def test_a_corpus_in_which_no_result_comes_next_is_reported() -> None:
    with pytest.raises(InputError, match="in none of 1 documents a result of Calculator comes next") as caught:
        await suggest_prompt(DOCUMENTS[4:], Calculator(), language_model(), PAIRS, settings=SETTINGS)
    assert "--documents" in caught.value.hint


async def test_a_document_too_long_for_the_prompt_is_not_measured() -> None:
    long = CorpusDocument(id="long", text=f"{TEXTS[0]} {'And so it went. ' * 40}")
    lm = language_model(context=400)
    both = await places_by_rule([DOCUMENTS[1], long], Calculator())
    assert measure_prompt(lm, Calculator(), PAIRS, both, SETTINGS).documents == 1
    with pytest.raises(InputError, match="no document in which a result of Calculator comes next fits"):
        measure_prompt(lm, Calculator(), PAIRS, await places_by_rule([long], Calculator()), SETTINGS)


NONE = EvaluationQuestions([])


async def test_a_sample_has_no_sentence_of_an_evaluation_question_and_is_drawn_by_seed() -> None:
    question = f"Sum it up. {TEXTS[1].upper()} The answer is"
    drawn = sample_documents(DOCUMENTS, "Calculator", 3, 0, EvaluationQuestions([question]))
    assert "d1" not in {one.id for one in drawn}
    assert drawn == sample_documents(DOCUMENTS, "Calculator", 3, 0, EvaluationQuestions([question]))
    samples = [sample_documents(DOCUMENTS, "Calculator", 3, seed, NONE) for seed in range(9)]
    assert len({tuple(one.id for one in sample) for sample in samples}) > 1
    calendar = [CorpusDocument(id="c", text="x", apis=("Calendar",))]
    assert sample_documents(calendar, "Calculator", 3, 0, NONE) == []
