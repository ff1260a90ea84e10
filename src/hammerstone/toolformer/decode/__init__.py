"""Decoding with calls (Toolformer, section 2, "Inference"), for a batch of rows, on one key-value cache.

    prompt     Out of 1400 participants, 400 (or
    sampled    [Calculator(400 / 1400) ->               `[` was among the k most likely tokens
               ··· the row waits for its tool; the others continue ···
    inserted    0.29]
    sampled     29%) passed the test.

The paper's decoding discards at every call what has been read so far. Here nothing is discarded: a waiting row keeps
its keys and values, and when its tool has answered, only the result is read, in one step.

    generation.py     settings, and what is generated
    partial_call.py   a call as it appears token by token: has it begun, is it complete, which tokens are inserted
    decoding_row.py   one row and what a token does to it: all of the semantics, without tensors or waiting
    call_runner.py    calls in progress
    engine.py         the batch: which rows read what, and when
    served.py         the same over a vLLM server, which keeps the cache itself
    vllm.py           that server: ids in, ids and log-probabilities out
"""

from __future__ import annotations

from hammerstone.toolformer.decode.engine import generate
from hammerstone.toolformer.decode.generation import DecodeSettings, EndReason, GeneratedText, TokenPiece

__all__ = ["DecodeSettings", "EndReason", "GeneratedText", "TokenPiece", "generate"]
