"""Starting processes, and reaching those that are there: above all the worker, which runs as the same user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.sandbox.conformance.attack import Attack, Outside
from hammerstone.sandbox.contract import Status

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["ATTACKS"]


def _worker(outside: Outside) -> dict[str, JSON]:
    return {"worker": outside.worker}


def _attack(name: str, description: str, deed: str) -> Attack:
    """`deed` is one statement about `parent`, the worker's process id; if it does not raise, it has worked."""
    program = (
        "import fcntl, os, resource, signal, subprocess\n"
        f"def attack(worker):\n    parent = os.getppid() or worker\n    {deed}\n    return 'escaped'\n"
    )
    return Attack(name=name, description=description, program=program, arguments=_worker)


ATTACKS = (
    _attack("fork_once", "become two processes", "os._exit(0) if os.fork() == 0 else None"),
    _attack(
        "fork_without_end",
        "fork until nothing else on the machine can",
        "[os._exit(0) if os.fork() == 0 else None for _ in range(100_000)]",
    ),
    _attack("start_a_shell", "run a command", "subprocess.run(['/bin/sh', '-c', 'true'], check=True)"),
    _attack(
        "replace_itself",
        "become another program with execve",
        "os.execv('/bin/sh', ['sh', '-c', 'echo escaped'])",
    ),
    _attack("spawn_a_process", "posix_spawn, which uses vfork", "os.posix_spawn('/bin/true', ['true'], {})"),
    _attack("kill_the_worker", "send SIGKILL to the parent", "os.kill(parent, signal.SIGKILL)"),
    _attack("freeze_the_worker", "send SIGSTOP to the parent", "os.kill(parent, signal.SIGSTOP)"),
    _attack("signal_every_process", "send a signal to all there are", "os.kill(-1, signal.SIGCONT)"),
    _attack("signal_the_group", "send a signal to the process group", "os.killpg(0, signal.SIGUSR1)"),
    _attack(
        "signal_by_descriptor",
        "open the parent as a descriptor and signal through it",
        "signal.pidfd_send_signal(os.pidfd_open(parent), signal.SIGKILL)",
    ),
    Attack(
        name="signal_by_file_owner",
        description="make the kernel signal the worker when a pipe becomes readable (F_SETOWN, F_SETSIG, O_ASYNC)",
        arguments=_worker,
        program="""
import fcntl, os, time
def attack(worker):
    read_end, write_end = os.pipe()
    fcntl.fcntl(read_end, fcntl.F_SETOWN, os.getppid() or worker)
    fcntl.fcntl(read_end, fcntl.F_SETSIG, 9)
    fcntl.fcntl(read_end, fcntl.F_SETFL, os.O_ASYNC)
    os.write(write_end, b"x")
    time.sleep(0.2)
    return "escaped"
""",
    ),
    _attack("limit_the_worker", "take the worker's memory", "resource.prlimit(parent, resource.RLIMIT_AS, (1, 1))"),
    _attack("slow_the_worker", "lower the worker's priority", "os.setpriority(os.PRIO_PROCESS, parent, 19)"),
    _attack("move_the_worker", "choose the worker's processors", "os.sched_setaffinity(parent, {0})"),
    _attack("leave_the_session", "leave the process group that is killed as one", "os.setsid()"),
    _attack("become_another_user", "change the user id", "os.setuid(12345)"),
    _attack(
        "raise_the_cpu_limit",
        "set RLIMIT_CPU to unlimited",
        "resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
    ),
    _attack(
        "raise_the_memory_limit",
        "set RLIMIT_AS to unlimited with prlimit",
        "resource.prlimit(0, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
    ),
    Attack(
        name="leave_a_thread_behind",
        description="return a result while a thread goes on",
        program="""
import threading
def attack():
    def spin():
        while True:
            pass
    threading.Thread(target=spin, daemon=False).start()
    return "a thread is running"
""",
    ),
    Attack(
        name="ignore_every_signal",
        description="ignore SIGXCPU, SIGTERM and all others, then run without end",
        ends=frozenset({Status.TIMEOUT}),
        program="""
import signal
def attack():
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
""",
    ),
)
