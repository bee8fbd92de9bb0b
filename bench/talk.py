"""A team, chats and a plan given back whole: how many of thousands of messages come back equal, member by member, and
what it costs.

Compared is what Graph tells of the original and of what came back: every member of every message but those that only
the service decides, with ids and addresses of images replaced by what they stand for.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bench.figures import Chapter, Tell
from sandbox.tenant import teams_mutations as people
from sandbox.tenant.planner_mutations import add_plan, add_planner_task
from sandbox.tenant.seed_groups import QUIET
from sandbox.tenant.seed_teams import CARD, REPORT, picture
from sandbox.tenant.state import Options, Tenant
from sandbox.tenant.teams_state import Talk, read_time
from shared.flows import plan, restore
from shared.flows.house import House, Limits, Policy
from shared.flows.likeness import compared, shown
from shared.kinds import KINDS
from shared.kinds.channel_listing import item_id
from shared.model import Json, Owner, Place, Selection, Version
from tests.rig import Probe, Worlds, drain, process, worlds

MESSAGES = int(os.environ.get("HOLDFAST_BENCH_MESSAGES", "5000"))
PEOPLE = ("ada", "bo", "cy")
CHANNELS = (("General", "standard"), ("Design", "standard"), ("Leads", "private"), ("With others", "shared"))
KINDS_OF_A_TEAM = ("groups", "teams", "channels", "planner")
# decided by the service for a message that it writes, and told as such by the kinds (`server_owned`, `losses`)
SERVERS = frozenset(
    {"etag", "lastModifiedDateTime", "lastEditedDateTime", "webUrl", "summary", "policyViolation", "o365:Id",
     "o365:LastModifiedDateTime", "o365:HostedContents", "id", "replyToId", "chatId", "channelIdentity"}
)  # fmt: skip
WORDS = ("Words", "W\u00f6rter \U0001f3e0", "&lt;b&gt;", "<strong>bold</strong>")
IMAGE = re.compile(r"""[^"']*hostedContents/([^/"']+)/\$value""")


def run(tell: Tell) -> list[Chapter]:
    return [asyncio.run(measured(tell, MESSAGES))]


async def measured(tell: Tell, messages: int) -> Chapter:
    chapter = Chapter(f"A team with {messages:,} messages in {len(CHANNELS)} channels, chats and a plan given back")
    async with worlds("empty", Options(latency_s=0, throttling=False)) as made:
        settle_in(made.tenant, messages)
        before = time.perf_counter()
        tell(f"talk: backup of {messages} messages")
        await backed_up(made)
        a_day_of_talk(made.tenant)
        made.clock.advance(86_400)
        await backed_up(made)
        chapter.add("backup", time.perf_counter() - before, "s", timed=True)
        await given_back(made, chapter, tell)
        made.clock.advance(86_400)
        await backed_up(made)
        await told(made, chapter)
    return chapter


# --- what there is


def settle_in(tenant: Tenant, messages: int) -> None:
    ids = [tenant.add_user(name, name.capitalize()).id for name in PEOPLE]
    quiet = {"resourceBehaviorOptions": [QUIET]}
    for name in ("crew", "new"):
        tenant.add_group(name, name.capitalize(), owners=ids[:1], members=ids[:1], facts=quiet)
    tenant.groups[_id(tenant, "crew")].members[:] = ids
    people.make_a_team(tenant, "crew")
    for name, membership in CHANNELS[1:]:
        people.put_channel(tenant, "crew", name, membership, list(PEOPLE[:2]) if membership != "standard" else None,
                           created="2026-05-01T08:00:00Z")  # fmt: skip
    people.channel_of(tenant, "crew", "General").created = read_time("2026-05-01T08:00:00Z")
    for n, (name, _) in enumerate(CHANNELS):
        a_talk(tenant, people.channel_of(tenant, "crew", name), messages // len(CHANNELS), chains=5, seed=n)
    people.put_chat(tenant, "pair", ["ada", "bo"], "oneOnOne", "2026-05-01T08:00:00Z")
    people.put_chat(tenant, "All of us", list(PEOPLE), "group", "2026-05-01T08:00:00Z")
    for n, name in enumerate(("pair", "All of us")):
        a_talk(tenant, people.chat_of(tenant, name), messages // 20, chains=1, seed=10 + n)
    a_plan(tenant, max(4, messages // 100))


def a_talk(tenant: Tenant, talk: Talk, messages: int, *, chains: int, seed: int) -> None:
    """Every so many messages a new chain; each sort of thing a message may hold, in turns."""
    root = ""
    for n in range(messages):
        at = f"2026-05-{2 + n // 2880:02d}T{n // 120 % 24:02d}:{n // 2 % 60:02d}:{n % 2 * 30:02d}.{n % 997:03d}Z"
        more: dict[str, Any] = {}
        if n % 10 == 3:
            more["image"] = picture(seed * 1000 + n, 400)
        if n % 7 == 2:
            more["mention"] = PEOPLE[n % 3]
        if n % 3 == 1:
            more["reactions"] = {name: ("like", "heart", "\U0001f389")[m] for m, name in enumerate(PEOPLE[: 1 + n % 3])}
        if n % 11 == 4:
            more["attachments"] = [(REPORT, CARD)[n % 2]]
        if n % chains == 0:
            more |= {"importance": ("normal", "high", "urgent")[n % 3], "subject": f"About {n}" if chains > 1 else None}
        text = f"<p>{WORDS[n % 4]} of {n}</p>"
        said = people.say(tenant, talk, PEOPLE[n % 3], text, at=at, **more)
        said.reply_to = root if n % chains else None
        root = root if n % chains else said.id
        if n % 13 == 5:
            said.edited = said.modified = said.created.replace(microsecond=0) + timedelta(minutes=1)
        if n % 50 == 49:
            people._delete(tenant, said)
    people._event(tenant, talk, {"@odata.type": "#microsoft.graph.membersAddedEventMessageDetail", "initiator": None})


def a_day_of_talk(tenant: Tenant) -> None:
    """Between two backups: an edit, a reaction, a deletion, an answer to something old."""
    for name, _ in CHANNELS:
        talk = people.channel_of(tenant, "crew", name)
        people._edit(tenant, people.said_by_text(talk, " of 1</p>"), " of 1</p>", " of 1, edited</p>")
        people._react(tenant, people.said_by_text(talk, " of 2</p>"), "bo", "surprised")
        people._delete(tenant, people.said_by_text(talk, " of 6</p>"))
        people.say(tenant, talk, "bo", "<p>A late answer</p>", reply_to=" of 0</p>")


def a_plan(tenant: Tenant, tasks: int) -> None:
    labels, buckets = {f"category{n}": f"Label {n}" for n in range(1, 26)}, ("To do", "Doing", "Done")
    add_plan(tenant, "crew", "Everything", labels, buckets)
    for n in range(tasks):
        add_planner_task(
            tenant, "crew", "Everything", f"Task {n}", buckets[n % 3], assigned=(f"{PEOPLE[n % 3]}@{tenant.domain}",),
            description=f"What {n} means\nin two lines", checklist=tuple(f"step {m}" for m in range(n % 5)),
            links={f"https%3A//contoso%2Eexample/{n}": f"Link {n}"} if n % 2 else None,
            percentComplete=(0, 50, 100)[n % 3], priority=(1, 3, 5, 9)[n % 4], startDateTime="2026-06-01T08:00:00Z",
            dueDateTime=f"2026-06-{2 + n % 28:02d}T10:00:00Z", appliedCategories={f"category{1 + n % 25}": True},
        )  # fmt: skip


# --- there and back


async def backed_up(made: Worlds) -> None:
    made.clock.advance(3_600)
    house = process(made, Probe(), Limits(), Policy(("group", "user"), (*KINDS_OF_A_TEAM, "chats")))
    await plan.now(house, [_id(made.tenant, "crew"), _id(made.tenant, "new"), _user(made.tenant, "ada")])
    await drain(made, house)


async def given_back(made: Worlds, chapter: Chapter, tell: Tell) -> None:
    crew, new, ada = _group(made, "crew"), _group(made, "new"), _ada(made)
    made.running.traffic.shapes.clear()
    before, began = time.perf_counter(), made.clock.now()
    for source, place, kinds in (
        (crew, Place(new, "original", notify=True), KINDS_OF_A_TEAM),
        (ada, Place(ada, "Again"), ("chats",)),
    ):
        tell(f"talk: {', '.join(kinds)} given back")
        house = process(made, Probe(), Limits(), Policy(("group", "user"), KINDS_OF_A_TEAM))
        chosen = Selection(source, kinds, made.clock.now())
        row = await restore.order(house, chosen, place, "create", restore=source.type, preview=False, by="bench")
        await drain(made, house)
        row = await house.catalog.restore(house.tenant, source.type) or row
        for name in ("created", "skipped", "failed"):
            chapter.add(f"{source.type}: items {name}", row.counts.get(name, 0), most=0 if name == "failed" else None)
        said = "; ".join((row.state, *row.problems))
        chapter.add(f"{source.type}: restores that are not done", int(row.state != "done"), most=0, note=said)
    asked = Counter(made.running.traffic.shapes)
    chapter.add("requests of the restores", sum(n for name, n in asked.items() if name.startswith("restore ")))
    chapter.add("restores", time.perf_counter() - before, "s", timed=True)
    chapter.add("restores, on the tenant's clock", (made.clock.now() - began).total_seconds(), "s", timed=True)


# --- the comparison


async def told(made: Worlds, chapter: Chapter) -> None:
    house = process(made)
    crew, new, ada = _group(made, "crew"), _group(made, "new"), _ada(made)
    pairs = [(n, n, crew, new, "channels") for n, _ in CHANNELS]
    pairs += [("Ada, Bo", "Again - Ada, Bo", ada, ada, "chats"), ("All of us", "Again - All of us", ada, ada, "chats")]
    differing: list[str] = []
    for name, copy, source, target, kind in pairs:
        first, second = await said_in(house, source, kind, name), await said_in(house, target, kind, copy)
        lines = list(unlike(first, second))
        differing += [f"{name}: {line}" for line in lines]
        twice = len(second) - len({m["createdDateTime"] for m in second})
        chapter.add(f"{name}: messages compared", len(first))
        chapter.add(f"{name}: members that differ", len(lines), most=0, note="; ".join(lines[:2])[:300])
        chapter.add(f"{name}: times that occur twice", twice, most=0)
    for kind in ("teams", "planner"):
        lines = await otherwise(house, kind, crew, new)
        note = "; ".join(lines[:2])[:300]
        chapter.add(f"{kind}: differences that no declared loss explains", len(lines), most=0, note=note)
    kept = await past(house, made, crew)
    for name, number in (("earlier words of changed messages", 2), ("words of deleted messages", 1)):
        missing = number * len(CHANNELS) - kept[name]
        chapter.add(f"{name} that are not kept", missing, most=0, note=f"of {number * len(CHANNELS)}")
    team = people.team_of(made.tenant, "new")
    chapter.add("channels left in migration", sum(c.migration == "inProgress" for c in team.channels.values()), most=0)


async def past(house: House, made: Worlds, crew: Owner) -> Counter[str]:
    """What is kept of messages beside their last state: of those that `a_day_of_talk` touched, in each channel."""
    found: Counter[str] = Counter()
    feeds = [state.feed for state in await house.catalog.feeds(crew, "channels")]
    for name, _ in CHANNELS:
        talk = people.channel_of(made.tenant, "crew", name)
        for said in (m for m in talk.in_order() if m.modified.month > 6):
            item = item_id(talk.id, {"id": said.id, "replyToId": said.reply_to})
            states = [v.state for feed in feeds for v in await house.catalog.history(feed, item)]
            found["earlier words of changed messages"] += not said.deleted and states == ["kept", "kept"]
            found["words of deleted messages"] += states == ["gone", "kept"]
    return found


async def said_in(house: House, owner: Owner, kind: str, place: str) -> list[Json]:
    """The messages that are kept of a place, as records that can be compared."""
    every = [v async for v in _alive(house, owner, kind)]
    folders = {v.item_id for v in every if v.folderish and v.name == place}
    found = [await _record(house, v) for v in every if v.folderish is False and v.folder in folders]
    names = {m["id"]: m["createdDateTime"] for m in found}
    return [comparable(m, names) for m in found if m["messageType"] == "message"]


async def _record(house: House, version: Version) -> Json:
    record = await house.vault.record(version)
    images = {one["id"]: version.parts[one["o365:Part"]].sha256 for one in record.get("o365:HostedContents", ())}
    text = IMAGE.sub(lambda m: f"image {images.get(m[1])}", json.dumps(record["body"]["content"]))
    return {**record, "body": {**record["body"], "content": json.loads(text)}}


def comparable(record: Json, names: dict[str, str]) -> Json:
    """Without what the service decides; a reply says what it answers by that message's time."""
    kept = {k: full(v) for k, v in record.items() if k not in SERVERS}
    kept = {k: v for k, v in kept.items() if v not in (None, [], {})}
    return kept | ({"answers": names.get(record["replyToId"])} if record.get("replyToId") else {})


def full(value: Any) -> Any:
    """Without annotations and what is not set."""
    match value:
        case dict():
            return {k: full(v) for k, v in value.items() if not k.startswith("@odata.") and v is not None}
        case list():
            return [full(v) for v in value]
    return value


def unlike(first: list[Json], second: list[Json]) -> Iterator[str]:
    """Each member that is not the same in the message of the same time; each message that is missing or too many."""
    there = {m["createdDateTime"]: m for m in second}
    for one in first:
        other = there.pop(one["createdDateTime"], {})
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                yield f"{one['createdDateTime']} {name}: {one.get(name)!r} became {other.get(name)!r}"
    yield from (f"{time} came besides" for time in there)


async def otherwise(house: House, kind: str, source: Owner, target: Owner) -> list[str]:
    it, found = KINDS[kind], []
    for owner in (source, target):
        every = [v async for v in _alive(house, owner, kind)]
        found.append([(v.feed_id if kind == "teams" else "", v, await shown(house, it, v)) for v in every])
    lines = compared(found[0], found[1], {})
    return [line for line in lines if not any(re.search(pattern, line) for pattern in it.excuses)]


async def _alive(house: House, owner: Owner, kind: str) -> Any:
    for state in await house.catalog.feeds(owner, kind):
        async for version in house.catalog.alive(state.feed):
            whole = await house.catalog.version(state.feed, version.item_id, version.seq)
            if whole is not None and whole.state == "kept":
                yield whole


def _group(made: Worlds, nickname: str) -> Owner:
    return Owner(made.tenant.id, "group", _id(made.tenant, nickname), nickname)


def _ada(made: Worlds) -> Owner:
    return Owner(made.tenant.id, "user", _user(made.tenant, "ada"), "ada")


def _id(tenant: Tenant, nickname: str) -> str:
    group = tenant.find_group(nickname)
    assert group is not None
    return group.id


def _user(tenant: Tenant, name: str) -> str:
    user = tenant.find_user(f"{name}@{tenant.domain}")
    assert user is not None
    return user.id
