"""What a provider's errors mean for us: worth another try or not, and what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pydantic_ai import exceptions as theirs

from hammerstone.errors import ModelError, ModelTimeoutError
from hammerstone.models.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["model_error", "retry_wait"]

LONGEST_WAIT_SECONDS = 120.0  # a provider that asks for more is reported, not waited for

SHOWN = 500  # characters of a provider's message
READ = 5_000  # from so many: a key must not be cut before it is masked

PASSING = (
    theirs.ModelConnectionError,  # and the SDKs' own time-outs
    theirs.ModelRateLimitError,
    theirs.ModelRequestTimeout,
    theirs.ModelServerError,
    theirs.ModelUnavailableError,
)
PASSING_STATUSES = {408, 409, 429}  # besides 5xx, all of which are ModelServerError or ModelUnavailableError

# The first class that fits counts, so the special ones come before their parents.
MEANINGS: tuple[tuple[type[Exception], str, str], ...] = (
    (theirs.ContentFilterError, "refused to answer (content filter)", "reword the question, or use another model"),
    (
        theirs.ModelAuthenticationError,
        "refused the API key",
        "check the API key in the environment, and that its account may use this model",
    ),
    (theirs.ModelNotFoundError, "is not known there", "check the model's name, and the base URL if you gave one"),
    (
        theirs.ModelContextWindowExceededError,
        "cannot take a prompt this long",
        "shorten the question, or use a model with a larger context window",
    ),
    (theirs.ModelQuotaExceededError, "has no quota or credit left", "add credit to the account, or use another model"),
    (theirs.ModelRateLimitError, "is rate-limited", "wait a while, or allow fewer requests at once"),
    (theirs.ModelUnavailableError, "is down or overloaded", "try again later, or use another model"),
    (theirs.ModelServerError, "failed at the provider", "try again later, or use another model"),
    (
        theirs.ModelConnectionError,
        "cannot be reached",
        "check the network, the base URL, and that the server is running",
    ),
    (theirs.ModelRequestRejectedError, "rejected the request", "the provider's own words above say what to change"),
)
TIME_OUTS = (theirs.ModelRequestTimeout, theirs.ModelTimeoutError)


def retry_wait(error: Exception) -> bool | float:
    """Whether to try again; a number is the seconds that the provider asked to wait first."""
    asked = _seconds_asked(error)
    if asked is None or not _may_pass(error):
        return _may_pass(error)
    return asked if asked <= LONGEST_WAIT_SECONDS else False


def model_error(error: Exception, name: str, *, at_once: int = 1) -> ModelError:
    """Our error for what remained after the last try, when `at_once` requests were under way."""
    if isinstance(error, TIME_OUTS):
        return _too_slow(name, at_once)
    asked = _seconds_asked(error)
    wait = "" if asked is None else f" (the provider asks to wait {asked:g} seconds)"
    for kind, meaning, hint in MEANINGS:
        if isinstance(error, kind):
            return ModelError(f"{name} {meaning}: {_words(error)}", hint=hint + wait)
    if isinstance(error, theirs.AgentRunError):
        meaning, hint = "sent what is no completion", "check the base URL and the model"
    else:
        meaning, hint = f"failed with {type(error).__name__}", "this is a fault in the provider's library"
    return ModelError(f"{name} {meaning}: {_words(error)}", hint=hint)


def _too_slow(name: str, at_once: int) -> ModelTimeoutError:
    if at_once == 1:
        hint = "allow more time (timeout_s), or check that the server is running"
        return ModelTimeoutError(f"{name} did not answer in time", hint=hint)
    hint = "lower requests_at_once if the server works on them one after another, or allow more time (timeout_s)"
    return ModelTimeoutError(f"{name} did not answer in time; {at_once} requests were under way", hint=hint)


def _seconds_asked(error: Exception) -> float | None:
    return error.retry_after if isinstance(error, theirs.ModelAPIError) else None


def _may_pass(error: Exception) -> bool:
    if isinstance(error, theirs.ModelQuotaExceededError):
        return False  # also a 429, but waiting does not help
    status = error.status_code if isinstance(error, theirs.ModelHTTPError) else None
    return isinstance(error, PASSING) or status in PASSING_STATUSES


def _words(error: Exception) -> str:
    """The provider's own message where it sent one, without the keys it quotes, in one line that fits a screen."""
    body: object = getattr(error, "body", None)
    said = next(_messages(body), None) or str(error)
    status = f"HTTP {error.status_code}: " if isinstance(error, theirs.ModelHTTPError) else ""
    return status + " ".join(masked(said[:READ]).split())[:SHOWN]


def _messages(body: object) -> Iterator[str]:
    """The texts under `message` in a JSON error body, however deep the provider put them."""
    if isinstance(body, dict):
        for key, value in cast("dict[str, object]", body).items():
            if key == "message" and isinstance(value, str):
                yield value
            yield from _messages(value)
