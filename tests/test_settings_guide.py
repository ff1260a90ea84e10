"""The guide names every setting with its default, and its example is a settings file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hammerstone.settings_file import LoadedSettings, load_settings

GUIDE = (Path(__file__).parents[1] / "docs" / "guides" / "settings.md").read_text(encoding="utf-8")
LISTED_BY_DOCTOR = ("build.imports",)  # too long for a table
ROWS = [(key, value) for key, value, _ in LoadedSettings().rows() if key not in LISTED_BY_DOCTOR]


def test_the_example_in_the_guide_is_a_settings_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    file = tmp_path / "hammerstone.toml"
    file.write_text(example, encoding="utf-8")
    loaded = load_settings(file)
    assert loaded.settings.roles.user.base_url == "http://localhost:8000/v1"
    assert loaded.settings.build.module.shown == 10


@pytest.mark.parametrize(("key", "default"), ROWS, ids=lambda one: str(one))
def test_the_guide_names_each_setting_with_its_default(key: str, default: object) -> None:
    (row,) = [line for line in _section(key).splitlines() if line.startswith(f"| `{key.rpartition('.')[2]}` |")]
    if default is not None:
        written = f"{default:g}" if isinstance(default, float) else str(default).lower()
        assert re.search(rf"\b{re.escape(written)}\b", row.split("|", 3)[3])


def _section(key: str) -> str:
    """The part of the guide that begins with the name of the key's table."""
    table = key.rpartition(".")[0]
    return GUIDE[GUIDE.index(f"`[{table}]`") :].split("\n\n`[")[0]
