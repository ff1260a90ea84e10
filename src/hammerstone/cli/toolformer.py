"""`hammerstone toolformer`: the stages of a run, each a command over one TOML file."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Backend, Home, Json, SandboxName
from hammerstone.cli.terminal import print_json, print_line, progress, show_table, show_text, talk, write_text
from hammerstone.errors import SettingsError

if TYPE_CHECKING:
    from hammerstone.toolformer.apis.contract import Api
    from hammerstone.toolformer.apis.made import MadeTool
    from hammerstone.toolformer.config import Config
    from hammerstone.toolformer.decode import DecodeSettings, Generated, Piece
    from hammerstone.toolformer.explaining import Explained
    from hammerstone.toolformer.lm import Codec
    from hammerstone.toolformer.stages import Progress as StageProgress

__all__ = ["app"]

app = typer.Typer(help="Teach a language model, from plain text, when and how to call tools.", no_args_is_help=True)

EXAMPLE = "There were 23 rooms with 81 chairs each, so"


class Engine(StrEnum):
    LOCAL = "local"
    VLLM = "vllm"


File = Annotated[Path, typer.Option("--config", help="The TOML file of the run.")]


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the run is kept; a broken one goes on there.")] = Path(
        "toolformer-demo"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Draws everything.")] = 0,
    json: Json = False,
) -> None:
    """Train a tiny model from scratch, teach it a calculator and a calendar, and show what it gained."""
    import anyio

    with _extra():
        from hammerstone.cli.results import show_result
        from hammerstone.evals.report import write_report
        from hammerstone.evals.tiny import PARTS, run_tiny
        from hammerstone.toolformer.tiny.preparing import CONFIG, Size

        with progress("pretraining") as bar:

            def tell(what: str, done: int, total: int) -> None:
                task = bar.tasks[0]
                if what != task.description:
                    bar.reset(task.id, description=what)
                part = f"part {PARTS.index(what) + 1} of {len(PARTS)}{_left(task.time_remaining)}"
                bar.update(task.id, completed=done, total=total or None, note=part)

            result = anyio.run(run_tiny, folder, Size(), seed, tell)
        print_json(result) if json else show_result(result)
        write_report([result], folder / "report.html", title="hammerstone toolformer demo")
        talk(f"the report is in {folder / 'report.html'}")
        talk(f"try it: hammerstone toolformer generate --config {folder / CONFIG} '{EXAMPLE}'")


@app.command()
def corpus(config: File, home: Home = None, json: Json = False) -> None:
    """Documents that the tools may be of use in, by the paper's rules, in shards."""
    with _extra():
        from hammerstone.toolformer.runs import run_corpus

        read = _read(config)
        _show(_staged("corpus", lambda tell: run_corpus(read, _apis(read, home), tell)), json)


@app.command()
def index(
    sources: Annotated[list[str], typer.Argument(help="Texts: files, folders, patterns, or names of data sets.")],
    into: Annotated[Path, typer.Option("--into", help="A new folder for the index.")],
) -> None:
    """Index documents for the tool search:FOLDER."""
    with _extra():
        from hammerstone.toolformer.runs import index_documents

        with progress("indexing"):
            count = index_documents(sources, into)
        print_line(f"{count:,} passages are in {into}: name it in the tools as search:{into}")


@app.command()
def annotate(config: File, home: Home = None, json: Json = False) -> None:
    """Calls that the annotating model proposes, most of them useless."""
    with _extra():
        from hammerstone.toolformer.runs import run_annotate

        read = _read(config)
        _show(_staged("annotate", lambda tell: run_annotate(read, _apis(read, home), tell)), json)


@app.command()
def execute(config: File, home: Home = None, sandbox: SandboxName = Backend.AUTO, json: Json = False) -> None:
    """The results of the proposed calls; made tools run in the sandbox."""
    import anyio

    with _extra():
        from hammerstone.toolformer.runs import run_execute

        read = _read(config)

        async def run(tell: Callable[[StageProgress], None]) -> Counter[str]:
            async with _running_apis(read.tools, home, sandbox) as apis:
                return await run_execute(read, apis, tell)

        _show(_staged("execute", lambda tell: anyio.run(run, tell)), json)


