#!/usr/bin/env bash
# Toolformer from random weights to the four rows, one stage after the other, on a laptop's CPU.
# `hammerstone toolformer demo` is the same in one command. Usage: bash runs/toolformer_tiny.sh [FOLDER]
set -euo pipefail
folder=${1:-runs/tiny}
hammerstone() { uv run --extra toolformer --extra bench hammerstone "$@"; }

# A model of about a million parameters, trained on a small language whose sentences hold numbers and dates that cannot
# be guessed; texts to be annotated, questions, and the run's own TOML file. Nothing of this is a tool call with a result.
uv run --extra toolformer python -m hammerstone.toolformer.tiny "$folder"
cat "$folder/run.toml"

# Which documents each tool may be of use in, by the paper's rules.
hammerstone toolformer corpus --config "$folder/run.toml"

# Calls are drawn from the model itself, at the places where it finds `[` most likely. Most of them are useless.
hammerstone toolformer annotate --config "$folder/run.toml"

# The tools run them. What has no result is dropped.
hammerstone toolformer execute --config "$folder/run.toml"

# A call is kept if its result makes the next five tokens easier to predict, for the model that is to be taught.
hammerstone toolformer filter --config "$folder/run.toml"
hammerstone toolformer filter --config "$folder/run.toml" --explain 6

# The kept calls are set into their texts; the control is the same texts without calls.
hammerstone toolformer dataset --config "$folder/run.toml"
hammerstone toolformer finetune --config "$folder/run.toml"
hammerstone toolformer finetune --config "$folder/run.toml" --control

# Untouched, control, taught with calls disabled, taught.
hammerstone toolformer evaluate --config "$folder/run.toml" --report "$folder/report.html"
hammerstone toolformer generate --config "$folder/run.toml" "There were 23 rooms with 81 chairs each, so"
