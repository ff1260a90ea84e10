"""Tokens are drawn from the model's probabilities, by numbers that depend on nothing but the draw and its step."""

from __future__ import annotations

import math

import pytest
import torch

from hammerstone.toolformer.gumbel import BLOCK, draw_key, draw_tokens, uniform


def literal_number(key: int, step: int, index: int) -> float:
    """The mixing function of SplitMix64 in Python's integers, and its upper 52 bits as a number in (0, 1)."""
    most = 2**64 - 1
    mixed = (key + (step * 2**24 + index + 1) * 0x9E3779B97F4A7C15) & most
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & most
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & most
    return (((mixed ^ (mixed >> 31)) >> 12) + 0.5) / 2**52


def literal_token(logits: list[float], key: int, step: int, temperature: float) -> int:
    """A block by Gumbel's trick, then a token of it, with loops."""
    weights = [math.exp(logit / temperature) for logit in logits]
    blocks = [weights[at : at + BLOCK] for at in range(0, len(weights), BLOCK)]

    def best(masses: list[float], first: int) -> int:
        noise = [-math.log(-math.log(literal_number(key, step, first + at))) for at in range(len(masses))]
        return max(range(len(masses)), key=lambda at: math.log(masses[at]) + noise[at])

    block = best([sum(block) for block in blocks], 0)
    return block * BLOCK + best(blocks[block], len(blocks))


def test_the_numbers_are_those_of_the_mixing_function() -> None:
    keys = [draw_key("a", at) for at in range(3)]
    found = uniform(keys, [0, 7, 1000], 600)
    for row, (key, step) in enumerate(zip(keys, [0, 7, 1000], strict=True)):
        assert found[row].tolist() == [literal_number(key, step, index) for index in range(600)]


def test_the_numbers_are_spread_evenly() -> None:
    numbers = uniform([draw_key(at) for at in range(100)], [3] * 100, 500).flatten()
    assert 0 < float(numbers.min()) < 0.001
    assert 0.999 < float(numbers.max()) < 1
    assert torch.histc(numbers, 10, 0, 1) / len(numbers) == pytest.approx([0.1] * 10, abs=0.01)


@pytest.mark.parametrize("size", [1, 5, 256, 700])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_a_token_is_that_of_the_literal_loop(size: int, temperature: float) -> None:
    torch.manual_seed(size)
    logits = torch.randn(90, size) * 2
    keys = [[draw_key(row, number) for number in range(3)] for row in range(90)]
    found = draw_tokens(logits, keys, [*range(90)], temperature)
    for row, tokens in enumerate(found):
        assert tokens == [literal_token(logits[row].tolist(), key, row, temperature) for key in keys[row]]


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_tokens_are_distributed_as_the_models_probabilities(temperature: float) -> None:
    torch.manual_seed(0)
    logits = torch.cat([torch.tensor([4.0, 3.0, 5.0]), torch.randn(600), torch.tensor([5.0])])
    (drawn,) = draw_tokens(logits[None], [[draw_key(at) for at in range(20_000)]], [0], temperature)
    frequencies = torch.bincount(torch.tensor(drawn), minlength=len(logits)) / 20_000
    expected = torch.softmax(logits / temperature, dim=0)
    torch.testing.assert_close(frequencies, expected, rtol=0, atol=0.012)
    assert float((frequencies - expected).abs().sum()) < 0.14  # of 20,000 perfect draws: about 0.11


def test_a_draw_does_not_depend_on_those_beside_it() -> None:
    torch.manual_seed(0)
    logits = torch.randn(70, 300)
    keys = [[draw_key(row)] for row in range(70)]
    together = draw_tokens(logits, keys, [2] * 70, 1.0)
    assert together == [draw_tokens(logits[row : row + 1], [keys[row]], [2], 1.0)[0] for row in range(70)]
    assert together != draw_tokens(logits, keys, [3] * 70, 1.0)


def test_an_impossible_token_is_never_drawn() -> None:
    logits = torch.full((1, 600), -torch.inf)
    logits[0, [3, 599]] = 0.0
    (drawn,) = draw_tokens(logits, [[draw_key(at) for at in range(200)]], [0], 1.0)
    assert {*drawn} == {3, 599}
