"""Rows of logs and exports, each in the one form that `chats` reads: `request` as it was sent, and its `response`.

    Langfuse         {"type": "GENERATION", "input": [...], "output": {...}, "model": "...", "startTime": "...", ...}
    LiteLLM          {"messages": [...], "response": {...}, "model_group": "...", "spend": ..., "startTime": ..., ...}
    Helicone         {"request_body": {...}, "response_body": {...}, "request_created_at": "...", "delay_ms": ...}
    other gateways   {"request": {"body": {...}}, "response": {"body": {...}}, "timestamp": ..., "latency_ms": ...}
    Anthropic        {"request": {"system": "...", "messages": [...]}, "response": {"content": [...], ...}}

Whatever else such a row holds was around the request and cannot have changed its answer, so it is passed over. In a
table, what was JSON is text, and is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hammerstone.requests.chat_bodies import as_chat_completion, turns_of
from hammerstone.requests.json_text import json_within, object_of, objects_of
from hammerstone.requests.log_calls import call_of
from hammerstone.requests.logged_replies import FAILED, reply_in
from hammerstone.requests.questions import QUESTIONS
from hammerstone.requests.rows import NotForToolsError, UnreadableRowError

if TYPE_CHECKING:
    from hammerstone.requests.rows import Fields
    from hammerstone.types import LoggedCall

__all__ = ["ASKED", "log_row"]

_REQUESTS = ("request", "body", "request_body", "requestbody", "reqpayload", "providerrequest", "proxy_server_request")
_RESPONSES = ("response", "response_body", "responsebody", "resppayload", "providerresponse")
ASKED = QUESTIONS | {"messages", *_REQUESTS}
"""The fields of which each row has one, of a log or not: what was asked."""

_TRACED = ("traceid", "trace_id", "starttime", "start_time", "observationid")
_GENERATIONS = {"GENERATION", "generation"}
_CHATS = {"completion", "acompletion", "chat", "responses", "aresponses", "anthropic_messages", "text_completion", ""}
_OF_LITELLM = ("call_type", "spend", "response_cost", "model_group", "model_parameters", "litellm_call_id")
_PARAMETERS = (
    *("response_format", "tools", "tool_choice", "functions", "n", "logprobs", "modalities", "temperature"),
    *("stop", "stop_sequences", "logit_bias"),
)
_KEPT = ("id", "request_id", "custom_id", "task", "tenant", "answer")


def log_row(fields: Fields) -> tuple[Fields, LoggedCall | None]:
    """The row, and what it says of the call. A row that is no log's comes back as it is.

    Raises `UnreadableRowError` for a row of a log that is no request of a text.
    """
    body, response = _asked(fields)
    if body is None:
        return fields, call_of(fields, fields, {})
    kept: Fields = {name: value for name in _KEPT if (value := fields.get(name)) is not None}
    kept["id"] = kept.get("id") or kept.pop("request_id", None)
    row: Fields = {**kept, "request": body, "response": response}
    return row, call_of(fields, body, reply_in(response))


def _asked(fields: Fields) -> tuple[Fields | None, object]:
    """The request of a log's row and the response to it; no request in a row that is no log's."""
    if "input" in fields and "output" in fields and any(name in fields for name in _TRACED):
        return _of_langfuse(fields)
    if "messages" in fields and _is_litellm(fields):
        return _of_litellm(fields)
    requests = [(name, found) for name in _REQUESTS if (found := _body(fields.get(name)))]
    response = next((fields[name] for name in _RESPONSES if fields.get(name) is not None), None)
    logged = response is not None or (bool(requests) and requests[0][0] not in {"request", "body"})
    if not requests or not logged:
        return None, None
    if len(requests) > 1 or ("messages" in fields and objects_of(fields["messages"])):
        raise UnreadableRowError("it holds two requests: `messages`, `body` and `request` exclude each other")
    response = json_within(response)
    return as_chat_completion(requests[0][1]), _said(object_of(response).get("json", response))


def _is_litellm(fields: Fields) -> bool:
    return "response" in fields and any(name in fields for name in _OF_LITELLM)


def _of_litellm(fields: Fields) -> tuple[Fields, object]:
    """`StandardLoggingPayload`, or a row of the spend logs."""
    if str(fields.get("status") or "success") not in {"success", "200"}:
        raise NotForToolsError("its call failed", FAILED)
    if str(fields.get("call_type") or "") not in _CHATS:
        raise NotForToolsError(f"it is no chat: its call_type is {fields['call_type']!r}", "no chat")
    sent = _body(fields.get("proxy_server_request")) or {}
    parameters = object_of(json_within(fields.get("model_parameters")))
    body: Fields = {name: parameters[name] for name in _PARAMETERS if parameters.get(name) is not None}
    body |= {name: value for name, value in sent.items() if name in {*_PARAMETERS, "messages", "system"}}
    body["model"] = sent.get("model") or fields.get("model_group") or fields.get("model")
    messages = json_within(fields.get("messages"))
    if messages:
        body["messages"] = turns_of(messages)
    return as_chat_completion(body), _said(json_within(fields.get("response")))


def _of_langfuse(fields: Fields) -> tuple[Fields, object]:
    """An observation, from the API or from an export."""
    if str(fields.get("type") or "GENERATION") not in _GENERATIONS:
        raise NotForToolsError(f"it is no call of a model but a {fields['type']}", "no call of a model")
    if str(fields.get("level") or "") == "ERROR":
        raise NotForToolsError("its call failed", FAILED)
    asked = json_within(fields.get("input"))
    sent = object_of(asked)
    body: Fields = dict(sent) if "messages" in sent or "input" in sent else {"messages": turns_of(asked)}
    names = ("model", "providedmodelname", "provided_model_name")
    body["model"] = body.get("model") or next((fields[name] for name in names if fields.get(name)), None)
    parameters = object_of(json_within(fields.get("modelparameters", fields.get("model_parameters"))))
    body |= {name: json_within(parameters[name]) for name in _PARAMETERS if parameters.get(name) and name not in body}
    return as_chat_completion(body), _said(json_within(fields.get("output")))


def _said(value: object) -> object:
    """What was answered, as a reply: logs also keep the message, its text, or a list of one message."""
    if type(value) is str and not value.lstrip().startswith("data:"):
        return {"choices": [{"message": {"content": value}}]}
    message = objects_of(value)[0] if len(objects_of(value)) == 1 else object_of(value)
    if "role" in message and "stop_reason" not in message:
        return {"choices": [{"message": message}]}
    return value


def _body(value: object) -> Fields:
    """The request in a field, without what a log has around it."""
    fields = object_of(json_within(value))
    for name in ("body", "json"):
        if isinstance(inner := json_within(fields.get(name)), dict):
            return cast("Fields", inner)
    return fields
