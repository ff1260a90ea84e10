"""`hammerstone toolformer generate`: a model goes on from texts, with its tools in the loop."""

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
    from hammerstone.toolformer.decode import DecodeSettings, Generated, Piece
    from hammerstone.toolformer.lm import Codec

__all__ = ["Live", "generate"]


class Engine(StrEnum):
    LOCAL = "local"
    VLLM = "vllm"


def generate(
    prompts: Annotated[list[str] | None, typer.Argument(help="Texts to go on from. Default: lines of stdin.")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="The TOML file of a run: its taught model.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="The folder of a model, in place of a run's.")] = None,
    tools: Annotated[
        str | None, typer.Option("--tools", help="Tools, with commas between. Default: those it was taught.")
    ] = None,
    k: Annotated[
        int | None, typer.Option("-k", min=0, help="A call begins where [ is among the k likeliest tokens: 10.")
    ] = None,
    calls: Annotated[int | None, typer.Option("--calls", min=0, help="The most calls in one text: 1.")] = None,
    nested: Annotated[
        bool | None, typer.Option("--nested/--not-nested", help="Calls may stand in the arguments of calls.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="The most to sample: 64.")] = None,
    engine: Annotated[Engine, typer.Option("--engine", help="Here, or on a vLLM server.")] = Engine.LOCAL,
    endpoint: Annotated[
        str, typer.Option("--endpoint", help="Of the vLLM server that serves the model; a key is in OPENAI_API_KEY.")
    ] = "http://localhost:8000/v1",
    home: Home = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Go on from texts, with the tools in the loop; calls stand in the text as they were run.

    What is left out is as in the file's [generate], or as in the paper.
    """
    import anyio

    texts = prompts or [line for line in stdin_lines() if line.strip()]
    with needs_extra():
        from hammerstone.toolformer.local import read_tools

        folder, settings = _taught(config, model)
        chosen = {"k": k, "calls": calls, "nested": nested, "max_tokens": max_tokens}
        settings = replace(settings, **{name: value for name, value in chosen.items() if value is not None})
        specs = tuple(_names(tools)) if tools is not None else read_tools(Path(folder))
        live = len(texts) == 1 and not json and sys.stdout.isatty()

        async def run() -> list[Generated]:
            async with running_apis(specs, home, sandbox) as apis:
                url = endpoint if engine is Engine.VLLM else None
                return await _generated(folder, url, texts, apis, settings, live=live)

        for text, made in zip(texts, anyio.run(run), strict=True):
            if json:
                print_json({"prompt": text, "text": made.text, "calls": made.calls, "ended": made.ended})
            else:
                show_text("" if live else f"{text}{made.text}")
                _show_calls(made)


def _taught(config: Path | None, model: str | None) -> tuple[str, DecodeSettings]:
    """The folder of the model, and how it is to decode."""
    from hammerstone.toolformer.decode import DecodeSettings

    if model is not None and config is None:
        return model, DecodeSettings()
    if config is None or model is not None:
        raise SettingsError("one model goes on", hint="give --config FILE of a run, or --model FOLDER")
    read = read_run(config)
    return str(read.stage("finetune") / "model"), read.generate


async def _generated(
    model: str, url: str | None, texts: Sequence[str], apis: Sequence[Api], settings: DecodeSettings, *, live: bool
) -> list[Generated]:
    """By the weights in the folder, or by the server that has them; then the folder's tokenizer alone is read."""
    from hammerstone.toolformer.decode import generate as decode
    from hammerstone.toolformer.decode.served import generate_served
    from hammerstone.toolformer.decode.vllm import open_endpoint
    from hammerstone.toolformer.lm import load_codec, load_model

    def shown(codec: Codec) -> Callable[[Piece], None]:
        return Live(codec, texts[0]).write if live else lambda _: None

    named = {api.name: api for api in apis}
    if url is None:
        lm = load_model(model)
        return await decode(lm, texts, named, settings, on_piece=shown(lm))
    async with open_endpoint(url, model) as opened:
        codec = load_codec(model, context=opened.context)
        return await generate_served(opened, codec, texts, named, settings, on_piece=shown(codec))


class Live:
    """A text on the terminal while it is written; what tools have inserted stands aside."""

    def __init__(self, codec: Codec, prompt: str) -> None:
        from hammerstone.toolformer.decode.partial_call import encode_prompt

        self._codec = codec
        self._prompt = encode_prompt(codec, prompt)
        self._ids: list[int] = []
        self._shown = ""
        write_text(prompt)

    def write(self, piece: Piece) -> None:
        from hammerstone.toolformer.decode.partial_call import text_after

        self._ids += piece.ids
        text = text_after(self._codec, self._prompt, self._ids)
        if not text.endswith("\ufffd"):  # half a character
            write_text(text[len(self._shown) :], aside=not piece.sampled)
            self._shown = text


def _show_calls(made: Generated) -> None:
    """One below the other."""
    for call in made.calls:
        talk(f"    called {call.api}({call.input}): {call.result or 'no result'}")
    for reason in made.failures:
        talk(reason, "    failed:")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
