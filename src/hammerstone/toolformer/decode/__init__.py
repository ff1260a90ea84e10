"""Decoding with calls (Toolformer, section 2, "Inference"), for a batch of rows, on one key-value cache.

    prompt     Out of 1400 participants, 400 (or
    sampled    [Calculator(400 / 1400) ->               `[` was among the k most likely tokens
               ··· the row waits for its tool; the others go on ···
    inserted    0.29]
    sampled     29%) passed the test.

What the paper's decoding throws away at every call is what has been read so far. Here nothing is: a row that waits
keeps its keys and values, and when its tool has answered, only the result is read, in one go.

    contract.py   settings, and what comes out
    call_text.py  a call as it appears, token by token: has one begun, is it complete, which tokens are inserted
    row.py        one row: what a token does to it. No tensors, no waiting: the semantics are all here
    tools.py      calls under way
    engine.py     the batch: which rows read what, and when
    served.py     the same over a vLLM server, which keeps the cache itself
    endpoint.py   that server: ids in, ids and log-probabilities out
"""

from __future__ import annotations

from hammerstone.toolformer.decode.engine import generate
from hammerstone.toolformer.decode.generation import DecodeSettings, Ended, Generated, Piece

__all__ = ["DecodeSettings", "Ended", "Generated", "Piece", "generate"]
