"""The command `hammerstone`, and `python -m hammerstone`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line. Ctrl-C is as quiet while it is still being imported."""
    try:
        from hammerstone.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
