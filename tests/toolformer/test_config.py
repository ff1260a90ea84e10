"""The file of a run: what it may say, and what is told of a mistake in it."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.annotate.annotation import SamplingSettings
from hammerstone.toolformer.config import RunConfig, read_config

ROOT = Path(__file__).parents[2]
SMALL = 'model = "gpt2"\nfolder = "run"\ntools = ["calculator"]\n'


def config(tmp_path: Path, more: str = "", head: str = SMALL) -> Path:
    (tmp_path / "my.toml").write_text(head + more)
    return tmp_path / "my.toml"


def test_what_is_left_out_is_as_in_the_paper(tmp_path: Path) -> None:
    read = read_config(config(tmp_path))
    assert (read.model, read.tools) == ("gpt2", ("calculator",))
    assert read.annotate.sampling("Calculator") == SamplingSettings(threshold=0.0, positions=20, draws=10)
    assert (read.finetune.batch, read.finetune.learning_rate, read.finetune.steps) == (128, 1e-5, 2000)
    assert (read.dataset.most, read.generate.k, read.annotate.by) == (25_000, 10, "self")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_setting(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "my.toml").write_bytes(SMALL.encode(encoding))
    assert read_config(tmp_path / "my.toml").tools == ("calculator",)


def test_a_file_in_another_encoding_names_the_conversion(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_bytes(SMALL.encode() + "# café\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"line 4: it is not UTF-8 \(byte 0xE9\)") as refused:
        read_config(tmp_path / "my.toml")
    assert "iconv" in refused.value.hint


def test_every_stage_can_be_set(tmp_path: Path) -> None:
    more = """
[corpus]
sources = ["c4"]
max_tokens = 100
[annotate]
by = "mailbox:box"
[annotate.tools.Calculator]
positions = 3
[execute]
seconds = 2
[dataset.tau_f]
Calculator = 0.25
[finetune]
lora = true
[generate]
k = 3
[evaluate]
ks = [0, 10]
"""
    read = read_config(config(tmp_path, more))
    assert (read.corpus.sources, read.corpus.max_tokens) == (("c4",), 100)
    assert (read.annotate.by, read.annotate.sampling("Calculator").positions) == ("mailbox:box", 3)
    assert (read.execute.seconds, read.dataset.tau_f, read.finetune.lora) == (2.0, {"Calculator": 0.25}, True)
    assert (read.generate.k, read.evaluate.ks) == (3, (0, 10))


def test_paths_are_those_of_the_files_own_folder(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    (tmp_path / "mine").mkdir()
    head = (
        'model = "mine"\nfolder = "run"\ntools = ["search:index"]\n[corpus]\nsources = ["texts/*.txt", "allenai/c4"]\n'
    )
    read = read_config(config(tmp_path, head=head))
    assert (read.model, read.stage("corpus")) == (str(tmp_path / "mine"), tmp_path / "run" / "corpus")
    assert read.tools == (f"search:{tmp_path / 'index'}",)
    assert read.corpus.sources == (str(tmp_path / "texts/*.txt"), "allenai/c4")


@pytest.mark.parametrize(
    ("more", "error", "hint"),
    [
        ("[finetunes]\nsteps = 1\n", "unknown setting 'finetunes'", "did you mean finetune?"),
        ("[finetune]\nstep = 1\n", r"\[finetune\]: unknown setting 'step'", "did you mean steps?"),
        ("[dataset]\nmost = 'x'\n", r"dataset\.most: .*valid integer", "toolformer.md"),
        ("[dataset\n", "is not valid TOML", "quotation marks"),
    ],
)
def test_a_mistake_in_it_is_reported(tmp_path: Path, more: str, error: str, hint: str) -> None:
    with pytest.raises(InputError, match=error) as told:
        read_config(config(tmp_path, more))
    assert hint in told.value.hint


def test_a_number_that_makes_no_sense_is_reported_by_its_stage(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="steps is 0"):
        read_config(config(tmp_path, "[finetune]\nsteps = 0\n"))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ("[corpus]\nlimit = " + "9" * 5_000, "is not valid TOML"),
        ("x = " + "[" * 5_000, "is not valid TOML"),
        ("a." * 20_000 + "a = 1", "has more than 32,000 characters"),
        (f'[corpus]\nsources = ["{"a" * 5_000}"]', "names an impossible path"),
        (f'[evaluate]\ntexts = "{"a" * 5_000}"', "names an impossible path"),
        (f'[evaluate]\nfiles.lama = ["{"a" * 5_000}"]', "names an impossible path"),
    ],
    ids=range(6),
)
def test_a_damaged_file_is_refused(tmp_path: Path, more: str, error: str) -> None:
    with pytest.raises(InputError, match=error) as refused:
        read_config(config(tmp_path, more))
    assert refused.value.hint


def test_a_pattern_may_be_of_another_folder(tmp_path: Path) -> None:
    read = read_config(config(tmp_path, f'[corpus]\nsources = ["{tmp_path}/*.txt"]'))
    assert read.corpus.sources == (f"{tmp_path}/*.txt",)


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_config(tmp_path / "none.toml")


def test_the_guide_names_every_setting_with_its_section() -> None:
    section = ""
    named: set[tuple[str, str]] = set()
    guide = (ROOT / "docs" / "guides" / "toolformer.md").read_text().partition("## Every setting")[2]
    for line in guide.splitlines():
        first = line.split("|")[1] if line.startswith("|") else ""
        section = found[1] if (found := re.search(r"\*\*`\[(\w+)\]`\*\*", first)) else section
        named |= {(section, name.partition(".")[0]) for name in re.findall(r"`([\w.]+)`", first)}
    for one in fields(RunConfig):
        part = one.default_factory
        inner = fields(part) if isinstance(part, type) and is_dataclass(part) else ()
        expected = {(one.name, setting.name) for setting in inner} or {("", one.name)}
        assert expected <= named, f"the guide leaves out {sorted(expected - named)}"


def test_the_example_is_a_configuration() -> None:
    config = read_config(ROOT / "examples" / "toolformer" / "gpt-j.toml")
    assert (config.model, config.finetune.batch, len(config.tools)) == ("EleutherAI/gpt-j-6b", 128, 5)


def test_a_model_that_is_a_path_starts_at_the_folder_of_the_file_and_a_name_on_the_hub_stays(tmp_path: Path) -> None:
    head = 'model = "{}"\nfolder = "run"\ntools = ["calculator"]\n[annotate]\nby = "local:{}"\n'
    for name in ("models/of/mine", "small.gguf", "./small"):
        read = read_config(config(tmp_path, head=head.format(name, name)))
        assert (read.model, read.annotate.by) == (str(tmp_path / name), f"local:{tmp_path / name}")
    read = read_config(config(tmp_path, head=head.format("owner/name", "owner/name")))
    assert (read.model, read.annotate.by) == ("owner/name", "local:owner/name")
