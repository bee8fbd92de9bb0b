"""The alerts' queries, asked of lines that the product writes: a KQL engine answers (duckdb-kql), so that what a rule
says of itself is what it counts. Syntax, names and types are held by Microsoft's own analyser (.ci/queries.py)."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import get_args

import duckdb
import duckdb_kql
import pytest

from shared import errors
from shared.catalog.nouns import CareState, RestoreState, RunState
from shared.flows import drill, tend
from shared.telemetry import EVENTS, Fact, tell
from tests.unit.infra import queries
from tests.unit.infra.queries import INFRA, ROOT

TABLES = json.loads((ROOT / ".ci/kql/tables.json").read_text())
TYPES = {
    "datetime": "TIMESTAMP", "string": "VARCHAR", "int": "INT", "long": "BIGINT", "real": "DOUBLE", "dynamic": "JSON",
}  # fmt: skip
ALERTS = {query.name: query.text for query in queries.alerts()}

Told = tuple[float, str, dict[str, Fact]]  # hours ago, event, the facts that matter


@pytest.fixture(scope="module")
def tables() -> duckdb.DuckDBPyConnection:
    made = duckdb_kql.connect()
    for scope in TABLES.values():
        for table, columns in scope.items():
            its = ", ".join(f'"{column}" {TYPES[type_]}' for column, type_ in columns.items())
            made.execute(f'CREATE TABLE "{table}" ({its})')
    return made


@pytest.fixture
def log(tables: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    for scope in TABLES.values():
        for table in scope:
            tables.execute(f'DELETE FROM "{table}"')
    return tables


def put(log: duckdb.DuckDBPyConnection, table: str, hours_ago: float = 0, **row: object) -> None:
    time = "timestamp" if table in TABLES["component"] else "TimeGenerated"
    row = {time: datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours_ago), **row}
    names, places = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    log.execute(f'INSERT INTO "{table}" ({names}) VALUES ({places})', list(row.values()))


def write(log: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture, lines: Iterable[Told]) -> None:
    """The lines as the product writes them; facts that don't matter are there, too."""
    with caplog.at_level(logging.INFO, "holdfast.telemetry"):
        for hours_ago, event, facts in lines:
            caplog.clear()
            tell(event, **{fact: facts.get(fact, "x" if fact == "tenant" else 0) for fact in EVENTS[event]})
            put(log, "traces", hours_ago, message=caplog.messages[0], severityLevel=1)


@cache
def sql(text: str) -> str:
    return str(duckdb_kql.to_sql(text))  # takes longer than the answer


def hits(log: duckdb.DuckDBPyConnection, name: str, **given: str) -> object:
    text = ALERTS[name]
    for word, value in given.items():
        text = text.replace(word, value)
    [[answer]] = log.execute(sql(text)).fetchall()
    return answer


BLOCKED: Told = (1, "run", {"state": "blocked", "whys": "NotPermitted"})
DONE: Told = (1, "run", {"state": "done", "whys": ""})
LOOK: Told = (1, "estate", {})
CARED: Told = (1, "care", {"task": "verify", "state": "done"})

