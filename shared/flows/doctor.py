"""A checkup: everything that one app can see of its own set-up, and what to do about what is wrong with it.

It only reads. What can't be looked at is told as unknown and never as fine. The newest checkup of each app is kept, so
that the one app that answers calls can tell of the others.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, get_args

from shared.catalog.nouns import CareRow
from shared.checkup import rules
from shared.checkup.nouns import Check, Checkup, Credential, Finding, Instruments
from shared.errors import Contended, Misconfigured, NeedsPerson, OwnerMissing, Verdict
from shared.flows import audit_trail, care
from shared.flows.chosen import chosen
from shared.flows.house import House, scope
from shared.flows.verify import TASK as VERIFY
from shared.flows.walk import Walk
from shared.graph.steps import Refused
from shared.kinds import owners
from shared.kinds.kind import Kind
from shared.model import Lane, Owner, OwnerType
from shared.ports import Scope
from shared.telemetry import tell

TASK = "checkup"
PROBED = 3  # owners of each type that are really asked for
MOST_TOLD = 20  # owners of one sort of trouble that are named
LONGEST_SILENCE = timedelta(days=3)
ROLES = ("backup", "restore", "care")
NO_END_DAYS = 36_500  # told where no credential ends
Found = Awaitable[Iterable[Finding]]


class Unknown(Exception):
    """This check can't be made here."""


async def examine(house: House, instruments: Instruments) -> Checkup:
    """Make every check, one after the other; none of them ends the others."""
    ends: list[datetime] = []
    told: dict[str, str] = {}  # what is to be said of a check, whatever it finds
    checks: list[Check] = []
    findings: list[Finding] = []
    for name, make in _checks(house, instruments, ends, told):
        try:
            found = list(await make())
        except (Verdict, Refused, Unknown) as why:
            checks.append(Check(name, "unknown", str(why)))
            continue
        findings += found
        checks.append(Check(name, "found" if found else "fine", told.get(name, "")))
    order = ("error", "warning")
    findings.sort(key=lambda finding: order.index(finding.severity))
    role = instruments.setup.role
    return Checkup(role, house.clock.now(), tuple(checks), tuple(findings), min(ends, default=None))


def _checks(
    house: House, instruments: Instruments, ends: list[datetime], told: dict[str, str]
) -> Sequence[tuple[str, Callable[[], Found]]]:
    setup = instruments.setup

    async def settings() -> Iterable[Finding]:
        return rules.settings(setup)

    async def cloud() -> Iterable[Finding]:
        return rules.cloud(setup)

    async def separation() -> Iterable[Finding]:
        return rules.separation(setup)

    async def roles() -> Iterable[Finding]:
        return rules.roles(setup, await instruments.sign_ins())

    async def onenote() -> Iterable[Finding]:
        signed = await instruments.person() if setup.notes else None
        told["onenote"] = rules.route(setup, signed)
        return rules.onenote(setup, signed)

    async def posting() -> Iterable[Finding]:
        signed = await instruments.person("posting") if setup.posting else None
        told["posting"] = "" if signed else "group conversations are kept and exported; nobody signed in to post them"
        return rules.signed_writes("posting", setup, signed)

    async def writing() -> Iterable[Finding]:
        signed = await instruments.person("writing") if setup.writing else None
        told["writing"] = "" if signed else "pages of OneNote are kept and exported; nobody signed in to write them"
        return rules.signed_writes("writing", setup, signed)

    async def credentials() -> Iterable[Finding]:
        found: list[Credential] = await instruments.credentials()
        ends.extend(each.ends for each in found if each.ends)
        return rules.credentials(found, house.clock.now())

    async def account() -> Iterable[Finding]:
        if setup.vault_is_emulator:
            raise Unknown("the vault lies in the emulator, which protects nothing")
        found = await instruments.account()
        if None in (found.shared_key, found.versioning, found.soft_delete_days):
            findings = list(rules.account(found))
            if not findings:
                raise Unknown(f"{found.told_by} does not tell all of it; set VAULT_RESOURCE_ID (see docs, Doctor)")
            return findings
        return rules.account(found)

    async def clock() -> Iterable[Finding]:
        theirs = await instruments.server_time()
        return rules.clock(house.clock.now(), theirs)

    async def queues() -> Iterable[Finding]:
        return rules.queues(await instruments.queues())

    named = [settings, cloud, separation, roles, credentials, account, clock, queues]
    more = [(each.__name__, each) for each in named]
    if "backup" in setup.apps:
        more += [("onenote", onenote), ("access", lambda: access(house)), ("owners", lambda: troubled(house))]
        more += [("audit", lambda: audit(house)), ("groups", lambda: groups(house))]
    if "restore" in setup.apps:
        more += [("posting", posting), ("writing", writing)]
    return [*more, ("work", lambda: work(house)), ("apps", lambda: silent(house, setup.role))]


