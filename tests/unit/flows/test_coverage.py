"""Coverage over memory twins and the simulated tenant: each planted gap is told, a whole backup is told as whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.tenant.happenings import all_mutations
from sandbox.tenant.seed import app_named
from sandbox.tenant.state import Options
from shared.catalog import keys
from shared.catalog.standing import Counted, CoverageLine
from shared.errors import NeedsPerson
from shared.flows import coverage, person, plan
from shared.flows.house import House, Policy
from shared.kinds import KINDS
from shared.kinds.kind import Census
from shared.kinds.mail import Mail
from shared.model import Gone, Listing
from tests.contract.kinds_stage import Granted
from tests.rig import Worlds, drain, process, worlds

EVERYONE = ("adele", "bernd")
HOUR, DAY = 3600.0, 86_400.0


class Stage:
    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds
        self.kinds: dict[str, Any] = dict(KINDS)

    def house(self, *names: str) -> House:
        include = tuple(f"{name}@*" for name in names or EVERYONE)
        made = process(self.worlds, policy=Policy(include=include))
        return type(made)(**{name: getattr(made, name) for name in made.__slots__} | {"kinds": self.kinds})

    async def back_up(self, *names: str, after_s: float = HOUR) -> None:
        self.worlds.clock.advance(after_s)
        house = self.house(*names)
        await plan.tick(house)
        await drain(self.worlds, house)

    def change(self, what: str, who: str = "adele", **args: object) -> None:
        all_mutations()[what](self.worlds.tenant, user=f"{who}@{self.worlds.tenant.domain}", **args)

    async def counts(self, who: str, kind: str) -> dict[str, Counted]:
        house = self.house()
        return await house.catalog.counts(await plan.find(house, f"{who}@{self.worlds.tenant.domain}"), kind)

    async def lines(self) -> dict[tuple[str, str], CoverageLine]:
        report = await coverage.survey(self.house())
        assert sum(report.counts.values()) == len(report.lines)
        return {(line.owner.name.split("@")[0], line.kind): line for line in report.lines}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with worlds("small") as there:
        yield Stage(there)


async def test_a_whole_backup_is_told_as_whole(stage: Stage) -> None:
    await stage.back_up()
    lines = await stage.lines()
    assert {line.standing for line in lines.values()} == {"ok"}
    apps_read = [kind for kind in KINDS.values() if not (kind.signed_in or kind.only_lossless)]
    assert len(lines) == len(EVERYONE) * sum("user" in kind.owner_types for kind in apps_read)
    assert "nobody signed in" in (await coverage.survey(stage.house())).onenote
    mail, files = lines["adele", "mail"], lines["adele", "files"]
    assert mail.told == mail.kept > 5 and mail.missing == 0
    assert files.told is None and files.told_bytes and files.bytes > 5_000_000


async def test_a_whole_backup_of_an_awkward_mailbox_has_no_gap(traffic: Path | None) -> None:
    async with worlds("awkward", Options(latency_s=0), traffic, huge=9 << 20, attachment=4 << 20) as there:
        stage = Stage(there)
        await stage.back_up()
        await stage.back_up(after_s=DAY)
        lines = {key: line for key, line in (await stage.lines()).items() if key[0] == "adele"}
        told = {kind: (line.standing, line.missing) for (_, kind), line in lines.items() if line.standing != "owed"}
        assert set(told.values()) == {("ok", 0)}
        assert {kind for (_, kind), line in lines.items() if line.told is not None} == {"mail", "contacts", "events"}


async def test_what_arrives_behind_a_run_is_no_gap(stage: Stage) -> None:
    await stage.back_up()
    stage.change("add_mail", subject="Late", folder="inbox")
    await stage.back_up(after_s=DAY)
    assert (await stage.lines())["adele", "mail"].standing == "ok"


class Forgetful(Mail):
    """Never shows what is in the inbox."""

    def changes(self, feed: Any, cursor: Any) -> Any:
        listing = yield from super().changes(feed, cursor)
        if feed.name != "Inbox":
            return listing
        return Listing(tuple(c for c in listing.changes if isinstance(c, Gone)), listing.cursor, listing.last)


async def test_items_that_no_run_brings_are_a_gap(stage: Stage) -> None:
    stage.kinds["mail"] = Forgetful()
    await stage.back_up()
    line = (await stage.lines())["adele", "mail"]
    assert line.standing == "differs" and line.missing == 2
    await stage.back_up(after_s=DAY)
    line = (await stage.lines())["adele", "mail"]
    assert line.standing == "gap" and "2 items" in line.text
    await stage.back_up(after_s=DAY)
    assert (await stage.lines())["adele", "mail"].standing == "gap"
    stage.kinds["mail"] = Mail()
    stage.change("expire_mail_tokens")
    await stage.back_up(after_s=DAY)
    assert (await stage.lines())["adele", "mail"].standing == "ok"


async def test_what_keeps_coming_behind_every_run_is_no_gap(stage: Stage) -> None:
    class Busy(Mail):
        def census(self, owner: Any, told: Any, known: Any) -> Any:
            yield from ()
            return Census(items={feed: count + 2 for feed, count in known.items() if count})

    stage.kinds["mail"] = Busy()
    await stage.back_up()
    folders = sum(1 for count in (await stage.counts("adele", "mail")).values() if count.kept)
    for day in range(3):
        for number in range(2 * folders):
            stage.change("add_mail", subject=f"News {day} {number}", folder="inbox")
        await stage.back_up(after_s=DAY)
    inbox = max((await stage.counts("adele", "mail")).values(), key=lambda count: count.kept)
    assert (inbox.missing, inbox.gap) == (2, 0)


async def test_items_of_another_sort_in_a_mail_folder_are_no_gap(stage: Stage) -> None:
    class Mixed(Mail):
        """The service counts deleted appointments, too, in the folder's own total."""

        def changes(self, feed: Any, cursor: Any) -> Any:
            listing = yield from super().changes(feed, cursor)
            return replace(listing, told={f: n + 3 for f, n in listing.told.items()} if listing.told else None)

    stage.kinds["mail"] = Mixed()
    await stage.back_up()
    line = (await stage.lines())["adele", "mail"]
    assert (line.standing, line.missing, line.told) == ("ok", 0, line.kept)


