"""Opening the loop: which model plays which role, and the same loop for code that is not asynchronous."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hammerstone
from hammerstone.errors import InputError, SettingsError, StoreError
from hammerstone.loop import Models
from hammerstone.models import RecordedModel, identity_of
from hammerstone.opening import name_models, open_blocking, open_hammerstone
from hammerstone.settings import LoopSettings, Roles, RoleSettings, Settings
from hammerstone.store import open_store
from hammerstone.store.records import BuildState
from hammerstone.testing import ScriptedModel
from hammerstone.types import Request, Route

from ..models.local_provider import LocalProvider, completion
from ..samples.sums import (
    PRODUCT,
    SETTINGS,
    SUM,
    ask,
    dispatcher,
    instances,
    maker,
    requests,
    reworded,
    solver,
    tool,
    user,
)

MAKER, USER, OTHER = (ScriptedModel([], name=name) for name in ("maker", "user", "other"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one live tool."""
    with open_store(tmp_path / "made") as store:
        store.publish(tool())
    return tmp_path / "made"


def recording(folder: Path, name: str) -> str:
    (folder / name).write_text("")
    return f"recorded:{folder / name}"


def test_the_maker_solves_and_the_user_sorts_requests_unless_others_are_named() -> None:
    models = name_models(maker=MAKER, user=USER)
    assert (models.maker, models.user, models.dispatcher, models.solver) == (MAKER, USER, USER, MAKER)
    models = name_models(maker=MAKER, user=USER, dispatcher=OTHER, solver=OTHER)
    assert (models.maker, models.user, models.dispatcher, models.solver) == (MAKER, USER, OTHER, OTHER)


def test_one_model_alone_plays_every_role() -> None:
    models = name_models(maker=MAKER)
    assert {models.maker, models.user, models.dispatcher, models.solver} == {MAKER}


def test_a_solver_alone_answers_and_sorts_but_makes_nothing() -> None:
    models = name_models(solver=OTHER)
    assert (models.maker, models.user, models.dispatcher, models.solver) == (None, OTHER, OTHER, OTHER)


def test_a_user_alone_uses_what_there_is_and_is_not_taken_for_a_solver() -> None:
    models = name_models(user=USER)
    assert (models.maker, models.user, models.dispatcher, models.solver) == (None, USER, USER, None)


def test_a_labeler_takes_the_solvers_place() -> None:
    models = name_models(maker=MAKER, solver="labeler")
    assert (models.maker, models.user, models.solver, models.labeler) == (MAKER, MAKER, None, True)
    alone = name_models(solver="labeler")
    assert (alone.maker, alone.user, alone.dispatcher, alone.solver) == (None, None, None, None)


def test_no_model_is_named_where_none_is_given() -> None:
    assert set(vars(name_models()).values()) == {None, False}


def test_a_model_that_plays_several_roles_is_opened_once(tmp_path: Path) -> None:
    models = name_models(maker=recording(tmp_path, "strong"), user=recording(tmp_path, "cheap"))
    assert isinstance(models.maker, RecordedModel)
    assert models.maker is models.solver
    assert models.user is models.dispatcher
    assert models.user is not models.maker


def test_with_record_new_completions_are_kept_in_the_file(tmp_path: Path) -> None:
    models = name_models(maker=f"mailbox:{tmp_path / 'box'}", record=tmp_path / "kept.jsonl")
    assert type(models.maker).__name__ == "RecordingModel"
    assert models.maker is models.user
    assert (tmp_path / "kept.jsonl").exists()


def test_a_name_that_means_no_model_is_refused_before_a_home_is_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not name a model"), open_blocking(tmp_path / "home", maker="gpt"):
        raise AssertionError("it has opened")
    assert not (tmp_path / "home").exists()


def test_an_unknown_sandbox_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no sandbox 'docker'"), open_blocking(tmp_path, sandbox="docker"):
        raise AssertionError("it has opened")


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StoreError, match="is not a folder"), open_blocking(tmp_path / "home"):
        raise AssertionError("it has opened")


def test_the_home_is_that_of_the_environment_unless_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAMMERSTONE_HOME", str(home))
    with open_blocking() as loop:
        assert loop.solve(ask(0)).route is Route.PARSER


def test_the_blocking_loop_solves_streams_and_makes(home: Path) -> None:
    strong = maker({"product": PRODUCT, "again": SUM})
    with open_blocking(
        home, maker=strong, user=user(), dispatcher=dispatcher(), solver=solver(), settings=SETTINGS
    ) as loop:
        assert loop.solve(Request.plain(id="1", question=ask(0))).answer == "7"
        answers = list(loop.stream(requests(5, "product")))
        build = loop.make(instances(5), name="again", description="Sums, again.")
    assert [(one.id, one.correct) for one in answers] == [(f"product-{n}", True) for n in range(5)]
    assert (build.task, build.state) == ("again", BuildState.LIVE)