# rule, what was told (hours ago, event, facts), what the rule then counts
CASES: list[tuple[str, list[Told], int]] = [
    ("late", [(9, "estate", {"late": 5}), (1, "estate", {"late": 2})], 2),  # the newest look counts ...
    ("late", [(9, "estate", {"late": 5}), LOOK], 0),
    ("late", [(1, "estate", {"tenant": "a", "late": 2}), (2, "estate", {"late": 3})], 5),  # ... of each tenant
    ("silent", [], 0),
    ("silent", [LOOK], 0),
    ("silent", [LOOK, BLOCKED], 0),
    ("silent", [LOOK, DONE, (2, "run", {"state": "partial"})], 2),
    ("silent", [(30, "estate", {}), (30, "run", {"state": "done"}), LOOK], 0),  # too long ago
    ("silent", [(1, "estate", {"tenant": "a"}), DONE, (2, "run", {"state": "done"})], 0),  # of the quietest tenant
    ("troubled", [(1, "estate", {"troubled": 3}), (7, "estate", {"troubled": 2})], 2),
    ("troubled", [(1, "estate", {"troubled": 3}), (7, "estate", {"troubled": 0})], 0),  # it passed
    ("troubled", [(1, "estate", {"troubled": 3})], 0),  # one look is none
    ("owed", [(1, "estate", {"owed": 3}), (7, "estate", {"owed": 4})], 3),
    ("owed", [(1, "estate", {"owed": 3}), (7, "estate", {})], 0),
    ("given-up", [(0, "given_up", {"why": "Poison"}), (0, "given_up", {"why": "NotPermitted"})], 1),
    ("given-up", [(0, "given_up", {"why": "Misconfigured"})], 0),
    ("permission", [(0, "given_up", {"why": "NotPermitted"}), (0, "given_up", {"why": "Poison"})], 1),
    ("permission", [(0, "given_up", {"why": "Misconfigured"})], 1),
    ("permission", [BLOCKED, *[DONE] * 9], 0),  # one mailbox of ten is a state of its owner
    ("permission", [BLOCKED, BLOCKED, *[DONE] * 8], 2),  # a fifth is an alarm
    ("permission", [(1, "run", {"state": "blocked", "whys": "OwnerMissing"})], 0),
    ("throttled", [], 0),
    ("throttled", [*[(1, "put_back", {"why": "Throttled"})] * 15, *[DONE] * 5], 75),
    ("throttled", [*[(1, "put_back", {"why": "Unreachable"})] * 15, *[DONE] * 5], 0),
    ("throttled", [(1, "put_back", {"why": "Throttled"})] * 5, 0),  # too few to tell
    ("restore", [(0, "restore", {"state": "partial", "preview": False})], 1),
    ("restore", [(0, "restore", {"state": "failed", "preview": False})], 1),
    ("restore", [(0, "restore", {"state": "failed", "preview": True})], 0),
    ("restore", [(0, "restore", {"state": "done", "preview": False})], 0),
    ("verification", [CARED], 0),
    ("verification", [(1, "care", {"task": "verify", "state": "done", "unmended": 1})], 1),
    ("verification", [(1, "care", {"task": "verify", "state": "failed"})], 1),
    ("verification", [(1, "care", {"task": "forget", "state": "failed"})], 0),
    ("unverified", [], 0),
    ("unverified", [LOOK], 0),
    ("unverified", [LOOK, CARED], 1),
    ("unverified", [LOOK, (1, "estate", {"tenant": "b"}), CARED], 0),
    ("unverified", [LOOK, (1, "care", {"task": "verify", "state": "failed"})], 0),
    ("retention", [(1, "care", {"task": "forget", "state": "refused"})], 1),
    ("retention", [(1, "care", {"task": "forget-person", "state": "failed"})], 1),
    ("retention", [(1, "care", {"task": "forget", "state": "done"})], 0),
    ("retention", [(1, "care", {"task": "verify", "state": "failed"})], 0),
    ("mass-change", [LOOK, DONE], 0),
    ("mass-change", [*[(1, "mass_change", {"owner": "a"})] * 2, (1, "mass_change", {"owner": "b"})], 2),
    ("checkup", [(20, "checkup", {"role": "care", "errors": 4}), (1, "checkup", {"role": "care", "errors": 1})], 1),
    ("checkup", [(1, "checkup", {"role": "backup", "errors": 1}), (1, "checkup", {"role": "care", "errors": 2})], 3),
    ("checkup", [(1, "checkup", {"role": "care", "warnings": 5})], 0),
    ("expiring", [(1, "checkup", {"credential_days": 29})], 1),
    ("expiring", [(1, "checkup", {"credential_days": 30})], 0),
    ("expiring", [(1, "checkup", {"credential_days": -3})], 1),  # it has ended
    ("drill", [(1, "drill", {"equal": 9}), (1, "care", {"task": "drill", "state": "done"})], 0),
    ("drill", [(1, "drill", {"differing": 1}), (1, "drill", {"left": 1})], 2),
    ("drill", [(1, "care", {"task": "drill", "state": "failed"})], 1),
    ("drill", [(1, "care", {"task": "verify", "state": "failed"})], 0),
    ("policy", [(1, "policy", {"state": state, "shortened": 1}) for state in ("proposed", "waits", "approved")], 3),
    ("policy", [(1, "policy", {"state": "in force"}), (1, "policy", {"state": "rejected", "shortened": 1})], 0),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "lines", "counted"), CASES, ids=[f"{rule}-{n}" for rule, _, n in CASES])
