"""A tiny random Llama as a GGUF file, as llama.cpp writes it: its names, its order of rotary weights, its tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import torch

from hammerstone.toolformer.lm import LanguageModel

__all__ = ["write_gguf"]

NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
Q8 = gguf.GGMLQuantizationType.Q8_0


def write_gguf(path: Path, lm: LanguageModel, *, architecture: str = "llama", parts: int = 1) -> None:
    """Write a Llama with matrices in Q8_0, and round its own weights in the same way, so that both are the same model.

    `architecture` and `parts` claim what the file is not.
    """
    writer = gguf.GGUFWriter(path, architecture)
    config = lm.model.config
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    if parts > 1:
        writer.add_uint16("split.count", parts)
    _write_tokenizer(writer, lm)
    heads = {"self_attn.q_proj": config.num_attention_heads, "self_attn.k_proj": config.num_key_value_heads}
    for name, weight in lm.model.named_parameters():
        _write_weight(writer, name, weight, heads)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_tokenizer(writer: gguf.GGUFWriter, lm: LanguageModel) -> None:
    model = json.loads(lm.tokenizer.backend_tokenizer.to_str())["model"]
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    words = sorted(model["vocab"], key=model["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([control if word == lm.tokenizer.eos_token else normal for word in words])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    for add in (writer.add_bos_token_id, writer.add_eos_token_id, writer.add_unk_token_id, writer.add_pad_token_id):
        add(lm.tokenizer.eos_token_id)


def _write_weight(writer: gguf.GGUFWriter, name: str, weight: torch.nn.Parameter, heads: dict[str, int]) -> None:
    if name in NAMES:
        written, kind = NAMES[name], ""
    else:
        number, _, kind = name.removeprefix("model.layers.").removesuffix(".weight").partition(".")
        written = f"blk.{number}.{LAYER[kind]}.weight"
    if weight.dim() == 1:
        writer.add_tensor(written, weight.detach().numpy())
        return
    rounded = gguf.dequantize(gguf.quantize(weight.detach().numpy(), Q8), Q8)
    weight.data.copy_(torch.from_numpy(rounded))
    if kind in heads:  # llama.cpp turns neighbouring numbers of a head, transformers its halves
        rows, columns = rounded.shape
        rounded = (
            rounded.reshape(heads[kind], 2, rows // heads[kind] // 2, columns).swapaxes(1, 2).reshape(rows, columns)
        )
    writer.add_tensor(written, gguf.quantize(rounded, Q8), raw_dtype=Q8)
