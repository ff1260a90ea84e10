#!/usr/bin/env bash
# Toolformer on SmolLM2 135M Instruct, an instruct model: two examples in the prompt, since more only confuse it.
# Usage: bash runs/toolformer_smollm.sh WEIGHTS TEXTS PLAIN SVAMP MAWPS [FOLDER]   (runs/toolformer_weights.sh explains them)
set -euo pipefail
export EXAMPLES=${EXAMPLES:-2}
exec bash "$(dirname "$0")/toolformer_weights.sh" "${@:1:5}" "${6:-runs/smollm}"
