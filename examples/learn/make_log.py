"""Writes `log.jsonl`, a gateway's log of one day, to try `hammerstone learn` on.

uv run python examples/learn/make_log.py

Four programs ask one small model: for parcel prices, for lists out of HTML, for dates of meetings, and a chat window
for whatever people think of. The first three name their task; the chat window does not. The model's answers are
generated: right by the rule of each task, but for some that the model got wrong, late in the log. A few calls are of no
use to a tool, and one line is damaged, as in every log.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hammerstone.evals.tasks.one_off_kinds import draw_one_offs
from hammerstone.evals.traffic.one_task_stream import one_task_stream
from hammerstone.models.price import estimate_tokens
from hammerstone.types import Chat, Instance, Message

MODEL = "gpt-5.4-mini"
PROGRAMS = {"shipping_quote": 120, "web_listing": 70, "email_meeting": 60}  # and how often each asks
CHATS = 45
BEGIN, DAYS = datetime(2026, 9, 1, tzinfo=UTC), 1
RIGHT_UNTIL = 60  # requests of the parcel service: from then on some answers are wrong
WRONG = 0.12
ASSISTANT = Message(role="system", content="You are a helpful assistant.")
TOOLS = [{"type": "function", "function": {"name": "look_up_order", "parameters": {"type": "object"}}}]


def lines() -> Iterator[str]:
    """The lines of the log in order of time, the damaged one among them."""
    rng = random.Random("a log to learn from")  # noqa: S311 - a sample, no secret
    calls = _calls(rng)
    for useless in _useless(rng):
        calls.insert(rng.randrange(len(calls)), useless)
    moments = sorted(rng.random() for _ in calls)
    for number, (moment, call) in enumerate(zip(moments, calls, strict=True)):
        yield json.dumps(_timed(call, number, BEGIN + timedelta(days=DAYS * moment), rng), ensure_ascii=False)
        if number == 200:
            yield '{"id": "c-0200b", "time": "2026-09-01T16:02:11Z", "request": {"model": "gpt-5.4-m'


def _calls(rng: random.Random) -> list[dict[str, Any]]:
    """The requests with their answers, those of each program in the order in which it asks."""
    streams = {name: list(one_task_stream(name, count, 0)) for name, count in PROGRAMS.items()}
    order = [name for name, count in PROGRAMS.items() for _ in range(count)] + ["chat"] * CHATS
    rng.shuffle(order)
    chats = iter(draw_one_offs(CHATS, 0))
    calls: list[dict[str, Any]] = []
    for name in order:
        if name == "chat":
            one = next(chats)
            calls.append(_call(Chat(messages=(ASSISTANT, Message(role="user", content=one.question))), one.answer))
            continue
        instance = streams[name].pop(0)
        asked = PROGRAMS[name] - len(streams[name])
        wrong = name == "shipping_quote" and asked > RIGHT_UNTIL and rng.random() < WRONG
        calls.append({"task": name, **_call(_chat(instance), _misread(instance.answer) if wrong else instance.answer)})
    return calls


def _useless(rng: random.Random) -> Iterator[dict[str, Any]]:
    """Calls that no tool can learn from."""
    for order in rng.sample(range(1000, 9999), 8):
        call = _call(Chat(messages=(ASSISTANT, Message(role="user", content=f"Where is order {order}?"))), "")
        call["request"]["tools"] = TOOLS
        used = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "look_up_order", "arguments": f'{{"id": {order}}}'},
        }
        call["response"]["choices"] = [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "tool_calls": [used]},
                "finish_reason": "tool_calls",
            }
        ]
        yield call
    cut = _call(
        Chat(messages=(ASSISTANT, Message(role="user", content="Write a poem about parcels."))), "O box of brown"
    )
    cut["response"]["choices"][0]["finish_reason"] = "length"
    yield cut


def _chat(instance: Instance) -> Chat:
    return instance.chat or Chat.of(instance.question)


def _misread(answer: str) -> str:
    """What a small model makes of a sum: it forgets a surcharge."""
    if not answer.startswith("EUR "):
        return "EUR 24.90"
    return f"EUR {float(answer.removeprefix('EUR ')) / 1.12:.2f}"


def _call(chat: Chat, answer: str) -> dict[str, Any]:
    messages = [{"role": one.role, "content": one.content} for one in chat.messages]
    message = {"role": "assistant", "content": answer}
    usage = {
        "prompt_tokens": sum(estimate_tokens(one.content) for one in chat.messages),
        "completion_tokens": estimate_tokens(answer) + 2,
    }
    return {
        "request": {"model": MODEL, "messages": messages},
        "response": {
            "object": "chat.completion",
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        },
    }


def _timed(call: dict[str, Any], number: int, moment: datetime, rng: random.Random) -> dict[str, Any]:
    time = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": f"c-{number:04}", "time": time, "latency_ms": round(rng.lognormvariate(7.0, 0.3)), **call}


if __name__ == "__main__":
    Path(__file__).with_name("log.jsonl").write_text("".join(f"{line}\n" for line in lines()), encoding="utf-8")
