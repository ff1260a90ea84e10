"""A model is asked in one place, which trusts nothing about it: others may have written it.

Its reply is paid, so no fault in what it says about itself (its tokens, its price, its seconds) loses the text. What it
raises is a `ModelError`, and no key that it quotes is shown, stored or logged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from hammerstone.errors import EmptyReplyError, EndsRun, HammerstoneError, ModelError
from hammerstone.models.masking import masked
from hammerstone.models.model import Reply
from hammerstone.types import Usage

if TYPE_CHECKING:
    from hammerstone.models.model import Model, Prompt

__all__ = ["ask", "paid_reply", "sound_number", "sound_reply"]

READ, SHOWN = 2_000, 500  # characters of an error: a key must not be cut before it is masked

MOST = 10**15  # of tokens, dollars and seconds: what is more is no count of them, and no database takes it


async def ask(model: Model, prompt: Prompt) -> Reply:
    """The model's reply as `sound_reply` makes it. Raises `ModelError`, or an error of ours that ends the run."""
    reply = await paid_reply(model, prompt)
    if not reply.cut and not reply.text.strip():
        raise EmptyReplyError(
            f"{model.name} sent an empty reply, or its content filter withheld it",
            hint="reword the question, or use another model",
        )
    return reply


async def paid_reply(model: Model, prompt: Prompt) -> Reply:
    """As `ask`, but an empty reply is returned as well, to be stored: it is paid."""
    try:
        return sound_reply(await model.complete(prompt))
    except HammerstoneError as error:
        raise _masked(error)  # noqa: B904 - the same error
    except EndsRun:
        raise
    except Exception as error:
        raise ModelError(
            f"{model.name} failed: {type(error).__name__}: {masked(str(error)[:READ])[:SHOWN]}",
            hint="this is a fault in the model's own code or in the library that it uses",
        ) from error


def sound_reply(sent: object) -> Reply:
    """The reply with its tokens, price and seconds as numbers; what is none is unknown, or no time.

    Raises `TypeError` for what is no `Reply` with text.
    """
    text: object = getattr(sent, "text", None)
    if not isinstance(sent, Reply) or not isinstance(text, str):
        raise TypeError(f"complete() is to return a Reply with text, not {type(sent).__name__}")
    model = cast("object", sent.model)
    return replace(
        sent,
        model=model if isinstance(model, str) else "unknown",
        usage=_sound_usage(sent.usage),
        cost_usd=sound_number(sent.cost_usd),
        seconds=sound_number(sent.seconds) or 0.0,
    )


def sound_number(value: object) -> float | None:
    """The number, or `None` where it is none that a price or a time can be: not finite, negative, of another type."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MOST else None  # not a number is never between


def _sound_usage(usage: object) -> Usage:
    if not isinstance(usage, Usage):
        return Usage()
    return Usage(input_tokens=_sound_count(usage.input_tokens), output_tokens=_sound_count(usage.output_tokens))


def _sound_count(value: object) -> int | None:
    return int(value) if isinstance(value, int) and sound_number(value) is not None else None


def _masked(error: HammerstoneError) -> HammerstoneError:
    """The same error, of the same kind, without keys in its texts."""
    error.message, error.hint, error.details = (
        masked(str(text)) for text in (error.message, error.hint, error.details)
    )
    error.args = (f"{error.message}\n{error.details}" if error.details else error.message,)
    return error
