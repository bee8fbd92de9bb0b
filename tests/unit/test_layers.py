"""Who may import whom: the house's walls, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIONS = ("graph", "vault", "catalog", "work")
NOUNS = ("shared.model", "shared.errors", "shared.ports", "shared.graph.steps")
# A product's file touches the world; all others take values and return values.
WORLD = frozenset({
    "shared.graph.http", "shared.graph.entra", "shared.graph.sign_in", "shared.graph.keyvault",
    "shared.vault.blob", "shared.vault.reaper", "shared.vault.warmer", "shared.catalog.table",
    "shared.vault.parcels", "shared.work.storage_queue",
    "shared.storage", "shared.api.jwks", "shared.settings", "shared.wiring", "shared.wiring_checkup",
    "shared.wiring_graph", "shared.wiring_storage", "shared.otel",
    "shared.checkup.instruments",
})  # fmt: skip
WORLDLY = (
    "azure", "opentelemetry", "aiohttp", "msal", "requests", "os", "socket", "ssl", "subprocess", "urllib.request",
    "http.client",
)  # fmt: skip

# Whose modules -> what of our own they may import (a name covers what is below it).
MAY = {
    "functions": (
        "functions", "shared.wiring", "shared.flows", "shared.api", "shared.model", "shared.errors", "shared.ports",
        "shared.work.tickets", "shared.catalog.nouns", "shared.catalog.standing", "shared.telemetry",
    ),
    "shared.wiring": ("shared",),
    "shared.wiring_checkup": ("shared",),
    "shared.wiring_graph": ("shared",),
    "shared.wiring_storage": ("shared",),
    "shared.tenants": ("shared.settings", "shared.setting_nouns", "shared.knobs", "shared.readings", "shared.errors"),
    "shared.settings": ("shared.setting_nouns", "shared.knobs", "shared.readings", "shared.model", "shared.errors"),
    "shared.setting_nouns": ("shared.readings", "shared.model"),
    "shared.knobs": ("shared.readings",),
    "shared.readings": (),
    "shared.model": (),
    "shared.errors": (),
    "shared.quickxor": (),
    "shared.telemetry": (),
    "shared.usage": (),
    "shared.otel": ("shared.telemetry",),
    "shared.permissions": ("shared.kinds", "shared.model"),
    "shared.storage": ("shared.errors", "shared.usage"),
    "shared.ports": ("shared.model", "shared.graph.steps"),
    "shared.graph.steps": ("shared.model",),
    "shared.kinds": ("shared.kinds", "shared.graph.steps", "shared.model", "shared.errors", "shared.export.transcript"),
    "shared.cost": ("shared.cost", "shared.usage", "shared.catalog.spending"),
    "shared.search": ("shared.search", "shared.model"),
    "shared.export": ("shared.export", "shared.kinds", "shared.model", "shared.errors"),
    "shared.export.transcript": ("shared.model",),  # what can't be imported is given back as a page
    "shared.export.names": (),  # the offline reader uses them, too
    "shared.export.vcard": (),
    "shared.flows": ("shared.flows", "shared.export", "shared.search", "shared.kinds", "shared.quickxor",
                     "shared.telemetry", "shared.usage", "shared.cost", "shared.checkup", *NOUNS,
                     *(f"shared.{s}" for s in STATIONS)),
    "shared.api": ("shared.api", "shared.catalog.nouns", "shared.catalog.standing", "shared.checkup.nouns",
                   "shared.cost", "shared.usage", *NOUNS),
    "shared.checkup": ("shared.checkup", "shared.graph.hosts", *NOUNS),
    "shared.checkup.instruments": ("shared.checkup", "shared.graph", "shared.storage", "shared.vault", *NOUNS),
    **{f"shared.{s}": (f"shared.{s}", "shared.storage", "shared.usage", *NOUNS) for s in STATIONS},
}  # fmt: skip


def modules(*tops: str) -> list[str]:
    files = [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return [name.removesuffix(".__init__") for name in names]


def source(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


def imports(module: str) -> Iterator[str]:
    """Every module named in an import, wherever it stands; `from a import b` counts as a.b when b is a module."""
    for node in ast.walk(source(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are written in full"
            base = node.module or ""
            for alias in node.names:
                below = ROOT.joinpath(*base.split("."), alias.name)
                yield f"{base}.{alias.name}" if below.is_dir() or below.with_suffix(".py").exists() else base


def covers(names: tuple[str, ...], module: str) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)


def rule_for(module: str) -> tuple[str, ...]:
    """The narrowest rule counts."""
    return MAY[max((name for name in MAY if covers((name,), module)), key=len)]


OURS = modules("functions", "shared")


@pytest.mark.parametrize("module", [m for m in OURS if m != "shared"])
def test_a_module_imports_only_its_neighbours(module: str) -> None:
    own = {
        name for name in imports(module) if covers(("shared", "functions", "sandbox", "tests", "tools", "bench"), name)
    }
    assert {name for name in own if not covers(rule_for(module), name)} == set()


@pytest.mark.parametrize("module", [m for m in OURS if m not in WORLD])
def test_only_world_files_touch_the_world(module: str) -> None:
    worldly = {name for name in imports(module) if covers(WORLDLY, name)}
    assert worldly - ({"azure.functions"} if module.startswith("functions") else set()) == set()


@pytest.mark.parametrize("module", [m for m in OURS if m.startswith("shared.flows")])
def test_flows_know_no_product(module: str) -> None:
    assert set(imports(module)) & WORLD == set()


@pytest.mark.parametrize("module", [m for m in OURS if m != "shared.settings"])
def test_only_settings_reads_the_environment(module: str) -> None:
    named = {node.attr for node in ast.walk(source(module)) if isinstance(node, ast.Attribute)}
    assert named & {"environ", "getenv", "putenv"} == set()


@pytest.mark.parametrize("module", [*OURS, "function_app"])
def test_importing_a_module_runs_nothing_but_definitions(module: str) -> None:
    """No loop, `with`, await or `global` at the top level (function_app registers the doors), and no client opened."""
    allowed = (
        ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
        ast.AugAssign, ast.Expr, ast.If,
    )  # fmt: skip
    statements = [node for node in source(module).body if not isinstance(node, allowed)]
    assert [type(node).__name__ for node in statements] == (["For"] if module == "function_app" else [])
    for node in source(module).body:
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), f"{module}: a bare call at the top level"
        if isinstance(node, ast.If):
            assert ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("module", modules("sandbox/tenant"))
def test_the_simulated_tenant_knows_nothing_of_the_product(module: str) -> None:
    assert {name for name in imports(module) if covers(("shared", "functions"), name)} == set()