# --- whom does the policy choose? -------------------------------------------------------------------------------------


async def groups(house: House) -> list[Finding]:
    """A group that can't be read stops every plan; one that nobody is in keeps nothing."""
    policy = house.policy
    try:
        within = await chosen(house)
    except Misconfigured as why:
        text, _, remedy = str(why).partition("; ")
        return [Finding("groups", "error", "BACKUP_INCLUDE_GROUPS", text, remedy)]
    if policy.include_groups and within.included <= {f"group-{group}" for group in policy.include_groups}:
        text = "nobody is in the groups whose members are to be kept"
        remedy = "check the ids in BACKUP_INCLUDE_GROUPS, and whether members are hidden (Member.Read.Hidden)"
        return [Finding("groups", "warning", "BACKUP_INCLUDE_GROUPS", text, remedy)]
    return []


# --- is anybody shut out? ---------------------------------------------------------------------------------------------


async def access(house: House) -> list[Finding]:
    """Ask for a few owners' data as a backup would: the first answer of each kind."""
    findings: list[Finding] = []
    for owner_type in get_args(OwnerType):
        kinds = house.kinds_for(owner_type)
        if owner_type not in house.policy.owner_types or not kinds:
            continue
        async for owner in _some(house, owner_type):
            for kind in kinds:
                if house.policy.reads(owner, kind) and (found := await _probe(house, owner, kind)):
                    findings.append(found)
    return findings


async def _some(house: House, owner_type: OwnerType) -> AsyncIterator[Owner]:
    """The first few whom the policy covers, as the directory lists them now."""
    walk = Walk(house, await house.graph("backup"), Scope(house.tenant, "doctor"))
    roster, left = await walk.play(owners.roster(house.tenant, owner_type, "")), PROBED
    within = await chosen(house)
    for owner, facts in roster.owners:
        if house.policy.covers(owner, facts, within) and left:
            left -= 1
            yield owner


async def _probe(house: House, owner: Owner, kind: Kind) -> Finding | None:
    walk = Walk(house, await house.graph(house.reader(kind.lane)), scope(Lane(owner, kind.lane)), dry=True)
    try:
        feeds = await walk.play(kind.feeds(owner))
        if feeds:
            await walk.play(kind.changes(feeds[0], None))
    except OwnerMissing:
        return None  # no mailbox or no drive: a state of the owner, and no fault of the set-up
    except (NeedsPerson, Refused) as why:
        return locked(owner, kind.name, str(why))
    return None


async def troubled(house: House) -> list[Finding]:
    """What the newest runs were refused: everyone, not only a few."""
    rows = [row for row in await house.catalog.every_lane() if row.problem]
    told = [locked(row.lane.owner, row.lane.name, row.problem) for row in rows[:MOST_TOLD]]
    if len(rows) > MOST_TOLD:
        text = f"{len(rows) - MOST_TOLD} more mailboxes, drives or sites end with problems"
        told.append(Finding("owners", "warning", "owners", text, "GET /api/runs tells each"))
    return told


def locked(owner: Owner, what: str, why: str) -> Finding:
    remedy = (
        "look at the licence, at holds and locks of this mailbox, drive or site, and at RBAC for Applications "
        "(docs/deploy.md, Narrowing); an owner that is meant to be out goes into BACKUP_EXCLUDE"
    )
    return Finding("access", "warning", owner.key, f"{what}: {why}"[:500], remedy)


async def audit(house: House) -> list[Finding]:
    """Whether the audit's pages are whole and still agree with the table."""
    remedy = "look in the account's own logs who changed it; the pages in the vault are what was noted"
    return [Finding("audit", "error", "audit", text, remedy) for text in await audit_trail.check(house)]


