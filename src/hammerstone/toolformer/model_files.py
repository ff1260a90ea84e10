"""Finds a model's files: a folder, a GGUF file, or a name on the Hugging Face hub.

A GGUF file, the format of llama.cpp, holds quantised weights and the tokenizer. It is dequantised once, into a folder
beside it, since nothing can be fine-tuned or saved as GGUF:

    smollm2.gguf
    smollm2.dequantised/     config.json, model.safetensors (float32, up to eight times the size), tokenizer.json
        from_gguf.json       the file it was made from, and what was in it: a changed file is dequantised again
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The types of gguf and transformers are partial.
from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hammerstone.errors import OperatorError, SettingsError

__all__ = ["NEEDED", "find_model", "is_path", "one_line"]

MADE_FROM = "from_gguf.json"
WEIGHTS = (".gguf", ".safetensors", ".bin", ".pt", ".pth")
NEEDED = "give a folder with config.json, weights and tokenizer.json, a .gguf file, or a name on the Hugging Face hub"


@dataclass(frozen=True, kw_only=True)
class GgufContents:
    """The contents of a GGUF file: `tensors` counts them by their type, such as Q4_1.

    `bytes` and `changed_ns` identify the file.
    """

    file: str
    bytes: int
    changed_ns: int
    architecture: str
    tensors: dict[str, int]


def find_model(name: str | Path) -> str:
    """The folder of a model, or its name on the hub. A GGUF file is dequantised into a folder first, unless it was.

    Raises `SettingsError` for a path without a model and for a GGUF file that cannot be read; `OperatorError` if the
    folder cannot be written.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return str(_dequantised(path))
    if path.is_dir() or not is_path(str(name)):
        return str(path)
    raise SettingsError(f"there is no folder {name}", hint=NEEDED)


def is_path(name: str, base: Path = Path()) -> bool:
    """Whether a name is a path, existing or not: no name on the hub (`owner/name`) looks like it."""
    path = Path(name).expanduser()
    return (
        (base / path).exists()
        or path.is_absolute()
        or name.startswith((".", "~"))
        or name.count("/") > 1
        or name.endswith(("/", *WEIGHTS))
        or ("/" in name and (base / path.parts[0]).is_dir())
    )


def one_line(error: BaseException) -> str:
    """An error's message, on one line; the kind of error if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def _dequantised(path: Path) -> Path:
    """The folder with the model of a GGUF file."""
    if not _is_gguf(path):
        raise SettingsError(f"{path} is a file, but not a GGUF file", hint=NEEDED)
    folder = path.with_name(f"{path.name.removesuffix('.gguf')}.dequantised")
    if folder.exists() and not _is_made_from(folder, path):
        if not (folder / MADE_FROM).is_file():
            raise SettingsError(
                f"{folder} is not a dequantised model, and {path.name} would be dequantised there",
                hint="move one of them to another folder",
            )
        shutil.rmtree(folder)
    if not folder.exists():
        _dequantise(path, folder)
    return folder


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}", hint="check that you may read it") from error


def _is_made_from(folder: Path, path: Path) -> bool:
    """Whether the folder was made from this file as it is now."""
    try:
        made: Any = json.loads((folder / MADE_FROM).read_text(encoding="utf-8"))
        return {name: made[name] for name in ("bytes", "changed_ns")} == _stamp(path)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _stamp(path: Path) -> dict[str, int]:
    found = path.stat()
    return {"bytes": found.st_size, "changed_ns": found.st_mtime_ns}


def _dequantise(path: Path, folder: Path) -> None:
    """Write the folder; it appears when it is complete."""
    from safetensors import SafetensorError

    contents = _contents(path)
    tokenizer, model = _read(path, contents)
    unfinished = folder.with_name(f".{folder.name}.tmp")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        written = json.dumps(asdict(contents), indent=1) + "\n"
        (unfinished / MADE_FROM).write_text(written, encoding="utf-8")
        unfinished.rename(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        raise OperatorError(
            f"cannot write {folder}: {reason}",
            hint="copy the GGUF file to a folder that you may write to, with room for the weights in float32",
        ) from error


def _contents(path: Path) -> GgufContents:
    """Raises `SettingsError` for a damaged file, and for one part of several."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        architecture, split = (reader.fields.get(key) for key in ("general.architecture", "split.count"))
        parts = int(split.contents()) if split is not None else 1
        contents = GgufContents(
            file=path.name,
            **_stamp(path),
            architecture=str(architecture.contents()) if architecture is not None else "unknown",
            tensors=dict(sorted(Counter(tensor.tensor_type.name for tensor in reader.tensors).items())),
        )
    except Exception as error:  # a damaged file misleads the reader in many ways
        raise SettingsError(
            f"{path} is damaged: {one_line(error)}", hint="download it again, and compare its size with the original"
        ) from error
    if parts > 1:
        raise SettingsError(
            f"{path} is one of the {parts} parts of a model",
            hint=f"`llama-gguf-split --merge FIRST-PART {path.stem}-whole.gguf` of llama.cpp joins them",
        )
    return contents


def _read(path: Path, contents: GgufContents) -> tuple[Any, Any]:
    """Tokenizer and model, dequantised by transformers. Raises `SettingsError` for what it cannot read."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    whole = GgufConfig(
        gguf_file=path.name, dequantize=True
    )  # otherwise weights stay packed where kernels can read them
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
        model: Any = AutoModelForCausalLM.from_pretrained(
            str(path.parent), gguf_file=path.name, quantization_config=whole, dtype=torch.float32
        )
    except NotImplementedError as error:  # a type of tensor
        raise SettingsError(
            f"{path} cannot be dequantised ({', '.join(contents.tensors)}): {one_line(error)}",
            hint=f"`llama-quantize --allow-requantize {path.name} {path.stem}-q8.gguf Q8_0` of llama.cpp converts it",
        ) from error
    except Exception as error:  # transformers lets through whatever an unknown architecture or tokenizer leads to
        raise SettingsError(
            f"{path} holds a model of the architecture {contents.architecture}, which cannot be read from GGUF: "
            f"{one_line(error)}",
            hint="`hf download OWNER/NAME --local-dir FOLDER` gets the unquantised model: give that folder",
        ) from error
    model.hf_quantizer = None  # its weights are ordinary ones now, and can be saved
    return tokenizer, model
