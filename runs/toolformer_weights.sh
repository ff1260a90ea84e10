#!/usr/bin/env bash
# Toolformer on real weights: from a model and plain texts to the table of base, control and fine-tuned model.
# runs/toolformer_smollm.sh and runs/toolformer_gemma.sh say which model, and call this.
#
#   WEIGHTS   a .gguf file, a folder, or a name on the Hugging Face hub
#   TEXTS     what the model teaches itself from: plain text (.txt), JSON lines with "text", or GSM8K's train.jsonl.
#             Texts in which numbers follow from numbers; those near to an evaluation question are left out
#   PLAIN     plain text for the perplexity, such as WikiText-2's test set
#   SVAMP     svamp.json
#   MAWPS     MAWPS as JSON or CSV
#   FOLDER    of the run. Run the same command again after an interruption: it resumes
#
# LIMIT, TAU_S, TEMPERATURE, TAU_F, STEPS, RATE, SEED and EXAMPLES in the environment set the documents that are
# annotated, the least p([) at which calls are drawn, and their temperature, the threshold of the filter, the steps and
# rate of fine-tuning, the seed of everything, and the examples in the prompts that are suggested. The calculator's prompt
# is runs/calculator.md, unless FOLDER has a Calculator.md.
#
# BY=local:FORMER/finetune/model lets the model that a former run has taught propose the calls: a second round of
# self-teaching. The weights that are scored and fine-tuned are still WEIGHTS. Give it another SEED, for other texts.
#
# PASSAGES is a general text, such as WikiText-2's validation set. Pieces of it go, without calls, into the training texts
# of the fine-tuned model and of its control: without them, both lose what the texts do not show, and the fine-tuned one
# more. Nothing of it that is near to PLAIN or to a question is taken.
#
# TOOLS="calculator calendar search" adds tools. The calendar needs texts with a "date". The search finds PASSAGES.
set -euo pipefail
weights=$1 texts=$2 plain=$3 svamp=$4 mawps=$5 folder=$6
read -ra tools <<< "${TOOLS:-calculator}"
names=("${tools[@]^}") # as in a text: Calculator, Calendar, Search
hammerstone() { uv run --extra toolformer --extra bench hammerstone "$@"; }
mkdir -p "$folder"

# The texts.
if [ "${texts##*.}" = jsonl ]; then
    [ -e "$folder/texts.jsonl" ] || uv run python runs/gsm8k_texts.py "$texts" "$folder/texts.jsonl"
    texts=$folder/texts.jsonl
fi

# The passages that the search finds.
if [[ " ${tools[*]} " == *" search "* ]] && [ ! -e "$folder/index" ]; then
    hammerstone toolformer index "${PASSAGES:?names the text to search}" --into "$folder/index"
fi

# The run. Short documents, few positions and draws: a small model proposes few good calls, wherever it is asked.
if [ ! -e "$folder/run.toml" ]; then
    [[ ${BY:-} != local:* ]] || BY=local:$(realpath -e "${BY#local:}")
    specs=$(printf '"%s", ' "${tools[@]/#search/search:index}")
    cat > "$folder/run.toml" <<TOML
model = "$(realpath -e "$weights" 2> /dev/null || echo "$weights")"
folder = "."
tools = [${specs%, }]

[corpus]
sources = ["$(realpath "$texts")"]
max_tokens = 256
limit = ${LIMIT:-600}
seed = ${SEED:-0}

[annotate]
temperature = ${TEMPERATURE:-0.4}
seed = ${SEED:-0}
${BY:+by = \"$BY\"}

$(printf "[annotate.tools.%s]\nthreshold = ${TAU_S:-0.02}\npositions = 5\ndraws = 5\n\n" "${names[@]}")

[dataset]
${PASSAGES:+plain = \"$(realpath "$PASSAGES")\"}
$(printf "tau_f.%s = ${TAU_F:-0.2}\n" "${names[@]}")

[finetune]
lora = true
learning_rate = ${RATE:-5e-4}
batch = 4
length = 256
seed = ${SEED:-0}
steps = ${STEPS:-96}
evaluate_every = $((${STEPS:-96} < 12 ? 1 : 12))
held_out = 20

[generate]
max_tokens = 32

[evaluate]
files.svamp = ["$(realpath "$svamp")"]
files.mawps = ["$(realpath "$mawps")"]
texts = "$(realpath "$plain")"
dateset = $([[ " ${tools[*]} " == *" calendar "* ]] && echo 500 || echo 0)
ks = [0, 10]
TOML
fi

# Documents in which a tool may be useful, by the paper's rules, and which are near to no question.
hammerstone toolformer corpus --config "$folder/run.toml"

# Prompts: the calculator's was written by hand, in the style of story problems. Those of other tools have sentences of the
# corpus, and are measured beside the built-in ones. Read them: they may be edited before the next stage.
[ -e "$folder/Calculator.md" ] || cp "$(dirname "$0")/calculator.md" "$folder/Calculator.md"
if ! grep -q prompt_files "$folder/run.toml"; then
    for name in "${names[@]}"; do
        [ -e "$folder/$name.md" ] ||
            hammerstone toolformer suggest-prompt "$name" --config "$folder/run.toml" \
                --examples "${EXAMPLES:-3}" --into "$folder/$name.md"
    done
    {
        printf '\n[annotate.prompt_files]\n'
        for name in "${names[@]}"; do echo "$name = \"$name.md\""; done
    } >> "$folder/run.toml"
fi

# Calls are drawn from the model itself, run, and scored.
hammerstone toolformer annotate --config "$folder/run.toml"
hammerstone toolformer execute --config "$folder/run.toml"
hammerstone toolformer filter --config "$folder/run.toml"

# What each threshold keeps. The run's own is tau_f in run.toml.
hammerstone toolformer filter --config "$folder/run.toml" --sweep

# The texts with the calls that help, and the same texts without calls for the control.
hammerstone toolformer dataset --config "$folder/run.toml"
hammerstone toolformer finetune --config "$folder/run.toml"
hammerstone toolformer finetune --config "$folder/run.toml" --control

# Base, control, fine-tuned with calls disabled, fine-tuned; and the perplexity on plain text with calls disabled.
hammerstone toolformer evaluate --config "$folder/run.toml" --report "$folder/report.html"