async def work(house: House) -> list[Finding]:
    """Whether anything happens at all."""
    found, now = [], house.clock.now()
    rows = await house.catalog.every_lane()
    newest = max((row.done_at for row in rows if row.done_at), default=None)
    if rows and (newest is None or (now - newest).total_seconds() > house.limits.objective_s * 2):
        text = "no mailbox or drive was backed up for twice the objective"
        found.append(Finding("work", "error", "backup", text, "look at the log of the backup app (docs/alerts.md)"))
    if lost := await house.catalog.lost_tickets():
        text = f"{len(lost)} tickets were given up"
        found.append(Finding("work", "warning", "tickets", text, "GET /api/lost names them"))
    return found + await _unverified(house, now)


async def _unverified(house: House, now: datetime) -> list[Finding]:
    rows = await house.catalog.cares(house.tenant, VERIFY)
    asked = min((row.asked_at for row in rows), default=now)
    ended = max((row.ended_at for row in rows if row.state == "done" and row.ended_at), default=asked)
    if now - ended < LONGEST_SILENCE:
        return []
    text = "the vault was not verified for three days"
    return [
        Finding("work", "error", "care", text, "look whether the app that looks after the vault runs, and at its log")
    ]


async def silent(house: House, role: str) -> list[Finding]:
    """Every app looks at itself once a day: one that does not is not there."""
    mine, now = await house.catalog.care(house.tenant, f"{TASK}-{role}"), house.clock.now()
    if role not in ROLES or mine is None or mine.started_at is None or now - mine.started_at < LONGEST_SILENCE:
        return []  # too new to know
    newest = {checkup.role: checkup.at for checkup in await others(house, role)}
    return [
        Finding(
            "work", "error", other, f"the {other} app has not looked at itself for three days",
            f"publish the package to it, start it, and look at its settings and its log (HOLDFAST_ROLE={other})",
        )
        for other in ROLES
        if other != role and now - newest.get(other, mine.started_at) > LONGEST_SILENCE
    ]  # fmt: skip


# --- keeping the newest -----------------------------------------------------------------------------------------------


async def tick(house: House, instruments: Instruments) -> Checkup:
    """The daily look: kept for the app that answers calls, and told for alerts. Before it, the day's audit is written
    by the app that takes the calls."""
    if instruments.setup.role in ("all", "backup"):
        await audit_trail.write(house)
    made = await examine(house, instruments)
    days = (made.ends - made.at).days if made.ends else NO_END_DAYS
    tell(
        "checkup", tenant=house.tenant, role=made.role, errors=made.count("error"), warnings=made.count("warning"),
        unknown=sum(check.state == "unknown" for check in made.checks), credential_days=days,
        checks=",".join(sorted({finding.check for finding in made.findings})),
    )  # fmt: skip
    await _keep(house, made)
    return made


async def _keep(house: House, made: Checkup) -> None:
    name = f"{TASK}-{made.role}"
    there = await house.catalog.care(house.tenant, name)
    row = there or CareRow(name, TASK, "done", "schedule", made.at, started_at=made.at)
    counts = {"errors": made.count("error"), "warnings": made.count("warning")}
    row = replace(row, asked_at=made.at, ended_at=made.at, counts=counts, progress=json.dumps(_plain(made)))
    try:
        await house.catalog.put_care(row, house.tenant)
    except Contended:
        return  # a doubled timer has just done so


async def others(house: House, role: str) -> list[Checkup]:
    """The newest checkup of every other app."""
    names = [f"{TASK}-{other}" for other in ROLES if other != role]
    rows = [await house.catalog.care(house.tenant, name) for name in names]
    return [_read(json.loads(row.progress)) for row in rows if row and row.progress and row.state in care.OVER]


def _plain(made: Checkup) -> dict[str, Any]:
    said = asdict(made)
    return said | {"at": made.at.isoformat(), "ends": made.ends.isoformat() if made.ends else None}


def _read(said: dict[str, Any]) -> Checkup:
    return Checkup(
        said["role"],
        datetime.fromisoformat(said["at"]),
        tuple(Check(**check) for check in said["checks"]),
        tuple(Finding(**finding) for finding in said["findings"]),
        datetime.fromisoformat(said["ends"]) if said["ends"] else None,
    )
