"""Toolformer: a language model teaches itself, from plain text, when and how to call tools (Schick et al., 2302.04761).

corpus ─► annotate ─► execute ─► filter ─► dataset ─► finetune ─► generate, evaluate

Each stage is a module, a command, and a file format that the next one reads:

    corpus.py, heuristics.py                  which documents; the paper's rules for each tool
    annotate.py, sampling.py, prompting.py    calls proposed by a language model, or by any model that can be asked
    execute.py, apis/                         the tools, and running them
    filter.py, explaining.py                  what a result is worth to the model that is to be taught
    dataset.py                                the texts with the calls that help, and without
    finetune.py, training.py, rows.py         teaching, on TRL
    decode/, local.py                         generation with the tools in the loop
    evaluate.py, metrics.py, benchmark_files.py, dateset.py

    calls.py    how a call is written into text, and read back
    lm.py       a causal language model and its tokenizer; a key-value cache that can be branched and joined
    records.py, stages.py    documents in shards: what is finished is never done twice
    config.py, runs.py       one TOML file for a run, and its stages as functions
    tiny/       a run small enough for a laptop
"""
