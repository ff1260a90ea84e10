"""Measures the cost of an interruption and of calls, and the speed of decoding without calls beside transformers.

    python benchmarks/toolformer_decode.py [--layers 12] [--width 768] [--context 900] [--rows 16] [--rounds 5]
    python benchmarks/toolformer_decode.py --model FOLDER      also measures the third with real weights

The model has GPT-2-small's shape and random weights, and a liking for some pairs of tokens makes it write calls. Tools
answer at once, so no time of theirs is counted. The arms take turns in one process, and medians are compared.

1. A prompt of `--context` tokens is followed by a call. Going on reads the result alone; restarting, as one does with a
   `generate` that cannot be interrupted, reads everything up to and with the result again. Both are timed from the
   tool's answer to the last token of the rest, for rests of several lengths.
2. A batch whose rows call at different points, against the same batch with no tool in use: sampled tokens a second.
   What is inserted is read but not counted.
3. `generate` with k = 0 against `generate` of transformers: the same prompts of 50 words, 48 new tokens each,
   greedy, in batches of 32 and 64, in float32 and bfloat16. The model has SmolLM2 135M's shape and random weights, or
   is read from a folder. Tokens per second are also given of the processor's time, which other work disturbs less.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import anyio
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from hammerstone.toolformer.apis.api import CallContext
from hammerstone.toolformer.decode import DecodeSettings, GeneratedText, generate
from hammerstone.toolformer.decode.partial_call import encode_prompt
from hammerstone.toolformer.lm import LanguageModel, load_model

WORDS = [f" {a}{b}" for a in "bdfgklmnprst" for b in ("an", "el", "it", "or", "um")]
CALL = " [Calculator(400 / 1400) ->"
REST = "] passed a test that year in town by the old river and saw how it all had begun when none of us were there"


@dataclass
class Calculator:
    """Answers at once, and remembers when."""

    name: str = "Calculator"
    description: str = ""
    answered: float = 0.0

    async def __call__(self, text: str, context: CallContext) -> str:
        del text, context
        self.answered = time.perf_counter()
        return "0.29"


def language_model(layers: int, width: int, positions: int) -> LanguageModel:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=1000, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([*WORDS, CALL, REST, "0.29]"] * 9, trainer)
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=layers, n_embd=width, n_head=width // 64, n_positions=positions, bos_token_id=0, eos_token_id=0
    )
    words = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")  # noqa: S106 - no password
    return LanguageModel(GPT2LMHeadModel(config), words, name="random GPT-2")


@contextmanager
def led(lm: LanguageModel, text: str) -> Generator[None]:
    """The model goes on along the text: of each token, it likes the one that follows it there."""
    liked = torch.zeros(50257, dtype=torch.long)
    ids = lm.encode(text)
    liked[ids[:-1]] = torch.tensor(ids[1:])

    def prefer(_model, _args, options, output):
        ids = options["input_ids"][:, options.get("logits_to_keep", slice(None))]
        output.logits.scatter_(2, liked[ids][..., None], 1e4)
        return output

    with lm.model.register_forward_hook(prefer, with_kwargs=True):
        yield


async def resumed(lm: LanguageModel, prompt: str, rest: int) -> tuple[float, GeneratedText]:
    """Seconds from the tool's answer to the end."""
    api = Calculator()
    settings = DecodeSettings(k=1, max_tokens=len(lm.encode(CALL)) + rest)
    (found,) = await generate(lm, [prompt], {api.name: api}, settings)
    return time.perf_counter() - api.answered, found


async def restarted(lm: LanguageModel, prompt: str, rest: int) -> tuple[float, GeneratedText]:
    started = time.perf_counter()
    (found,) = await generate(lm, [f"{prompt}{CALL} 0.29]"], {}, DecodeSettings(k=0, max_tokens=rest))
    return time.perf_counter() - started, found


async def resuming(lm: LanguageModel, context: int, rounds: int) -> None:
    words = random.Random(0).choices(WORDS[1:], k=context - 1)
    prompt = "".join([*words, WORDS[0]])
    assert len(lm.encode(prompt)) == context  # noqa: S101 - each word is a token
    for rest in (1, 8, 24):
        pairs: list[tuple[float, float]] = []
        for _ in range(rounds + 1):  # the first warms up
            going_on, one = await resumed(lm, prompt, rest)
            again, other = await restarted(lm, prompt, rest)
            assert one.text.endswith(other.text), (one.text, other.text)  # noqa: S101
            assert (len(one.calls), one.sampled.count(True)) == (1, len(lm.encode(CALL)) + rest)  # noqa: S101
            pairs.append((going_on, again))
        fast, slow = (statistics.median(times) for times in zip(*pairs[1:], strict=True))
        print(
            f"{rest:3} tokens after the call: going on {fast:.3f} s, restarting {slow:.3f} s, {slow / fast:.1f} times"
        )