@app.command("filter")
def filter_(
    config: File,
    explain: Annotated[int, typer.Option("--explain", min=0, help="Show so many calls of each tool.")] = 0,
    json: Json = False,
) -> None:
    """What each call's result is worth to the model that is to be taught."""
    with _extra():
        from hammerstone.toolformer.explaining import count_kept
        from hammerstone.toolformer.explaining import explain as explained
        from hammerstone.toolformer.runs import run_filter

        read = _read(config)
        counts = _staged("filter", lambda tell: run_filter(read, tell))
        if explain:
            _show_explained(explained(read.stage("filter"), explain, read.dataset.tau_f), json)
            return
        _show(counts, json)
        if not json:
            kept = count_kept(read.stage("filter"), (0.5, 1.0, 2.0))
            rows = [(one.api, str(one.measured), *(str(one.kept[tau]) for tau in (0.5, 1.0, 2.0))) for one in kept]
            show_table("Calls kept, by threshold", ("tool", "#measured", "#0.5", "#1.0", "#2.0"), rows)


@app.command()
def dataset(config: File, json: Json = False) -> None:
    """The texts with the calls that help, their control without calls, and the same as chat messages."""
    with _extra():
        from hammerstone.toolformer.runs import run_dataset

        _show(run_dataset(_read(config)), json)


@app.command()
def finetune(
    config: File,
    control: Annotated[bool, typer.Option("--control", help="Train on the same texts without calls.")] = False,
    json: Json = False,
) -> None:
    """Teach the model; a broken run goes on from its last checkpoint."""
    with _extra():
        from hammerstone.toolformer.finetune import Step
        from hammerstone.toolformer.runs import run_finetune

        read = _read(config)
        what = "control" if control else "finetune"
        with progress(what, total=read.finetune.steps) as bar:

            def tell(step: Step) -> None:
                loss = "" if step.loss is None else f"loss {step.loss:.3f}"
                bar.update(bar.task_ids[0], completed=step.step, note=f"{loss}{_left(step.seconds_left)}")

            report = run_finetune(read, what, tell)
        if json:
            print_json(report)
            return
        best = report.perplexities[report.best_step]
        print_line(f"{what}: best at step {report.best_step}: a held-out perplexity of {best:.4f}")
        print_line(f"the model is in {read.stage(what) / 'model'}")


@app.command()
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

    texts = prompts or [line.rstrip("\n") for line in sys.stdin if line.strip()]
    with _extra():
        from hammerstone.toolformer.local import read_tools

        folder, settings = _taught(config, model)
        chosen = {"k": k, "calls": calls, "nested": nested, "max_tokens": max_tokens}
        settings = replace(settings, **{name: value for name, value in chosen.items() if value is not None})
        specs = tuple(_names(tools)) if tools is not None else read_tools(Path(folder))
        live = len(texts) == 1 and not json and sys.stdout.isatty()

        async def run() -> list[Generated]:
            async with _running_apis(specs, home, sandbox) as apis:
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
    read = _read(config)
    return str(read.stage("finetune") / "model"), read.generate


async def _generated(
    model: str, url: str | None, texts: Sequence[str], apis: Sequence[Api], settings: DecodeSettings, *, live: bool
) -> list[Generated]:
    """By the weights in the folder, or by the server that has them; then the folder's tokenizer alone is read."""
    from hammerstone.toolformer.decode import generate as decode
    from hammerstone.toolformer.decode.endpoint import open_endpoint
    from hammerstone.toolformer.decode.served import generate_served
    from hammerstone.toolformer.lm import load_codec, load_model

    def shown(codec: Codec) -> Callable[[Piece], None]:
        return _Live(codec, texts[0]).write if live else lambda _: None

    named = {api.name: api for api in apis}
    if url is None:
        lm = load_model(model)
        return await decode(lm, texts, named, settings, on_piece=shown(lm))
    async with open_endpoint(url, model) as opened:
        codec = load_codec(model, context=opened.context)
        return await generate_served(opened, codec, texts, named, settings, on_piece=shown(codec))


class _Live:
    """A text on the terminal while it is written; what tools have inserted stands aside."""

    def __init__(self, codec: Codec, prompt: str) -> None:
        from hammerstone.toolformer.decode.call_text import encode_prompt

        self._codec = codec
        self._prompt = encode_prompt(codec, prompt)
        self._ids: list[int] = []
        self._shown = ""
        write_text(prompt)

    def write(self, piece: Piece) -> None:
        from hammerstone.toolformer.decode.call_text import text_after

        self._ids += piece.ids
        text = text_after(self._codec, self._prompt, self._ids)
        if not text.endswith("\ufffd"):  # half a character
            write_text(text[len(self._shown) :], aside=not piece.sampled)
            self._shown = text


