"""Language models behind one protocol: `async complete(prompt) -> reply`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names
from hammerstone.models.price import estimate_tokens, price

if TYPE_CHECKING:
    from hammerstone.models.mailbox import MailboxModel
    from hammerstone.models.model import Message, Model, Prompt, Reply, identity_of
    from hammerstone.models.recorded import RecordedModel, RecordingModel
    from hammerstone.models.spec import open_as, open_model
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "mailbox": "MailboxModel",
            "model": "Message Model Prompt Reply identity_of",
            "recorded": "RecordedModel RecordingModel",
            "spec": "open_as open_model",
        },
    )

__all__ = [
    "MailboxModel",
    "Message",
    "Model",
    "Prompt",
    "RecordedModel",
    "RecordingModel",
    "Reply",
    "estimate_tokens",
    "identity_of",
    "open_as",
    "open_model",
    "price",
]
