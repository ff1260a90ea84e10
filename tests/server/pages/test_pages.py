"""What the pages show of a gateway that has learned to add, and what each form of theirs does."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from hammerstone.errors import StoreError
from hammerstone.sandbox import Sandbox
from hammerstone.settings import LifeSettings
from hammerstone.store import Act, Finished, Store, WantedAnswers
from hammerstone.store.key_records import KeyRole
from hammerstone.store.records import Answered, ComparisonKind, ToolState
from hammerstone.types import Chat, Instance, Message, Route, Source

from ...samples.sums import SETTINGS, SUM, ask, tool
from ..sums import Served, eventually, open_gateway
from .looking import HOSTILE, Person, disagree, person, token_in

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
OTHER = "Add 4000 to 321, please."


@pytest.fixture
async def store(served: Served) -> Store:
    """That of the default tenant, which has learned to add."""
    await served.learn_sums()
    return (await served.loop()).store


def acts(store: Store) -> list[tuple[str, str, str]]:
    return [(one.who, one.what, one.about) for one in store.acts(100)]


def read_aloud(text: str) -> str:
    """What a page says, without its marks."""
    return html.unescape(re.sub(r"<[^>]+>", "", text))


# the overview


async def test_before_the_first_request_the_page_says_how_to_send_it_and_goes_live_with_it(
    served: Served, me: Person
) -> None:
    text = await me.look()
    assert "http://localhost/v1" in text
    part = await me.client.get("/ui?state=0-0&first=1", headers={"hx-request": "true"})
    assert part.status_code == 204
    assert "hx-refresh" not in part.headers
    await served.ask(NEW)
    part = await me.client.get("/ui?state=0-0&first=1", headers={"hx-request": "true"})
    assert (part.status_code, part.headers["hx-refresh"]) == (204, "true")
    assert "Waiting for the first request" not in await me.look()


async def test_the_overview_counts_what_was_answered_without_a_model(served: Served, me: Person, store: Store) -> None:
    await served.ask(NEW)
    text = await me.look()
    assert "1 of 6" in text
    assert "16.7 %" in text
    assert store.tasks()[0].name in text.replace("<wbr>", "")
    assert "gpt-4o-mini" in text


async def test_half_a_surrogate_pair_in_a_models_name_breaks_no_page(served: Served, me: Person, store: Store) -> None:
    strange = json.dumps({"model": "\ud800", "messages": [{"role": "user", "content": "hello \udc00 there"}]}).encode()
    await served.client.post("/v1/chat/completions", content=strange)
    await served.learner.caught_up()
    assert r"\ud800" in await me.look()
    for path in ("/requests", f"/requests/{store.answers(WantedAnswers(), 1)[0].number}"):
        assert r"\ud" in await me.look(path)


async def test_the_live_part_comes_again_only_when_something_has_happened(
    served: Served, me: Person, store: Store
) -> None:
    state = f"{store.newest_answer()}-{store.tools_revision()}"
    again = await me.client.get(f"/ui?state={state}", headers={"hx-request": "true"})
    assert (again.status_code, again.text) == (204, "")
    await served.ask(NEW)
    fresh = await me.client.get(f"/ui?state={state}", headers={"hx-request": "true"})
    assert fresh.status_code == 200
    assert "<html" not in fresh.text


async def test_what_there_is_to_decide_stands_on_top(me: Person, store: Store) -> None:
    store.enqueue("q", "Which?", None)
    store.publish(replace(tool(), frame=store.tools()[0].tool.frame), state=ToolState.GATED)
    text = await me.look()
    assert "question waits for a label" in text
    assert "waits for approval" in text


async def test_cards_and_chart_count_the_same_requests_though_others_come_meanwhile(
    me: Person, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hammerstone.store import traffic

    in_buckets = traffic.buckets

    def later(*arguments: object) -> object:
        store.add_answer(Answered(id="late", question="?", answer="!", route=Route.SOLVER))
        return in_buckets(*arguments)  # pyright: ignore[reportArgumentType] - passed on

    monkeypatch.setattr(traffic, "buckets", later)
    text = await me.look()
    assert 'value">5</span><span class="label">requests' in text
    assert "strong model <b>5</b>" in text


async def test_the_overview_says_how_many_tools_are_live_and_how_far_each_task_is(me: Person, store: Store) -> None:
    store.add_task("rare", "")
    store.add_instance("rare", Instance(question="?", answer="!", source=Source.CALLER), request_id="r")
    text = await me.look()
    assert 'value">1</span><span class="label">tool live</span><span class="soft">of 2 tasks' in text
    assert '<span class="badge live">live</span>' in text
    assert "rare" not in text, "one instance is not being learned yet"
    assert ">1 other task</a>" in text


async def test_figures_that_lag_behind_say_by_how_much(
    me: Person, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hammerstone.server.pages import cached_totals

    monkeypatch.setattr(cached_totals, "QUICK_SECONDS", -1.0)
    monkeypatch.setattr(cached_totals, "TIMES", 10_000)
    assert "Updated" not in await me.look(), "nothing has come since"
    store.add_answer(Answered(id="late", question="?", answer="!", route=Route.SOLVER))
    assert re.search(r"Updated [\d.]+ s ago\.", await me.look())


# requests


async def test_requests_are_listed_filtered_and_found_by_their_text(served: Served, me: Person, store: Store) -> None:
    del store
    await served.ask(NEW)
    assert NEW in await me.look("/requests")
    assert NEW in await me.look("/requests?route=parser")
    assert NEW not in await me.look("/requests?route=solver")
    assert NEW in await me.look("/requests?text=4000+AND")
    assert "None." in await me.look("/requests?text=100%25")
    assert NEW not in await me.look("/requests?model=other")


async def test_a_long_list_comes_in_pages_and_a_search_says_how_far_it_has_looked(
    served: Served, me: Person, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hammerstone.server.pages import requests

    del served
    monkeypatch.setattr(requests, "ROWS", 2)
    monkeypatch.setattr(requests, "SEARCHED", 3)
    newest = store.newest_answer()
    text = await me.look("/requests")
    assert f"before={newest - 1}" in text
    assert f"/ui/requests/{newest - 2}" in await me.look(f"/requests?before={newest - 1}")
    text = await me.look("/requests?text=no+such")
    assert "Search the 3 before" in text
    first = (await me.look(f"/requests?text=sum+of+3+and&before={newest - 2}")).count("What is the sum of 3 and 40?")
    assert first == 1


async def test_a_request_of_a_tool_shows_how_it_was_read(served: Served, me: Person, store: Store) -> None:
    await served.ask(NEW)
    number = store.newest_answer()
    text = await me.look(f"/requests/{number}")
    assert "4321" in text
    assert f'hx-get="/ui/requests/{number}/reading"' in text
    reading = await me.look(f"/requests/{number}/reading")
    assert "proved" in reading
    assert "&quot;left&quot;" in reading or '"left"' in reading
    assert "<mark>" not in reading


async def test_a_question_that_a_tool_writes_otherwise_is_shown_with_the_difference_marked(
    served: Served, me: Person, store: Store
) -> None:
    name = store.tasks()[0].name
    loose = SUM.replace('r"What is the sum of (\\d+) and (\\d+)\\?"', 'r"What is the sum of (\\d+) and (\\d+).*\\?"')
    store.publish(replace(tool(name, loose), frame=store.tools()[0].tool.frame))
    await served.ask("What is the sum of 4000 and 321 and 7?", headers={"x-hammerstone-task": name})
    reading = await me.look(f"/requests/{store.newest_answer()}/reading")
    assert "refused" in reading
    assert "<mark> and 7</mark>" in reading


async def test_an_answer_that_is_wrong_takes_the_tool_out_of_service_and_is_noted(
    served: Served, me: Person, store: Store
) -> None:
    await served.ask(NEW)
    number = store.newest_answer()
    entry = store.answer_numbered(number)
    assert entry is not None
    await me.send(f"/requests/{number}/wrong", answer="4322")
    assert store.tools()[0].state == "quarantined"
    assert acts(store) == [("this machine", "correct_answer", entry.id)]
    text = await me.look(f"/requests/{number}?done=corrected")
    assert "4322" in text
    name = store.tasks()[0].name
    assert f"{name} version 1 is quarantined" in text
    assert f'href="/ui/tasks/{name}?version=1">put it back into service' in text
    assert "is quarantined at once" not in text
    assert "Take out of service" not in text
    assert f'its answer to <a href="/ui/requests/{number}">request {number}</a> was corrected' in await me.look(
        f"/tasks/{name}"
    )
    assert (await served.ask(NEW)).json()["choices"][0]["message"]["content"] == "4322"


async def test_what_people_report_stands_beside_the_false_hits_and_leads_there(
    served: Served, me: Person, store: Store
) -> None:
    name = store.tasks()[0].name
    await served.ask(NEW)
    number = store.newest_answer()
    assert "reported wrong" not in await me.look() + await me.look(f"/tasks/{name}")
    await me.send(f"/requests/{number}/wrong")
    await me.send("/requests/1/wrong")  # of the strong model: no hit of a tool
    for path in ("", f"/tasks/{name}"):
        text = html.unescape(await me.look(path))
        found = re.search(r'href="/ui([^"]+)">and 1 answer reported wrong</a>', text)
        assert found is not None, path
        reported = await me.look(found[1])
        assert (f"/ui/requests/{number}" in reported, "/ui/requests/1" in reported) == (True, False)
        assert "answers reported wrong of" in reported


async def test_a_label_that_came_after_the_request_is_shown_with_it(me: Person, store: Store) -> None:
    question = "Which city?"
    store.add_answer(Answered(id="q7", question=question, answer=None, route=Route.LABELER))
    queued, number = store.enqueue("q7", question, None), store.newest_answer()
    waiting = await me.look(f"/requests/{number}")
    assert "It waits for a person" in waiting
    assert 'href="/ui/labels"' in waiting
    store.label(queued.id, "Paris")
    shown = await me.look(f"/requests/{number}")
    assert "Paris" in shown
    assert "waits for a person" not in shown
    assert "answered by a person: Paris" in await me.look("/requests")


async def test_the_strong_model_is_called_so_everywhere(me: Person, store: Store) -> None:
    del store
    badge = '<span class="badge solver" title="solver">strong model</span>'
    assert badge in await me.look("/requests/1")
    requests = await me.look("/requests")
    assert badge in requests
    assert '<option value="solver" title="solver">strong model</option>' in requests
    assert "strong model <b>5</b>" in await me.look()


async def test_one_is_one_and_an_unknown_cost_says_of_what(me: Person, store: Store) -> None:
    store.add_answer(Answered(id="1", question="?", answer="!", route=Route.SOLVER, model_calls=1, cost_usd=None))
    text = await me.look(f"/requests/{store.newest_answer()}")
    assert "1 model call, cost unknown" in text
    assert "cost unknown</p>" in text
    assert "1 attempt<" in await me.look(f"/tasks/{store.tasks()[0].name}")


async def test_an_answer_that_is_right_becomes_a_label(me: Person, store: Store) -> None:
    await me.send("/requests/1/right")
    entry = store.answer_numbered(1)
    assert entry is not None
    assert entry.correct
    assert store.person_label(store.tasks()[0].name, entry.question) == entry.answer


async def test_a_comparison_is_shown_on_both_pages_side_by_side(served: Served, me: Person, store: Store) -> None:
    await served.ask(NEW)
    entry = store.answer_numbered(store.newest_answer())
    assert entry is not None
    assert entry.tool is not None
    store.add_comparison(
        entry.tool,
        1,
        request_id=entry.id,
        kind=ComparisonKind.AUDIT,
        tool_answer="4321",
        upstream_answer="4321 apples",
        rule=lambda _: None,
    )
    for path in (f"/requests/{entry.number}", f"/tasks/{entry.tool}"):
        assert "4321<mark> apples</mark>" in await me.look(path)


# tasks and tools


async def test_tasks_are_listed_searched_and_filtered_by_state(me: Person, store: Store) -> None:
    name = store.tasks()[0].name
    store.add_task("other_things", "Nothing of the kind.")
    text = await me.look("/tasks")
    assert name in text
    assert "other_things" in text
    assert name not in await me.look("/tasks?text=OF+THE+KIND")
    assert "other_things" not in await me.look("/tasks?state=live")
    assert name not in await me.look("/tasks?state=collecting")


@pytest.mark.parametrize(
    ("action", "before", "after", "line", "said"),
    [
        ("disable", ToolState.LIVE, ToolState.DISABLED, "took out of service NAME version 1", "It is out of service"),
        ("enable", ToolState.DISABLED, ToolState.LIVE, "put into service NAME version 1", "It is live"),
        (
            "quarantine",
            ToolState.LIVE,
            ToolState.QUARANTINED,
            "quarantined NAME version 1: wrong since May",
            "It is quarantined",
        ),
        ("approve", ToolState.GATED, ToolState.LIVE, "approved NAME version 1", "It is live"),
    ],
)
async def test_a_tool_is_brought_into_another_state_and_who_did_it_is_noted(
    me: Person, store: Store, action: str, before: ToolState, after: ToolState, line: str, said: str
) -> None:
    name = store.tasks()[0].name
    store.set_tool_state(name, 1, before)
    done = await me.send(f"/tasks/{name}/{action}", version="1", reason="wrong since May")
    assert store.tools()[0].state == after
    ((who, what, _),) = acts(store)
    assert (who, what) == ("this machine", f"{action}_tool")
    text = await me.look("/log")
    assert f'<a href="/ui/tasks/{name}">' in text
    assert line.replace("NAME", name) in read_aloud(text)
    assert said in await me.look(done.headers["location"].removeprefix("/ui"))


async def test_the_version_before_is_brought_back(me: Person, store: Store) -> None:
    first = store.tools()[0].tool
    store.publish(replace(first, source=f"{first.source}\n# once more\n"))
    text = await me.look(f"/tasks/{first.name}")
    assert "# once more" in text
    assert "c-gi" in text, "the difference has colours"
    await me.send(f"/tasks/{first.name}/rollback")
    assert store.tools()[0].version == 1


async def test_what_cannot_be_done_is_said_and_not_noted(me: Person, store: Store) -> None:
    name = store.tasks()[0].name
    assert "no earlier version" in (await me.send(f"/tasks/{name}/rollback", status=404)).text
    assert "say what is wrong with it" in (await me.send(f"/tasks/{name}/quarantine", status=422, reason=" ")).text
    assert "there is no tool" in (await me.send("/tasks/none/disable", status=404)).text
    assert acts(store) == []


async def test_a_build_is_begun_and_a_tool_comes_of_it(served: Served, me: Person, store: Store) -> None:
    name = store.tasks()[0].name
    store.remove_tool(name)
    assert "Build now" in await me.look(f"/tasks/{name}")
    await me.send(f"/tasks/{name}/build")
    await eventually(lambda: any(one.state == "live" for one in store.tools()))
    assert acts(store) == [("this machine", "build_tool", name)]
    store.add_task("empty", "")
    assert "Build now" not in await me.look("/tasks/empty"), "it has too few instances"
    assert "has 0 different instances" in (await me.send("/tasks/empty/build", status=422)).text
    await eventually(lambda: served.host.loops[0].builder.running == 0)


async def test_a_tool_is_exported_and_imported_elsewhere(
    me: Person, store: Store, tmp_path: Path, sandbox: Sandbox
) -> None:
    store.publish(tool())
    response = await me.client.get("/ui/tasks/sum/package")
    assert 'filename="sum.json"' in response.headers["content-disposition"]
    async with open_gateway(tmp_path / "other", sandbox) as other, person(other) as them:
        text = (await them.send("/import", status=200, package=response.text)).text
        assert "version 1</a> is live" in text
        assert acts((await other.loop()).store) == [("this machine", "import_tool", "")]
        for wrong in ("", "[1]", "{", json.dumps({"tool": 1})):
            await them.send("/import", status=422, package=wrong)


async def test_a_tool_is_given_to_other_tenants_without_its_questions(served: Served, me: Person, store: Store) -> None:
    name, theirs = store.tasks()[0].name, served.host.stores.of("acme")
    assert "Give it to other tenants" not in await me.look(f"/tasks/{name}?tenant=acme", status=404)
    assert "<option>acme</option>" in await me.look(f"/tasks/{name}")
    given = await me.send(f"/tasks/{name}/publish", status=200, to="acme", version="1")
    assert f"/ui/tasks/{name}?tenant=acme" in given.text
    (adopted,) = theirs.tools()
    assert (adopted.state, adopted.tool.checks) == (ToolState.SHADOW, ())
    again = await me.send(f"/tasks/{name}/publish", status=200, to="all")
    assert "acme" in again.text
    assert "no tenant is chosen" in (await me.send(f"/tasks/{name}/publish", status=422)).text
    assert ("publish_tool", f"{name} to acme") in [(one.what, one.about) for one in theirs.acts(5)]


async def test_whoever_looks_after_one_tenant_gives_no_tool_away(served: Served) -> None:
    served.host.stores.of("globex")
    served.host.stores.of("acme").publish(tool(), state=ToolState.LIVE)
    async with person(served, KeyRole.ADMIN, tenant="acme") as one:
        assert "Give it to other tenants" not in await one.look("/tasks/sum")
        token = token_in(await one.look("/tasks/sum"))
        await one.send("/tasks/sum/publish", status=403, token=token, to="globex")
    assert served.host.stores.of("globex").tools() == ()


async def test_refused_questions_are_grouped_by_their_form(served: Served, me: Person, store: Store) -> None:
    name = store.tasks()[0].name
    for number in range(3):
        await served.ask(f"What is the sum of {number} and {number} apples?", headers={"x-hammerstone-task": name})
    text = await me.look(f"/tasks/{name}")
    assert "3 \N{MULTIPLICATION SIGN}" in text
    assert "parse returned None" in text


async def test_two_spellings_of_one_question_are_one_instance_of_a_first_build(served: Served, me: Person) -> None:
    store = (await served.loop()).store
    store.add_task("sum", "")
    for number in range(SETTINGS.build.needed):
        one = Instance(question=f"1{' ' * (number + 1)}+ 1?", answer="2", source=Source.SOLVER)
        store.add_instance("sum", one, request_id=f"r{number}")
    text = await me.look("/tasks/sum")
    assert f"No tool yet: 1 of {SETTINGS.build.needed} instances" in text
    assert "Build now" not in text


# the log


async def test_the_log_reads_as_sentences_and_leads_to_what_was_changed(served: Served, me: Person) -> None:
    store = (await served.loop()).store
    store.add_answer(Answered(id="r1", question="Which?", answer="this", route=Route.SOLVER))
    store.enqueue("r1", "Which?", None)
    await me.look("/labels")
    await me.send("/labels/1/unsure")
    await me.send("/labels/1/answer", answer="this")
    await me.send("/requests/1/right")
    store.note(Act(who="ada", what="disable_tool", about="gone version 2"))
    text = await me.look("/log")
    assert 'labelled question <a href="/ui/requests/1">1</a>' in text
    assert 'was unsure of question <a href="/ui/requests/1">1</a>' in text
    assert 'marked right: the answer to <a href="/ui/requests/1">request 1</a>' in text
    assert "took out of service gone version 2</td>" in text, "a task that is gone has no page"


# a tool's form


async def test_a_tool_answers_arguments_and_questions_by_hand_and_nothing_is_stored(me: Person, store: Store) -> None:
    name, newest = store.tasks()[0].name, store.newest_answer()
    text = await me.look(f"/tasks/{name}/try")
    assert 'name="argument-left"' in text
    done = await me.send(f"/tasks/{name}/try", status=200, **{"argument-left": "4000", "argument-right": "321"})
    assert "4321" in done.text
    done = await me.send(f"/tasks/{name}/try", status=200, question=NEW)
    assert "4321" in done.text
    assert (store.newest_answer(), acts(store)) == (newest, [])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"argument-left": "x", "argument-right": "1"}, "left: "),
        ({"argument-left": "1"}, "right: nothing is filled in"),
        ({"argument-left": '"1"', "argument-right": "1"}, "left"),
        ({"question": OTHER}, "parse returned None"),
    ],
)
async def test_what_does_not_fit_a_tool_is_said(me: Person, store: Store, fields: dict[str, str], said: str) -> None:
    text = (await me.send(f"/tasks/{store.tasks()[0].name}/try", status=200, **fields)).text
    assert "It does not answer" in text
    assert said in text


# labels


async def test_two_people_are_shown_different_questions_and_neither_answers_twice(served: Served, store: Store) -> None:
    for number in range(2):
        store.enqueue(f"q{number}", ask(number), store.tasks()[0].name)
    async with person(served, KeyRole.LABELER) as one, person(served, KeyRole.LABELER) as other:
        mine, theirs = await one.look("/labels"), await other.look("/labels")
        assert (ask(0) in mine, ask(1) in theirs) == (True, True)
        assert ask(0) in await one.look("/labels"), "it stays with who was shown it"
        await one.send("/labels/1/answer", token=token_in(mine), answer="22")
        late = await other.send("/labels/1/answer", status=404, token=token_in(theirs), answer="23")
        assert "nothing waits under 1" in late.text
        assert "Others are working on the remaining questions" in await one.look("/labels")
        await other.send("/labels/2/skip", token=token_in(theirs))
    assert store.person_label(store.tasks()[0].name, ask(0)) == "22"
    assert [one.id for one in store.queue()] == [2]
    assert [what for _, what, _ in acts(store)] == ["skip_queued", "answer_queued"]


async def test_whoever_is_unsure_says_so_and_the_next_person_is_told(served: Served, store: Store) -> None:
    store.enqueue("q", ask(0), None)
    async with person(served, KeyRole.LABELER) as one, person(served, KeyRole.LABELER) as other:
        mine = await one.look("/labels")
        assert "Unsure of it" not in mine
        await one.send("/labels/1/unsure", token=token_in(mine))
        shown = await other.look("/labels")
        assert ask(0) in shown
        assert f"Unsure of it: {acts(store)[0][0]}" in shown
    assert [what for _, what, _ in acts(store)] == ["unsure_of_queued"]
    assert [one.id for one in store.queue()] == [1]


async def test_a_viewer_holds_no_question(served: Served, store: Store) -> None:
    store.enqueue("q", ask(0), None)
    async with person(served, KeyRole.VIEWER) as viewer, person(served, KeyRole.LABELER) as labeler:
        assert "Your key may look, and not label" in await viewer.look("/labels")
        assert ask(0) in await labeler.look("/labels")


RULED = Chat(
    messages=(Message(role="system", content="Count from zero."), Message(role="user", content=ask(0))),
    response_format={"type": "json_object"},
)


async def test_whoever_labels_is_shown_the_whole_chat(served: Served, store: Store) -> None:
    store.enqueue("q", ask(0), None, RULED)
    async with person(served, KeyRole.LABELER) as one:
        shown = await one.look("/labels")
    assert all(said in shown for said in ("Count from zero.", ask(0), "response format", "json_object"))


async def test_a_draft_of_the_strong_model_is_shown_and_kept_only_by_a_person(served: Served, store: Store) -> None:
    store.enqueue("q", ask(0), None, replace(RULED, response_format=None))
    async with person(served, KeyRole.LABELER) as one:
        token = token_in(await one.look("/labels"))
        drafted = html.unescape((await one.send("/labels/1/draft", status=200, token=token)).text)
        assert "The strong model's draft" in drafted
        assert "```python" in drafted[drafted.index("<textarea") : drafted.index("</textarea>")]
        assert [one.answer for one in store.queue()] == [None]
        await one.send("/labels/1/answer", token=token, answer="22")
    assert [what for _, what, _ in acts(store)] == ["answer_queued", "draft_answer"]
    assert store.queue() == ()


async def test_why_there_is_no_draft_is_said_and_the_question_stays(served: Served, store: Store) -> None:
    store.enqueue("q", ask(0), None)
    async with person(served, KeyRole.LABELER) as one:
        token = token_in(await one.look("/labels"))
        text = (await one.send("/labels/1/draft", status=200, token=token)).text
    assert "No draft: the solver gave no answer" in text
    assert ask(0) in text


async def test_a_draft_of_a_question_that_somebody_else_has_is_not_asked_for(served: Served, store: Store) -> None:
    store.enqueue("q", ask(0), None)
    async with person(served, KeyRole.LABELER) as one, person(served, KeyRole.LABELER) as other:
        await one.look("/labels")
        await other.send("/labels/1/draft", token=token_in(await other.look("/labels")))
    async with person(served, KeyRole.VIEWER) as viewer:
        await viewer.send("/labels/1/draft", status=403, token=token_in(await viewer.look("/labels")))
    assert acts(store) == []


async def test_whoever_settles_is_shown_the_whole_chat(me: Person, store: Store) -> None:
    disagree(store, chat=RULED)
    shown = await me.look("/labels")
    assert all(said in shown for said in ("Count from zero.", ask(0), "response format", "json_object"))


@pytest.mark.parametrize(("right", "label"), [("tool", "8"), ("stored", "7")])
async def test_where_a_tool_and_a_stored_answer_differ_somebody_settles_it(
    me: Person, store: Store, right: str, label: str
) -> None:
    disagree(store)
    assert "The stored answer stands" in await me.look("/labels")
    await me.send("/tasks/sum/settle", right=right)
    assert store.instances("sum")[0].answer == label
    assert "The stored answer stands" not in await me.look("/labels")


# what others wrote


async def test_nothing_that_users_and_models_write_gets_out_of_its_place(me: Person, store: Store) -> None:
    store.finish_requests(
        [
            Finished(
                answered=Answered(
                    id=HOSTILE,
                    question=HOSTILE,
                    answer=HOSTILE,
                    route=Route.SOLVER,
                    task="hostile",
                    refusals=(HOSTILE,),
                )
            )
        ]
    )
    store.add_task("hostile", HOSTILE)
    store.add_instance(
        "hostile", Instance(question=f"{HOSTILE}2", answer=HOSTILE, source=Source.CALLER), request_id=HOSTILE
    )
    written = HOSTILE.encode("unicode_escape").decode()
    source = f"{SUM}\nTEXT = {written!r}\n# </pre><script>alert(3)</script>"
    store.publish(replace(tool("hostile", source), description=HOSTILE))
    store.enqueue(HOSTILE, HOSTILE, "hostile")
    store.quarantine("hostile", 1, HOSTILE)
    number = store.newest_answer()
    entry = store.answer_numbered(number)
    assert entry is not None
    store.correct(entry.id, HOSTILE + "!")
    store.add_comparison(
        "hostile",
        1,
        request_id=HOSTILE,
        kind=ComparisonKind.SHADOW,
        tool_answer=HOSTILE,
        upstream_answer="",
        rule=lambda _: None,
    )
    seen = ""
    for path in ("", "/requests", f"/requests/{number}", "/tasks", "/tasks/hostile", "/tasks/hostile/try", "/labels"):
        text = await me.look(path)
        assert "<script>" not in text, path
        assert "<img" not in text, path
        assert "\u202e" not in text, path
        seen += text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in seen
    assert "\\u202e" in seen
    assert "\\udc80" in seen
    assert "[/quote]" in seen
    assert "{{ 7 * 7 }}" in seen
    search = await me.client.get("/ui/requests", params={"text": HOSTILE.replace("\udc80", ""), "task": '"><b>'})
    assert "<script>" not in search.text
    assert "<b>" not in search.text


async def test_a_tool_that_waits_for_approval_comes_into_shadow_where_settings_say_so(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    settings = replace(SETTINGS, life=LifeSettings(approval="manual", shadow=2))
    async with open_gateway(tmp_path / "home", sandbox, settings=settings) as served, person(served) as me:
        await served.learn_sums()
        store = (await served.loop()).store
        name = store.tasks()[0].name
        assert "Approve version 1" in await me.look(f"/tasks/{name}")
        await me.send(f"/tasks/{name}/approve", version="1")
        assert store.tools()[0].state == "shadow"
        assert "0 of 2 agreements in a row" in await me.look(f"/tasks/{name}")


async def test_an_admin_creates_a_key_that_is_shown_once_and_revokes_it(served: Served, store: Store) -> None:
    async with person(served, KeyRole.ADMIN) as admin:
        fields = {"name": "ada/1 <b>", "role": "labeler", "budget_usd": "2.5", "budget_per": "day"}
        text = html.unescape((await admin.send("/health/keys", status=200, **fields, requests_per_minute="")).text)
        found = re.search(r'id="secret">([^<]+)</pre>', text)
        assert found is not None
        async with person(served) as ada:
            await ada.sign_in(found[1])
            assert "Labels" in await ada.look("/labels")
            await ada.send("/health/keys", status=403, name="mine", token=token_in(await ada.look("/labels")))
        shown = html.unescape(await admin.look("/health"))
        assert found[1] not in shown
        assert "$0 of $2.50 per day" in shown
        await admin.send("/health/keys/revoke", name=quote("ada/1 <b>"))
    [made] = [one for one in served.host.keys.every() if one.name == "ada/1 <b>"]
    assert (made.role, made.revoked is not None) == (KeyRole.LABELER, True)
    assert [(what, about) for _, what, about in acts(store)] == [("revoke_key", made.name), ("create_key", made.name)]


async def test_a_key_of_any_name_is_revoked(served: Served) -> None:
    async with person(served, KeyRole.ADMIN) as admin:
        for name in ("..", "a/../b", "a?b#c", "a%2Fb", "a\u202eb"):
            await admin.send("/health/keys", status=200, name=name)
            held = re.findall(r'name="name" value="([^"]+)"', await admin.look("/health"))
            await admin.send("/health/keys/revoke", name=held[-1])
    assert all(one.revoked for one in served.host.keys.every() if one.role is KeyRole.CLIENT)


async def test_the_first_key_is_an_admin_s_so_that_nobody_is_locked_out(served: Served, me: Person) -> None:
    served.host.stores.of("acme")
    roles = re.search(r'name="role">(.*?)</select>', await me.look("/health?tenant=acme"))
    assert roles is not None
    assert re.findall(r"<option[^>]*>(\w+)", roles[1]) == ["admin"]
    token = token_in(await me.look("/health"))
    for path, role in (("/health/keys", "client"), ("/health/keys", "labeler"), ("/health/keys?tenant=acme", "admin")):
        refused = await me.send(path, status=422, token=token, name="first", role=role)
        assert "the first key is an admin" in refused.text
    assert served.host.keys.every() == ()
    done = await me.send("/health/keys", status=200, token=token, name="first", role="admin")
    assert "From now on everybody signs in" in done.text
    assert 'href="/ui/login?after=/ui/health"' in done.text


BUDGET = "Budget, in US dollars"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": " "}, "Name: nothing is not valid"),
        ({"name": "a" * 101}, "it takes 1 to 100 characters"),
        ({"name": "a", "budget_usd": "$10"}, f"{BUDGET}: '$10' is not valid"),
        ({"name": "a", "budget_usd": "10,50"}, "it takes an amount such as 10.50"),
        ({"name": "a", "budget_usd": "-1"}, f"{BUDGET}: '-1' is not valid"),
        ({"name": "a", "budget_usd": "nan"}, f"{BUDGET}: 'nan' is not valid"),
        ({"name": "a", "budget_usd": "inf", "role": "admin"}, "a budget is a finite amount"),
        ({"name": "a", "requests_per_minute": "0"}, "Requests per minute: '0' is not valid"),
        ({"name": "a", "tokens_per_minute": "1.5"}, "it takes a whole number from 1 on"),
        ({"name": "a", "role": "king"}, "Role: 'king' is not valid"),
    ],
)
async def test_a_key_that_cannot_be_is_refused_in_the_words_of_the_form(
    served: Served, me: Person, fields: dict[str, str], said: str
) -> None:
    text = html.unescape((await me.send("/health/keys", status=422, **fields)).text)
    assert said in text
    assert "should" not in text
    assert served.host.keys.every() == ()


async def test_health_shows_parts_settings_and_keys_to_whom_they_are_for(served: Served, store: Store) -> None:
    del store
    async with person(served, KeyRole.ADMIN) as admin, person(served, KeyRole.VIEWER) as viewer:
        text = await admin.look("/health")
        assert "works" in text
        assert "[life]" in text
        assert "max_false_hit_rate" in text
        assert "admin-" in text
        text = await viewer.look("/health")
        assert "works" in text
        assert "[life]" not in text
        assert "admin-" not in text


async def test_whoever_looks_after_one_tenant_sees_no_other_in_the_health(served: Served) -> None:
    store = served.signals.health.store("writing answers")
    for tenant in ("acme", "zebra"):
        store.failed(StoreError("gone"), tenant)
    async with person(served, KeyRole.ADMIN, tenant="acme") as one, person(served, KeyRole.ADMIN) as everyone:
        shown, whole = await one.look("/health"), await everyone.look("/health")
    assert "acme" in shown
    assert "zebra" in whole
    assert "zebra" not in shown
    place = served.host.stores.of("").where
    assert (place in shown, place in whole) == (False, True)


@pytest.mark.parametrize("path", ["/health", "/playground", "/learning"])
async def test_an_address_makes_no_tenant(served: Served, me: Person, path: str) -> None:
    await me.look(f"{path}?tenant=zebra", status=404)
    assert "zebra" not in served.host.tenants()
