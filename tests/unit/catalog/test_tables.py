"""The list of the catalog's tables is all of them: one that is not would outlive a rebuild of everything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from shared.catalog import tables

CATALOG = Path(tables.__file__).parent
TAKE_A_TABLE = {"get", "insert", "replace", "swap", "upsert", "page", "delete", "_all", "_write"}
IMPLEMENTATIONS = {"memory.py", "table.py"}  # they serve any table
NAMES = {name: value for name, value in vars(tables).items() if name.isupper() and isinstance(value, str)}


def named() -> Iterator[tuple[str, ast.expr]]:
    """Each first argument of a call that reads or writes rows, with where it stands."""
    for path in sorted(CATALOG.glob("*.py")):
        if path.name in IMPLEMENTATIONS:
            continue
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
                continue
            whose = ast.unparse(call.func.value)
            if call.func.attr in TAKE_A_TABLE and (whose == "self._rows" or call.func.attr in ("_all", "_write")):
                yield f"{path.name}:{call.lineno}", call.args[0]


def test_every_table_that_is_used_is_on_the_list() -> None:
    found = list(named())
    helpers = [where for where, what in found if ast.unparse(what) == "table"]  # which pass on what they are given
    assert {where.partition(":")[0] for where in helpers} == {"ledger.py"}
    strange = [f"{where} {ast.unparse(what)}" for where, what in found if where not in helpers and
               not (isinstance(what, ast.Name) and NAMES.get(what.id) in tables.ALL)]  # fmt: skip
    assert strange == []
    used = {NAMES[ast.unparse(what)] for where, what in found if where not in helpers}
    assert used == set(tables.ALL)


def test_a_table_is_on_the_list_once_and_its_name_is_one_that_the_service_takes() -> None:
    assert len(set(tables.ALL)) == len(tables.ALL) == len(NAMES)
    assert all(name.isascii() and name.isalpha() and name.islower() and len(name) >= 3 for name in tables.ALL)
