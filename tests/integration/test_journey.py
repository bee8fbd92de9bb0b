"""The journey by the real triggers: host, Azurite and tenant as processes; timer, queues and HTTP; killed twice."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from sandbox import rebuild, stack
from sandbox.compare import Comparison, compare_contacts, compare_files, compare_mail
from sandbox.measure import Measure, Phase
from sandbox.stack import Plan, Stack
from shared.kinds import KINDS
from shared.setting_nouns import Settings
from shared.settings import read

ROOT = Path(__file__).resolve().parents[2]
ADELE, BERND, CHLOE = (f"{name}@contoso.example" for name in ("adele", "bernd", "chloe"))
EVERYONE = [ADELE, BERND, CHLOE]
DEADLINE_S = 600.0  # only so that a hang ends
SLOW_S, FAST_S = 0.15, 0.001  # the tenant's latency while we wait for the right moment to kill, and otherwise
LEASE_S = 2  # a killed host's messages come back after so long


@dataclass
class Journey:
    """What happened, for the tests to judge."""

    killed_at: dict[str, int] = field(default_factory=dict)
    first_runs: list[dict[str, Any]] = field(default_factory=list)
    versions: Counter[tuple[str, str]] = field(default_factory=Counter)
    day: Phase | None = None
    quiet: Phase | None = None
    quiet_feeds: int = 0
    then: list[str] = field(default_factory=list)
    now: list[str] = field(default_factory=list)
    restored: dict[str, Any] = field(default_factory=dict)
    compared: list[Comparison] = field(default_factory=list)
    cancelled: dict[str, Any] = field(default_factory=dict)
    previewed: dict[str, Any] = field(default_factory=dict)
    writes_of_preview: int = -1
    lost: list[dict[str, Any]] = field(default_factory=list)
    rebuilt: tuple[rebuild.Snapshot, rebuild.Snapshot] = ({}, {})
    after_rebuild: Phase | None = None
    vault: Path = Path()
    pressed: dict[str, int] = field(default_factory=dict)  # requests inside a Retry-After, act by act
    stats: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory, traffic: Path | None) -> Iterator[Journey]:
    home = tmp_path_factory.mktemp("journey")
    recorded = traffic or home / "traffic"
    plan = Plan(home, traffic=recorded, in_memory=True, metered=True, lease_s=LEASE_S)
    with stack.running(plan) as up:
        yield travel(up, recorded / "tenant.jsonl")


def travel(up: Stack, traffic: Path) -> Journey:
    told = Journey()
    with noting(up, told, "killed backup"):
        first_backup(up, told)
    with noting(up, told, "day"):
        a_day(up, told, Measure(up, traffic))
    truth, moment = up.dump(), datetime.now(UTC)
    with noting(up, told, "disaster"):
        disaster(up, told, moment)
    with noting(up, told, "killed restore"):
        restore(up, told, truth, moment)
    strange_tickets(up, told)
    told.vault = copy_vault(up)
    with noting(up, told, "rebuild"):
        drop_and_rebuild(up, told, Measure(up, traffic))
    told.stats = up.stats()
    return told


@contextlib.contextmanager
def noting(up: Stack, told: Journey, act: str) -> Iterator[None]:
    before = len(up.stats()["impolite"])
    yield
    told.pressed[act] = len(up.stats()["impolite"]) - before


def first_backup(up: Stack, told: Journey) -> None:
    """The timer fires twice; the host is killed in the middle and started again."""
    up.mutate({"do": "set_options", "latency_s": SLOW_S})
    up.fire("timer_plan")
    up.fire("timer_plan")
    wait_for(lambda: requests(up) > 60)
    up.kill_host()
    told.killed_at["backup"] = requests(up)
    up.mutate({"do": "set_options", "latency_s": FAST_S})
    up.start_host()
    up.wait_idle(DEADLINE_S)
    told.first_runs = up.api("GET", "runs?limit=100")["value"]
    rows = asyncio.run(rebuild.snapshot(settings_of(up)))
    told.versions = Counter((key, row.split("|")[1]) for table, key, row in rows if row.startswith("i|"))


def a_day(up: Stack, told: Journey, measure: Measure) -> None:
    up.mutate(
        {"do": "add_mail", "user": ADELE, "subject": "News", "body": "today"},
        {"do": "move_mail", "user": ADELE, "folder": "inbox", "subject": "Welcome", "to": "inbox/Projekte"},
        {"do": "add_contact", "user": BERND, "name": "Neue"},
        {"do": "edit_file", "user": ADELE, "path": "Notes/0/note 0.txt", "text": "changed"},
        {"do": "move_item", "user": ADELE, "path": "Notes/1/note 1.txt", "to": "Reports"},
        {"do": "delete_item", "user": ADELE, "path": "Notes/2/note 2.txt"},
    )
    told.day = backup(up, measure, "a day")
    told.quiet = backup(up, measure, "a quiet day")
    told.quiet_feeds = sum(len(up.api("GET", f"owners/{key}/feeds")["value"]) for key in owners(up).values())


def disaster(up: Stack, told: Journey, moment: datetime) -> None:
    up.mutate({"do": "empty_mailbox", "user": ADELE}, {"do": "encrypt_drive", "user": ADELE})
    up.api("POST", "backups", {"owners": EVERYONE})
    up.wait_idle(DEADLINE_S)
    told.then, told.now = names_in_drive(up, moment), names_in_drive(up, datetime.now(UTC))


def restore(up: Stack, told: Journey, truth: dict[str, Any], moment: datetime) -> None:
    """Previewed; then in place and into another user's hands, the host killed in the middle; one more is cancelled."""
    before = up.stats()["writes"].get("restore", 0)
    told.previewed = ordered(up, moment, preview=True)
    up.wait_idle(DEADLINE_S)
    told.previewed = up.api("GET", told.previewed["status"])
    told.writes_of_preview = up.stats()["writes"].get("restore", 0) - before
    up.mutate({"do": "set_options", "latency_s": SLOW_S})
    orders = [ordered(up, moment, mode="replace"), ordered(up, moment, to=BERND, folder="Restored")]
    wait_for(lambda: up.stats()["writes"].get("restore", 0) > before + 8)
    up.kill_host()
    told.killed_at["restore"] = up.stats()["writes"]["restore"] - before
    up.mutate({"do": "set_options", "latency_s": FAST_S})
    up.start_host()
    up.wait_idle(DEADLINE_S)
    told.restored = {order["restore"]: up.api("GET", order["status"]) for order in orders}
    is_ = up.dump()
    was = truth[ADELE]
    for user, place in ((ADELE, ""), (BERND, "Restored")):
        told.compared += [
            compare_mail(f"mail of {user}", was["mail"], is_[user]["mail"], place),
            compare_contacts(f"contacts of {user}", was["contacts"], is_[user]["contacts"], place),
            compare_files(f"files of {user}", was["drive"], is_[user]["drive"], place, into=user),
        ]
    order = ordered(up, moment, to=BERND, folder="Not wanted")
    up.api("POST", f"restores/{order['restore']}/cancel")
    up.wait_idle(DEADLINE_S)
    told.cancelled = up.api("GET", order["status"])


