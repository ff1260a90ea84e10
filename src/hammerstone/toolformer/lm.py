"""A causal language model with its tokenizer. What it has read is kept in a key-value cache (`kv_cache.py`)."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# transformers' own types are partial.
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.kv_cache import KVCache
from hammerstone.toolformer.model_files import NEEDED, find_model, one_line

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

__all__ = [
    "DtypeName",
    "LanguageModel",
    "ModelTokenizer",
    "best_device",
    "chosen_dtype",
    "load_model",
    "load_tokenizer",
    "name_in_dtype",
    "usual_dtype",
]

DtypeName = Literal["auto", "float32", "bfloat16"]

UNBOUNDED = 10**9  # tokens of a context without a limit
_UNFIT = (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, StopIteration, TypeError, ValueError)

ROUNDING = 0.2  # of the logits' spread: bfloat16 differs by a hundredth, a model that is read wrongly by about one


class ModelTokenizer:
    """A language model's fast tokenizer, its context and its end tokens: all that is needed without the weights.

    `context` is the most tokens that the model can read. Each of `end_ids` ends a text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, *, context: int, end_ids: Iterable[int] = ()) -> None:
        """Raises `InputError` for a tokenizer that cannot write calls or has no start token."""
        self.tokenizer = tokenizer
        self.context = context
        self.end_ids = frozenset(end_ids)
        self.start_id = _start_id(tokenizer)
        _check_tokenizer(tokenizer)

    @property
    def vocabulary_size(self) -> int:
        return len(self.tokenizer)

    @property
    def has_start_token(self) -> bool:
        """Whether a token begins a text, and is not the one that ends it (as in GPT-2)."""
        return self.tokenizer.bos_token_id not in (None, self.tokenizer.eos_token_id)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text; none are added before or after."""
        return [*self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]]

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The tokens of a text, each with its span of characters."""
        read = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return [*read["input_ids"]], [tuple(span) for span in read["offset_mapping"]]

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode([*ids], skip_special_tokens=True, clean_up_tokenization_spaces=False))


