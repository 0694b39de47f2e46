"""The examples of examples/integrations as they are, with scripted models."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import ANSWERED, REFUSED

EXAMPLES = Path(__file__).parents[2] / "examples" / "integrations"

pytestmark = pytest.mark.filterwarnings("default")


def langchain_model(arguments: dict[str, Any]) -> Any:
    from .test_langchain import scripted

    return scripted("echo", arguments)


def openai_model(arguments: dict[str, Any]) -> Any:
    from .test_openai_agents import scripted

    return scripted("echo", arguments)


def pydantic_model(arguments: dict[str, Any]) -> Any:
    from pydantic_ai.models.function import FunctionModel

    from .test_pydantic_ai import Scripted

    return FunctionModel(Scripted("echo", arguments).respond)


CASES = [
    ("langchain_agent.py", "langchain", langchain_model, "done"),
    ("openai_agent.py", "agents", openai_model, "Nothing was done: dlp_credentials_detected"),
    ("pydantic_agent.py", "pydantic_ai", pydantic_model, "done"),
]


@pytest.mark.parametrize(("name", "framework", "model", "refused"), CASES, ids=[name for name, *_ in CASES])
def test_an_example_calls_and_meets_a_refusal(
    name: str,
    framework: str,
    model: Callable[[dict[str, Any]], Any],
    refused: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip(framework)
    monkeypatch.setenv("PRECINCT_GATEWAY_URL", request.getfixturevalue("gateway_url"))
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), EXAMPLES / name)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert asyncio.run(example.ask(model(ANSWERED), "Use the tool.")) == "done"
    assert asyncio.run(example.ask(model(REFUSED), "Use the tool.")).startswith(refused)


def test_every_example_is_run() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(name for name, *_ in CASES)
