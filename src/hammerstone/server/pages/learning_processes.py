"""The processes that learn from logs beside the gateway: begun, stopped, and ended with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import IO

import anyio
from anyio import to_thread

from hammerstone.admin.learning_runs import LearningRun, Order, TenantRuns
from hammerstone.errors import InputError, StoreError
from hammerstone.private_files import open_private
from hammerstone.settings import Settings
from hammerstone.settings_file import write_settings

__all__ = ["LearningProcesses"]

JOB = "hammerstone.learn.job"  # by its name: the gateway knows nothing of learning from logs
LAST_SECONDS = 5.0  # that a process has to end in good order


class LearningProcesses:
    """The learning runs that this process has started."""

    def __init__(self) -> None:
        self._begun: list[subprocess.Popen[bytes]] = []

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """All of them end with the block."""
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._end)

    def begin(self, runs: TenantRuns, order: Order, files: Sequence[IO[bytes]], settings: Settings) -> LearningRun:
        """Keep the files, and start. Raises `InputError` while another run of the tenant is under way, `StoreError`."""
        self._begun = [one for one in self._begun if one.poll() is None]
        try:
            with runs.held() as lock:
                run = runs.begin(order)
                for number, (name, file) in enumerate(zip(order.names, files, strict=True)):
                    with open_private(run.add_log(number, name), "xb") as kept:
                        shutil.copyfileobj(file, kept)
                write_settings(settings, run.settings)
                self._start(run, lock)
        except OSError as error:
            raise StoreError(f"the log cannot be kept: {error.strerror}", hint="look after the home's disk") from error
        return run

    def _start(self, run: LearningRun, lock: int) -> None:
        """It inherits the lock."""
        with open_private(run.folder / "errors.txt", "wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - a module of ours
                [sys.executable, "-m", JOB, str(run.folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=(lock,),
                start_new_session=True,
            )
        self._begun.append(process)
        run.note_process(process.pid)

    def stop(self, runs: TenantRuns, run: LearningRun) -> None:
        """Let it end in good order. Raises `InputError` for one that is not under way."""
        process = run.process
        if process is None or not runs.progress(run).is_under_way:
            raise InputError("this run is not under way")
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGINT)

    def _end(self) -> None:
        for one in self._begun:
            one.send_signal(signal.SIGINT)
        for one in self._begun:
            try:
                one.wait(LAST_SECONDS)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
