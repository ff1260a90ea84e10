"""The guide's example task, put into the folder as the guide says, is a task like the others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hammerstone

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "requests.md"
USE = """
import random
from hammerstone.errors import InputError
from hammerstone.evals.tasks import TASKS, generate_instances, near_misses, task
from hammerstone.evals.traffic.mixed_traffic import generate_traffic
assert "dyck" in TASKS
roman = task("roman_numerals")
instances = generate_instances("roman_numerals", 150, 1)
assert all(roman.check(i.question, i.answer) for i in instances)
assert not any(roman.check(i.question, i.answer + "I") for i in instances)
assert roman.paraphrase(instances[0], random.Random(1)).answer == instances[0].answer
alike = near_misses("roman_numerals", 60, 1)
assert len({i.question for i in alike}) == 60
assert sum("right to left" in i.question for i in alike) == 30
for i in alike:
    number = int("".join(c for c in i.question if c.isdigit()))
    assert not roman.check(f"Write {number} in Roman numerals.", i.answer), i
assert "roman_numerals" in {item.task for item in generate_traffic(60, 1, tasks=("roman_numerals", "dyck"))}
try:
    generate_instances("roman_numerals", 300, 1)
except InputError as error:
    print("found, and exhausted:", error.message)
"""


def test_a_file_in_the_folder_is_enough_to_add_a_task(tmp_path: Path) -> None:
    source = next(
        block
        for block in re.findall(r"```python\n(.+?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        if "FAMILIES" in block
    )
    package = tmp_path / "hammerstone"
    shutil.copytree(Path(hammerstone.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "evals" / "tasks" / "generators" / "roman_numerals.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", USE],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "found, and exhausted: roman_numerals seems to have only 20" in done.stdout, done.stderr
