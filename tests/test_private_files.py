from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerstone.private_files import make_private_folder, open_private, tighten


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_a_new_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    with open_private(tmp_path / "file", "w", encoding="utf-8") as file:
        file.write("é")
    assert mode(tmp_path / "file") == 0o600
    assert (tmp_path / "file").read_text(encoding="utf-8") == "é"


@pytest.mark.usefixtures("_umask")
def test_new_folders_are_their_owners_alone_and_those_above_stay_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path / "a" / "b")
    make_private_folder(tmp_path / "a" / "b")
    assert [mode(tmp_path / name) for name in (".", "a", "a/b")] == [0o755, 0o700, 0o700]


@pytest.mark.parametrize(
    ("before", "after"),
    [(0o644, 0o600), (0o664, 0o600), (0o755, 0o700), (0o600, 0o600), (0o640, 0o640), (0o660, 0o660), (0o666, 0o666)],
)
def test_what_a_umask_left_open_is_closed_and_what_is_shared_on_purpose_stays(
    tmp_path: Path, before: int, after: int
) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(before)
    tighten(path)
    assert mode(path) == after


def test_an_old_file_is_closed_when_it_is_opened_for_writing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o644)
    open_private(tmp_path / "file", "ab").close()
    assert mode(tmp_path / "file") == 0o600


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(OSError, match="file"):
            make_private_folder(folder)
