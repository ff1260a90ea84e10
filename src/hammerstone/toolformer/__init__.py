"""Toolformer: a language model learns, from plain text, when and how to call tools (Schick et al., 2302.04761).

corpus ─► annotate ─► execute ─► filter ─► dataset ─► finetune ─► generate, evaluate

Each stage is a command and a file format that the next one reads. The rooms, in the order of a run:

    data/       corpus and heuristics: which documents are annotated; dataset: the texts with the selected calls
    annotate/   calls proposed by a language model (sampling) or by any model that can be prompted; and run
    apis/       the tools, and the executor that runs their calls
    suggest/    prompts for annotation from the corpus's own sentences
    score/      how much each result helps the model that is fine-tuned, and the rule that selects calls
    train/      fine-tuning, on TRL
    decode/     generation with the tools in the loop
    evaluate/   benchmarks, metrics, perplexity
    tiny/       a run small enough for a laptop

What they share:

    call_format.py                  how a call is written into text, and read back
    lm.py, kv_cache.py              a causal language model and its tokenizer; a cache that can be branched and joined
    model_files.py                  where a model's files are, GGUF files among them
    corpus_document.py, shards.py   documents in shards: what is finished is never processed twice
    shard_units.py, stage_folder.py the finished part of a shard in progress; the folder that it is in
    ray_workers.py                  the same units of work on many machines
    stage_progress.py               how far a stage is
    near_questions.py               texts that are near to a question of an evaluation
    config.py, runs.py              one TOML file for a run, and its stages as functions
    stage_openings.py               those that read a model, opened on any machine
    comparison.py                   the last of them: the models compared
    local.py                        a fine-tuned model as one of hammerstone's models
"""
