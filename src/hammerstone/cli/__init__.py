"""The command line: thin commands over what can also be called from Python."""

from hammerstone.cli.main import main

__all__ = ["main"]
