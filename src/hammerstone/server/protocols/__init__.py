"""The APIs whose requests tools may answer, each as its clients know it."""

from hammerstone.server.protocols.anthropic_messages import AnthropicMessages
from hammerstone.server.protocols.chat_completions import ChatCompletions
from hammerstone.server.protocols.completions import Completions
from hammerstone.server.protocols.contract import NotServedError, TextApi
from hammerstone.server.protocols.responses import Responses

__all__ = ["AnthropicMessages", "ChatCompletions", "Completions", "NotServedError", "Responses", "TextApi"]
