"""Toolformer: a language model teaches itself, from plain text, when and how to call tools (Schick et al., 2302.04761).

corpus ─► annotate ─► execute ─► filter ─► dataset ─► finetune ─► generate, evaluate

Each stage is a module, a command, and a file format that the next one reads. What they share:

    calls.py    how a call is written into text, and read back
    lm.py       a causal language model and its tokenizer; a key-value cache that can be branched and joined
    apis/       the tools: text in, text out
    stages.py   shards: what is finished is never done twice
"""
