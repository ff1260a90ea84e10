"""hammerstone: a functional cache for language models.

    import hammerstone

    with hammerstone.open_blocking("tools", maker="anthropic:...", user="openai:...") as loop:
        print(loop.solve("Sort the following words alphabetically: List: pear fig").answer)

It keeps how to answer, not answers: a strong model makes a verified tool once, and later requests are answered by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.errors import (
        CallerError,
        EmptyReplyError,
        HammerstoneError,
        InputError,
        ModelError,
        ModelTimeoutError,
        NotFoundError,
        OperatorError,
        RecordingError,
        ReplyCutError,
        SandboxError,
        SettingsError,
        StoreError,
        ToolRefusedError,
    )
    from hammerstone.models import Message, Model, Prompt, Reply
    from hammerstone.opening import BlockingHammerstone, open_blocking, open_hammerstone
    from hammerstone.settings import BuildSettings, LoopSettings, Numbers, Roles, RoleSettings, Settings
    from hammerstone.settings_file import LoadedSettings, load_settings
    from hammerstone.store import Answered, Build
    from hammerstone.tools import Tool
    from hammerstone.types import Instance, Request, Role, Route, Source, Usage
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "errors": "CallerError EmptyReplyError HammerstoneError InputError ModelError ModelTimeoutError "
            "NotFoundError OperatorError RecordingError ReplyCutError SandboxError SettingsError StoreError "
            "ToolRefusedError",
            "models": "Message Model Prompt Reply",
            "opening": "BlockingHammerstone open_blocking open_hammerstone",
            "settings": "BuildSettings LoopSettings Numbers RoleSettings Roles Settings",
            "settings_file": "LoadedSettings load_settings",
            "store": "Answered Build",
            "tools": "Tool",
            "types": "Instance Request Role Route Source Usage",
        },
    )

__all__ = [
    "Answered",
    "BlockingHammerstone",
    "Build",
    "BuildSettings",
    "CallerError",
    "EmptyReplyError",
    "HammerstoneError",
    "InputError",
    "Instance",
    "LoadedSettings",
    "LoopSettings",
    "Message",
    "Model",
    "ModelError",
    "ModelTimeoutError",
    "NotFoundError",
    "Numbers",
    "OperatorError",
    "Prompt",
    "RecordingError",
    "Reply",
    "ReplyCutError",
    "Request",
    "Role",
    "RoleSettings",
    "Roles",
    "Route",
    "SandboxError",
    "Settings",
    "SettingsError",
    "Source",
    "StoreError",
    "Tool",
    "ToolRefusedError",
    "Usage",
    "load_settings",
    "open_blocking",
    "open_hammerstone",
]
