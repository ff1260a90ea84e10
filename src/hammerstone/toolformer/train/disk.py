"""Writing checkpoints and models: a full disk is an error for the operator."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from hammerstone.errors import OperatorError

__all__ = ["write_whole", "writing"]

TORCH_SAVE = ("PytorchStreamWriter", "inline_container", "iostream")  # how torch.save reports a failed write


def write_whole(path: Path, text: str) -> None:
    """Whole or not at all."""
    unfinished = path.with_name(f".{path.name}.tmp")
    with writing(path):
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)


@contextmanager
def writing(path: Path) -> Generator[None]:
    """What cannot be written is told. Raises `OperatorError`."""
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(mark in str(error) for mark in TORCH_SAVE):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise OperatorError(
            f"cannot write {path}: {reason}",
            hint="make room: the same command goes on from the last whole checkpoint",
        ) from error