def _show_calls(made: Generated) -> None:
    """One below the other."""
    for call in made.calls:
        talk(f"    called {call.api}({call.input}): {call.result or 'no result'}".replace("[", r"\["))
    for reason in made.failures:
        talk(f"    [yellow]failed:[/] {reason}")


@app.command()
def evaluate(
    config: File,
    report: Annotated[Path | None, typer.Option("--report", help="A page with plots, in this HTML file.")] = None,
    home: Home = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """The four rows: untouched, control, taught with calls disabled, taught; and by decoding k."""
    import anyio

    with _extra():
        from hammerstone.cli.results import show_result
        from hammerstone.evals.taught import evaluation_result
        from hammerstone.toolformer.runs import Evaluation, run_evaluate

        read = _read(config)
        if report is not None:
            from hammerstone.evals.report import check_report_path

            check_report_path(report)

        async def run() -> Evaluation:
            async with _running_apis(read.tools, home, sandbox) as apis:
                with progress("evaluating") as bar:
                    return await run_evaluate(
                        read, apis, lambda row: bar.update(bar.task_ids[0], description=f"{row.task}: {row.name}")
                    )

        result = evaluation_result(anyio.run(run), model=read.model, seed=read.evaluate.seed)
        print_json(result) if json else show_result(result)
        if report is not None:
            from hammerstone.evals.report import write_report

            write_report([result], report, title="hammerstone toolformer")
            talk(f"the report is in {report}")


# what the commands share


@contextmanager
def _extra() -> Generator[None]:
    """All of this needs packages that the core does not."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"this needs {error.name}, which is not installed", hint="pip install 'hammerstone[toolformer]'"
        ) from error


def _read(path: Path) -> Config:
    from hammerstone.toolformer.config import read_config

    return read_config(path)


def _staged(name: str, run: Callable[[Callable[[StageProgress], None]], Counter[str]]) -> Counter[str]:
    """Run a stage with a bar: shards done, documents a second, and an estimate of the time left."""
    with progress(name) as bar:

        def tell(made: StageProgress) -> None:
            note = f"{made.per_second:.1f} documents/s{_left(made.seconds_left)}"
            bar.update(bar.task_ids[0], completed=made.done, total=made.total or None, note=note)

        return run(tell)


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"


def _show(counts: Counter[str], json: bool) -> None:
    if json:
        print_json(dict(sorted(counts.items())))
        return
    show_table("", ("counted", "#number"), [(name, f"{count:,}") for name, count in sorted(counts.items())])


def _show_explained(found: Sequence[Explained], json: bool) -> None:
    if json:
        for one in found:
            print_json(one)
        return
    for one in found:
        verdict, losses = "kept" if one.kept else "dropped", one.losses
        show_text(f"{one.before} {one.call}{'' if one.after[:1].isspace() else ' '}{one.after}".replace("\n", " "))
        show_text(
            f"    {verdict}: L⁺ {losses.with_result:.2f}, L(e(c, ε)) {losses.with_call:.2f}, "
            f"L(ε) {losses.without:.2f}; gain {losses.gain:.2f}, threshold {one.threshold:g}\n"
        )


def _apis(config: Config, home: str | None = None) -> list[Api]:
    """The tools as they are described: nothing is run with them."""
    from hammerstone.cli.home import open_home
    from hammerstone.made_tools import find_tool
    from hammerstone.toolformer.apis.named import open_api

    def described(name: str) -> MadeTool:
        with open_home(home) as store:
            return find_tool(store, name)

    return [open_api(spec, open_made=described) for spec in config.tools]


@asynccontextmanager
async def _running_apis(specs: Sequence[str], home: str | None, sandbox: str) -> AsyncGenerator[list[Api]]:
    """The tools as they can be run; a sandbox is opened only for made ones."""
    from hammerstone.cli.home import open_home
    from hammerstone.made_tools import find_tool
    from hammerstone.sandbox import open_sandbox
    from hammerstone.toolformer.apis.named import open_api

    async with AsyncExitStack() as stack:
        made = any(spec.startswith("registry:") for spec in specs)
        store = stack.enter_context(open_home(home)) if made else None
        confined = await stack.enter_async_context(open_sandbox(sandbox)) if made else None

        def open_made(name: str) -> MadeTool:
            if store is None:
                raise AssertionError("opened for every spec that names a made tool")
            return find_tool(store, name, confined)

        yield [open_api(spec, open_made=open_made) for spec in specs]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