def test_a_rule_counts_what_it_is_for(
    rule: str, lines: list[Told], counted: int, log: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    write(log, caplog, lines)
    assert (hits(log, rule) or 0) == counted


def fires(rule: str, counted: int) -> bool:
    """What the template says of the number that a query answers."""
    found = re.search(
        rf"name: '{rule}',.*operator: '(\w+)', threshold: (\d+)", (INFRA / "modules/alerts.bicep").read_text()
    )
    assert found, rule
    return counted < int(found[2]) if found[1] == "LessThan" else counted > int(found[2])


def test_each_rule_is_tried_with_lines_that_fire_it_and_lines_that_do_not() -> None:
    tried = {rule: {fires(rule, counted) for other, _, counted in CASES if other == rule} for rule, _, _ in CASES}
    assert {rule for rule, answers in tried.items() if answers != {True, False}} == set()
    assert set(ALERTS) - set(tried) == {"failing", "deleted", "capped"}, "which have tests of their own"


def test_functions_that_fail_are_counted(log: duckdb.DuckDBPyConnection) -> None:
    calls = {"queue_backup": "False", "timer_plan": "false", "queue_item": "True", "get_runs": "False"}
    for name, success in calls.items():
        put(log, "requests", name=name, success=success)
    assert hits(log, "failing") == 2


@pytest.mark.parametrize(
    ("who", "where", "counted"),
    [
        ("ann", "https://stv.blob.core.windows.net:443/vault/pages/1.zip", 1),
        ("ann", "https://stv.blob.core.windows.net:443/vault-of-b/pages/1.zip?versionid=1", 1),
        ("", "https://stv.blob.core.windows.net:443/vault/pages/1.zip", 1),  # a lifecycle rule that somebody planted
        ("", "https://stv.blob.core.windows.net:443/vault?restype=container", 1),
        ("ann", "https://stv.blob.core.windows.net:443/?comp=batch", 1),  # of whatever
        ("", "https://stv.blob.core.windows.net:443/exports/1.zip", 0),  # our own
        ("", "https://stv.blob.core.windows.net:443/exports-of-b/1.zip", 0),
        ("ann", "https://stv.blob.core.windows.net:443/exportsimulated/1.zip", 1),
        ("retention", "https://stv.blob.core.windows.net:443/vault/pages/1.zip", 0),
    ],
)
def test_who_deletes_from_the_vault_is_told(who: str, where: str, counted: int, log: duckdb.DuckDBPyConnection) -> None:
    row = {"OperationName": "DeleteBlob", "RequesterObjectId": who, "Uri": where}
    put(log, "StorageBlobLogs", Category="StorageDelete", AccountName="stv", **row)
    put(log, "StorageBlobLogs", Category="StorageDelete", AccountName="sthost", **row)
    assert hits(log, "deleted", RETENTION_PRINCIPAL="retention", VAULT_ACCOUNT="stv") == counted


def test_the_cap_is_told_and_its_end_is_not(log: duckdb.DuckDBPyConnection) -> None:
    operation = {"Category": "Ingestion", "Operation": "Data collection Status"}
    put(log, "_LogOperation", Detail="Data collection stopped ... Ingestion status = OverQuota", **operation)
    put(log, "_LogOperation", Detail="Data collection resumed. Ingestion status = RespectQuota", **operation)
    assert hits(log, "capped") == 1


@pytest.mark.parametrize("query", list(queries.workbook()), ids=lambda query: query.name)
def test_every_page_of_the_workbook_answers(
    query: queries.Query, log: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    every: list[Told] = [(1, event, {}) for event in EVENTS]
    write(log, caplog, [*every, (1, "run", {"state": "blocked", "run": "r1"})])
    assert log.execute(sql(query.text)).fetchall()


# --- words that queries look for --------------------------------------------------------------------------------------


def verdicts() -> set[str]:
    return {each.__name__ for each in vars(errors).values() if isinstance(each, type)} | {"Poison"}


def policy_states() -> set[str]:
    tree = ast.parse((ROOT / "shared/flows/policy.py").read_text())
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "_told"]
    spelt = [n.value for call in calls for n in ast.walk(call) if isinstance(n, ast.Constant)]
    return {text for text in spelt if isinstance(text, str)}


WORDS: dict[tuple[str, str], set[str]] = {
    ("run", "state"): set(get_args(RunState)),
    ("run", "whys"): verdicts(),
    ("restore", "state"): set(get_args(RestoreState)),
    ("care", "state"): set(get_args(CareState)),
    ("care", "task"): {*tend.TASKS, drill.TASK},
    ("policy", "state"): policy_states(),
    ("put_back", "why"): verdicts(),
    ("given_up", "why"): verdicts(),
}


def test_a_query_looks_for_words_that_the_product_says() -> None:
    looked = 0
    for query in queries.everywhere():
        events = re.findall(r'"holdfast\.(\w+) "', query.text)
        for fact, values in re.findall(r"\bf\.(\w+) (?:==|!=|!?in|has|startswith) (\([^)]*\)|\"[^\"]*\")", query.text):
            said = {word for event in events for word in WORDS.get((event, fact), ())}
            assert set(re.findall(r'"([^"]+)"', values)) <= said, f"{query.name}: {fact}"
            looked += 1
    assert looked > 15


def test_functions_that_nobody_calls_are_named_so_that_their_failures_are_found() -> None:
    found = 0
    for file in sorted((ROOT / "functions").glob("*.py")):
        for trigger, name in re.findall(r"@bp\.(timer|queue)_trigger.*\n(?:@.*\n)*async def (\w+)", file.read_text()):
            assert name.startswith((f"{trigger}_", "poison_")), name
            found += 1
    assert found > 15
