"""Language models behind one protocol: `async complete(prompt) -> reply`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names
from hammerstone.models.price import (
    CHARACTERS_PER_TOKEN,
    PricePerMillion,
    estimate_tokens,
    known_sum,
    list_price,
    list_rates,
    price,
)

if TYPE_CHECKING:
    from hammerstone.models.asking import ask, paid_reply, sound_number, sound_reply
    from hammerstone.models.function_identity import fingerprint
    from hammerstone.models.mailbox import MailboxModel
    from hammerstone.models.masking import masked
    from hammerstone.models.model import (
        Message,
        Model,
        OutOfRepliesError,
        Prompt,
        Reply,
        identity_of,
        may_be_longer,
        sendable,
    )
    from hammerstone.models.nearest import nearest_prompt
    from hammerstone.models.provider_errors import model_error
    from hammerstone.models.recorded import RecordedModel, RecordingModel
    from hammerstone.models.recordings import read_records, recording_names
    from hammerstone.models.replies import LONGEST_REPLY, NotJSONError, code_block, json_value
    from hammerstone.models.spec import open_as, open_model
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "asking": "ask paid_reply sound_number sound_reply",
            "function_identity": "fingerprint",
            "mailbox": "MailboxModel",
            "masking": "masked",
            "model": "Message Model OutOfRepliesError Prompt Reply identity_of may_be_longer sendable",
            "nearest": "nearest_prompt",
            "provider_errors": "model_error",
            "recorded": "RecordedModel RecordingModel",
            "recordings": "read_records recording_names",
            "replies": "LONGEST_REPLY NotJSONError code_block json_value",
            "spec": "open_as open_model",
        },
    )

__all__ = [
    "CHARACTERS_PER_TOKEN",
    "LONGEST_REPLY",
    "MailboxModel",
    "Message",
    "Model",
    "NotJSONError",
    "OutOfRepliesError",
    "PricePerMillion",
    "Prompt",
    "RecordedModel",
    "RecordingModel",
    "Reply",
    "ask",
    "code_block",
    "estimate_tokens",
    "fingerprint",
    "identity_of",
    "json_value",
    "known_sum",
    "list_price",
    "list_rates",
    "masked",
    "may_be_longer",
    "model_error",
    "nearest_prompt",
    "open_as",
    "open_model",
    "paid_reply",
    "price",
    "read_records",
    "recording_names",
    "sendable",
    "sound_number",
    "sound_reply",
]
