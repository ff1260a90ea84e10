"""`local:FOLDER`: a language model on this machine as one of hammerstone's models, with the tools it was taught to use.

Fine-tuning leaves a `tools.json` beside the weights that names the tools; a folder without one is a plain model. So a
taught model can be the user in the closed loop, or stand anywhere else where a model is named.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio

from hammerstone.errors import InputError, ModelError
from hammerstone.models.model import Prompt, Reply, sendable
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.apis.api_specs import open_api
from hammerstone.toolformer.call_format import remove_calls
from hammerstone.toolformer.decode import DecodeSettings, generate
from hammerstone.toolformer.lm import LanguageModel, load_model
from hammerstone.types import Usage

__all__ = ["LocalModel", "open_local", "read_tools", "write_tools"]

TOOLS = "tools.json"
MAX_TOKENS = 1024  # of a reply to a prompt that names no bound


class LocalModel:
    """A `Model` over a language model in this process; one prompt at a time.

    What it writes inside calls is its own affair: a reply is the text without them.
    """

    def __init__(
        self,
        lm: LanguageModel,
        apis: Mapping[str, Api] | None = None,
        settings: DecodeSettings | None = None,
        *,
        identity: str | None = None,
    ) -> None:
        self._lm = lm
        self._apis = apis or {}
        self._settings = settings or DecodeSettings()
        self._identity = identity
        self._turn = anyio.Lock()

    @property
    def name(self) -> str:
        return f"local:{self._lm.name}"

    @property
    def identity(self) -> str:
        return self._identity or self.name

    async def complete(self, prompt: Prompt) -> Reply:
        """Raises `ModelError` for a prompt that does not fit into the model's context."""
        started = time.monotonic()
        text = _text(self._lm, prompt)
        settings = replace(
            self._settings,
            k=self._settings.k if self._apis else 0,
            max_tokens=prompt.max_tokens or MAX_TOKENS,
            temperature=prompt.temperature or 0.0,
            seed=prompt.sample,
        )
        async with self._turn:
            (made,) = await generate(self._lm, [text], self._apis, settings)
        if made.ended == "context":
            raise ModelError(
                f"{self.name} reads at most {self._lm.context} tokens, and the prompt with its reply has more",
                hint="use a model with a longer context",
            )
        return Reply(
            text=remove_calls(made.text, sorted(self._apis)).strip(),
            model=self.name,
            usage=Usage(input_tokens=len(self._lm.encode(text)), output_tokens=sum(made.sampled)),
            cost_usd=0.0,
            seconds=time.monotonic() - started,
        )


def open_local(folder: str) -> LocalModel:
    """The model in a folder, with the tools that its `tools.json` names.

    Raises `SettingsError` for a folder without a model, and what `open_api` raises for a tool.
    """
    lm = load_model(folder)
    apis = [open_api(spec) for spec in read_tools(Path(folder))]
    return LocalModel(lm, {api.name: api for api in apis}, identity=_identity(folder))


def _identity(folder: str) -> str:
    """The folder and a digest of its files' sizes and times: weights that were trained anew are another model's."""
    path = Path(folder)
    if not path.is_dir():
        return f"local:{folder}"  # a name on the hub
    files = [(one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in sorted(path.iterdir())]
    return f"local:{path.absolute()}#{hashlib.sha256(repr(files).encode()).hexdigest()[:12]}"


def write_tools(folder: Path, specs: Sequence[str]) -> None:
    """Leave the names of a taught model's tools beside its weights."""
    (folder / TOOLS).write_text(json.dumps([*specs]) + "\n", encoding="utf-8")


def read_tools(folder: Path) -> tuple[str, ...]:
    """The names of a taught model's tools; none where nobody has left any. Raises `InputError` for anything else."""
    path = folder / TOOLS
    if not path.exists():
        return ()
    try:
        specs: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        specs = None
    if not isinstance(specs, list):
        raise InputError(f"{path} is no list of tools", hint='it holds names such as ["calculator", "calendar"]')
    return tuple(str(spec) for spec in specs)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _text(lm: LanguageModel, prompt: Prompt) -> str:
    """By the tokenizer's chat template where it has one; else the messages with blank lines between."""
    messages = [{"role": one.role, "content": sendable(one.content)} for one in prompt.messages]
    tokenizer: Any = lm.tokenizer
    if getattr(tokenizer, "chat_template", None):
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    return "\n\n".join(one["content"] for one in messages) + "\n"
