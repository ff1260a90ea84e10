"""Translation into English: by any model, or by a CTranslate2 model on this machine."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingImports=false
# ctranslate2 need not be installed, and transformers' types are partial.

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from anyio import to_thread

from hammerstone.errors import SettingsError
from hammerstone.models import Message, Model, Prompt, ask
from hammerstone.toolformer.apis import prompts
from hammerstone.toolformer.apis.api import ApiError, CallContext

__all__ = ["Translation", "local_translation", "translation_by"]

ENGLISH = "eng_Latn"  # as NLLB names it
MOST_TOKENS = 200  # of a translation


class Translation:
    """`MT(sûreté nucléaire)` is "nuclear safety" (table 1); `translate` does it."""

    def __init__(self, translate: Callable[[str], Awaitable[str]]) -> None:
        self._translate = translate

    @property
    def name(self) -> str:
        return "MT"

    @property
    def description(self) -> str:
        return "Takes a phrase in any language and gives its translation into English."

    async def __call__(self, text: str, context: CallContext) -> str:  # noqa: ARG002 - the contract's
        if not text.strip():
            raise ApiError("no text")
        return await self._translate(text)


def translation_by(model: Model) -> Translation:
    """Translation by any model."""

    async def translate(text: str) -> str:
        asked = prompts.fill("translate", text=text)
        reply = await ask(model, Prompt(messages=(Message(role="user", content=asked),), temperature=0.0))
        return reply.text

    return Translation(translate)


def local_translation(folder: Path, language: str | None = None) -> Translation:
    """A CTranslate2 model, with its tokenizer's files in the same folder.

    The paper uses NLLB (600M; its weights are not for commercial use) and a classifier for the language of each phrase.
    Here a multilingual model needs its source `language`, such as `fra_Latn`; a model of one language pair does not.
    Raises `SettingsError` if ctranslate2 is not installed or the folder cannot be used.
    """
    try:
        import ctranslate2  # late: optional, and both are slow to import
        from transformers import AutoTokenizer
    except ImportError as error:
        raise SettingsError(
            f"a local translation needs {error.name}",
            hint="uv run --extra toolformer --with ctranslate2 hammerstone …",
        ) from error
    spoken = {"src_lang": language} if language else {}
    try:
        translator = ctranslate2.Translator(str(folder))
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **spoken)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        raise SettingsError(
            f"{folder} contains no translation model: {str(error).splitlines()[0]}",
            hint="convert one with ct2-transformers-converter, and --copy_files its tokenizer's files",
        ) from error
    if language and tokenizer.unk_token_id in tokenizer.convert_tokens_to_ids([language, ENGLISH]):
        raise SettingsError(
            f"the model in {folder} does not know both {language} and {ENGLISH}",
            hint="name the language as NLLB does, such as fra_Latn, or omit it for a model of one pair",
        )
    prefix = [[ENGLISH]] if language else None

    def translate(text: str) -> str:
        tokens = tokenizer.convert_ids_to_tokens(tokenizer.encode(text))
        (result,) = translator.translate_batch([tokens], target_prefix=prefix, max_decoding_length=MOST_TOKENS)
        return tokenizer.decode(tokenizer.convert_tokens_to_ids(result.hypotheses[0]), skip_special_tokens=True)

    async def translate_in_thread(text: str) -> str:
        return await to_thread.run_sync(translate, text)

    return Translation(translate_in_thread)
