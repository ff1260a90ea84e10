"""Values to store."""

from __future__ import annotations

from hammerstone.store import Store
from hammerstone.store.records import Answered, Attempt, Finished, PaidCall
from hammerstone.tools.tool import Check, Demonstration, Provenance, Tool
from hammerstone.types import Instance, Role, Route, Source, Usage


def a_tool(name: str = "sums", source: str = "def solve(a, b):\n    return a + b\n") -> Tool:
    return Tool(
        name=name,
        description="Add two numbers.",
        source=source,
        demonstrations=(Demonstration(question="1 + 2?", arguments={"a": 1, "b": 2}),),
        checks=(Check(question="1 + 2?", arguments={"a": 1, "b": 2}, answer="3", parsed=True),),
        routes=(Route.PARSER, Route.USER),
        wording=(" + ", "?"),
        provenance=Provenance(
            maker="test:strong",
            recipe="module",
            prompts="1",
            shown=3,
            verified=3,
            held_out=2,
            instances=("a" * 64,),
            attempts=1,
            usage=Usage(input_tokens=10, output_tokens=20),
            cost_usd=0.25,
            made="2026-01-02T03:04:05+00:00",
        ),
    )


def an_instance(question: str = "1 + 2?", answer: str = "3", source: Source = Source.SOLVER) -> Instance:
    return Instance(question=question, answer=answer, source=source)


def a_call(
    key: str = "k" * 64,
    *,
    role: Role = Role.SOLVER,
    model: str = "test:strong",
    text: str = "3",
    usage: Usage | None = None,
    cost_usd: float | None = 0.5,
    task: str | None = "sums",
) -> PaidCall:
    return PaidCall(
        key=key,
        role=role,
        model=model,
        prompt={"messages": [{"role": "user", "content": "1 + 2?"}], "sample": 0},
        text=text,
        usage=usage or Usage(input_tokens=10, output_tokens=20),
        cost_usd=cost_usd,
        seconds=1.5,
        request_id="r1",
        task=task,
    )


def an_attempt(number: int = 1) -> Attempt:
    return Attempt(
        recipe="module",
        number=number,
        stage="verify",
        source="def solve(): ...",
        problems=("1 + 2?: 4 instead of 3",),
        usage=Usage(input_tokens=10, output_tokens=None),
        cost_usd=None,
    )


def an_answer(
    id: str = "r1",  # noqa: A002 - the record's own word
    *,
    question: str = "1 + 2?",
    route: Route | None = Route.PARSER,
    task: str | None = "sums",
    correct: bool | None = None,
    cost_usd: float | None = 0.0,
    model_calls: int = 0,
    refusals: tuple[str, ...] = (),
    tool: str = "sums",
    version: int = 1,
) -> Answered:
    return Answered(
        id=id,
        question=question,
        answer="3",
        route=route,
        task=task,
        tool=tool if route in (Route.PARSER, Route.USER) else None,
        version=version if route in (Route.PARSER, Route.USER) else None,
        model_calls=model_calls,
        cost_usd=cost_usd,
        ms=2.5,
        correct=correct,
        refusals=refusals,
    )


def finish(store: Store, answered: Answered, *, task: str | None = None, instance: Instance | None = None) -> None:
    """Store one finished request."""
    store.finish_requests([Finished(answered=answered, task=task, instance=instance)])
