"""`python -m hammerstone.toolformer.tiny FOLDER`: prepare a tiny run there, to run stage by stage."""

from __future__ import annotations

import sys
from pathlib import Path

from hammerstone.errors import HammerstoneError
from hammerstone.toolformer.tiny.preparation import CONFIG, Size, prepare

EVERY = 100


def main() -> None:
    """The only argument is the folder."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m hammerstone.toolformer.tiny FOLDER")
    folder, size = Path(sys.argv[1]), Size()

    def report(step: int, loss: float) -> None:
        if step % EVERY == 0:
            sys.stderr.write(f"step {step} of {size.shape.steps}: loss {loss:.3f}\n")

    try:
        prepare(folder, size, 0, report)
    except HammerstoneError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
    sys.stdout.write(f"{folder / CONFIG}\n")


if __name__ == "__main__":
    main()