def test_a_blocking_stream_that_is_left_half_read_does_not_keep_the_loop_open(home: Path) -> None:
    with open_blocking(home) as loop:
        for answered in loop.stream(requests(9)):
            assert answered.route is Route.PARSER
            break


def test_the_errors_of_the_loop_arrive_as_themselves(home: Path) -> None:
    too_few = pytest.raises(InputError, match="too_few has 1 instance")
    with open_blocking(home, maker=maker(), settings=SETTINGS) as loop, too_few:
        loop.make(instances(1), name="too_few")


def test_the_front_door_opens_the_same_loop() -> None:
    assert hammerstone.open_blocking is open_blocking
    assert hammerstone.open_hammerstone is open_hammerstone


# servers and keys of the roles


def ids(models: Models) -> dict[str, str]:
    played = {"maker": models.maker, "user": models.user, "dispatcher": models.dispatcher, "solver": models.solver}
    return {role: identity_of(model) for role, model in played.items() if model is not None}


def test_each_role_may_have_a_server_of_its_own() -> None:
    roles = Roles(
        maker=RoleSettings(model="openai:big", base_url="http://127.0.0.1:1/v1"),
        user=RoleSettings(model="openai:small", base_url="http://127.0.0.1:2/v1"),
    )
    big, small = "openai:big at http://127.0.0.1:1/v1", "openai:small at http://127.0.0.1:2/v1"
    found = ids(name_models(settings=Settings(roles=roles)))
    assert found == {"maker": big, "user": small, "dispatcher": small, "solver": big}


def test_a_role_without_a_model_is_played_at_the_server_of_the_one_that_plays_it() -> None:
    roles = Roles(solver=RoleSettings(model="openai:big@http://127.0.0.1:1/v1"))
    models = name_models(settings=Settings(roles=roles))
    assert models.maker is None
    assert models.user is models.dispatcher is models.solver
    assert set(ids(models).values()) == {"openai:big at http://127.0.0.1:1/v1"}


def test_a_model_that_is_named_counts_before_the_settings_and_leaves_their_server_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-real-key")
    roles = Roles(user=RoleSettings(model="openai:small", base_url="http://127.0.0.1:2/v1", api_key_env="NOT_SET"))
    models = name_models(user="anthropic:claude-haiku-4-5", settings=Settings(roles=roles))
    assert ids(models) == {"user": "anthropic:claude-haiku-4-5", "dispatcher": "anthropic:claude-haiku-4-5"}


def test_one_base_url_counts_for_all_but_a_name_that_holds_its_own() -> None:
    url = "http://127.0.0.1:1/v1"
    models = name_models(maker="openai:big", user="openai:small@http://127.0.0.1:2/v1", base_url=url)
    assert (ids(models)["maker"], ids(models)["user"]) == (
        f"openai:big at {url}",
        "openai:small at http://127.0.0.1:2/v1",
    )


def test_roles_with_other_budgets_share_a_model_and_with_other_numbers_of_requests_do_not() -> None:
    maker = RoleSettings(model="openai:big@http://127.0.0.1:1/v1")
    models = name_models(settings=Settings(roles=Roles(maker=maker)))
    assert models.maker is models.user
    models = name_models(settings=Settings(roles=Roles(maker=maker, user=RoleSettings(requests_at_once=1))))
    assert models.maker is not models.user


def test_a_section_in_place_of_the_settings_is_an_error_that_says_where_it_belongs(home: Path) -> None:
    section: Any = LoopSettings()
    with pytest.raises(SettingsError, match="not a LoopSettings") as caught, open_blocking(home, settings=section):
        pass
    assert caught.value.hint == "pass settings=Settings(loop=LoopSettings(...))"


def test_a_request_with_a_question_is_an_error_that_says_how_one_is_written_now() -> None:
    former: Any = {"id": "1", "question": "1 + 2?"}
    with pytest.raises(TypeError, match=r"Request\.plain\(id=\.\.\., question="):
        Request(**former)


def test_the_settings_may_name_a_labeler() -> None:
    roles = Roles(maker=RoleSettings(model="openai:big@http://127.0.0.1:1/v1"), solver=RoleSettings(model="labeler"))
    models = name_models(settings=Settings(roles=roles))
    assert (models.labeler, models.solver) == (True, None)


def test_a_user_at_a_server_is_sent_its_budget_and_the_schema_of_the_arguments(home: Path) -> None:
    server = LocalProvider()
    server.answers = [completion('{"left": 77, "right": 23}')]
    request = Request.plain(id="1", question=reworded(14), task="sum")
    try:
        with open_blocking(home, user=f"openai:small@{server.url}") as loop:
            answered = loop.solve(request)
    finally:
        server.close()
    assert (answered.route, answered.answer) == (Route.USER, "100")
    (sent,) = server.requests
    arguments, refusal = sent["response_format"]["json_schema"]["schema"]["anyOf"]
    assert (sent["max_tokens"], list(arguments["properties"]), refusal) == (1_024, ["left", "right"], {"type": "null"})
