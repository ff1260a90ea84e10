"""`python runs/gsm8k_texts.py TRAIN.jsonl TEXTS.jsonl`: GSM8K's questions with their solutions as plain texts.

Only what a person would read is left: no calls of its annotators (`<<48/2=24>>`), no final answer (`#### 72`). Sums are
done in the head: "Jim has 48/2 = 24 clips" becomes "Jim has 24 clips". After "48/2 =" a model writes 24 by itself, and
a tool's result can hardly help. A file of JSON lines that have a "text" already is copied.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

_NUMBER = r"[($]*\.?\d[\d,]*(?:\.\d+)?%?(?: [a-z]+)?\)*"
_SUM = re.compile(rf"{_NUMBER}(?:\s*[-\u2212+*/x\u00f7\u00d7]\s*{_NUMBER})+\s*=\s*(?=\$?\.?\d)")


def main(train: Path, texts: Path) -> None:
    rows = [json.loads(line) for line in train.read_text(encoding="utf-8").splitlines() if line.strip()]
    written = [row if "text" in row else {"text": _text(row["question"], row["answer"])} for row in rows]
    unfinished = texts.with_suffix(".tmp")
    unfinished.write_text("".join(json.dumps(row) + "\n" for row in written), encoding="utf-8")
    unfinished.replace(texts)


def _text(question: str, answer: str) -> str:
    solution, _, _ = re.sub(r"<<.*?>>", "", answer).partition("\n####")
    return f"{question} {' '.join(_SUM.sub('', solution).split())}"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
