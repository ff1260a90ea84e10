"""One TOML file for a whole run: which model is taught, from which texts, with which tools, into which folder.

    model = "models/mine"                # a folder, or a name on the Hugging Face hub
    folder = "runs/mine"                 # every stage has a folder of its own in it
    tools = ["calculator", "calendar", "search:index", "registry:word_sorting"]

    [corpus]
    sources = ["texts/*.txt", "news.jsonl"]

    [annotate.tools.Calculator]          # whatever is left out is as in the paper
    positions = 10

Each table is a stage's settings; their fields and defaults are documented there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from hammerstone.errors import InputError
from hammerstone.text_files import read_text
from hammerstone.toolformer.annotate.annotation import AnnotateSettings
from hammerstone.toolformer.annotate.execution import ExecuteSettings
from hammerstone.toolformer.apis.api_specs import placed
from hammerstone.toolformer.data.corpus import CorpusSettings
from hammerstone.toolformer.data.dataset import DatasetSettings
from hammerstone.toolformer.decode import DecodeSettings
from hammerstone.toolformer.train.finetune_settings import FinetuneSettings

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["Annotate", "Config", "Corpus", "Evaluate", "read_config"]

T = TypeVar("T")
_MAX_CHARS = 32_000


@dataclass(frozen=True, kw_only=True)
class Corpus(CorpusSettings):
    """`sources` are files, folders, patterns, or names of `datasets`."""

    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Annotate(AnnotateSettings):
    """`by` proposes the calls: `self` for the model to be taught, `local:FOLDER` for another one, or any model's name
    (`openai:…`, `mailbox:…`). `prompts` are prompts of one's own, by the tool's name, in place of those that there are.
    """

    by: str = "self"
    prompts: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """`files` are lists of benchmark files by their form (`lama`, `asdiv`, `svamp`, `mawps`, `qa`, `mlqa`, `templama`,
    or `prompts` for questions of one's own).

    `dateset` generated questions about dates are asked too, with the `seed`. `ks` are the decoding k to compare;
    `texts` a file of plain texts (JSON lines) for the perplexity, by default those held out of the fine-tuning's.
    """

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    dateset: int = 500
    seed: int = 0
    ks: tuple[int, ...] = (0, 1, 3, 10)
    texts: str | None = None


@dataclass(frozen=True, kw_only=True)
class Config:
    """All of a run. Relative paths are those of the folder that the file lies in."""

    model: str
    folder: Path
    tools: tuple[str, ...]
    corpus: Corpus = field(default_factory=Corpus)
    annotate: Annotate = field(default_factory=Annotate)
    execute: ExecuteSettings = field(default_factory=ExecuteSettings)
    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    finetune: FinetuneSettings = field(default_factory=FinetuneSettings)
    generate: DecodeSettings = field(default_factory=DecodeSettings)
    evaluate: Evaluate = field(default_factory=Evaluate)

    def stage(self, name: str) -> Path:
        """The folder of a stage."""
        return self.folder / name


def read_config(path: Path) -> Config:
    """Raises `InputError` for a file that cannot be read, and for a key or a value that nothing here knows; and
    `SettingsError` for a value that makes no sense."""
    config = _read(Config, _table(path), str(path))
    try:
        return _placed(config, path.parent)
    except OSError as error:
        hint = "check the paths of models, tools and texts"
        raise InputError(f"{path} names a file that there cannot be: {error.strerror}", hint=hint) from error


def _table(path: Path) -> Mapping[str, Any]:
    try:
        text = read_text(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="name a TOML file with --config") from error
    if len(text) > _MAX_CHARS:
        raise InputError(f"{path} has more than {_MAX_CHARS:,} characters", hint="a run's settings are a page or two")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of TOML, or of a number with 5,000 digits
        raise InputError(
            f"{path} is no TOML: {error}", hint="strings stand in quotation marks, lists in [ ]"
        ) from error


def _read(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """A dataclass from a table, and those within it; a key that it does not have is a mistake, not a comment."""
    from pydantic import TypeAdapter, ValidationError

    _check_keys(kind, table, where)
    try:
        return TypeAdapter(kind).validate_python(dict(table))
    except ValidationError as error:
        raise _invalid(error, where) from error


def _check_keys(kind: type, table: Mapping[str, Any], where: str) -> None:
    known = {one.name: one for one in fields(kind)}
    for key, value in table.items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(known)}"
            raise InputError(f"{where}: there is no setting {key!r}", hint=hint)
        part: Any = known[key].default_factory
        if isinstance(value, dict) and isinstance(part, type) and is_dataclass(part):
            _check_keys(part, cast("dict[str, Any]", value), f"{where}, [{key}]")


def _invalid(error: ValidationError, where: str) -> InputError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return InputError(f"{where}: {place}: {first['msg']}", hint="see docs/guides/toolformer.md for each setting")


def _placed(config: Config, base: Path) -> Config:
    """Paths that are given relative to the file, as they are from here."""

    def existing(name: str) -> str:
        return str(base / name) if (base / name).exists() else name

    return replace(
        config,
        model=existing(config.model),
        folder=base / config.folder,
        tools=tuple(placed(spec, base) for spec in config.tools),
        corpus=replace(config.corpus, sources=tuple(_source(base, source) for source in config.corpus.sources)),
        evaluate=replace(
            config.evaluate,
            files={form: tuple(map(existing, files)) for form, files in config.evaluate.files.items()},
            texts=existing(config.evaluate.texts) if config.evaluate.texts else None,
        ),
    )


def _source(base: Path, source: str) -> str:
    """A file, a folder or a pattern; anything else is the name of a data set."""
    if not source or Path(source).is_absolute():
        return source
    return str(base / source) if (base / source).exists() or any(base.glob(source)) else source
