"""Every error hammerstone raises, and whom it is for.

    HammerstoneError
    ├── CallerError             you asked for something that cannot be done: exit code 2
    │   ├── InputError          a file, a line or a question that cannot be read
    │   ├── SettingsError       a setting, an option or a model name that makes no sense
    │   ├── NotFoundError       a tool, a task or a queue entry that is not there
    │   ├── RecordingError      a prompt with no recorded completion, or a recording that cannot be read
    │   └── ToolRefusedError    source or a package that the static checks or the gate refuse
    └── OperatorError           something around hammerstone is broken: exit code 1
        ├── ModelError          a model that is down, slow, rate-limited, or refuses
        │   ├── EmptyReplyError  a reply without text, or one that a content filter withheld
        │   ├── ModelTimeoutError
        │   └── ReplyCutError   a reply that ended at the limit of its tokens
        ├── SandboxError        no backend on this host, or a worker that cannot be kept alive
        └── StoreError          a database that is locked, corrupt, full, or out of reach

Generated code that fails is not an error but data: see `hammerstone.sandbox.Outcome`.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CallerError",
    "EmptyReplyError",
    "EndsRun",
    "HammerstoneError",
    "InputError",
    "ModelError",
    "ModelTimeoutError",
    "NotFoundError",
    "OperatorError",
    "RecordingError",
    "ReplyCutError",
    "SandboxError",
    "SettingsError",
    "StoreError",
    "ToolRefusedError",
]


class HammerstoneError(Exception):
    """The root. `code` is stable and machine-readable; `hint` says what repairs it, or is empty.

    `message` and `hint` are of one line; `details` are the lines that belong below the message, if any.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", details: str = "") -> None:
        super().__init__(f"{message}\n{details}" if details else message)
        self.message = message
        self.hint = hint
        self.details = details


class EndsRun(Exception):  # noqa: N818 - beside an error's place in the tree, not an error of its own
    """An error of the whole run: nothing that contains the faults of one request, reply or build holds it back."""


class CallerError(HammerstoneError):
    """The caller can repair this."""

    code = "caller"
    exit_code = 2


class InputError(CallerError):
    code = "input"


class SettingsError(CallerError):
    code = "settings"


class NotFoundError(CallerError):
    code = "not-found"


class RecordingError(CallerError, EndsRun):
    code = "recording"


class ToolRefusedError(CallerError):
    code = "tool-refused"


class OperatorError(HammerstoneError):
    """The operator of this machine, or the provider, can repair this."""

    code = "operator"


class ModelError(OperatorError):
    code = "model"


class EmptyReplyError(ModelError):
    code = "reply-empty"


class ModelTimeoutError(ModelError):
    code = "model-timeout"


class ReplyCutError(ModelError):
    code = "reply-cut"


class SandboxError(OperatorError):
    code = "sandbox"


class StoreError(OperatorError, EndsRun):
    code = "store"
