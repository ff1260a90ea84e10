#!/usr/bin/env bash
# Toolformer on SmolLM2 135M Instruct, an instruct model.
# Usage: bash runs/toolformer_smollm.sh WEIGHTS TEXTS PLAIN SVAMP MAWPS [FOLDER]   (runs/toolformer_weights.sh explains them)
set -euo pipefail
exec bash "$(dirname "$0")/toolformer_weights.sh" "${@:1:5}" "${6:-runs/smollm}"