async def test_a_place_that_can_not_be_finished_is_told_and_late_when_it_stays_so(stage: Stage) -> None:
    class Stuck(Mail):
        def changes(self, feed: Any, cursor: Any) -> Any:
            if feed.name == "Inbox":
                raise NeedsPerson("the inbox is out of reach")
            return (yield from super().changes(feed, cursor))

    await stage.back_up()
    stage.kinds["mail"] = Stuck()
    await stage.back_up()
    line = (await stage.lines())["adele", "mail"]
    assert line.standing == "partial" and "out of reach" in line.text
    await stage.back_up(after_s=DAY + HOUR)
    line = (await stage.lines())["adele", "mail"]
    assert line.standing == "late" and "no run could finish for 2" in line.text
    assert (await stage.lines())["adele", "contacts"].standing == "ok"
    stage.kinds["mail"] = Mail()
    await stage.back_up()
    assert (await stage.lines())["adele", "mail"].standing == "ok"


async def test_a_kind_without_a_permission_is_blocked_and_the_others_are_not(stage: Stage) -> None:
    await stage.back_up()
    roles = app_named(stage.worlds.tenant, "backup").roles - {"Contacts.Read"}
    stage.worlds.tokens["backup"] = Granted(stage.worlds, "backup", roles)  # type: ignore[assignment]
    await stage.back_up()
    lines = await stage.lines()
    assert lines["adele", "contacts"].standing == "blocked" and "Contacts.Read" in lines["adele", "contacts"].text
    assert lines["adele", "mail"].standing == "ok"


async def test_a_person_who_was_forgotten_is_not_in_the_report(stage: Stage) -> None:
    await stage.back_up()
    house = stage.house()
    bernd = await plan.find(house, f"bernd@{stage.worlds.tenant.domain}")
    await person.start(house, bernd, by="test", dry=False)
    await drain(stage.worlds, house)
    assert {who for who, _ in await stage.lines()} == {"adele"}
    assert {row.owner.id for row in await house.catalog.coverage(house.tenant)}.isdisjoint({bernd.id})
    assert await house.catalog.counts(bernd, "mail") == {}


async def test_who_is_left_out_by_the_settings_is_counted(stage: Stage) -> None:
    await stage.back_up()
    report = await coverage.survey(stage.house("adele"))
    assert (report.owners, report.left_out) == (1, 1)


async def test_an_owner_that_is_skipped_was_never_kept(stage: Stage) -> None:
    await stage.back_up()
    house = stage.house()
    bernd = await plan.find(house, f"bernd@{stage.worlds.tenant.domain}")
    for lane in await house.catalog.lanes(bernd):
        await house.catalog._rows.delete("lanes", keys.of_owner(bernd), keys.plain(lane.lane.name))
    lines = await stage.lines()
    assert {line.standing for (who, _), line in lines.items() if who == "bernd"} == {"never"}
    assert {line.standing for (who, _), line in lines.items() if who == "adele"} == {"ok"}


async def test_an_owner_whose_backup_is_old_is_late_and_the_worst_come_first(stage: Stage) -> None:
    await stage.back_up()
    await stage.back_up("adele", after_s=DAY + HOUR)
    report = await coverage.survey(stage.house())
    late = [line for line in report.lines if line.standing == "late"]
    assert {line.owner.name.split("@")[0] for line in late} == {"bernd"} and "hours ago" in late[0].text
    assert list(report.lines[: len(late)]) == late