def strange_tickets(up: Stack, told: Journey) -> None:
    """One that can't be read, and one that the platform has given up."""
    for queue, text in (("backup", "no ticket at all"), ("item-poison", '{"v": 1, "type": "item"}')):
        with QueueClient.from_connection_string(
            up.azurite, queue, message_encode_policy=TextBase64EncodePolicy()
        ) as client:
            client.send_message(text)
    wait_for(lambda: len(up.api("GET", "lost")["value"]) >= 2)
    told.lost = up.api("GET", "lost")["value"]


def drop_and_rebuild(up: Stack, told: Journey, measure: Measure) -> None:
    up.api("POST", "backups", {"owners": EVERYONE})
    up.wait_idle(DEADLINE_S)
    up.stop_host()
    settings = settings_of(up)

    async def anew() -> tuple[rebuild.Snapshot, rebuild.Snapshot]:
        before = await rebuild.snapshot(settings)
        await rebuild.drop_and_rebuild(settings, everything=True, tell=lambda _: None)
        return before, await rebuild.snapshot(settings)

    told.rebuilt = asyncio.run(anew())
    up.start_host()
    told.after_rebuild = backup(up, measure, "after the rebuild")


# --- helpers


def settings_of(up: Stack) -> Settings:
    return read({name: value for name, value in up.settings().items() if value}, kinds=tuple(KINDS))


def backup(up: Stack, measure: Measure, title: str) -> Phase:
    measure.start()
    up.api("POST", "backups", {"owners": EVERYONE})
    up.wait_idle(DEADLINE_S)
    return measure.end(title)


def ordered(up: Stack, moment: datetime, *, to: str = "", folder: str = "original", **more: Any) -> dict[str, Any]:
    users = up.tenant["users"]
    body = {
        "owner": f"user-{users[ADELE]}",
        "kinds": ["mail", "contacts", "files"],
        "at": stamp(moment),
        "place": {"owner": f"user-{users[to or ADELE]}", "folder": folder},
        **more,
    }
    found: dict[str, Any] = up.api("POST", "restores", body)
    return found


def names_in_drive(up: Stack, moment: datetime) -> list[str]:
    """The drive's `Notes/0` as of a moment, found by walking down as a person does."""
    key, folder, names = owners(up)[ADELE], "", []
    for step in ("Notes", "0", ""):
        path = f"owners/{key}/items?kind=files&at={stamp(moment)}" + (f"&folder={folder}" if folder else "")
        feed = up.api("GET", f"owners/{key}/feeds?kind=files")["value"][0]["key"]
        listed = up.everything(f"{path}&feed={feed}")
        names = sorted(item["name"] for item in listed)
        folder = next((item["key"] for item in listed if item["name"] == step), "")
    return names


