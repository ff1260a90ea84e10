"""The vDSO of the machine the tests run on, and how its functions are replaced."""

from __future__ import annotations

import ctypes
import itertools
import os
import platform
import sys

import pytest

from hammerstone.sandbox.inside import vdso

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"}, reason="as the sandbox itself"
)


@pytest.fixture
def image() -> bytearray:
    libc = ctypes.CDLL(None)
    libc.getauxval.restype, libc.getauxval.argtypes = ctypes.c_void_p, [ctypes.c_ulong]
    base = libc.getauxval(vdso.AT_SYSINFO_EHDR)
    if not base:
        pytest.skip("this kernel has none")
    return vdso.read_image(base)


def test_its_clocks_are_found(image: bytearray) -> None:
    assert {"clock_gettime", "clock_getres", "gettimeofday"} <= {name for name, _ in vdso.functions(image)}


def test_each_function_makes_the_system_call_of_its_name(image: bytearray) -> None:
    machine = platform.machine()
    places = dict(vdso.functions(image))
    patched = vdso.with_system_calls(bytearray(image), machine)
    for name, at in places.items():
        number = vdso.NUMBERS.get(name, (None, None))[machine == "aarch64"]
        if number is not None:
            code = vdso.system_call(number, machine)
            assert patched[at : at + len(code)] == code


def test_nothing_else_of_it_changes(image: bytearray) -> None:
    patched = vdso.with_system_calls(bytearray(image), platform.machine())
    changed = [at for at, (old, new) in enumerate(zip(image, patched, strict=True)) if old != new]
    places = [at for _, at in vdso.functions(image)]
    assert len(patched) == len(image)
    assert all(any(0 <= at - place < 12 for place in places) for at in changed)


def test_an_image_without_a_known_function_is_refused(image: bytearray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vdso, "NUMBERS", {})
    with pytest.raises(vdso.ClockError, match="no function"):
        vdso.with_system_calls(image, platform.machine())


def test_no_two_functions_overlap_when_replaced(image: bytearray) -> None:
    places = sorted({at for _, at in vdso.functions(image)})
    longest = len(vdso.system_call(318, platform.machine()))
    assert all(after - before >= longest for before, after in itertools.pairwise(places))


def test_the_machine_code_of_both_processors() -> None:
    assert vdso.system_call(228, "x86_64").hex() == "b8e40000000f05c3"
    assert vdso.system_call(113, "aarch64").hex() == "280e80d2" + "010000d4" + "c0035fd6"


def test_a_process_without_its_clocks_still_has_those_of_the_kernel() -> None:
    """This runs in a process of its own, which then ends."""
    pid = os.fork()
    if pid == 0:
        import time

        before = time.monotonic()
        vdso.close_clocks()
        os._exit(0 if time.monotonic() >= before and time.time() > 0 else 1)
    assert os.waitpid(pid, 0)[1] == 0
