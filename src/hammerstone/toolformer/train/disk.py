"""Writing checkpoints and models: a full disk is an error for the operator."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from hammerstone.errors import OperatorError

__all__ = ["write_errors", "write_whole"]

TORCH_SAVE = ("PytorchStreamWriter", "inline_container", "iostream")  # how torch.save reports a failed write


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically."""
    unfinished = path.with_name(f".{path.name}.tmp")
    with write_errors(path):
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)


@contextmanager
def write_errors(path: Path) -> Generator[None]:
    """Turn a failed write in the block into an `OperatorError`."""
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(mark in str(error) for mark in TORCH_SAVE):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise OperatorError(
            f"cannot write {path}: {reason}",
            hint="free some space: the same command resumes from the last complete checkpoint",
        ) from error
