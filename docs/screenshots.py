"""Take the screenshots of the README, from the home that the demonstration leaves.

    uv run --all-extras python docs/screenshots.py

Needs Chromium: Debian's package `chromium`, or the one that `playwright install chromium` fetches.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
SIZE = {"width": 1280, "height": 800}
HAMMERSTONE = (sys.executable, "-m", "hammerstone")


@contextmanager
def pages(home: str) -> Generator[str]:
    """The address of the pages of a home."""
    command = [*HAMMERSTONE, "ui", "--home", home, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as serving:
        said = next(line for line in serving.stderr or () if line.startswith("pages: "))
        try:
            yield said.split()[1].rstrip(";")
        finally:
            serving.terminate()


def take(page: Page, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(IMAGES / f"{name}.png")


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        subprocess.run([*HAMMERSTONE, "demo", "--home", home], check=True, capture_output=True)
        with pages(home) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport=SIZE)
            page.goto(f"{url}?span=hour")
            take(page, "overview")
            page.goto(f"{url}/requests?route=parser")
            page.get_by_role("row").filter(has_text="Sort the following words").first.get_by_role("link").first.click()
            page.get_by_text("What unparse writes").wait_for()
            take(page, "request")
            browser.close()


if __name__ == "__main__":
    main()
