"""`hammerstone toolformer`: each stage on a random tiny model, one after the other, and the errors for mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hammerstone.errors import SettingsError
from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.shards import write_shards

from ..toolformer.fake_vllm import FakeVllm
from ..toolformer.tiny_models import TEXTS, language_model
from .conftest import Cli

CONFIG = """model = "model"
folder = "."
tools = ["calculator", "calendar"]
[corpus]
sources = ["texts.jsonl"]
min_tokens = 1
[annotate]
call_tokens = 8
[annotate.prompts]
Calculator = "Calculator:"
Calendar = "Calendar:"
[annotate.tools.Calculator]
threshold = 0.0
positions = 2
draws = 2
[finetune]
learning_rate = 1e-3
batch = 2
per_device = 2
length = 96
steps = 2
evaluate_every = 1
held_out = 1
[generate]
max_tokens = 4
[evaluate]
files.prompts = ["questions.jsonl"]
dateset = 2
ks = [0, 10]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, texts, questions and a configuration."""
    folder = tmp_path_factory.mktemp("run")
    lm = language_model(context=256)
    lm.model.save_pretrained(folder / "model")
    lm.tokenizer.save_pretrained(folder / "model")
    rows = [{"id": f"t{k}", "text": text, "date": "2015-05-08"} for k, text in enumerate(TEXTS[:3])]
    (folder / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    question = {"prompt": "The sum of 12 and 30 is", "answers": ["42"]}
    (folder / "questions.jsonl").write_text(json.dumps(question) + "\n")
    (folder / "run.toml").write_text(CONFIG)
    return folder


def measured(folder: Path) -> None:
    """What a filter of a better model would have left: calls that help, in twelve texts."""
    losses = Losses(with_result=0.1, with_call=2.0, without=2.0)
    proposals = tuple(
        Proposal(api="Calculator", input="400 / 1400", position=at, probability=0.1, result="0.29", losses=losses)
        for at in (11, 30)
    )
    documents = [CorpusDocument(id=f"d{k}", text=f"{TEXTS[0]} {k}", proposals=proposals) for k in range(12)]
    write_shards(folder / "filter", documents, settings={})


def test_the_first_stages_run_one_after_the_other_and_count(cli: Cli, run: Path) -> None:
    stage = ("toolformer", "corpus", "--config", run / "run.toml", "--json")
    (counts,) = cli(*stage).lines
    assert counts["kept"] == 3
    (counts,) = cli("toolformer", "annotate", "--config", run / "run.toml", "--json").lines
    assert counts["draws: Calculator"] > 0
    assert cli("toolformer", "execute", "--config", run / "run.toml").code == 0
    done = cli("toolformer", "filter", "--config", run / "run.toml")
    assert done.code == 0
    assert "Calls kept, by threshold" in done.out
    assert cli(*stage).lines == [json.loads(json.dumps(cli(*stage).lines[0]))]  # finished: the same again


def test_a_text_near_an_evaluation_question_is_shown_and_left_out(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(run / "model")
    for name in ("run.toml", "texts.jsonl"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    question = {"prompt": "The sum of 1 and 3 is 4, and 7 times", "answers": ["4"]}
    (tmp_path / "questions.jsonl").write_text(json.dumps(question) + "\n")
    done = cli("toolformer", "corpus", "--config", tmp_path / "run.toml", "--json")
    assert (done.lines[0]["kept"], done.lines[0]["dropped: near an evaluation question"]) == (2, 1)
    shown = f"near an evaluation question: {TEXTS[2]} (shares: the sum of 0 and 0 is 0)"
    assert shown in " ".join(done.err.split())


def test_a_finished_filter_needs_no_weights(cli: Cli, run: Path) -> None:
    """`test_the_first_stages_run_one_after_the_other_and_count` has finished it."""
    weights, away = run / "model" / "model.safetensors", run / "weights"
    weights.rename(away)
    done = cli("toolformer", "filter", "--config", run / "run.toml", "--sweep")
    away.rename(weights)
    assert done.code == 0, done.err


def test_from_measured_calls_to_a_fine_tuned_model_and_its_four_rows(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(run / "model")
    for name in ("questions.jsonl", "run.toml", "texts.jsonl"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    measured(tmp_path)
    config = ("--config", tmp_path / "run.toml")
    (counts,) = cli("toolformer", "dataset", *config, "--json").lines
    assert counts == {"calls: Calculator": 24, "documents with calls": 12}
    for options in ((), ("--control",)):
        assert "the model is in" in cli("toolformer", "finetune", *config, *options).out
    assert json.loads((tmp_path / "finetune" / "model" / "tools.json").read_text()) == ["calculator", "calendar"]
    (result,) = cli("toolformer", "evaluate", *config, "--report", tmp_path / "report.html", "--json").lines
    rows = [(one["task"], one["method"], Path(one["model"]).parts[-2]) for one in result["figures"]][:4]
    assert rows == [
        ("questions", "base", tmp_path.name),
        ("questions", "control: same texts, no calls", "control"),
        ("questions", "fine-tuned, calls disabled", "finetune"),
        ("questions", "fine-tuned", "finetune"),
    ]
    assert result["notes"][0].startswith("Perplexity on held-out text (")
    assert (tmp_path / "report.html").stat().st_size > 10_000
    done = cli("toolformer", "generate", "The sum of", *config, "--max-tokens", "3", "--json")
    (line,) = done.lines
    assert (line["prompt"], line["ended"]) == ("The sum of", "length")


def test_a_text_is_written_by_a_server_that_has_the_model(cli: Cli, run: Path) -> None:
    fake = FakeVllm(language_model(context=256))
    with fake.listening() as url:
        given = ("toolformer", "generate", "The sum of", "--model", run / "model", "--tools", "calculator", "--json")
        done = cli(*given, "--max-tokens", "3", "--engine", "vllm", "--endpoint", url)
    (line,) = done.lines
    assert (line["prompt"], line["ended"]) == ("The sum of", "length")
    assert fake.asked[0]["prompt"] == fake.lm.encode("The sum of")


def test_a_model_calculates_in_what_its_run_says(
    cli: Cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def load_model(path: str, *, dtype: str) -> None:
        asked.append((path, dtype))
        raise SettingsError("only asked")

    monkeypatch.setattr("hammerstone.toolformer.lm.load_model", load_model)
    (tmp_path / "run.toml").write_text('dtype = "float32"\n' + CONFIG)
    cli("toolformer", "generate", "x", "--config", tmp_path / "run.toml")
    cli("toolformer", "generate", "x", "--model", run / "model")
    assert asked == [(str(tmp_path / "finetune" / "model"), "float32"), (str(run / "model"), "auto")]


@pytest.mark.parametrize("given", [(), ("--config", "run.toml", "--model", "model")])
def test_one_model_goes_on(cli: Cli, given: tuple[str, ...]) -> None:
    done = cli("toolformer", "generate", "x", *given)
    assert done.code == 2
    assert "use --config FILE of a run, or --model FOLDER" in done.err


def test_texts_in_another_encoding_are_refused(cli: Cli) -> None:
    done = cli("toolformer", "generate", "--model", "model", stdin="café 23\n".encode("latin-1"))
    assert done.code == 2
    assert "error: cannot read standard input, line 1: it is not UTF-8 (byte 0xE9)\nhint: " in done.err


def test_on_a_terminal_a_text_is_shown_while_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    from hammerstone.cli.toolformer.generate_command import LiveText
    from hammerstone.toolformer.decode import TokenPiece

    lm = language_model()
    live = LiveText(lm, "The sum")
    written = [(" is [C(1) -> ", True), ("2]", False), (" né €.", True)]
    for text, sampled in written:
        for token in lm.encode(text):
            live.write(TokenPiece(row=0, ids=(token,), sampled=sampled))
    assert capsys.readouterr().out == "The sum" + "".join(text for text, _ in written)


def test_without_a_server_the_command_that_starts_one_is_shown(cli: Cli, run: Path) -> None:
    given = ("toolformer", "generate", "x", "--model", run / "model", "--engine", "vllm")
    done = cli(*given, "--endpoint", "http://127.0.0.1:9/v1")
    assert done.code == 1
    assert "no server answers at http://127.0.0.1:9/v1" in done.err
    assert f"vllm serve {run / 'model'} --port 9" in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_calls_are_explained_with_their_losses_and_the_verdict(cli: Cli, run: Path, tmp_path: Path) -> None:
    from hammerstone.cli.toolformer.scored_calls import show_explained as show
    from hammerstone.toolformer.score.explanation import explain

    measured(tmp_path)
    show(explain(tmp_path / "filter", 1, {}), False)
    assert cli("toolformer", "filter", "--config", run / "run.toml", "--explain", "2").code == 0


def test_what_each_threshold_keeps_is_shown_with_examples(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    from dataclasses import replace

    from hammerstone.cli.toolformer.scored_calls import show_sweep
    from hammerstone.toolformer.config import read_config
    from hammerstone.toolformer.runs import run_sweep

    measured(run / "swept")
    config = replace(read_config(run / "run.toml"), folder=run / "swept")
    show_sweep(run_sweep(config, 1), json=False)
    shown = capsys.readouterr().out
    rows = [line.split() for line in shown.splitlines() if line.startswith(" Calculator ")]
    assert rows[0] == ["Calculator", "2", "0", "24", "0", "-"]
    assert rows[2] == ["Calculator", "0.5", "(default)", "24", "24", "12", "50.0", "%"]
    assert "Calculator, kept at 1 and not above:\n    1.90  Out of 1400 [Calculator(400 / 1400) -> 0.29]" in shown


def test_a_prompt_from_the_corpus_is_suggested_measured_written_and_used(cli: Cli, tmp_path: Path) -> None:
    lm = language_model(context=1024)
    lm.model.save_pretrained(tmp_path / "model")
    lm.tokenizer.save_pretrained(tmp_path / "model")
    rows = [f"There are {a} rows of {b} trees, so {a * b} trees in all." for a, b in ((12, 30), (14, 20), (21, 11))]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    (tmp_path / "run.toml").write_text(CONFIG.replace('["questions.jsonl"]', "[]"))
    config, prompt = ("--config", tmp_path / "run.toml"), tmp_path / "prompts" / "calculator.md"
    cli("toolformer", "corpus", *config)
    asked = ("toolformer", "suggest-prompt", "Calculator", *config, "--examples", "1")
    done = cli(*asked, "--into", prompt)
    assert "In 3 of 3 documents a result of Calculator comes next." in done.out
    for row in ("in use", "suggested, pairs of input and output", "suggested, annotated texts alone"):
        assert row in done.out
    assert 'prompt_files.Calculator = "prompts/calculator.md"' in done.err
    assert prompt.read_text().count("[Calculator(") in (1, 2), "one in the example, one in any instructions"
    assert cli(*asked, "--into", prompt).code == 2, "an accepted prompt is not overwritten"
    (made,) = cli(*asked, "--json").lines
    assert made["pairs"]["places"] == made["texts"]["places"] == 2
    assert len({made[form]["probability"] for form in ("present", "pairs", "texts")}) == 3
    better = max((made["pairs"], made["texts"]), key=lambda one: (one["chosen"], one["probability"]))
    own = CONFIG.replace('["questions.jsonl"]', "[]").replace('Calculator = "Calculator:"\n', "")
    named = '[annotate.prompt_files]\nCalculator = "prompts/calculator.md"\n[annotate.prompts]'
    (tmp_path / "run.toml").write_text(own.replace("[annotate.prompts]", named))
    (again,) = cli(*asked, "--json").lines
    assert again["present"] == better, "the accepted prompt is in use"
    wrong = cli("toolformer", "suggest-prompt", "Calculater", *config)
    assert "error: Calculater is not a tool of this run\nhint: the tools are Calculator, Calendar" in wrong.err


def test_a_stage_without_the_one_before_it_says_what_is_missing(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(run / "model")
    (tmp_path / "run.toml").write_text(CONFIG)
    done = cli("toolformer", "annotate", "--config", tmp_path / "run.toml")
    assert done.code == 2
    assert "contains no shards" in done.err
    done = cli("toolformer", "evaluate", "--config", tmp_path / "run.toml")
    assert "there is no trained model in" in done.err


@pytest.mark.parametrize("command", ["corpus", "annotate", "execute", "filter", "dataset", "finetune", "evaluate"])
def test_a_configuration_that_is_not_there_is_reported(cli: Cli, tmp_path: Path, command: str) -> None:
    done = cli("toolformer", command, "--config", tmp_path / "none.toml")
    assert done.code == 2
    assert "hint: name a TOML file with --config" in done.err


def test_documents_are_indexed_and_found_by_the_tool(cli: Cli, tmp_path: Path) -> None:
    import anyio

    from hammerstone.toolformer.apis.api import CallContext
    from hammerstone.toolformer.apis.api_specs import open_api

    (tmp_path / "rivers.txt").write_text("The Elbe flows through Dresden and Hamburg to the North Sea.")
    (tmp_path / "birds.txt").write_text("The wren is a small bird with a loud voice.")
    done = cli("toolformer", "index", tmp_path / "*.txt", "--into", tmp_path / "index")
    assert done.out == f"indexed 2 passages in {tmp_path / 'index'}: add the tool as search:{tmp_path / 'index'}\n"
    assert "Dresden" in anyio.run(open_api(f"search:{tmp_path / 'index'}"), "Elbe Hamburg", CallContext())


@pytest.mark.parametrize("command", ["annotate", "filter", "finetune", "evaluate"])
def test_without_the_extra_that_is_said_and_how_to_get_it(tmp_path: Path, command: str) -> None:
    """In a process of its own, in which torch cannot be imported."""
    code = (
        "import sys; sys.modules['torch'] = None; from hammerstone.cli import main; "
        f"sys.argv = ['hammerstone', 'toolformer', '{command}', '--config', 'none.toml']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "error: this needs torch, which is not installed" in done.stderr
    assert "hint: uv run --extra toolformer hammerstone …" in done.stderr


def test_without_ray_that_is_said_and_how_to_get_it(cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "hammerstone.toolformer.ray_workers", raising=False)
    done = cli("toolformer", "filter", "--config", run / "run.toml", "--ray", "local")
    assert done.code == 2
    assert "error: this needs ray, which is not installed" in done.err
    assert "hint: uv run --extra toolformer --extra ray hammerstone …" in done.err
