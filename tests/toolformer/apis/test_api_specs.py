"""Tools by their names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hammerstone.errors import InputError, SettingsError
from hammerstone.models import Model
from hammerstone.testing import ScriptedModel
from hammerstone.toolformer.apis.api import CallContext
from hammerstone.toolformer.apis.api_specs import open_api, resolve_spec
from hammerstone.toolformer.apis.search import IndexedPassage, build_index

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build_index([IndexedPassage("T", "some text")], tmp_path / "index")
    (tmp_path / "tools.py").write_text(
        'def First(text: str) -> str:\n    """One."""\n    return "1"\n\n'
        'def Second(text: str) -> str:\n    """Two."""\n    return "2"\n'
    )
    return tmp_path


class Made:
    description = "A made tool."

    def __init__(self, name: str) -> None:
        self.name = name

    async def answer(self, text: str) -> str | None:
        return text


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("calculator", "Calculator"),
        ("calendar", "Calendar"),
        ("search:{}/index", "Search"),
        ("answer:ollama:llama3.2", "QA"),
        ("answer:ollama:llama3.2+{}/index", "QA"),
        ("translate:ollama:llama3.2", "MT"),
        ("python:{}/tools.py:Second", "Second"),
        ("registry:word sorting", "word_sorting"),
    ],
)
def test_every_kind_of_tool_has_a_name(folder: Path, spec: str, name: str) -> None:
    opened: list[str] = []

    def open_model(spec: str) -> Model:
        opened.append(spec)
        return ScriptedModel([])

    api = open_api(spec.format(folder), open_model=open_model, open_live_tool=Made)
    assert api.name == name
    assert api.description
    assert opened == (["ollama:llama3.2"] if "llama" in spec else [])


async def test_a_function_of_a_file_is_called(folder: Path) -> None:
    assert await open_api(f"python:{folder}/tools.py:Second")("", CallContext()) == "2"


@pytest.mark.parametrize(
    "spec",
    [
        *("", ":", "nothing", "nothing:1", "calculator:", "calculator:1", "calendar:today", "search", "search:"),
        *("answer", "answer:", "translate", "python", "registry:", "answer:ollama:llama3.2+", "answer:nonsense"),
        *("python:missing.py", "python:{}/tools.py", "python:{}/tools.py:Third", "registry:sorting"),
    ],
)
def test_a_name_that_makes_no_sense_is_refused_with_a_hint(folder: Path, spec: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_api(spec.format(folder))
    assert caught.value.hint


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        open_api(f"search:{tmp_path}")


def test_a_calculator_imports_nothing_heavy() -> None:
    code = (
        "import sys; from hammerstone.toolformer.apis.api_specs import open_api;"
        "import hammerstone.toolformer.annotate.execution;"
        "open_api('calculator'); open_api('calendar');"
        "print(*{'torch', 'numpy', 'transformers', 'bm25s', 'pydantic'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_without_bm25s_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "hammerstone.toolformer.apis.search")
    with pytest.raises(SettingsError, match="needs bm25s") as caught:
        open_api(f"search:{tmp_path}")
    assert "--extra toolformer" in caught.value.hint


@pytest.mark.parametrize(
    ("spec", "elsewhere"),
    [
        ("calculator", "calculator"),
        ("search:index", "search:/base/index"),
        ("search:/mine/index", "search:/mine/index"),
        ("python:tools.py:First", "python:/base/tools.py:First"),
        ("answer:ollama:llama3.2", "answer:ollama:llama3.2"),
        ("answer:ollama:llama3.2+index", "answer:ollama:llama3.2+/base/index"),
        ("translate:ctranslate2:nllb:fra_Latn", "translate:ctranslate2:/base/nllb:fra_Latn"),
        ("translate:openai:gpt-5", "translate:openai:gpt-5"),
        ("registry:word_sorting", "registry:word_sorting"),
    ],
)
async def test_a_relative_path_in_a_name_is_one_of_the_given_folder(spec: str, elsewhere: str) -> None:
    assert resolve_spec(spec, Path("/base")) == elsewhere
