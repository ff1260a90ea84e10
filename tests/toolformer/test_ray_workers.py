"""Stages over a Ray cluster of two machines with one processor each, both of them on this one."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from threading import Thread

import anyio
import pytest

from hammerstone.cli import main
from hammerstone.cli.toolformer.shared import described_apis, running_apis
from hammerstone.errors import SettingsError
from hammerstone.toolformer import runs
from hammerstone.toolformer.annotate.execution import execution_work
from hammerstone.toolformer.apis.api_specs import open_api
from hammerstone.toolformer.config import RunConfig, read_config
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.runs import execute_settings
from hammerstone.toolformer.shards import StageWork, read_shards, write_shards
from hammerstone.toolformer.stage_openings import open_annotation, open_filter
from hammerstone.toolformer.stage_progress import StageProgress
from hammerstone.toolformer.tiny.preparation import CONFIG, MODEL, Size, write_run

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [
    pytest.mark.timeout(1200),  # five stages, each of which starts its workers
    pytest.mark.filterwarnings("default"),  # Ray's own
]

CHECKPOINT = Path(__file__).parent / "checkpoint"
STAGES: tuple[runs.SpreadStage, ...] = ("annotate", "execute", "filter")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of the cluster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # Ray's workers would wait for the other tests
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        try:
            for _ in range(2):
                cluster.add_node(num_cpus=1, include_dashboard=False, object_store_memory=100_000_000)
        except Exception as error:  # whatever keeps Ray itself from starting on this host
            pytest.skip(f"Ray does not start here: {error}")
        yield cluster.address
        cluster.shutdown()


def prepared(folder: Path) -> RunConfig:
    """A run with 40 texts: three units of work."""
    write_run(folder, Size(texts=40, questions=1, held_out=1), seed=0)
    shutil.copytree(CHECKPOINT, folder / MODEL)
    config = read_config(folder / CONFIG)
    runs.run_corpus(config, [open_api(spec) for spec in config.tools])
    return config


def over_ray(stage: runs.SpreadStage, config: RunConfig, address: str) -> None:
    """Run a stage over Ray, as the command does."""
    open_work: dict[str, Callable[[], AbstractContextManager[StageWork]]] = {
        "annotate": partial(open_annotation, config, partial(described_apis, config)),
        "execute": partial(execution_work, partial(running_apis, config.tools, None, "auto"), execute_settings(config)),
        "filter": partial(open_filter, config),
    }
    runs.run_over_ray(stage, config, open_work[stage], address)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_over_ray_the_stages_leave_the_bytes_that_they_leave_alone(tmp_path: Path, address: str) -> None:
    config = prepared(tmp_path)
    apis = [open_api(spec) for spec in config.tools]
    runs.run_annotate(config, apis)
    anyio.run(runs.run_execute, config, apis)
    assert runs.run_filter(config)["scored: Calculator"] > 0
    alone = {stage: files(config.stage(stage)) for stage in STAGES}
    for stage in STAGES:
        shutil.rmtree(config.stage(stage))
    with pytest.raises(KeyboardInterrupt):
        runs.run_annotate(config, apis, interrupt)  # after its first unit: the rest is left to the workers
    for stage in STAGES:
        over_ray(stage, config, address)
        assert files(config.stage(stage)) == alone[stage]


def interrupt(_: StageProgress) -> None:
    raise KeyboardInterrupt


MEET = '''
import os, socket

def Meet(text: str) -> str:
    """Answers when another process has asked too."""
    with socket.create_connection({address!r}) as asked:
        asked.sendall(str(os.getpid()).encode())
        return asked.recv(9).decode()
'''


@contextmanager
def meeting() -> Iterator[tuple[tuple[str, int], set[int]]]:
    """A server that answers nobody until two processes have asked; and which ones have."""
    asked: set[int] = set()
    waiting: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                waiting.append(server.accept()[0])
            except OSError:  # it was closed
                return
            asked.add(int(waiting[-1].recv(9)))
            while len(asked) > 1 and waiting:
                with waiting.pop() as answered:
                    answered.sendall(b"met")

    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        Thread(target=serve, daemon=True).start()
        yield server.getsockname(), asked


def test_two_workers_work_at_the_same_time(tmp_path: Path, address: str) -> None:
    with meeting() as (server, asked):
        (tmp_path / "meet.py").write_text(MEET.format(address=server))
        (tmp_path / CONFIG).write_text(
            f'model = "{MODEL}"\nfolder = "."\ntools = ["python:meet.py:Meet"]\n[execute]\nseconds = 900\n'
        )
        proposals = [Proposal(api="Meet", input=f"{k}", position=0, probability=1.0) for k in range(48)]
        documents = [CorpusDocument(id=f"d{k}", text="x", proposals=(one,)) for k, one in enumerate(proposals)]
        write_shards(tmp_path / "annotate", documents, settings={})
        over_ray("execute", read_config(tmp_path / CONFIG), address)
    assert len(asked) == 2
    assert os.getpid() not in asked
    assert [one.proposals[0].result for one in read_shards(tmp_path / "execute")] == ["met"] * 48


def test_what_a_worker_cannot_open_is_an_error_here(tmp_path: Path, address: str) -> None:
    config = prepared(tmp_path)
    (tmp_path / MODEL / "config.json").write_text("{")
    with pytest.raises(SettingsError, match="cannot load the model") as caught:
        over_ray("annotate", config, address)
    assert caught.value.hint.startswith("give a folder with config.json")
    assert not (tmp_path / "annotate").exists()


def test_a_worker_on_which_the_stage_has_other_settings_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hammerstone.toolformer.ray_workers import StageWorker

    monkeypatch.chdir(tmp_path)
    write_shards(tmp_path / "corpus", [CorpusDocument(id="d", text="x")], settings={})
    here = StageWork({"model": "m (torch.bfloat16)"}, lambda documents: (documents, {"n": len(documents)}))
    unit = {"shard": [str(tmp_path / "corpus" / "00000.jsonl")], "unit": [0]}
    row = StageWorker(lambda: nullcontext(here), here.settings, tmp_path)(unit)
    assert (row["counts"], row["error"]) == (['{"n": 1}'], [""])
    assert row["lines"] == [(tmp_path / "corpus" / "00000.jsonl").read_text()]
    (told,) = StageWorker(lambda: nullcontext(here), {"model": "m"}, tmp_path)(unit)["error"]
    assert "two machines open the stage differently" in told
    (told,) = StageWorker(lambda: nullcontext(here), {"model": "m"}, tmp_path / "none")(unit)["error"]
    assert f"has no folder {tmp_path / 'none'}" in told


def test_a_cluster_that_is_not_there_is_an_error_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(tmp_path)
    given = ["filter", "--config", str(tmp_path / CONFIG), "--ray", "127.0.0.1:1"]
    monkeypatch.setattr(sys, "argv", ["hammerstone", "toolformer", *given])
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "error: cannot reach Ray at 127.0.0.1:1: " in capsys.readouterr().err
