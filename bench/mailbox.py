"""An awkward mailbox given back whole: time zones and all-day events across clock changes, series edited after their
exceptions, 150 attachments on a message and on an event, attachments of 33 MiB, rules to folders that are gone, 2,000
categories. What comes back is kept again and compared, member by member; nothing may be sent, and nobody hurried.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections import Counter
from dataclasses import replace

from bench.figures import Chapter, Tell
from sandbox.tenant.seed_mail import seed_crowded_mail
from sandbox.tenant.state import Options
from shared.catalog.nouns import RestoreRow, RunRow
from shared.flows import plan, restore
from shared.flows.house import House, Limits, Policy
from shared.flows.likeness import Shown, compared, shown
from shared.kinds import KINDS
from shared.kinds.lossless import EXPORTED_TOGETHER, lossless
from shared.model import Mode, Owner, Place, Restored, Selection, Version
from tests.contract.kinds_stage import LOSSLESS, PAGES, Stage, kind_of
from tests.rig import Probe, Worlds, drain, process, worlds

ATTACHMENT = int(os.environ.get("HOLDFAST_BENCH_ATTACHMENT", str(33 << 20)))
CATEGORIES, ATTACHMENTS = 2_000, 150
NAMES = ("mail", "contacts", "events", "tasks", "rules", "settings")
AT_ONCE = 4  # requests in flight for a mailbox, of all kinds together


def run(tell: Tell) -> list[Chapter]:
    return [asyncio.run(measured(tell, whole)) for whole in (False, True)]


async def measured(tell: Tell, whole: bool) -> Chapter:
    mode = ", lossless" if whole else ""
    chapter = Chapter(f"An awkward mailbox given back whole{mode}: attachments of {ATTACHMENT >> 20} MiB")
    options = Options(latency_s=0.001)
    async with worlds("awkward", options, huge=1 << 20, attachment=ATTACHMENT, categories=CATEGORIES) as there:
        tenant = there.tenant
        adele = _owner(there, "adele")
        seed_crowded_mail(tenant.mailboxes[adele.id], ATTACHMENTS)
        tell(f"mailbox{mode}: backup")
        run_row = await _backed_up(there, chapter, adele, whole)
        chapter.add("items that could not be kept", run_row.account.lost, most=0)
        tenant.add_mailbox(tenant.add_user("bo", "Bo"))
        bo = _owner(there, "bo")
        then = there.clock.now()
        tell(f"mailbox{mode}: given back")
        row = await _given_back(there, chapter, adele, bo, whole, "create")
        await _backed_up(there, Chapter(""), bo, whole)
        for name in NAMES:
            await _compare(there, chapter, name + (LOSSLESS if whole and name in lossless() else ""), adele, bo, row)
        there.clock.advance(3600)
        for again in ("skip", "replace"):  # of what is there: nothing may become more
            await _given_back(there, chapter, adele, bo, whole, again, then)
        chapter.add("mails and invitations sent, all modes together", len(tenant.outbox), most=0)
        throttle = tenant.throttle
        chapter.add("requests in flight for a mailbox, at most", max(throttle.max_in_flight.values()), most=AT_ONCE)
        chapter.add("requests inside a Retry-After", len(throttle.impolite), most=0)
    return chapter


def _house(there: Worlds, whole: bool) -> House:
    policy = Policy(kinds=NAMES)
    house = process(there, Probe(), Limits(at_once=EXPORTED_TOGETHER) if whole else Limits(), policy)
    return replace(house, kinds={**house.kinds, **lossless()}) if whole else house


def _owner(there: Worlds, name: str) -> Owner:
    user = there.tenant.find_user(f"{name}@{there.tenant.domain}")
    assert user is not None
    return Owner(there.tenant.id, "user", user.id, user.upn)


async def _backed_up(there: Worlds, chapter: Chapter, owner: Owner, whole: bool) -> RunRow:
    there.clock.advance(3600)
    began, house = time.perf_counter(), _house(there, whole)
    [planned] = await plan.now(house, [owner.id])
    await drain(there, house)
    run = await house.catalog.run(house.tenant, planned.run)
    assert run is not None and run.ended_at is not None, run
    chapter.add("backup", time.perf_counter() - began, "s", timed=True)
    chapter.add("items kept", run.account.kept, note="; ".join(run.problems)[:200])
    return run


async def _given_back(
    there: Worlds, chapter: Chapter, source: Owner, target: Owner, whole: bool, mode: Mode, at: object = None
) -> RestoreRow:
    began, house = time.perf_counter(), _house(there, whole)
    selection = Selection(source, NAMES, at if at else there.clock.now())  # type: ignore[arg-type]
    name = f"bench-{mode}"
    await restore.order(house, selection, Place(target, "original"), mode, restore=name, preview=False, by="bench")
    await drain(there, house)
    row = await house.catalog.restore(house.tenant, name)
    assert row is not None
    told = ", ".join(f"{n} {what}" for what, n in sorted(row.counts.items()))
    chapter.add(f"restore, {mode}", time.perf_counter() - began, "s", timed=True, note=told)
    failed = row.counts.get("failed", 0)
    chapter.add(f"restore, {mode}: items that failed", failed, most=0, note="; ".join(row.problems)[:300])
    return row


async def _compare(
    there: Worlds, chapter: Chapter, play: str, source: Owner, target: Owner, row: RestoreRow
) -> None:
    stage = Stage(there, kind_of(play), Limits(), "user")
    name, house = stage.kind.name, stage.house()
    outcomes = await _outcomes(house, row, name)
    first, second = [
        [(path, version, await _shown(house, stage, version)) for path, version in await stage.kept(owner)]
        for owner in (source, target)
    ]
    story = json.loads((PAGES / name / "story.json").read_text("utf-8"))["excuses"]
    known = [*story, *KINDS[name].excuses]
    lines = [line for line in compared(first, second, outcomes) if not any(re.search(p, line) for p in known)]
    counted = Counter(loss.split(":")[0] for outcome in outcomes.values() for loss in outcome.losses)
    with_losses = sum(bool(outcome.losses) for outcome in outcomes.values())
    told = "; ".join(f"{n} x {loss}" for loss, n in counted.most_common(3))[:300]
    chapter.add(f"{play}: items compared", len(first))
    chapter.add(f"{play}: items that told a loss", with_losses, note=told)
    chapter.add(f"{play}: differences that no loss explains", len(lines), most=0, note="; ".join(lines[:2])[:300])


async def _shown(house: House, stage: Stage, version: Version) -> Shown:
    """Folders by their names: a rule's folder has another id in another mailbox."""
    found, text = await shown(house, stage.kind, version), ""
    for folder_id, name in ((await house.vault.record(version)).get("o365:Folders") or {}).items():
        text = (text or json.dumps(found.record)).replace(json.dumps(folder_id), json.dumps(str(name)))
    return replace(found, record=json.loads(text)) if text else found


async def _outcomes(house: House, row: RestoreRow, kind: str) -> dict[str, Restored]:
    found: dict[str, Restored] = {}
    after: str | None = ""
    while after is not None:
        some, after = await house.catalog.outcomes(row.restore, after)
        found |= {one.item_id: one.outcome for one in some if one.kind == kind}
    return found
