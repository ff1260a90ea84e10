"""The models that play the roles of a benchmark: the small users that are recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.evals.role_models import open_small_models
from hammerstone.models import RecordingModel
from hammerstone.models.model import Message, Prompt, Reply
from hammerstone.testing import FunctionModel
from hammerstone.types import Usage

pytestmark = pytest.mark.anyio

ASKED = Prompt(messages=(Message(role="user", content="?"),), temperature=0.0)


async def record(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    about = f'name = "{path.parent.name}"\ninstances = 7\nmax_tokens = 100\nmaker_max_tokens = 900\n'
    (path.parent / "model.toml").write_text(about)
    reply = Reply(text="!", model="a", usage=Usage(input_tokens=1_000_000, output_tokens=1_000_000))
    await RecordingModel(FunctionModel(lambda _: reply, name="a"), path).complete(ASKED)


async def test_each_folder_is_a_model_and_each_file_in_it_a_method(tmp_path: Path) -> None:
    await record(tmp_path / "tiny" / "direct.jsonl")
    await record(tmp_path / "tiny" / "user.jsonl")
    await record(tmp_path / "small" / "user.jsonl")
    (tmp_path / "README.md").write_text("About them.")
    users = {one.model.name: one for one in open_small_models(tmp_path)}
    assert {name: one.parts for name, one in users.items()} == {"tiny": {"direct", "user"}, "small": {"user"}}


async def test_how_much_it_is_asked_and_where_its_replies_end_is_said_in_its_folder(tmp_path: Path) -> None:
    await record(tmp_path / "tiny" / "direct.jsonl")
    (one,) = open_small_models(tmp_path)
    assert one.roles is not None
    assert (one.n, one.roles.user.max_tokens, one.roles.maker.max_tokens) == (7, 100, 900)


async def test_the_largest_comes_first(tmp_path: Path) -> None:
    for name in ("a-135m-instruct", "b-1.5b", "c-0.5b-instruct"):
        await record(tmp_path / name / "direct.jsonl")
    assert [one.model.name[0] for one in open_small_models(tmp_path)] == ["b", "c", "a"]


async def test_their_tokens_are_their_own_and_cost_what_a_provider_asks_for_such_a_model(tmp_path: Path) -> None:
    await record(tmp_path / "tiny" / "direct.jsonl")
    (one,) = open_small_models(tmp_path)
    reply = await one.model.complete(ASKED)
    assert reply.usage == Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert reply.cost_usd == pytest.approx(0.01 + 0.03)


def test_the_price_is_that_of_the_offer_that_is_named() -> None:
    """By genai-prices; where the offer changes, the figures and the words beside them have to."""
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    tokens = Tokens(input_tokens=1_000_000, output_tokens=1_000_000)
    offer = calc_price(tokens, "Qwen/Qwen2.5-Coder-3B-Instruct", provider_id="huggingface_nscale")
    assert float(offer.total_price) == pytest.approx(0.01 + 0.03)


def test_a_model_that_is_described_and_not_recorded_yet_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "model.toml").write_text("instances = 7\nmax_tokens = 100\nmaker_max_tokens = 900\n")
    assert open_small_models(tmp_path) == ()
