"""The settings file: what a key may be, what is said of one that may not, and which of several values counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hammerstone.errors import SettingsError
from hammerstone.settings import BuildSettings, LoopSettings, Numbers, Roles, RoleSettings, ServeSettings, Settings
from hammerstone.settings_file import load_settings, write_settings
from hammerstone.toml_sections import read_sections

WHOLE = """
[roles.maker]
model = "anthropic:claude-opus-4-5"
max_tokens = 32768
timeout_s = 600
attempts = 2
requests_at_once = 3
[roles.user]
model = "openai:qwen3"
base_url = "http://localhost:8000/v1"
api_key_env = "QWEN_KEY"
[build]
recipe = "latm"
more = 6
max_refused = 0.5
demonstrations = 0
imports = ["json", "re"]
[build.latm]
shown = 5
[loop]
concurrency = 2
background = false
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HAMMERSTONE_MAKER", "HAMMERSTONE_USER"):
        monkeypatch.delenv(name, raising=False)


def written(text: str, name: str = "hammerstone.toml") -> Path:
    Path(name).write_text(text, encoding="utf-8")
    return Path(name)


def problem(text: str) -> SettingsError:
    written(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return caught.value


def test_settings_are_read_as_they_were_written() -> None:
    written(WHOLE)
    settings = replace(load_settings().settings, serve=ServeSettings(mask=frozenset(('a\\d"b', "é🙂")), keep_days=3))
    write_settings(settings, Path("again.toml"))
    assert read_sections(Settings(), Path("again.toml"))[0] == settings
    assert Path("again.toml").stat().st_mode & 0o077 == 0


def test_each_section_is_a_table() -> None:
    written(WHOLE)
    assert load_settings().settings == Settings(
        roles=Roles(
            maker=RoleSettings(
                model="anthropic:claude-opus-4-5",
                max_tokens=32_768,
                timeout_s=600.0,
                attempts=2,
                requests_at_once=3,
            ),
            user=RoleSettings(
                model="openai:qwen3", base_url="http://localhost:8000/v1", api_key_env="QWEN_KEY", max_tokens=1_024
            ),
        ),
        build=BuildSettings(
            recipe="latm",
            more=6,
            max_refused=0.5,
            demonstrations=0,
            imports=frozenset({"json", "re"}),
            latm=Numbers(shown=5, verified=3),
        ),
        loop=LoopSettings(concurrency=2, background=False),
    )


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings().settings == Settings()


@pytest.mark.parametrize("text", ["", "# nothing\n", "[build]\n", "\ufeff[loop]\nconcurrency = 8\r\n"])
def test_a_file_that_sets_nothing_new_leaves_the_defaults(text: str) -> None:
    written(text)
    assert load_settings().settings == Settings()


# what makes no sense


@pytest.mark.parametrize(
    ("text", "mask"),
    [('mask = "email"', {"email"}), ('mask = ["email", "own:function"]', {"email", "own:function"})],
)
def test_a_mask_is_one_name_or_a_list_of_them(text: str, mask: set[str]) -> None:
    Path("hammerstone.toml").write_text(f"[serve]\n{text}\n")
    assert load_settings().settings.serve.mask == mask


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("[roles.user]\nmax_token = 5", "roles.user.max_token", "did you mean roles.user.max_tokens?"),
        ("[rolls.user]\nmax_tokens = 5", "rolls", "did you mean roles?"),
        ("[build.modul]\nshown = 5", "build.modul", "did you mean build.module?"),
        ("[loop]\nspeed = 5", "loop.speed", "there are: loop.concurrency, loop.background"),
        ("[roles.user]\napi_key = 'sk-abcd1234'", "roles.user.api_key", "did you mean roles.user.api_key_env?"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(text: str, key: str, hint: str) -> None:
    error = problem(text)
    assert error.message == f"hammerstone.toml: {key} is not a setting"
    assert error.hint == hint
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[roles.user]\nmax_tokens = '5'", "roles.user.max_tokens must be a whole number of 1 or more"),
        ("[roles.user]\nmax_tokens = 5.5", "roles.user.max_tokens must be a whole number of 1 or more"),
        ("[roles.user]\nmax_tokens = true", "roles.user.max_tokens must be a whole number of 1 or more"),
        ("[roles.user]\nmax_tokens = 0", "roles.user.max_tokens must be a whole number of 1 or more"),
        ("[roles.user]\ntimeout_s = nan", "roles.user.timeout_s must be a number of 0.001 or more"),
        ("[roles.user]\ntimeout_s = 0", "roles.user.timeout_s must be a number of 0.001 or more"),
        (f"[roles.user]\ntimeout_s = 1{'0' * 400}", "roles.user.timeout_s must be a number of 0.001 or more"),
        ("[roles.user]\nmodel = ''", "roles.user.model must not be empty"),
        ("[roles.user]\nmodel = ['a']", "roles.user.model must be a string"),
        ("[roles]\nuser = 'openai:x'", "roles.user must be a table"),
        ("[build]\nmax_refused = 1.5", "build.max_refused must be a number from 0 to 1"),
        ("[build]\nrecipe = 'modul'", "build.recipe must be one of module, latm, auto"),
        ("[build]\nimports = 'json'", "build.imports must be a list of strings"),
        ("[build]\nimports = ['json', 5]", "build.imports must be a list of strings"),
        ("[build.module]\nheld_out = 0", "build.module.held_out must be a whole number of 1 or more"),
        ("[loop]\nbackground = 1", "loop.background must be true or false"),
    ],
)
def test_a_value_that_makes_no_sense_is_named_with_what_is_expected(text: str, says: str) -> None:
    assert problem(text).message == f"hammerstone.toml: {says}"


