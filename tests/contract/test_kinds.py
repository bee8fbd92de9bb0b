"""What every kind promises, told once: the same story over all of KINDS, with the kind's own data beside its pages.

tests/pages/<kind>/story.json: `touch` (changes that leave the bytes alone), `change` (others), `excuses` (a pattern of
a difference after a restore -> the beginning of the declared loss that explains it); `before`, where the small seed
alone is nothing to begin with.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from sandbox.tenant.seed import BACKUP_ROLES, POSTING, RESTORE_ROLES, SIGNED_IN, WRITING
from shared.errors import Misconfigured
from shared.flows.likeness import Shown, compared, shown
from shared.kinds import KINDS
from shared.kinds.kind import Kind
from shared.kinds.owners import READ_PERMISSIONS
from shared.model import Owner, OwnerType, Version
from tests.contract.hostile import HostileWire
from tests.contract.kinds_stage import PAGES, SIGNED_PLAYS, Stage, kind_of, owner_type_of, played, staged

DOCS = Path(__file__).parents[2] / "docs" / "kinds"
HERE, THERE = "original", "Restored"
PLAYS = [play for name in KINDS for play in played(name)]  # a kind with several types of owners plays for each
every_kind = pytest.mark.parametrize("kind", PLAYS)
CRAWLS = [play for play in PLAYS if not play.endswith(SIGNED_PLAYS)]  # who writes reads as who does not
every_crawl = pytest.mark.parametrize("kind", CRAWLS)
every_kind_that_comes_back = pytest.mark.parametrize("kind", [play for play in PLAYS if not kind_of(play).keeps_only])


def excuses(kind: str) -> dict[str, str]:
    """Those of the kind, and those of what only this story holds."""
    found: dict[str, str] = json.loads((PAGES / kind_of(kind).name / "story.json").read_text("utf-8"))["excuses"]
    return found | dict(kind_of(kind).excuses)


def found_with(kind: str) -> list[str]:
    """The role that finds the owner who plays."""
    return [READ_PERMISSIONS[owner_type_of(kind)]]


def read_with(kind: str) -> frozenset[str]:
    """The roles that the backup of the owner who plays is said to take."""
    return frozenset({*kind_of(kind).reads_of(owner_type_of(kind)), *found_with(kind)})


def names(found: list[tuple[str, Version]]) -> list[tuple[str, str]]:
    return sorted((path, version.name) for path, version in found)


def identities(found: list[tuple[str, Version]]) -> list[tuple[str, str, str]]:
    """What there is and where, each folder under its name. An item's own name is left out: one that was garbled when
    the item was taken stays until the item changes, as its change key said that nothing else has."""
    return sorted((v.feed_id, v.item_id, v.name if v.folderish else "") for _, v in found)


async def told(stage: Stage, found: list[tuple[str, Version]]) -> list[tuple[str, Version, Shown]]:
    house = stage.house()
    return [(path, version, await shown(house, stage.kind, version)) for path, version in found]


async def left_out(stage: Stage, restore: str) -> set[str]:
    """What a restore kept its hands off, and said why."""
    outcomes = [(o.item_id, o.outcome) for o in await stage.outcomes(restore)]
    return {item for item, outcome in outcomes if outcome.outcome == "skipped" and outcome.note}


# --- facts


@every_kind
def test_every_fact_is_declared_and_can_be_true(kind: str) -> None:
    it = kind_of(kind)
    kind = it.name
    assert re.fullmatch(r"[a-z][a-z-]{1,30}", kind)
    assert it.title
    assert it.owner_types
    assert it.owner_types <= set(get_args(OwnerType))
    assert re.fullmatch(r"[a-z]+", it.lane)
    assert 1 <= it.reconcile_days <= 60
    assert it.restore_bytes_per_s > 0
    assert it.restore_items_per_s > 0
    assert "id" in it.server_owned
    assert all(loss and loss == loss.strip() and not loss.endswith(".") for loss in it.losses)
    assert len(set(it.losses)) == len(it.losses) > 0
    assert all(any(loss.startswith(beginning) for loss in it.losses) for beginning in it.excuses.values())
    assert it.has_folders or not it.removal
    assert [bool(said) for said in (it.removal, it.undrilled, it.keeps_only)].count(True) == 1, "is it drilled?"


@every_kind
def test_backup_declares_roles_that_only_read(kind: str) -> None:
    it = kind_of(kind)
    assert it.read_permissions
    assert bool(it.write_permissions) != bool(it.keeps_only)
    reads = r"[A-Z][\w-]+(\.\w+)*\.(Read(Basic|For\w+)?|Export)(\.All)?"
    assert all(re.fullmatch(reads, role) for role in it.read_permissions)
    assert set(it.read_permissions) <= (SIGNED_IN if it.signed_in else BACKUP_ROLES)
    assert set(it.write_permissions) <= {"": RESTORE_ROLES, "posting": POSTING, "writing": WRITING}[it.writes_as]


def test_kinds_of_one_lane_agree_on_how_it_is_throttled() -> None:
    lanes: dict[str, set[bool]] = {}
    for it in KINDS.values():
        lanes.setdefault(it.lane, set()).add(it.exclusive_lane)
    assert all(len(said) == 1 for said in lanes.values())


@every_kind
def test_a_kind_has_a_page_of_documentation_and_pages_to_test_with(kind: str) -> None:
    name = kind_of(kind).name
    assert (DOCS / f"{name}.md").exists()
    assert any((PAGES / name).glob("*.json"))


# --- the crawl


@every_crawl
async def test_crawl_and_capture_only_read(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic, seed="awkward") as stage:
        run = await stage.back_up(stage.owner("adele"))
        assert run.state == "done"
        assert run.account.balanced
        assert run.account.kept > 2
        assert stage.written("backup") == 0
        assert stage.worlds.tenant.outbox == []


@every_crawl
async def test_an_unchanged_second_run_asks_each_feed_once(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        feeds = len(await stage.house().catalog.feeds(owner, stage.kind.name))
        before = set(stage.worlds.blobs.blobs)
        stage.forget()
        run = await stage.back_up(owner)
        assert run.state == "done"
        named = 1 if stage.kind.named_anew(owner) else 0
        assert sum(stage.asked("backup").values()) <= feeds * stage.kind.asks + named
        assert stage.content_read("backup") == []
        assert set(stage.worlds.blobs.blobs) == before


@every_crawl
async def test_a_change_that_leaves_the_bytes_alone_reads_none(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        stage.forget()
        stage.mutate("touch")
        run = await stage.back_up(owner)
        assert (run.state, run.account.lost) == ("done", 0)
        assert run.account.kept >= len(stage.story["touch"])
        assert stage.content_read("backup") == []


@every_crawl
async def test_what_is_new_is_kept_and_what_is_gone_keeps_its_past(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        before, then = names(await stage.kept(owner)), stage.worlds.clock.now()
        stage.mutate("change")
        run = await stage.back_up(owner)
        assert (run.account.gone, run.account.lost) == (1, 0)
        after = names(await stage.kept(owner))
        assert len(set(after) - set(before)) == 1
        assert len(set(before) - set(after)) == 1
        assert names(await stage.kept(owner, then)) == before


# --- the way back


@every_kind_that_comes_back
@pytest.mark.parametrize("seed", ["small", "awkward"])
async def test_what_comes_back_into_an_empty_place_is_what_was_kept(kind: str, seed: str, traffic: Path | None) -> None:
    async with staged(kind, traffic, seed=seed) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        then = stage.worlds.clock.now()
        row = await stage.give_back(owner, stage.place(other, HERE), at=then)
        assert row.state == "done", row.problems
        await stage.back_up(other)
        outcomes = {outcome.item_id: outcome.outcome for outcome in await stage.outcomes(row.restore)}
        first = await told(stage, await stage.kept(owner, then))
        second = await told(stage, await stage.kept(other))
        unexplained = _unexplained(stage, compared(first, second, outcomes))
        assert unexplained == []
        assert stage.told_unasked == []


def _unexplained(stage: Stage, differences: list[str]) -> list[str]:
    """Differences that no declared loss explains."""
    known = excuses(stage.kind.name) | dict(stage.kind.excuses)
    for beginning in known.values():
        assert any(loss.startswith(beginning) for loss in stage.kind.losses), f"no declared loss begins {beginning!r}"
    return [line for line in differences if not any(re.search(pattern, line) for pattern in known)]


@pytest.mark.parametrize("kind", [play for play in PLAYS if kind_of(play).has_folders])
async def test_what_comes_back_into_a_folder_of_the_same_owner_lies_below_it(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        before = await stage.kept(owner)
        row = await stage.give_back(owner, stage.place(owner, THERE))
        assert row.state == "done", row.problems
        await stage.back_up(owner)
        # below a folder of that name; where none can be made, it is what a folder or an item is called after
        new = [(path, v) for path, v in await stage.kept(owner) if f"/{THERE}" in path or _named_after(stage.kind, v)]
        told = await left_out(stage, row.restore)
        items = sorted(v.name for _, v in before if not v.folderish and v.item_id not in told)
        assert sorted(_named_after(stage.kind, v) or v.name for _, v in new if not v.folderish) == items
        assert row.counts == {"created": len(items)} | ({"skipped": len(told)} if told else {})
        assert names([one for one in await stage.kept(owner) if one not in new]) == names(before)


def _named_after(kind: Kind, version: Version) -> str | None:
    return kind.own_name(version.name, THERE) if kind.strewn else None


@pytest.mark.parametrize(
    "kind", [play for play in PLAYS if not (kind_of(play).has_folders or kind_of(play).keeps_only)]
)
async def test_what_lies_in_no_folder_is_left_alone_by_a_restore_into_one(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        before = await stage.kept(owner)
        row = await stage.give_back(owner, stage.place(owner, THERE), mode="replace")
        assert row.state == "done", row.problems
        assert await left_out(stage, row.restore) == {v.item_id for _, v in before}
        run = await stage.back_up(owner)
        assert run.account.kept == run.account.gone == 0


@every_kind_that_comes_back
async def test_the_same_restore_twice_makes_every_item_once(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        await stage.give_back(owner, stage.place(other, HERE), order="one")
        await stage.back_up(other)
        once = names(await stage.kept(other))
        again = await stage.give_back(owner, stage.place(other, HERE), order="one")
        assert again.state == "done"
        assert again.counts.keys() <= {"completed", "skipped"}
        await stage.back_up(other)
        assert names(await stage.kept(other)) == once


@every_kind_that_comes_back
async def test_a_restore_in_mode_skip_leaves_what_is_there(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        first = await stage.give_back(owner, stage.place(other, HERE), mode="skip")
        stage.forget()
        second = await stage.give_back(owner, stage.place(other, HERE), mode="skip")
        assert second.counts.keys() <= {"skipped"}
        assert sum(second.counts.values()) == sum(first.counts.values())
        assert stage.written("restore") == 0


@every_kind_that_comes_back
async def test_a_preview_writes_nothing_and_counts_what_the_restore_then_does(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        items = [v.item_id for _, v in await stage.kept(owner) if not v.folderish]
        await stage.give_back(owner, stage.place(other, HERE), items=tuple(items[::2]))
        for mark_of in ("half is there", "nothing is new"):
            stage.forget()
            preview = await stage.give_back(owner, stage.place(other, HERE), mode="skip", preview=True)
            assert stage.written("restore") == 0, mark_of
            done = await stage.give_back(owner, stage.place(other, HERE), mode="skip")
            assert preview.counts.get("would be created", 0) == done.counts.get("created", 0), mark_of
            assert preview.counts.get("conflicts", 0) == done.counts.get("skipped", 0), mark_of
            assert preview.losses == done.losses or not done.counts.get("created"), mark_of


@pytest.mark.parametrize("kind", [play for play in PLAYS if kind_of(play).keeps_only])
async def test_what_is_kept_only_is_told_of_and_nothing_is_written(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        items = len([v for _, v in await stage.kept(owner) if not v.folderish])
        preview = await stage.give_back(owner, stage.place(other, HERE), preview=True)
        assert (preview.counts, preview.losses) == ({"kept only": items}, {stage.kind.keeps_only: items})
        with pytest.raises(Misconfigured, match=re.escape(stage.kind.keeps_only)):
            await stage.give_back(owner, stage.place(other, HERE))
        assert stage.asked("restore") == {}


# --- permissions


@every_crawl
async def test_the_declared_roles_suffice_for_the_backup(kind: str, traffic: Path | None) -> None:
    kept: list[list[Any]] = []
    for roles in (None, read_with(kind)):
        async with staged(kind, traffic, seed="awkward") as stage:
            stage.grant("backup", roles)
            run = await stage.back_up(stage.owner("adele"))
            assert run.state == "done", run.problems
            kept.append([(path, v.name, v.tag, v.state, v.notes) for path, v in await stage.kept(stage.owner("adele"))])
    assert kept[0] == kept[1]


ROLES_TO_READ = [
    (play, role) for play in CRAWLS for role in kind_of(play).reads_of(owner_type_of(play)) or found_with(play)
]
ROLES_TO_WRITE = [(play, role) for play in PLAYS for role in kind_of(play).write_permissions]


@pytest.mark.parametrize(("kind", "role"), ROLES_TO_READ)
async def test_a_backup_without_one_of_them_is_told_and_loses_nothing(
    kind: str, role: str, traffic: Path | None
) -> None:
    async with staged(kind, traffic) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        before = names(await stage.kept(owner))
        stage.mutate("change")
        stage.grant("backup", read_with(kind) - {role})
        run = await stage.back_up(owner)
        assert run.state in ("blocked", "partial")
        assert any(role in problem for problem in run.problems), run.problems
        meanwhile, gone = names(await stage.kept(owner)), run.account.gone
        stage.grant("backup")
        run = await stage.back_up(owner)
        assert (run.state, gone + run.account.gone, run.account.lost) == ("done", 1, 0)
        after = names(await stage.kept(owner))
        assert set(before) & set(after) <= set(meanwhile)
        assert len(set(after) - set(before)) == len(set(before) - set(after)) == 1


@every_kind_that_comes_back
async def test_the_declared_roles_suffice_for_the_restore(kind: str, traffic: Path | None) -> None:
    async with staged(kind, traffic, seed="awkward") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        stage.grant("restore", frozenset(stage.kind.write_permissions))
        row = await stage.give_back(owner, stage.place(other, HERE))
        assert row.state == "done", row.problems
        assert "failed" not in row.counts
        assert not any("403" in loss for loss in row.losses), row.losses


@pytest.mark.parametrize(("kind", "role"), ROLES_TO_WRITE)
async def test_a_restore_without_one_of_them_is_told_and_can_be_ordered_again(
    kind: str, role: str, traffic: Path | None
) -> None:
    async with staged(kind, traffic) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        stage.grant("restore", frozenset({*stage.kind.write_permissions} - {role}))
        if not await _refused(stage, owner, other, role):
            pytest.fail(f"{kind}: nothing was refused without {role}; it need not be declared")
        stage.grant("restore", frozenset(stage.kind.write_permissions))
        row = await stage.give_back(owner, stage.place(other, HERE), order="one")
        assert row.state == "done", row.problems
        await stage.back_up(other)
        told = await left_out(stage, row.restore)
        items = {v.name for _, v in await stage.kept(owner) if not v.folderish and v.item_id not in told}
        assert items <= {v.name for _, v in await stage.kept(other) if not v.folderish}


async def _refused(stage: Stage, owner: Owner, other: Owner, role: str) -> bool:
    """Whether the restore, or the same again after a crash, needed the role that is missing; and says so."""
    for _ in range(2):
        row = await stage.give_back(owner, stage.place(other, HERE), order="one")
        notes = [outcome.outcome.note for outcome in await stage.outcomes("one")]
        if row.state in ("failed", "partial"):
            return any("403" in text or role in text for text in (*row.problems, *notes))
    return False


# --- a service that answers oddly


@every_crawl
@pytest.mark.parametrize("seed", range(6))
async def test_no_odd_answer_ends_a_run_or_takes_anything_away(kind: str, seed: int) -> None:
    async with staged(kind) as stage:
        owner = stage.owner("adele")
        honest = stage.worlds.wire
        stage.worlds.wire = HostileWire(honest, seed)  # type: ignore[assignment]
        run = await stage.back_up(owner)
        assert run.ended_at is not None
        assert run.account.balanced
        assert stage.worlds.queues.poison == []
        stage.worlds.wire = honest
        stage.mutate("change")
        stage.worlds.clock.advance(stage.kind.reconcile_days * 86_400 + 1)
        for _ in range(2):  # what was owed is kept by a ticket of its own
            run = await stage.back_up(owner)
        assert run.state == "done", run.problems
        assert await stage.house().catalog.owed(owner) == []
        kept = identities(await stage.kept(owner))
        stage.begin_anew()
        await stage.back_up(owner)
        assert kept == identities(await stage.kept(owner))