async def batching(lm: LanguageModel, rows: int, rounds: int) -> None:
    """Row by row the call comes later: the words of the prompts' ends lead to each other, and the last to the call."""
    prompts = ["".join(random.Random(row).choices(WORDS, k=40)) + WORDS[-1 - 2 * row] for row in range(rows)]
    api, settings = Calculator(), DecodeSettings(k=1, rows=rows)
    speeds: list[tuple[float, float]] = []
    for _ in range(rounds + 1):
        speed: list[float] = []
        for apis in ({api.name: api}, {}):
            started = time.perf_counter()
            found = await generate(lm, prompts, apis, replace(settings, max_tokens=80))
            speed.append(sum(row.sampled.count(True) for row in found) / (time.perf_counter() - started))
            assert all(len(row.calls) == len(apis) for row in found)  # noqa: S101
        speeds.append((speed[0], speed[1]))
    calling, plain = (statistics.median(some) for some in zip(*speeds[1:], strict=True))
    print(f"{rows} rows: {calling:.0f} tokens/s with a call in each, {plain:.0f} without, {calling / plain:.2f} times")


def smollm_shape() -> LanguageModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "max_position_embeddings": 8192}
    heads = {"num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152, "tie_word_embeddings": True}
    words = language_model(1, 64, 64).tokenizer
    return LanguageModel(LlamaForCausalLM(LlamaConfig(**sizes, **heads)), words, name="random Llama of 135M")


def plain(lm: LanguageModel, prompts: list[list[int]], tokens: int) -> int:
    """Generate as transformers does: padded to the left, with its own cache."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    with torch.inference_mode():
        found = lm.model.generate(
            ids, attention_mask=mask, max_new_tokens=tokens, do_sample=False, eos_token_id=None, pad_token_id=0
        )
    return found[:, width:].numel()


def own(lm: LanguageModel, prompts: list[str], tokens: int) -> int:
    settings = DecodeSettings(k=0, max_tokens=tokens, rows=len(prompts))
    return sum(len(row.ids) for row in anyio.run(generate, lm, prompts, {}, settings))


def measured(write: Callable[[], int]) -> tuple[float, float]:
    """Tokens per second, and per second of the processor."""
    started, began = time.perf_counter(), time.process_time()
    tokens = write()
    return tokens / (time.perf_counter() - started), tokens / (time.process_time() - began)


def beside_transformers(lm: LanguageModel, rows: int, rounds: int) -> None:
    rng = random.Random(rows)
    words = rng.choices(WORDS, k=50)
    prompts = ["".join(rng.sample(words, k=50)) for _ in range(rows)]
    encoded = [encode_prompt(lm, prompt) for prompt in prompts]
    arms: list[Callable[[int], int]] = [
        lambda tokens: own(lm, prompts, tokens),
        lambda tokens: plain(lm, encoded, tokens),
    ]
    for arm in arms:
        arm(2)
    speeds = [[measured(partial(arm, 48)) for arm in arms] for _ in range(rounds)]
    for at, what in enumerate(("seconds", "processor")):
        ours, theirs = (statistics.median(pair[arm][at] for pair in speeds) for arm in (0, 1))
        print(
            f"{rows} rows, {lm.model.dtype}, {what}: {ours:.0f} tokens/s, transformers {theirs:.0f}, "
            f"{ours / theirs:.2f} times (medians of {rounds})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("layers", 12), ("width", 768), ("context", 900), ("rows", 16), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--model", help="a folder with real weights, for the third part alone")
    asked = parser.parse_args()
    for dtype in (torch.float32, torch.bfloat16):
        lm = load_model(asked.model) if asked.model else smollm_shape()
        lm.end_ids = frozenset()
        lm.model.to(dtype)
        for rows in (32, 64):
            beside_transformers(lm, rows, asked.rounds)
    if asked.model:
        return
    lm = language_model(asked.layers, asked.width, asked.context + 100)
    print(f"{asked.layers} layers of width {asked.width}, {torch.get_num_threads()} threads, {asked.rounds} rounds")
    with led(lm, WORDS[0] + CALL + REST):
        anyio.run(resuming, lm, asked.context, asked.rounds)
    with led(lm, "".join(WORDS) + CALL + REST + WORDS[0]):
        anyio.run(batching, lm, asked.rows, asked.rounds)


if __name__ == "__main__":
    main()
