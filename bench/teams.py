"""What teams and chats cost when nobody said anything: requests of a run over a tenant of a hundred teams."""

from __future__ import annotations

import asyncio
from collections import Counter

from bench.figures import Chapter, Tell
from sandbox.tenant import teams_mutations as people
from sandbox.tenant.state import Options, Tenant
from shared.flows import plan
from shared.flows.house import Limits, Policy
from tests.rig import Probe, Worlds, drain, process, worlds

TEAMS, NO_TEAMS, MESSAGES = 100, 50, 30
DIRECTORY = ("/groups", "/teamwork/deletedTeams")  # asked once a tenant
EACH = {"channels": 1, "teams": 5}  # requests of an unchanged team: docs/kinds/channels.md, docs/kinds/teams.md


def run(tell: Tell) -> list[Chapter]:
    return [asyncio.run(measured(tell, TEAMS, NO_TEAMS))]


async def measured(tell: Tell, teams: int, others: int) -> Chapter:
    chapter = Chapter(f"An unchanged tenant of {teams} teams, and {others} groups that are none")
    async with worlds("empty", Options(latency_s=0, throttling=False)) as made:
        settle_in(made.tenant, teams, others)
        for kind, each in EACH.items():
            made.clock.advance(86_400)
            tell(f"teams: {kind}")
            policy = Policy(("group",), (kind,))
            await _tick(made, policy)
            first = asked(made)
            made.clock.advance(86_400)
            await _tick(made, policy)
            again = asked(made)
            quiet = sum(n for name, n in again.items() if not name.endswith(DIRECTORY))
            chapter.add(f"{kind}: requests of the first run", sum(first.values()), "requests")
            chapter.add(f"{kind}: requests of an unchanged run", quiet, "requests", most=each * teams)
    return chapter


def settle_in(tenant: Tenant, teams: int, others: int) -> None:
    ada = tenant.add_user("ada", "Ada")
    tenant.add_user("bo", "Bo")
    for number in range(teams + others):
        group = tenant.add_group(f"team{number}", f"Team {number}", owners=[ada.id], members=[ada.id])
        if number >= teams:
            continue
        people.make_a_team(tenant, group.nickname)
        people.put_channel(tenant, group.nickname, "Private", "private", ["ada"])
        for message in range(MESSAGES):
            at = f"2026-05-04T09:{message:02d}:00Z"
            people.post_message(tenant, group.nickname, ("General", "Private")[message % 2], "ada", "Hello", at=at)


async def _tick(made: Worlds, policy: Policy) -> None:
    made.running.traffic.shapes.clear()
    house = process(made, Probe(), Limits(), policy)
    await plan.tick(house)
    await drain(made, house)


def asked(made: Worlds) -> Counter[str]:
    """Requests of the backup, the parts of a $batch on their own."""
    shapes = made.running.traffic.shapes
    return Counter({k: n for k, n in shapes.items() if k.startswith("backup ") and not k.endswith("/$batch")})