def test_a_misspelt_choice_is_reported_the_nearest_one() -> None:
    assert problem("[build]\nrecipe = 'modul'").hint == "did you mean module?"


@pytest.mark.parametrize("secret", ["sk-abcd1234efgh", "a b", "1x", "$KEY"])
def test_a_key_in_the_place_of_its_variable_is_refused_and_not_shown(secret: str) -> None:
    error = problem(f"[roles.user]\napi_key_env = '{secret}'")
    assert error.message.endswith("roles.user.api_key_env must be the name of an environment variable")
    assert secret not in error.message + error.hint


@pytest.mark.parametrize(
    "text", ["[loop", "a = 1\na = 2", "x = " + "[" * 100_000, "x = " + "9" * 10_000, "[loop]\nconcurrency = None"]
)
def test_what_is_not_toml_is_a_settings_error(text: str) -> None:
    assert "hammerstone.toml is not TOML" in problem(text).message


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x00", b"caf\xe9 = 1", bytes(range(256))])
def test_what_is_not_text_is_a_settings_error(content: bytes) -> None:
    Path("hammerstone.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"hammerstone\.toml"):
        load_settings()


def test_a_file_that_is_named_must_be_there_and_be_a_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(SettingsError, match="cannot read the settings file") as caught:
            load_settings(path)
        assert "--config" in caught.value.hint


# which value counts


def test_a_file_that_is_named_counts_instead_of_the_one_in_the_folder() -> None:
    written("[loop]\nconcurrency = 2\nbackground = false")
    other = written("[loop]\nconcurrency = 3", name="other.toml")
    assert load_settings(other).settings.loop == LoopSettings(concurrency=3)


def test_a_flag_counts_before_the_environment_and_that_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    written('[roles.maker]\nmodel = "openai:file"\n[roles.user]\nmodel = "openai:file"\n[loop]\nconcurrency = 2')
    monkeypatch.setenv("HAMMERSTONE_MAKER", "openai:environment")
    monkeypatch.setenv("HAMMERSTONE_USER", "openai:environment")
    flags = {"roles.user.model": "openai:flag", "loop.concurrency": None, "build.recipe": "latm"}
    loaded = load_settings(flags=flags)
    assert (loaded.settings.roles.maker.model, loaded.settings.roles.user.model) == (
        "openai:environment",
        "openai:flag",
    )
    assert dict(loaded.origins) == {
        "roles.maker.model": "HAMMERSTONE_MAKER",
        "roles.user.model": "--user",
        "loop.concurrency": "hammerstone.toml",
        "build.recipe": "--recipe",
    }


def test_another_model_leaves_the_server_and_the_key_of_the_former_behind_but_keeps_the_budget() -> None:
    written('[roles.user]\nmodel = "openai:a"\nbase_url = "http://a/v1"\napi_key_env = "A"\nmax_tokens = 9')
    loaded = load_settings(flags={"roles.user.model": "anthropic:b"})
    assert loaded.settings.roles.user == RoleSettings(model="anthropic:b", max_tokens=9)
    assert dict(loaded.origins) == {"roles.user.model": "--user", "roles.user.max_tokens": "hammerstone.toml"}


@pytest.mark.parametrize("named", ['model = "openai:a"\n', ""])
def test_a_server_goes_with_the_same_model_or_with_the_first_that_is_named(named: str) -> None:
    written(f'[roles.user]\n{named}base_url = "http://a/v1"')
    loaded = load_settings(flags={"roles.user.model": "openai:a"})
    assert (loaded.settings.roles.user.model, loaded.settings.roles.user.base_url) == ("openai:a", "http://a/v1")


def test_each_setting_is_listed_with_where_it_comes_from() -> None:
    written("[build.module]\nshown = 5")
    rows = {key: (value, origin) for key, value, origin in load_settings().rows()}
    assert rows["build.module.shown"] == (5, "hammerstone.toml")
    assert rows["build.latm.shown"] == (3, "default")
    assert rows["roles.user.max_tokens"] == (1_024, "default")


# sections to come


@dataclass(frozen=True, kw_only=True)
class Inner:
    share: float = 0.0
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tree:
    inner: Inner = field(default_factory=Inner)


def test_any_dataclass_of_numbers_can_be_a_section() -> None:
    tree, found = read_sections(Tree(), written('[inner]\nshare = 1\nname = "x"'))
    assert tree == Tree(inner=Inner(share=1.0, name="x"))
    assert found == ("inner.share", "inner.name")
