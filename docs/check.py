"""Checks the documents: links and paths lead somewhere, generated parts (commands, results, the demo) are real.

uv run python docs/check.py            # say what is wrong; exit code 1
uv run python docs/check.py --write    # bring the generated parts up to date
uv run python docs/check.py --long     # docs/improve.md as well, which takes both cores many minutes; also with --write
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMANDS = ROOT / "docs" / "commands.md"
RESULTS = ROOT / "docs" / "results.md"
REPORT = ROOT / "docs" / "report.html"
IMPROVE = ROOT / "docs" / "improve.md"
README = ROOT / "README.md"
PACKAGE = ROOT / "src" / "hammerstone"
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
PATH = re.compile(r"(?<!\[)`((?:benchmarks|design|docs|docs_src|examples|runs|src|tests)/[\w./-]*)`")
ROOM = re.compile(r"`([a-z_]+(?:/|\.py))`")  # in the README: a folder or module of the package
DEMO = re.compile(r"(<!-- output of: uv run hammerstone demo -->\n```text\n)(.*?)(\n```)", re.DOTALL)


def documents() -> list[Path]:
    """The repository's own Markdown files: what git knows or would add, so nothing that was installed here."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md").splitlines()
    return [ROOT / name for name in sorted(listed) if (ROOT / name).is_file()]


def broken_links() -> list[str]:
    """Relative links whose target is not there."""
    broken: list[str] = []
    for document in documents():
        for target in LINK.findall(document.read_text(encoding="utf-8")):
            if "://" not in target and not (document.parent / target).exists():
                broken.append(f"{document.relative_to(ROOT)}: {target} is not there")
    return broken


def missing_paths() -> list[str]:
    """Code-formatted paths of the repository, in the README and the guides, where nothing is."""
    pages = [README, *sorted((ROOT / "docs" / "guides").glob("*.md"))]
    named = [(page, ROOT / path) for page in pages for path in PATH.findall(page.read_text(encoding="utf-8"))]
    named += [(README, PACKAGE / path) for path in ROOM.findall(README.read_text(encoding="utf-8"))]
    return [
        f"{page.relative_to(ROOT)}: {path.relative_to(ROOT)} is not there" for page, path in named if not path.exists()
    ]


def run(*command: str) -> str:
    plain = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", "PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=plain)
    return done.stdout


def command_reference() -> str:
    """Typer's own documentation of every command."""
    text = run(sys.executable, "-m", "typer", "hammerstone.cli.main", "utils", "docs", "--name", "hammerstone")
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


def demo_output() -> str:
    with tempfile.TemporaryDirectory() as folder:
        shown = run("sh", "-c", f"{sys.executable} -m hammerstone demo --home {folder}/home 2>&1 | grep -v {folder}")
    text = "\n".join(line.rstrip() for line in shown.splitlines()).split("\nThe tools are in")[0]
    by_task, reached = text.index("After a task's tool went live"), text.index("What was reached")
    return (text[:by_task] + text[reached:]).strip("\n")  # the README leaves two of the tables out


def improvement() -> str:
    """The experiment that `bench all` leaves out."""
    with tempfile.TemporaryDirectory() as folder:
        tables = Path(folder) / "improve.md"
        run(sys.executable, "-m", "hammerstone", "bench", "improve", "--markdown", str(tables))
        return tables.read_text(encoding="utf-8")


def results() -> tuple[str, str]:
    """All experiments on the recorded completions, as tables and as the page with plots."""
    with tempfile.TemporaryDirectory() as folder:
        tables, page = Path(folder) / "results.md", Path(folder) / "report.html"
        run(sys.executable, "-m", "hammerstone", "bench", "all", "--markdown", str(tables), "--report", str(page))
        return tables.read_text(encoding="utf-8"), page.read_text(encoding="utf-8")


def stale(*, write: bool, long: bool) -> list[str]:
    """Generated parts that differ from what the commands print now; with `long` that of `bench improve` too."""
    found: list[str] = []
    readme = README.read_text(encoding="utf-8")
    output = demo_output()
    fresh = DEMO.sub(lambda match: match[1] + output + match[3], readme)
    tables, page = results()
    parts = [(COMMANDS, command_reference()), (RESULTS, tables), (REPORT, page), (README, fresh)]
    parts += [(IMPROVE, improvement())] if long else []
    for path, text in parts:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            found.append(f"{path.relative_to(ROOT)} is not what the commands print: run docs/check.py --write")
            if write:
                path.write_text(text, encoding="utf-8")
    return found


def main() -> None:
    write = "--write" in sys.argv
    problems = stale(write=write, long="--long" in sys.argv)
    problems = broken_links() + missing_paths() + ([] if write else problems)
    for problem in problems:
        print(problem)
    print(f"{len(documents())} documents, {len(problems)} problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
