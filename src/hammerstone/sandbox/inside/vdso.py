"""Taking away the clocks that need no system call: the kernel's vDSO and the processor's counter.

A filter of system calls stops no clock that is read in user space: the kernel maps a page of times (`[vvar]`) and
code that reads it (`[vdso]`) into every process, and the processor has a counter (`rdtsc`). So the worker, once and
before it serves,

- puts a copy of the vDSO in its place whose functions make the system call of the same name (vdso(7)). The C library,
  which has kept their addresses, notices nothing; the worker still has its clocks, and in a child the filter answers;
- unmaps the pages of times;
- has the processor trap reads of its counter (`PR_SET_TSC`, which a child inherits and cannot undo).

Its source goes to a bare interpreter, as the worker's does.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from hammerstone.sandbox.inside.own_process import LIBC, PAGE_BYTES

TYPE_CHECKING = False  # as in `typing`, which no worker needs
if TYPE_CHECKING:
    import typing

__all__ = ["close_clocks"]

# name: (x86_64, aarch64), as in `seccomp.CALLS`
NUMBERS = {
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getcpu": (309, 168),
    "getrandom": (318, 278),
}
PREFIXES = ("__vdso_", "__kernel_")

# elf.h: 64-bit, little-endian
PROGRAM_HEADERS_AT, PROGRAM_HEADER_SIZES_AT = 32, 54
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
ENTRY = struct.Struct("<QQ")
SYMBOL = struct.Struct("<IBBHQQ")
PT_LOAD, PT_DYNAMIC = 1, 2
DT_STRTAB, DT_SYMTAB = 5, 6

# sys/auxv.h, sys/mman.h, linux/prctl.h
AT_SYSINFO_EHDR = 33
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_PRIVATE_ANONYMOUS_FIXED = 0x32
MADV_DODUMP = 17
PR_SET_TSC, PR_TSC_SIGSEGV = 26, 2


class ClockError(OSError):
    """A clock could not be taken away; the worker then does not start."""


def close_clocks() -> None:
    """Leave this process, and all that it forks, no clock but system calls.

    Raises `ClockError` where the kernel does not let its pages be replaced (`CONFIG_MSEAL_SYSTEM_MAPPINGS`).
    """
    LIBC.getauxval.restype = ctypes.c_void_p
    base = LIBC.getauxval(ctypes.c_ulong(AT_SYSINFO_EHDR))
    if base:
        replace(base, with_system_calls(read_image(base), os.uname().machine))
        unmap_times(base)
    if LIBC.prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) != 0 and os.uname().machine == "x86_64":
        raise ClockError("the processor's counter cannot be trapped")  # other processors: since Linux 6.12


def read_image(base: int) -> bytearray:
    """The vDSO as it is mapped: whole pages."""
    headers = list(program_headers(ctypes.string_at(base, PAGE_BYTES)))
    end = max(address + size for kind, address, size in headers if kind == PT_LOAD)
    return bytearray(ctypes.string_at(base, -(-end // PAGE_BYTES) * PAGE_BYTES))


def program_headers(image: bytes | bytearray) -> typing.Iterator[tuple[int, int, int]]:
    """Kind, address and size in memory of each segment; addresses count from the start of the image."""
    (at,) = struct.unpack_from("<Q", image, PROGRAM_HEADERS_AT)
    size, count = struct.unpack_from("<HH", image, PROGRAM_HEADER_SIZES_AT)
    for number in range(count):
        kind, _, _, address, _, _, length, _ = PROGRAM_HEADER.unpack_from(image, at + number * size)
        yield kind, address, length


def with_system_calls(image: bytearray, machine: str) -> bytearray:
    """The image, each of whose functions makes the system call of its name. Raises `ClockError` if it has none."""
    column = 1 if machine == "aarch64" else 0
    replaced = 0
    for name, address in functions(image):
        number = NUMBERS.get(name, (None, None))[column]
        if number is not None:
            code = system_call(number, machine)
            image[address : address + len(code)] = code
            replaced += 1
    if not replaced:
        raise ClockError("the vDSO has no function that is known")
    return image


def functions(image: bytes | bytearray) -> typing.Iterator[tuple[str, int]]:
    """Name, without its prefix, and offset of each function. The table of names follows that of the symbols."""
    at, size = next((address, size) for kind, address, size in program_headers(image) if kind == PT_DYNAMIC)
    entries = dict(ENTRY.iter_unpack(image[at : at + size]))
    names, symbols = entries[DT_STRTAB], entries[DT_SYMTAB]
    for place in range(symbols, names - SYMBOL.size + 1, SYMBOL.size):
        name_at, _, _, section, address, _ = SYMBOL.unpack_from(image, place)
        name = bytes(image[names + name_at : image.index(0, names + name_at)]).decode()
        prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), "")
        if prefix and section:
            yield name.removeprefix(prefix), address


def system_call(number: int, machine: str) -> bytes:
    """Machine code: make the call with the arguments as they are, and return what it returns."""
    if machine == "aarch64":
        return struct.pack("<III", 0xD2800008 | number << 5, 0xD4000001, 0xD65F03C0)  # mov x8, …; svc 0; ret
    return b"\xb8" + struct.pack("<I", number) + b"\x0f\x05\xc3"  # mov eax, …; syscall; ret


def replace(base: int, image: bytearray) -> None:
    size = len(image)
    source = (ctypes.c_char * size).from_buffer(image)
    place = ctypes.c_void_p(base)
    length = ctypes.c_size_t(size)
    flags = MAP_PRIVATE_ANONYMOUS_FIXED
    if LIBC.mmap(place, length, PROT_READ | PROT_WRITE, flags, -1, ctypes.c_long(0)) != base:
        raise ClockError(f"this kernel does not let its vDSO be replaced: {os.strerror(ctypes.get_errno())}")
    ctypes.memmove(base, source, size)
    if LIBC.mprotect(place, length, PROT_READ | PROT_EXEC) != 0:
        raise ClockError(f"the vDSO cannot be replaced: {os.strerror(ctypes.get_errno())}")


def unmap_times(base: int) -> None:
    """Unmap the kernel's pages just below the vDSO, all at once, since it lets none of its mappings be split."""
    start = base
    while is_the_kernels(start - PAGE_BYTES):
        start -= PAGE_BYTES
    if start == base or LIBC.munmap(ctypes.c_void_p(start), ctypes.c_size_t(base - start)) != 0:
        raise ClockError("this kernel does not let its pages of times be unmapped")


def is_the_kernels(page: int) -> bool:
    """Whether a page is the kernel's: it refuses to include such pages in a core dump (madvise(2))."""
    refused = LIBC.madvise(ctypes.c_void_p(page), ctypes.c_size_t(PAGE_BYTES), MADV_DODUMP) != 0
    return refused and ctypes.get_errno() == errno.EINVAL  # ENOMEM: nothing is there
