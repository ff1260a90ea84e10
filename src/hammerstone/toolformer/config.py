"""One TOML file for a whole run: which model is fine-tuned, on which texts, with which tools, into which folder.

    model = "models/mine"                # a folder, a GGUF file, or a name on the Hugging Face hub
    folder = "runs/mine"                 # every stage has its own folder in it
    tools = ["calculator", "calendar", "search:index", "registry:word_sorting"]

    [corpus]
    sources = ["texts/*.txt", "news.jsonl"]

    [annotate.tools.Calculator]          # settings that are left out are the paper's
    positions = 10

Each table has the settings of a stage, which documents their fields and defaults.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from hammerstone.errors import InputError, SettingsError
from hammerstone.text_files import read_text
from hammerstone.toolformer.annotate.annotation import AnnotateSettings
from hammerstone.toolformer.annotate.execution import ExecuteSettings
from hammerstone.toolformer.apis.api_specs import resolve_spec
from hammerstone.toolformer.data.corpus import CorpusSettings
from hammerstone.toolformer.data.dataset import DatasetSettings
from hammerstone.toolformer.decode import DecodeSettings
from hammerstone.toolformer.model_files import is_path
from hammerstone.toolformer.train.finetune_settings import FinetuneSettings

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["LOCAL", "AnnotateTable", "CorpusTable", "EvaluateTable", "RunConfig", "read_config"]

T = TypeVar("T")
LOCAL = "local:"  # begins the name of an annotating model on this machine
_MAX_CHARS = 32_000


@dataclass(frozen=True, kw_only=True)
class CorpusTable(CorpusSettings):
    """`sources` are files, folders, patterns, or names of `datasets`."""

    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AnnotateTable(AnnotateSettings):
    """`by` proposes the calls: `self` for the model that is fine-tuned, `local:FOLDER` for another one, or any model's
    name (`openai:…`, `mailbox:…`). `prompts` replace the built-in prompts, by the tool's name; `prompt_files` do the
    same with files, such as those of `suggest-prompt`.
    """

    by: str = "self"
    prompts: Mapping[str, str] = field(default_factory=dict[str, str])
    prompt_files: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        super().__post_init__()
        if twice := sorted(self.prompts.keys() & self.prompt_files.keys()):
            raise SettingsError(
                f"{twice[0]} has a prompt in prompts and one in prompt_files", hint="leave one of them out"
            )

    def own_prompts(self, apis: Collection[str]) -> Mapping[str, str]:
        """The prompts of this run, by tool; a tool that is not among them has the built-in one.

        Raises `SettingsError` for the prompt of a tool that is not in use, `InputError` for a file that cannot be read.
        """
        for name in (*self.prompts, *self.prompt_files):
            if name not in apis:
                raise SettingsError(
                    f"[annotate] has a prompt for {name}, which is not a tool of this run",
                    hint=f"the tools are {', '.join(apis)}",
                )
        return {**self.prompts, **{name: _prompt(Path(file)) for name, file in self.prompt_files.items()}}


@dataclass(frozen=True, kw_only=True)
class EvaluateTable:
    """`files` are lists of benchmark files, by form (`lama`, `asdiv`, `svamp`, `mawps`, `qa`, `mlqa`, `templama`,
    or `prompts` for your own questions).

    `dateset` is the number of generated questions about dates, drawn with `seed`. `ks` are the values of k to compare.
    `texts` is a file for the perplexity, plain text or JSON lines; by default, the texts held out of fine-tuning.
    """

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    dateset: int = 500
    seed: int = 0
    ks: tuple[int, ...] = (0, 1, 3, 10)
    texts: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """A whole run. Relative paths start at the folder of the file.

    `dtype` is what models calculate in: by default bfloat16 where the hardware has it, otherwise float32.
    """

    model: str
    folder: Path
    tools: tuple[str, ...]
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"  # `lm.DtypeName`, which needs torch
    corpus: CorpusTable = field(default_factory=CorpusTable)
    annotate: AnnotateTable = field(default_factory=AnnotateTable)
    execute: ExecuteSettings = field(default_factory=ExecuteSettings)
    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    finetune: FinetuneSettings = field(default_factory=FinetuneSettings)
    generate: DecodeSettings = field(default_factory=DecodeSettings)
    evaluate: EvaluateTable = field(default_factory=EvaluateTable)

    def stage(self, name: str) -> Path:
        """The folder of a stage."""
        return self.folder / name


def read_config(path: Path) -> RunConfig:
    """Read a run's configuration.

    Raises `InputError` for a file that cannot be read, an unknown key or a value of the wrong type, and
    `SettingsError` for an invalid value.
    """
    config = _read(RunConfig, _table(path), str(path))
    try:
        return _placed(config, path.parent)
    except OSError as error:
        hint = "check the paths of models, tools and texts"
        raise InputError(f"{path} names an impossible path: {error.strerror}", hint=hint) from error


def _prompt(path: Path) -> str:
    try:
        return read_text(path).strip()
    except OSError as error:
        raise InputError(
            f"cannot read the prompt {path}: {error.strerror}",
            hint="`hammerstone toolformer suggest-prompt` writes one",
        ) from error


def _table(path: Path) -> Mapping[str, Any]:
    try:
        text = read_text(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="name a TOML file with --config") from error
    if len(text) > _MAX_CHARS:
        raise InputError(
            f"{path} has more than {_MAX_CHARS:,} characters", hint="the settings of a run take a page or two"
        )
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of TOML, or of a number with 5,000 digits
        raise InputError(
            f"{path} is not valid TOML: {error}", hint="write strings in quotation marks and lists in [ ]"
        ) from error


def _read(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """A dataclass from a table, with those nested in it. An unknown key is an error."""
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
            hint = f"did you mean {near[0]}?" if near else f"known settings: {', '.join(known)}"
            raise InputError(f"{where}: unknown setting {key!r}", hint=hint)
        part: Any = known[key].default_factory
        if isinstance(value, dict) and isinstance(part, type) and is_dataclass(part):
            _check_keys(part, cast("dict[str, Any]", value), f"{where}, [{key}]")


def _invalid(error: ValidationError, where: str) -> InputError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return InputError(f"{where}: {place}: {first['msg']}", hint="see docs/guides/toolformer.md for each setting")


def _placed(config: RunConfig, base: Path) -> RunConfig:
    """Paths relative to the file become paths relative to the working directory."""

    def existing(name: str) -> str:
        return str(base / name) if (base / name).exists() else name

    return replace(
        config,
        model=_model(base, config.model),
        annotate=replace(
            config.annotate,
            by=_annotator(base, config.annotate.by),
            prompt_files={name: str(base / file) for name, file in config.annotate.prompt_files.items()},
        ),
        folder=base / config.folder,
        tools=tuple(resolve_spec(spec, base) for spec in config.tools),
        corpus=replace(config.corpus, sources=tuple(_source(base, source) for source in config.corpus.sources)),
        dataset=replace(config.dataset, plain=_source(base, config.dataset.plain) if config.dataset.plain else None),
        evaluate=replace(
            config.evaluate,
            files={form: tuple(map(existing, files)) for form, files in config.evaluate.files.items()},
            texts=existing(config.evaluate.texts) if config.evaluate.texts else None,
        ),
    )


def _model(base: Path, name: str) -> str:
    """A folder or file, there or not; anything else is a name on the hub."""
    return str(base / Path(name).expanduser()) if is_path(name, base) else name


def _annotator(base: Path, by: str) -> str:
    return f"{LOCAL}{_model(base, by.removeprefix(LOCAL))}" if by.startswith(LOCAL) else by


def _source(base: Path, source: str) -> str:
    """A file, a folder or a pattern; anything else is the name of a dataset."""
    if not source or Path(source).is_absolute():
        return source
    return str(base / source) if (base / source).exists() or any(base.glob(source)) else source