class LanguageModel(ModelTokenizer):
    """A causal language model of transformers, in evaluation mode, with its fast tokenizer.

    `read` counts the tokens read so far, without padding: benchmarks count them instead of time.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, *, name: str = "") -> None:
        """Raises `InputError` for a tokenizer that cannot write calls or has no start token."""
        limit = getattr(model.config, "max_position_embeddings", None)
        ends = _end_ids(tokenizer, model.generation_config)
        super().__init__(tokenizer, context=int(limit) if limit else UNBOUNDED, end_ids=ends)
        self.model = model.eval()
        self.name = name or str(getattr(model.config, "_name_or_path", "") or type(model).__name__)
        self.read = 0

    @property
    def device(self) -> torch.device:
        return self.model.device

    @torch.inference_mode()
    def forward(
        self, rows: Sequence[Sequence[int]], cache: KVCache | None = None, *, keep: int | None = None
    ) -> tuple[Tensor, KVCache]:
        """Read one or more tokens in each row, after those in the row's `cache`.

        Returns logits (rows, width, vocabulary), each row at the right end, and the cache with the new tokens. `keep`
        is the number of last columns to return. Raises `InputError` for rows beyond the model's context.
        """
        width, held = max(map(len, rows)), cache.width if cache is not None else 0
        new = torch.tensor([len(row) for row in rows], device=self.device)
        before = cache.lengths if cache is not None else torch.zeros_like(new)
        self.count(int(new.sum()), int((before + new).max()))
        # New tokens follow those of the cache without a gap, and a short row is padded behind them: a model with a
        # sliding window counts columns. Rows without a cache lie at the right end.
        start = torch.zeros_like(new) if cache is not None else width - new
        columns = torch.arange(width, device=self.device) - start[:, None]  # (rows, width): 0 at the row's first
        own = (columns >= 0) & (columns < new[:, None])
        mask = torch.cat([_right(before, held), own], dim=1)  # (rows, held + width)
        wanted = (start + new)[:, None] + torch.arange(-(keep or width), 0, device=self.device)  # (rows, keep)
        kept = wanted.clamp(min=0).unique()
        options: dict[str, Any] = {"logits_to_keep": kept} if len(kept) < width else {}
        out = self.model(
            input_ids=torch.zeros_like(own, dtype=torch.long).masked_scatter_(own, _flat(rows, self.device)),
            attention_mask=mask.long(),
            position_ids=(columns.clamp(min=0) + before[:, None]).minimum((before + new - 1)[:, None]),
            past_key_values=_as_cache(cache),
            use_cache=True,
            **options,
        )
        logits = out.logits
        if cache is not None and int(new.min()) < width:  # each row's own columns
            logits = logits[torch.arange(len(rows))[:, None], torch.searchsorted(kept, wanted.clamp(min=0))]
        layers = tuple((layer.keys, layer.values) for layer in out.past_key_values.layers)
        return logits, _closed(KVCache(layers=layers, lengths=before + new), mask)

    def count(self, new: int, longest: int) -> None:
        """Count new tokens that are read in rows of at most `longest`. Raises `InputError` beyond the context."""
        if longest > self.context:
            raise InputError(
                f"{self.name} reads at most {self.context} tokens, but a row has {longest}",
                hint="cut the documents shorter (max_tokens), or use a model with a longer context",
            )
        self.read += new

    def agrees(self, read: Callable[[Sequence[Sequence[int]], Sequence[Sequence[int]]], Tensor]) -> bool:
        """Whether another way to read two rows in two steps has the logits of each row read alone, up to rounding.

        `read` gets the first and the second tokens of the rows, and returns logits (rows, vocabulary) after the last.
        A way that raises does not agree.
        """
        ids = self.encode("The sum of 12 and 30 is 42.")[:10]
        first, second = [ids[:7], ids[1:4]], [ids[7:], ids[4:]]
        try:
            found = read(first, second)
            with torch.inference_mode():
                alone = [
                    self.model(input_ids=torch.tensor([[*a, *b]], device=self.device)).logits[0, -1]
                    for a, b in zip(first, second, strict=True)
                ]
            apart = max(float((own - row).std() / own.std()) for own, row in zip(alone, found, strict=True))
        except _UNFIT:
            return False
        return apart < ROUNDING


def _flat(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    return torch.tensor([token for row in rows for token in row], device=device)


def _right(lengths: Tensor, width: int) -> Tensor:
    """(rows, width): true for the last `lengths` columns."""
    return torch.arange(width, device=lengths.device)[None] >= (width - lengths)[:, None]


def _closed(cache: KVCache, mask: Tensor) -> KVCache:
    """The filled columns of each row, moved to the right end; no wider than the longest row."""
    width = int(cache.lengths.max())
    if torch.equal(mask, _right(cache.lengths, cache.width)):  # there are no gaps
        start = cache.width - width
        return KVCache(layers=tuple((k[:, :, start:], v[:, :, start:]) for k, v in cache.layers), lengths=cache.lengths)
    order = mask.long().argsort(dim=1, stable=True)[:, -width:]  # (rows, width)
    source = order[:, None, :, None]

    def moved(states: Tensor) -> Tensor:
        return states.gather(2, source.expand(-1, states.shape[1], -1, states.shape[3]))

    return KVCache(layers=tuple((moved(k), moved(v)) for k, v in cache.layers), lengths=cache.lengths)


def _as_cache(cache: KVCache | None) -> DynamicCache:
    """A cache of the tensors themselves. `DynamicCache.update` would copy them, which the model does later anyway."""
    layers = DynamicCache()
    for keys, values in cache.layers if cache is not None else ():
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        layers.layers.append(layer)
    return layers


def _start_id(tokenizer: PreTrainedTokenizerFast) -> int:
    """The start token: the tokenizer's BOS token, or its EOS token if it has no other (as in GPT-2)."""
    found: Any = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if found is None:
        raise InputError(
            "this tokenizer has neither a BOS nor an EOS token",
            hint="set tokenizer.bos_token or tokenizer.eos_token",
        )
    return int(found)


