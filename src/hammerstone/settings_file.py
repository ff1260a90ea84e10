"""The settings in force: a flag's, else the environment's, else those of a settings file in TOML, else defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from hammerstone.environment import model_of
from hammerstone.paths import expanded
from hammerstone.private_files import open_private
from hammerstone.settings import Settings
from hammerstone.toml_sections import read_sections
from hammerstone.types import Role

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["DEFAULT_FILE", "LoadedSettings", "load_settings", "write_settings"]

DEFAULT_FILE = "hammerstone.toml"  # in the folder that a command is run in

S = TypeVar("S", bound="DataclassInstance")


@dataclass(frozen=True, kw_only=True)
class LoadedSettings:
    """The settings, and by dotted key where those come from that are not defaults: a file, a variable or a flag."""

    settings: Settings = field(default_factory=Settings)
    origins: Mapping[str, str] = field(default_factory=dict[str, str])

    def rows(self) -> Iterator[tuple[str, object, str]]:
        """Every key in order, its value, and where that comes from."""
        for key, value in _leaves(self.settings, ""):
            yield key, value, self.origins.get(key, "default")

    def with_value(self, key: str, value: object, origin: str) -> LoadedSettings:
        """The settings with one more value, which takes precedence."""
        settings = _with(self.settings, key.split("."), value)
        return LoadedSettings(settings=settings, origins={**self.origins, key: origin})

    def with_model(self, role: Role, model: str, origin: str) -> LoadedSettings:
        """The settings with another model in a role, without the server and the key of the former one."""
        former = self.settings.roles.of(role)
        played = former.played_by(model)
        settings = _with(self.settings, ["roles", role.value], played)
        left = {f"roles.{role}.{name}" for name in ("base_url", "api_key_env") if getattr(played, name) is None}
        origins = {key: where for key, where in self.origins.items() if key not in left}
        return LoadedSettings(settings=settings, origins={**origins, f"roles.{role}.model": origin})


def load_settings(config: Path | None = None, flags: Mapping[str, object] | None = None) -> LoadedSettings:
    """The settings that hold. `flags` are values of flags by dotted key, `None` where one was not given.

    Without `config`, `hammerstone.toml` in the working folder is read if it is there. Raises `SettingsError` for a file
    that cannot be read, and for a key or a value in it that makes no sense.
    """
    path = expanded(config or DEFAULT_FILE)
    loaded = _from_file(path) if config is not None or path.exists() else LoadedSettings()
    for role in Role:
        if (model := model_of(role)) is not None:
            loaded = loaded.with_model(role, model, f"HAMMERSTONE_{role.upper()}")
    for key, value in (flags or {}).items():
        loaded = loaded if value is None else _with_flag(loaded, key, value)
    return loaded


def write_settings(settings: Settings, path: Path) -> None:
    """Write a file from which `read_sections` reads the same settings, whatever the environment says.

    Raises `OSError`.
    """
    with open_private(path, "w", encoding="utf-8") as file:
        for key, value in _leaves(settings, ""):
            if value is not None:
                file.write(f"{key} = {_toml(value)}\n")


def _toml(value: object) -> str:
    """Strings, numbers, truth values and sets of strings are written as in JSON."""
    listed = sorted(cast("frozenset[str]", value)) if isinstance(value, frozenset) else value
    return json.dumps(listed, ensure_ascii=False).replace("\x7f", "\\u007f")


def _from_file(path: Path) -> LoadedSettings:
    settings, keys = read_sections(Settings(), path)
    return LoadedSettings(settings=settings, origins=dict.fromkeys(keys, str(path)))


def _with_flag(loaded: LoadedSettings, key: str, value: object) -> LoadedSettings:
    section, *inner = key.split(".")
    if section == "roles" and inner[-1] == "model":
        return loaded.with_model(Role(inner[0]), str(value), f"--{inner[0]}")
    return loaded.with_value(key, value, f"--{inner[-1]}")


def _leaves(section: DataclassInstance, prefix: str) -> Iterator[tuple[str, object]]:
    for one in fields(section):
        value: Any = getattr(section, one.name)
        if is_dataclass(value) and not isinstance(value, type):
            yield from _leaves(value, f"{prefix}{one.name}.")
        else:
            yield f"{prefix}{one.name}", value


def _with(section: S, keys: list[str], value: object) -> S:
    key, *inner = keys
    changed = _with(getattr(section, key), inner, value) if inner else value
    return replace(section, **{key: changed})