def owners(up: Stack) -> dict[str, str]:
    return {owner["name"]: owner["owner"] for owner in up.everything("owners")}


def stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def requests(up: Stack) -> int:
    return sum(up.stats()["requests"].values())


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def copy_vault(up: Stack) -> Path:
    """As `azcopy` would: every blob a file."""
    into = up.plan.home / "vault"
    with ContainerClient.from_connection_string(up.azurite, "vault") as container:
        for name in container.list_blob_names():
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(container.download_blob(name).readall())
    return into


def unchanged(phase: Phase | None, feeds: int) -> bool:
    assert phase is not None
    return phase.graph <= 2 * feeds + 4 and phase.contents == 0 and phase.storage.blob_writes == 0


# --- what must hold


def test_a_backup_killed_in_the_middle_ends_as_if_nothing_had_happened(journey: Journey):
    assert 60 < journey.killed_at["backup"] < 240  # of the 300 it takes
    assert {run["state"] for run in journey.first_runs} == {"done", "blocked"}
    assert [run["account"]["lost"] for run in journey.first_runs] == [0] * len(journey.first_runs)
    assert set(journey.versions.values()) == {1}


def test_a_doubled_timer_does_no_harm(journey: Journey):
    lanes = Counter((run["owner"]["name"], run["lane"]) for run in journey.first_runs)
    assert set(lanes.values()) == {1}


def test_a_day_is_kept_incrementally_and_balances(journey: Journey):
    assert journey.day is not None
    total = journey.day.total
    assert total["kept"] == 5
    assert total["listed"] == sum(total[name] for name in ("kept", "unchanged", "gone", "skipped", "lost"))
    assert journey.day.contents <= 3  # the new mail and the edited file; what moved is not read again


def test_a_quiet_day_costs_next_to_nothing(journey: Journey):
    assert unchanged(journey.quiet, journey.quiet_feeds)


def test_a_folder_is_shown_as_of_a_moment(journey: Journey):
    assert "note 0.txt" in journey.then
    assert all(name.endswith(".locked") for name in journey.now)
    assert len(journey.now) == len(journey.then)


def test_a_preview_counts_and_writes_nothing(journey: Journey):
    assert journey.previewed["state"] == "done"
    assert journey.previewed["counts"]["would be created"] > 15
    assert journey.writes_of_preview == 0


def test_a_restore_killed_in_the_middle_gives_everything_back_once(journey: Journey):
    assert journey.killed_at["restore"] < 60
    assert {row["state"] for row in journey.restored.values()} == {"done"}
    assert [(d.where, d.field, d.before, d.after) for c in journey.compared for d in c.unexplained] == []
    assert all(c.missing == 0 and c.items for c in journey.compared)


def test_a_cancelled_restore_stops(journey: Journey):
    assert journey.cancelled["state"] == "cancelled"


def test_tickets_that_were_given_up_are_seen(journey: Journey):
    assert {(ticket["queue"], ticket["ticket"][:9]) for ticket in journey.lost} == {
        ("backup", "no ticket"),
        ("item", '{"v": 1, '),
    }


def test_after_a_rebuild_the_catalog_is_the_same_and_no_full_backup_is_made(journey: Journey):
    before, after = journey.rebuilt
    assert len(after) > 200
    assert rebuild.differing(before, after) == []
    assert unchanged(journey.after_rebuild, journey.quiet_feeds)


def test_unzip_opens_any_page(journey: Journey):
    pages = sorted(journey.vault.glob("pages/**/*.zip"))
    assert len(pages) > 20
    if unzip := shutil.which("unzip"):
        done = subprocess.run([unzip, "-tqq", str(pages[0])], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout
    for page in pages:
        with zipfile.ZipFile(page) as archive:
            assert archive.testzip() is None


def test_the_offline_reader_turns_the_vault_into_folders(journey: Journey, tmp_path: Path):
    reader = ROOT / "tools" / "read_vault.py"
    done = subprocess.run(
        [sys.executable, "-S", str(reader), str(journey.vault), str(tmp_path)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.suffix for path in tmp_path.rglob("*")} >= {".eml", ".json", ".txt", ".docx"}


def test_nothing_was_sent_and_nobody_was_pressed(journey: Journey):
    assert journey.stats["outbox"] == []
    # a refusal whose answer went to a killed host is unknown to the next one
    undisturbed = {act: n for act, n in journey.pressed.items() if not act.startswith("killed")}
    assert undisturbed == {"day": 0, "disaster": 0, "rebuild": 0}
    assert max(journey.stats["max_in_flight"].values()) <= 4