def _end_ids(tokenizer: PreTrainedTokenizerFast, generation: GenerationConfig | None) -> list[int]:
    """The tokenizer's EOS token, and those of the model's generation settings, which may name several."""
    named: Any = getattr(generation, "eos_token_id", None)
    several: list[Any] = [*named] if isinstance(named, list) else [named]
    own: Any = tokenizer.eos_token_id
    return [int(token) for token in (*several, own) if token is not None]


def _check_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    """Calls are ordinary text: the tokenizer must be able to write them."""
    if not getattr(tokenizer, "is_fast", False):
        raise InputError("this is not a fast tokenizer", hint="save it in the format of the tokenizers library")
    sample = "[A(1) -> 2]"
    ids = tokenizer(sample, add_special_tokens=False)["input_ids"]
    written = str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))
    lost = [mark for mark in ("[", "]", "(", ")", "->") if mark not in written.replace("- >", "->")]
    if lost:
        raise InputError(
            f"this tokenizer cannot write {' '.join(lost)}, which calls need",
            hint="use a model whose tokenizer covers ASCII, as byte-level ones do",
        )


def best_device() -> torch.device:
    """The best device: a GPU if there is one."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def usual_dtype(device: torch.device) -> torch.dtype:
    """The number format: bfloat16 on a GPU or a processor that multiplies it (AMX, AVX-512, Arm), otherwise float32."""
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    has_it = device.type == "cuda" or any(able.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    return torch.bfloat16 if has_it else torch.float32


def chosen_dtype(dtype: DtypeName, device: torch.device) -> torch.dtype:
    return usual_dtype(device) if dtype == "auto" else getattr(torch, dtype)


def name_in_dtype(name: str, dtype: torch.dtype) -> str:
    """The model's identity, with its number format where that rounds: its results are then others."""
    return name if dtype.itemsize >= torch.float32.itemsize else f"{name} ({dtype})"


def load_model(path: str | Path, *, dtype: DtypeName = "auto") -> LanguageModel:
    """A model and its tokenizer from a folder, a GGUF file, or by name from the Hugging Face hub, on the best device.

    `dtype` "auto" is `usual_dtype`. bfloat16 has 8 significant bits: logits differ by about a hundredth of their spread
    from those in float32, and a little with what else is in the batch. Raises `SettingsError` if it cannot be loaded,
    and as `find_model`.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # the library's own: hammerstone shows progress itself
    found, device = find_model(path), best_device()
    try:
        tokenizer = AutoTokenizer.from_pretrained(found)
        model: Any = AutoModelForCausalLM.from_pretrained(found, dtype=chosen_dtype(dtype, device))
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot load the model {path}: {one_line(error)}", hint=NEEDED) from error
    lm = LanguageModel(model.to(device), tokenizer, name=str(path))
    _check_reading(lm)
    return lm


def _check_reading(lm: LanguageModel) -> None:
    """Rows of different lengths, read in two steps, must have the same logits as each row read alone.

    Models that keep a state instead of keys and values, or count positions themselves, fail this. Raises `InputError`.
    """

    def in_two_steps(first: Sequence[Sequence[int]], second: Sequence[Sequence[int]]) -> Tensor:
        _, cache = lm.forward(first)
        return lm.forward(second, cache, keep=1)[0][:, -1]

    if not lm.agrees(in_two_steps):
        raise InputError(
            f"{lm.name} cannot be read piece by piece: its logits differ then, or it keeps no keys and values",
            hint="use a decoder with ordinary attention, such as Llama, Qwen, Gemma, GPT-2 or GPT-J",
        )
    lm.read = 0


def load_tokenizer(path: str | Path, *, context: int = UNBOUNDED) -> ModelTokenizer:
    """Load only the tokenizer of a model, named as for `load_model`; the weights are not read.

    Raises `SettingsError` if it cannot be loaded, and as `find_model`.
    """
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    found = find_model(path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(found)
        try:
            generation = GenerationConfig.from_pretrained(found)
        except OSError:  # few models have such a file; otherwise it is derived from the model's settings, as on loading
            generation = GenerationConfig.from_model_config(AutoConfig.from_pretrained(found))
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot load the tokenizer of {path}: {one_line(error)}", hint=NEEDED) from error
    return ModelTokenizer(tokenizer, context=context, end_ids=_end_ids(tokenizer, generation))
