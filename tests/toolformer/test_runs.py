"""The stages of a run as its file describes them."""

from __future__ import annotations

import json
from pathlib import Path

from hammerstone.toolformer.config import read_config
from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.runs import run_dataset
from hammerstone.toolformer.shards import write_shards

RUN = """
model = "gpt2"
folder = "run"
tools = ["calculator"]
[dataset]
plain = "plain.txt"
[evaluate]
files.svamp = ["svamp.json"]
texts = "held_out.txt"
"""


def sentence(letter: str) -> str:
    """A hundred words of its own."""
    return " ".join(letter + chr(97 + k // 26) + chr(97 + k % 26) for k in range(100)) + "."


def document(name: str) -> CorpusDocument:
    losses = Losses(with_result=0.0, with_call=2.0, without=3.0)
    call = Proposal(api="Calculator", input="1 + 1", position=4, probability=0.1, result="2", losses=losses)
    return CorpusDocument(id=name, text="It is 2.", proposals=(call,))


def test_no_plain_text_is_near_to_a_question_or_to_the_text_for_the_perplexity(tmp_path: Path) -> None:
    asked, held_out, free = map(sentence, "xyz")
    question = {"ID": "1", "Body": " ".join(asked.split()[20:40]), "Question": "How many?", "Answer": 1.0}
    (tmp_path / "svamp.json").write_text(json.dumps([question]))
    (tmp_path / "held_out.txt").write_text(f"Before. {' '.join(held_out.split()[50:70])} After.")
    (tmp_path / "plain.txt").write_text("\n".join((asked, held_out, free)))
    (tmp_path / "my.toml").write_text(RUN)
    config = read_config(tmp_path / "my.toml")
    write_shards(config.stage("filter"), [document(name) for name in "abc"], settings={})

    counts = run_dataset(config)

    assert (counts["documents with calls"], counts["plain texts"]) == (3, 1)
    lines = (config.stage("dataset") / "train.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["text"] == free