async def test_a_new_owner_is_new_until_the_objective_has_passed(stage: Stage) -> None:
    house = stage.house()
    await plan.tick(house)
    first = stage.worlds.queues.take()
    assert first is not None
    from shared.work import tickets

    await plan.serve(tickets.read(first.message.text, tickets.PlanTicket), house)
    assert {line.standing for line in (await stage.lines()).values()} == {"new"}
    stage.worlds.clock.advance(2 * DAY)
    assert {line.standing for line in (await stage.lines()).values()} == {"never"}


async def test_a_mailbox_that_shuts_us_out_is_blocked_with_its_reason(stage: Stage) -> None:
    await stage.back_up()
    stage.change("block_mailbox")
    await stage.back_up(after_s=DAY)
    line = (await stage.lines())["adele", "mail"]
    assert line.standing == "blocked" and line.text and line.kept > 5


async def test_a_user_without_mailbox_and_drive_is_no_alarm_until_something_was_kept(stage: Stage) -> None:
    stage.worlds.tenant.add_user("nobody", "No Body", mail=None)
    await stage.back_up("nobody", "adele")
    stage.change("block_mailbox")
    await stage.back_up("nobody", "adele", after_s=DAY)
    house = stage.house("nobody", "adele")
    lines = {(one.owner.name.split("@")[0], one.kind): one for one in (await coverage.survey(house)).lines}
    nothing = {kind for (who, kind), one in lines.items() if who == "nobody" and one.standing == "none"}
    assert nothing >= {"mail", "files"}
    assert {one.standing for (who, _), one in lines.items() if who == "nobody"} <= {"none", "ok"}
    assert lines["nobody", "files"].text == "no OneDrive; it comes with a licence and the user's first visit"
    assert lines["adele", "mail"].standing == "blocked"


async def test_a_group_that_is_no_team_lacks_nothing(stage: Stage) -> None:
    stage.worlds.tenant.add_group("readers", "Readers")
    house = process(stage.worlds, policy=Policy(owner_types=("group",)))
    await plan.tick(house)
    await drain(stage.worlds, house)
    stage.worlds.clock.advance(2 * DAY)
    await plan.tick(house)
    await drain(stage.worlds, house)
    lines = {(one.owner.name.split("@")[0], one.kind): one for one in (await coverage.survey(house)).lines}
    assert lines["readers", "channels"].standing == "none" and lines["readers", "groups"].standing == "ok"


async def test_an_owner_that_left_is_told_and_what_is_kept_stays(stage: Stage) -> None:
    await stage.back_up()
    stage.change("delete_user", who="bernd")
    for _ in range(4):
        await stage.back_up(after_s=DAY)
    lines = await stage.lines()
    assert {line.standing for (who, _), line in lines.items() if who == "bernd"} == {"vanished"}
    assert lines["bernd", "mail"].kept > 0


async def test_an_item_that_is_owed_is_told_with_its_reason_and_next_try(stage: Stage) -> None:
    stage.change("break_message", subject="Welcome", way="mime", code="ErrorInternalServerError")
    await stage.back_up()
    report = await coverage.survey(stage.house())
    owed = [one for one in report.losses if one.kind == "mail"]
    line = (await stage.lines())["adele", "mail"]
    assert line.standing == "owed" and line.owed == len(owed) == 1
    assert owed[0].reason in line.text and "try" in line.text


async def test_counting_is_done_once_a_day_and_reads_only_what_changed(stage: Stage) -> None:
    await stage.back_up()
    house = stage.house()
    before = {(r.owner.key, r.kind): r for r in await house.catalog.coverage(house.tenant)}
    await stage.back_up()
    assert {(r.owner.key, r.kind): r for r in await house.catalog.coverage(house.tenant)} == before
    await stage.back_up(after_s=DAY)
    after = {(r.owner.key, r.kind): r for r in await house.catalog.coverage(house.tenant)}
    assert all(after[key].at > before[key].at for key in before)
    assert {key: replace(row, at=before[key].at) for key, row in after.items()} == before


async def test_a_service_that_does_not_answer_fails_no_run(stage: Stage) -> None:
    class Mute(Mail):
        def census(self, owner: Any, told: Any, known: Any) -> Any:
            yield from ()
            raise KeyError("value")

    stage.kinds["mail"] = Mute()
    await stage.back_up()
    line = (await stage.lines())["adele", "mail"]
    assert line.standing == "ok" and line.told is None and line.kept > 5
    runs = await stage.house().catalog.runs(stage.worlds.tenant.id)
    assert {run.state for run in runs} == {"done"}
