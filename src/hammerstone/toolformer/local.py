"""`local:FOLDER`: a language model on this machine as one of hammerstone's models, with the tools that it can call.

Fine-tuning writes a `tools.json` beside the weights that names the tools; a folder without one is a plain model, and so
is a GGUF file. So a fine-tuned model can be the user in the closed loop, or be used wherever a model is named.
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
from hammerstone.models import Prompt, Reply, sendable
from hammerstone.paths import expanded
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.apis.api_specs import open_api
from hammerstone.toolformer.call_format import remove_calls
from hammerstone.toolformer.decode import DecodeSettings, generate
from hammerstone.toolformer.lm import LanguageModel, load_model
from hammerstone.types import Usage

__all__ = ["LocalModel", "open_local", "read_tools", "write_tools"]

TOOLS = "tools.json"
MAX_TOKENS = 1024  # of a reply, if the prompt sets no limit


class LocalModel:
    """A `Model` over a language model in this process; one prompt at a time.

    A reply is the text without the calls that the model made.
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
        """Complete a prompt. Raises `ModelError` for one that does not fit into the model's context."""
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
                f"{self.name} reads at most {self._lm.context} tokens; the prompt and its reply have more",
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
    """The model in a folder, with the tools that its `tools.json` names. It calculates in what the hardware has.

    Raises `SettingsError` for a folder without a model, and what `open_api` raises for a tool.
    """
    folder = str(expanded(folder))
    lm = load_model(folder)
    apis = [open_api(spec) for spec in read_tools(Path(folder))]
    return LocalModel(lm, {api.name: api for api in apis}, identity=_identity(folder))


def _identity(folder: str) -> str:
    """The folder or file, and a digest of its files' sizes and times: retrained weights are another model."""
    path = Path(folder)
    if not path.exists():
        return f"local:{folder}"  # a name on the hub
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    files = [(one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in found]
    return f"local:{path.absolute()}#{hashlib.sha256(repr(files).encode()).hexdigest()[:12]}"


def write_tools(folder: Path, specs: Sequence[str]) -> None:
    """Write the names of a fine-tuned model's tools beside its weights."""
    (folder / TOOLS).write_text(json.dumps([*specs]) + "\n", encoding="utf-8")


def read_tools(folder: Path) -> tuple[str, ...]:
    """The names of a fine-tuned model's tools; empty if there is no `tools.json`. Raises `InputError` for a bad one."""
    path = folder / TOOLS
    if not path.exists():
        return ()
    try:
        specs: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        specs = None
    if not isinstance(specs, list):
        raise InputError(f"{path} is not a list of tools", hint='write names such as ["calculator", "calendar"]')
    return tuple(str(spec) for spec in specs)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _text(lm: LanguageModel, prompt: Prompt) -> str:
    """The prompt by the tokenizer's chat template if it has one; otherwise the messages, separated by blank lines."""
    messages = [{"role": one.role, "content": sendable(one.content)} for one in prompt.messages]
    tokenizer: Any = lm.tokenizer
    if getattr(tokenizer, "chat_template", None):
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    return "\n\n".join(one["content"] for one in messages) + "\n"
