"""The pages say what the package has, and their Python is Python."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mcp_gateway_sdk
from mcp_gateway_sdk import GatewayClient, Session, SyncGatewayClient, SyncSession

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_api", ROOT / "docs" / "write_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_api_is_as_the_package_writes_it(writer: ModuleType) -> None:
    assert writer.page() == API, "python docs/write_api.py"


def test_it_has_every_public_name() -> None:
    assert [name for name in mcp_gateway_sdk.__all__ if name not in API and name != "__version__"] == []


def test_every_parameter_has_its_meaning_and_no_other(writer: ModuleType) -> None:
    assert set(writer.MEANINGS) == writer.parameters()
    assert [name for name in writer.parameters() if f"\n| `{name}` |" not in API] == []


def test_every_public_name_can_be_had_and_says_what_it_is() -> None:
    assert sorted(mcp_gateway_sdk.__all__) == dir(mcp_gateway_sdk)
    for name in mcp_gateway_sdk.__all__:
        if name != "__version__":
            assert inspect.getdoc(getattr(mcp_gateway_sdk, name))
    with pytest.raises(AttributeError):
        mcp_gateway_sdk.nothing  # noqa: B018


@pytest.mark.parametrize(("one", "other"), [(GatewayClient, SyncGatewayClient), (Session, SyncSession)])
def test_the_twins_have_the_same_methods_and_parameters(one: type, other: type) -> None:
    def shape(kind: type) -> dict[str, list[tuple[str, object]]]:
        names = {name.replace("aclose", "close") for name in dir(kind) if not name.startswith("_")}
        members = {name: getattr(kind, name, None) or getattr(kind, f"a{name}") for name in names}
        return {
            name: [(each.name, each.default) for each in inspect.signature(member).parameters.values()] if callable(member) else []
            for name, member in {**members, "__init__": kind.__init__}.items()  # type: ignore[misc]
        }

    assert shape(one) == shape(other)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_each_block_of_the_readme_is_python_and_its_imports_are_there(block: str) -> None:
    tree = ast.parse(block)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "mcp_gateway_sdk":
            assert [name.name for name in node.names if not hasattr(mcp_gateway_sdk, name.name)] == []


def test_the_readme_has_the_name_of_every_error() -> None:
    kinds = [name for name in mcp_gateway_sdk.__all__ if name.endswith("Error")]
    assert [name for name in kinds if f"`{name}`" not in README] == []


def test_the_readme_has_every_variable_of_the_environment() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    names = set(re.findall(r'"((?:PRECINCT|SPIFFE)_[A-Z_]+)"', source))
    assert len(names) >= 8
    assert [name for name in names if name not in README + API] == []


def imported(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True, cwd=ROOT / "src"
    )
    return set(done.stdout.split())


def test_to_import_the_package_loads_nothing_of_httpx() -> None:
    assert not {"httpx", "ssl", "asyncio", "mcp_gateway_sdk.client"} & imported("import mcp_gateway_sdk")
    assert not {"httpx", "anyio"} & imported("from mcp_gateway_sdk import GatewayClient; GatewayClient()")
    assert not {"httpx", "asyncio"} & imported("from mcp_gateway_sdk import SyncGatewayClient; SyncGatewayClient()")
