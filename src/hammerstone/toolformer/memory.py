"""Measures free memory, on a processor and on a GPU: batches are sized by it."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's own types are partial.
from __future__ import annotations

import os
from pathlib import Path

import torch

__all__ = ["free_memory"]

CGROUP = Path("/sys/fs/cgroup")  # a container's own limit


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return min(_available(Path("/proc/meminfo")), _left_to_group(CGROUP))


def _available(file: Path) -> int:
    """Linux' own estimate, or half of the machine's memory elsewhere."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _left_to_group(folder: Path) -> int:
    try:
        most, used = ((folder / name).read_text(encoding="ascii") for name in ("memory.max", "memory.current"))
        return int(most) - int(used)
    except (OSError, ValueError):  # no such group, or `max`
        return 2**63
