"""Free memory is what the machine has left, or what its group of processes may still take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hammerstone.toolformer import memory


def placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    for name, text in files.items():
        (tmp_path / name.replace("_", ".")).write_text(text)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)


def test_a_processor_has_some_memory_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placed(tmp_path, monkeypatch)
    assert memory.free_memory(torch.device("cpu")) > 2**20


def test_a_groups_limit_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placed(tmp_path, monkeypatch, memory_max="5000\n", memory_current="2000\n")
    assert memory.free_memory(torch.device("cpu")) == 3000


def test_a_group_without_a_limit_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placed(tmp_path, monkeypatch, memory_max="max\n", memory_current="2000\n")
    assert memory.free_memory(torch.device("cpu")) > 2**20
