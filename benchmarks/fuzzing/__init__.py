"""Damaged inputs for every reader of what models, tools or strangers wrote: see `benchmarks/fuzz.py`."""
