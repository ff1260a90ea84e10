"""A path that begins with `~` is one of a home folder, wherever it is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hammerstone.errors import SettingsError
from hammerstone.models import MailboxModel, RecordedModel, open_model
from hammerstone.paths import expanded
from hammerstone.requests import is_batch_output, read_batch_answers, read_requests
from hammerstone.settings_file import load_settings
from hammerstone.store import open_store
from hammerstone.types import Request


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_only_a_leading_tilde_is_a_home_folder(home: Path) -> None:
    assert [expanded(path) for path in ("~", "~/a/~", "a/~", "a~")] == [home, home / "a/~", Path("a/~"), Path("a~")]


def test_files_in_a_home_folder_are_found_by_everything_that_takes_a_path(home: Path) -> None:
    (home / "asked.jsonl").write_text('{"question": "Q"}\n')
    (home / "settings.toml").write_text("[loop]\nconcurrency = 7\n")
    (home / "recorded.jsonl").touch()
    assert list(read_requests("~/asked.jsonl")) == [Request.plain(id="1", question="Q")]
    assert load_settings(Path("~/settings.toml")).settings.loop.concurrency == 7
    assert isinstance(open_model("recorded:~/recorded.jsonl"), RecordedModel)
    assert isinstance(open_model("mailbox:~/box"), MailboxModel)
    open_store("sqlite:///~/store.db").close()
    open_store("~/kept").close()
    assert (home / "box" / "prompts").is_dir()
    assert (home / "store.db").is_file()
    assert (home / "kept").is_dir()


NOBODY = "~no-such-user/it"
OPENED: dict[str, Callable[[], object]] = {
    "requests": lambda: list(read_requests(NOBODY)),
    "answers": lambda: list(read_batch_answers(NOBODY)),
    "output": lambda: is_batch_output(NOBODY),
    "settings": lambda: load_settings(Path(NOBODY)),
    "recorded": lambda: open_model(f"recorded:{NOBODY}"),
    "mailbox": lambda: open_model(f"mailbox:{NOBODY}"),
    "database": lambda: open_store(f"sqlite:///{NOBODY}"),
    "home": lambda: open_store(NOBODY),
}


@pytest.mark.parametrize("opened", OPENED.values(), ids=OPENED)
def test_a_home_folder_of_no_user_is_refused_with_a_hint(
    opened: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="is in nobody's home folder") as caught:
        opened()
    assert "a name after ~ is a user's" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
