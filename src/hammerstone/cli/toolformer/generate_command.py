"""`hammerstone toolformer generate`: continue texts, with the tools in the loop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Backend, Home, Json, SandboxName
from hammerstone.cli.terminal import print_json, show_text, talk, write_text
from hammerstone.cli.toolformer.shared import needs_extra, read_run, running_apis
from hammerstone.errors import SettingsError
from hammerstone.text_files import stdin_lines

if TYPE_CHECKING:
    from hammerstone.toolformer.apis.api import Api
    from hammerstone.toolformer.decode import DecodeSettings, GeneratedText, TokenPiece
    from hammerstone.toolformer.lm import DtypeName, LanguageModel, ModelTokenizer

__all__ = ["LiveText", "generate"]


class Engine(StrEnum):
    LOCAL = "local"
    VLLM = "vllm"


def generate(
    prompts: Annotated[list[str] | None, typer.Argument(help="Texts to continue. Default: lines of stdin.")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="TOML file of a run with a fine-tuned model.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Folder of a model, instead of a run.")] = None,
    tools: Annotated[
        str | None, typer.Option("--tools", help="Comma-separated tools. Default: those of the fine-tuned model.")
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("-k", min=0, help="Calls begin where [ is among the k likeliest tokens (default 10)."),
    ] = None,
    calls: Annotated[int | None, typer.Option("--calls", min=0, help="Maximum calls in one text (default 1).")] = None,
    nested: Annotated[
        bool | None, typer.Option("--nested/--not-nested", help="Allow calls in the arguments of calls.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="Maximum tokens to generate (default 64).")
    ] = None,
    engine: Annotated[Engine, typer.Option("--engine", help="Decode locally, or on a vLLM server.")] = Engine.LOCAL,
    endpoint: Annotated[
        str, typer.Option("--endpoint", help="Address of the vLLM server; its key is read from OPENAI_API_KEY.")
    ] = "http://localhost:8000/v1",
    home: Home = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Continue texts, with the tools in the loop; the output shows the calls with their results.

    Default settings are those of the file's [generate], or the paper's.
    """
    import anyio

    texts = prompts or [line for line in stdin_lines() if line.strip()]
    with needs_extra():
        from hammerstone.toolformer.lm import load_model
        from hammerstone.toolformer.local import read_tools

        folder, dtype, settings = _model_and_settings(config, model)
        chosen = {"k": k, "calls": calls, "nested": nested, "max_tokens": max_tokens}
        settings = replace(settings, **{name: value for name, value in chosen.items() if value is not None})
        specs = tuple(_names(tools)) if tools is not None else read_tools(Path(folder))
        live = len(texts) == 1 and not json and sys.stdout.isatty()

        async def run() -> list[GeneratedText]:
            async with running_apis(specs, home, sandbox) as apis:
                if engine is Engine.VLLM:
                    return await _served(folder, endpoint, texts, apis, settings, live=live)
                return await _local(load_model(folder, dtype=dtype), texts, apis, settings, live=live)

        for text, made in zip(texts, anyio.run(run), strict=True):
            if json:
                print_json({"prompt": text, "text": made.text, "calls": made.calls, "ended": made.ended})
            else:
                show_text("" if live else f"{text}{made.text}")
                _show_calls(made)


def _model_and_settings(config: Path | None, model: str | None) -> tuple[str, DtypeName, DecodeSettings]:
    """The folder of the model, what it calculates in, and its settings for decoding: the run's, if one is named."""
    from hammerstone.toolformer.decode import DecodeSettings

    if model is not None and config is None:
        return model, "auto", DecodeSettings()
    if config is None or model is not None:
        raise SettingsError("give exactly one model", hint="use --config FILE of a run, or --model FOLDER")
    read = read_run(config)
    return str(read.stage("finetune") / "model"), read.dtype, read.generate


async def _local(
    lm: LanguageModel, texts: Sequence[str], apis: Sequence[Api], settings: DecodeSettings, *, live: bool
) -> list[GeneratedText]:
    from hammerstone.toolformer.decode import generate as decode

    return await decode(lm, texts, {api.name: api for api in apis}, settings, on_piece=_shown(lm, texts, live=live))


async def _served(
    model: str, url: str, texts: Sequence[str], apis: Sequence[Api], settings: DecodeSettings, *, live: bool
) -> list[GeneratedText]:
    """With the weights on a server; only the folder's tokenizer is read."""
    from hammerstone.toolformer.decode.served import generate_served
    from hammerstone.toolformer.decode.vllm import open_endpoint
    from hammerstone.toolformer.lm import load_tokenizer

    async with open_endpoint(url, model) as opened:
        tokenizer = load_tokenizer(model, context=opened.context)
        named, on_piece = {api.name: api for api in apis}, _shown(tokenizer, texts, live=live)
        return await generate_served(opened, tokenizer, texts, named, settings, on_piece=on_piece)


def _shown(tokenizer: ModelTokenizer, texts: Sequence[str], *, live: bool) -> Callable[[TokenPiece], None]:
    return LiveText(tokenizer, texts[0]).write if live else lambda _: None


class LiveText:
    """A text on the terminal while it is generated; inserted results are set apart."""

    def __init__(self, tokenizer: ModelTokenizer, prompt: str) -> None:
        from hammerstone.toolformer.decode.partial_call import encode_prompt

        self._tokenizer = tokenizer
        self._prompt = encode_prompt(tokenizer, prompt)
        self._ids: list[int] = []
        self._shown = ""
        write_text(prompt)

    def write(self, piece: TokenPiece) -> None:
        from hammerstone.toolformer.decode.partial_call import text_after

        self._ids += piece.ids
        text = text_after(self._tokenizer, self._prompt, self._ids)
        if not text.endswith("\ufffd"):  # half a character
            write_text(text[len(self._shown) :], aside=not piece.sampled)
            self._shown = text


def _show_calls(made: GeneratedText) -> None:
    """One call per line."""
    for call in made.calls:
        talk(f"    called {call.api}({call.input}): {call.result or 'no result'}")
    for reason in made.failures:
        talk(reason, "    failed:")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
