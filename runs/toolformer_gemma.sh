#!/usr/bin/env bash
# Toolformer on Gemma 3 270M, a base model.
# Usage: bash runs/toolformer_gemma.sh WEIGHTS TEXTS PLAIN SVAMP MAWPS [FOLDER]   (runs/toolformer_weights.sh explains them)
set -euo pipefail
exec bash "$(dirname "$0")/toolformer_weights.sh" "${@:1:5}" "${6:-runs/gemma}"
