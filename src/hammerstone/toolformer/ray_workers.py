"""A stage on many machines, over Ray Data: one model per worker, and the same bytes as on one machine.

    this process    names the unfinished units of work, and appends what comes back, in order
    each worker     opens the stage once (its model, or its tools), then reads units from the previous stage's shards

Only this process writes, and it writes what it would write alone, so an interrupted run resumes in either way.

A worker has one GPU, or a whole machine where there are none or no model is needed. All machines need hammerstone, and
the run's folders and models at the same paths. Relative paths start at this process's working directory.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# Ray's own types are partial.
from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hammerstone import errors
from hammerstone.errors import HammerstoneError, OperatorError, SettingsError
from hammerstone.toolformer.shards import StageUnit, StageWork, UnitResult
from hammerstone.types import JSON

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to Ray's makers
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # or it copies the working directory to every worker

import ray
import ray.data

__all__ = ["OpenWork", "RayWorkers", "StageWorker", "ray_workers"]

SECONDS = 10.0  # in which a cluster must answer

OpenWork = Callable[[], AbstractContextManager[StageWork]]
"""Opens a stage with its model or tools. It is sent to the workers, so it consists of names and settings."""


@dataclass(frozen=True, kw_only=True)
class RayWorkers:
    """Workers for one stage. `settings` are those of the first one; the others must have the same."""

    open_work: OpenWork
    settings: Mapping[str, JSON]
    share: _Share

    def run(self, units: Sequence[StageUnit]) -> Iterator[UnitResult]:
        """The results of the units, in their order. Raises what a worker raises, and what ends Ray."""
        if not units:
            return
        items = [{"shard": str(unit.shard), "unit": unit.number} for unit in units]
        results = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
            StageWorker,
            batch_size=1,
            fn_constructor_args=[self.open_work, self.settings, Path.cwd()],
            compute=ray.data.ActorPoolStrategy(size=min(self.share.workers, len(units))),
            num_cpus=self.share.cpus,
            num_gpus=self.share.gpus,
        )
        for row in results.iter_rows():
            yield _result(row)


class _Share(NamedTuple):
    """The number of workers, and each one's share of the cluster."""

    workers: int
    cpus: int
    gpus: int


@contextmanager
def ray_workers(address: str, open_work: OpenWork, *, on_gpus: bool) -> Generator[RayWorkers]:
    """Connect to the Ray cluster at `address`, or start one on this machine (`local`), until the block ends.

    `on_gpus`: the stage reads a model, on GPUs if the cluster has any. Raises `OperatorError` for a cluster that cannot
    be reached, and what opening the work raises.
    """
    try:
        _connect(address)
    except (OSError, RuntimeError, ValueError) as error:  # Ray's own are ConnectionErrors, too
        raise OperatorError(
            f"cannot reach Ray at {address}: {' '.join(str(error).split())}",
            hint="`ray start --head` prints an address; `local` starts Ray on this machine",
        ) from error
    try:
        share = _share(on_gpus=on_gpus)
        # The process ends with its one call, and leaves the memory of its model to the workers.
        asked: Any = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_calls=1)(_settings)
        found = _result(ray.get(asked.remote(open_work, Path.cwd())))
        yield RayWorkers(open_work=open_work, settings=json.loads(found.lines), share=share)
    finally:
        ray.shutdown()


def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), SECONDS).close()  # Ray itself tries for minutes
    own: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # hammerstone shows progress itself
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True


def _share(*, on_gpus: bool) -> _Share:
    nodes: list[dict[str, float]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(node.get("GPU", 0) for node in nodes)) if on_gpus else 0
    if gpus:
        return _Share(workers=gpus, cpus=1, gpus=1)
    cores = [int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1]
    if not cores:
        raise SettingsError("the Ray cluster has no processor", hint="start its machines without --num-cpus=0")
    return _Share(workers=len(cores), cpus=min(cores), gpus=0)


def _settings(open_work: OpenWork, folder: Path) -> Mapping[str, str]:
    """The settings of the stage as it is on a worker, such as the number format of its model."""
    with ExitStack() as stack:
        return _row(lambda: UnitResult(json.dumps(dict(_opened(stack, open_work, folder).settings)), {}))


class StageWorker:
    """The stage on a worker, opened at its first unit in the working directory `folder`.

    Called with one unit, as the columns of a row of Ray Data, it returns a row that `RayWorkers` reads. A stage that
    has other `settings` here is an error in it.
    """

    def __init__(self, open_work: OpenWork, settings: Mapping[str, JSON], folder: Path) -> None:
        self._open_work, self._settings, self._folder = open_work, settings, folder
        self._stack = ExitStack()  # closed with the process
        self._opened: StageWork | None = None

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> Mapping[str, list[str]]:
        (shard,), (number,) = batch["shard"], batch["unit"]
        row = _row(lambda: StageUnit(Path(shard), int(number)).worked_on(self._work().work))
        return {name: [value] for name, value in row.items()}

    def _work(self) -> StageWork:
        if self._opened is None:
            opened = _opened(self._stack, self._open_work, self._folder)
            if opened.settings != self._settings:
                raise SettingsError(
                    f"two machines open the stage differently: {dict(opened.settings)} and {dict(self._settings)}",
                    hint='give them the same files, and set dtype = "float32" where not all have bfloat16',
                )
            self._opened = opened
        return self._opened


def _opened(stack: ExitStack, open_work: OpenWork, folder: Path) -> StageWork:
    try:
        os.chdir(folder)
    except OSError as error:
        raise OperatorError(
            f"{os.uname().nodename} has no folder {folder}", hint="run it in a folder that all machines share"
        ) from error
    return stack.enter_context(open_work())


def _row(work: Callable[[], UnitResult]) -> Mapping[str, str]:
    """A result as a row of Ray Data. Hammerstone's own errors are part of it: Ray would wrap them."""
    try:
        result = work()
    except HammerstoneError as error:
        fields = {"kind": type(error).__name__, "message": error.message, "hint": error.hint, "details": error.details}
        return {"lines": "", "counts": "", "error": json.dumps(fields)}
    return {"lines": result.lines, "counts": json.dumps(dict(result.counts)), "error": ""}


def _result(row: Mapping[str, str]) -> UnitResult:
    if row["error"]:
        fields: dict[str, str] = json.loads(row["error"])
        kind: type[HammerstoneError] = getattr(errors, fields["kind"])
        raise kind(fields["message"], hint=fields["hint"], details=fields["details"])
    return UnitResult(row["lines"], json.loads(row["counts"]))
