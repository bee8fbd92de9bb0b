"""A message on its way back: migration mode takes it with its author and its time (Teams docs: import messages).

Nothing can be hidden in a message to find it again. What makes a repetition safe is that the service takes one message
a millisecond and conversation: where it answers 409, the one that is there is read. If it is the one we mean (time,
author and words), an earlier attempt made it; if not, the next millisecond is tried, in the same order every time.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.errors import NotPermitted, Unreachable
from shared.graph.steps import Reply, Steps, foretold, get, post, segment
from shared.kinds.kind import Into
from shared.kinds.people import counterparts
from shared.kinds.talk import MOST, PREFER, is_time, plain_text
from shared.kinds.talk_body import (
    LOST_IMAGE,
    NO_CARD,
    Draft,
    as_new,
    images,
    people_in,
    without,
)
from shared.model import Json, Kept, Mode, Person, Restored

MIGRATE = "Teamwork.Migrate.All"
MIGRATING, ROOT, STAND_IN, KNOWN = "migrating", "root", "stand-in", "known"  # facts noted on the way
NO_IMPORT = "no import"  # noted, too: this cloud has no migration mode
MOST_KNOWN = 200  # people that are remembered: what is noted is a member of a row
MOST_SHIFTS = 100  # milliseconds that a message may give way
EVENT = "an event of the system, not a message: kept, and not written"
PLACEHOLDER = "the message it answers was not kept or not chosen: a placeholder stands for it"
STRANGER = "its author is not in the target: written in another one's name, the author's before the text"


@dataclass(frozen=True, slots=True)
class Found:
    """What an earlier attempt wrote."""

    id: str
    body: Json


def restore(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    record = kept.record
    if record.get("messageType") != "message":
        return Restored("skipped", note=EVENT)
    made = _moment(str(record.get("createdDateTime")))
    source = str(record.get("replyToId") or "") if "/channels/" in into.path else ""
    draft = yield from _by_whom(as_new(record), into, record)
    roots = (yield from _roots(into, source, made)) if source else ("",)
    if mode == "skip" and roots:
        there = yield from _there(into, roots, made, {**record, **draft.body})
        if there is not None:
            _remember(into, record, str(there["id"]))
            return Restored("skipped", str(there["id"]), note="the message is there")
    draft = yield from images(draft, kept)
    orphan = bool(source) and not roots and _noted(into)[0] != source
    if not source:
        into.facts[ROOT] = jsonlib.dumps([record.get("id"), ""])  # it is about to be written
    yield foretold((*draft.losses, *([PLACEHOLDER] if orphan else [])))
    return (yield from _written(draft, into, record, made, source, roots))


def _written(
    draft: Draft, into: Into, record: Json, made: datetime, source: str, roots: tuple[str, ...]
) -> Steps[Restored]:
    losses: list[str] = []
    if not roots:
        roots, losses = (yield from _placeholder(into, source, made)), [PLACEHOLDER]
    yield from _ready(into, made)
    reply, at = yield from _posted(into, roots, draft, made, record)
    if isinstance(reply, Reply) and reply.status == 400 and draft.body.get("attachments"):
        draft = without(draft, "attachments").lost(NO_CARD)
        reply, at = yield from _posted(into, roots, draft, made, record)
    losses += draft.losses
    if isinstance(reply, Found):
        _remember(into, record, reply.id)
        return Restored("completed", reply.id, tuple(dict.fromkeys((*losses, *_lost_before(reply.body, draft)))))
    id = str(_well(reply, into).json["id"])
    _remember(into, record, id)
    later = (at - made) // timedelta(milliseconds=1)
    note = f"another message has its time: it is {later} ms later" if later else ""
    return Restored("created", id, tuple(losses), note)


def _there(into: Into, roots: tuple[str, ...], made: datetime, record: Json) -> Steps[Json | None]:
    """The message, if it is there: at its time, or behind others that had to be passed by."""
    at = made
    for _ in range(MOST_SHIFTS):
        there = yield from _at(into, roots, at)
        if there is None or is_like(there, record):
            return there
        at += timedelta(milliseconds=1)
    return None


def _lost_before(there: Json, draft: Draft) -> tuple[str, ...]:
    """What the attempt that wrote it had to leave out: told again, for its report may have died with it."""
    return (NO_CARD,) if len(there.get("attachments") or ()) < len(draft.body.get("attachments") or ()) else ()


def _remember(into: Into, record: Json, id: str) -> None:
    """The chain that is being written: its replies come next."""
    if not record.get("replyToId"):
        into.facts[ROOT] = jsonlib.dumps([record.get("id"), id])


def _well(reply: Reply, into: Into) -> Reply:
    if reply.status in (401, 403):
        raise NotPermitted(
            f"{into.owner.key} messages: Graph answered {reply.status} {reply.code}; grant {MIGRATE} to the restore app"
        )
    return reply


# --- what it answers


def _noted(into: Into) -> tuple[str, str]:
    """The root that was dealt with last, and its counterpart ("": it could not be written, or this is a preview)."""
    source, there = jsonlib.loads(into.facts.get(ROOT, '["",""]'))
    return str(source), str(there)


def _roots(into: Into, source: str, made: datetime) -> Steps[tuple[str, ...]]:
    """The counterpart of the message that this one answers: the one that was just written, else the one at its time (an
    id is a time in milliseconds), else none. Behind it others under which the answer may stand since an earlier
    restore, which had only a placeholder for its root."""
    noted, there = _noted(into)
    if noted == source and there:
        return tuple(dict.fromkeys((there, source)))
    found = yield from _at(into, ("",), _time_of(source, made))
    if found is None:
        return ()
    into.facts[ROOT] = jsonlib.dumps([source, found["id"]])
    return (str(found["id"]),)


def _time_of(source: str, made: datetime) -> datetime:
    return datetime.fromtimestamp(int(source) / 1000, UTC) if source.isdigit() else made


def _placeholder(into: Into, source: str, made: datetime) -> Steps[tuple[str, ...]]:
    at = _time_of(source, made)
    yield from _ready(into, at)
    body: Json = {"body": {"contentType": "html", "content": "<em>This message was not kept.</em>"}}
    body["from"] = (yield from _stand_in(into))["from"]
    reply, _ = yield from _posted(into, ("",), Draft(body), at, body)
    id = reply.id if isinstance(reply, Found) else str(_well(reply, into).json["id"])
    into.facts[ROOT] = jsonlib.dumps([source, id])
    return (id,)


# --- into migration mode, and out of it


def _ready(into: Into, oldest: datetime) -> Steps[None]:
    """The conversation takes messages from then on. Asked once a delivery: the answer is noted."""
    if into.facts.get(MIGRATING):
        begins = _moment(into.facts[MIGRATING])
        if begins < oldest:
            return
        _well((yield post(f"{into.path}/completeMigration", None)), into)  # a begun migration can't be moved
    there = (yield from _conversation(into))
    begins = _moment(str(there["createdDateTime"]))
    if there.get("migrationMode") == "inProgress" and begins < oldest:
        into.facts[MIGRATING] = _text(begins)  # an earlier attempt of ours; another app's refuses the message
        return
    # it can only move back, and has to (Graph docs: channel-startmigration)
    begins = min(oldest, begins) - timedelta(seconds=1)
    started = yield post(f"{into.path}/startMigration", {"conversationCreationDateTime": _text(begins)})
    if started.status == 400:
        there = yield from _conversation(into)
        if there.get("migrationMode") != "inProgress":
            _well(started, into).json  # noqa: B018  # raises what it was refused with
        begins = _moment(str(there["createdDateTime"]))
    elif not started.ok:
        # migration mode is the global cloud's (Graph docs: channel-startmigration)
        if started.status in (405, 501) or (started.status == 404 and b"startMigration" in started.body):
            into.facts[NO_IMPORT] = "yes"
        _well(started, into).json  # noqa: B018
    into.facts[MIGRATING] = _text(begins)


def _conversation(into: Into) -> Steps[Json]:
    reply = yield get(into.path, batchable=False)
    if reply.status in (401, 403):
        raise NotPermitted(f"{into.owner.key}: Graph answered {reply.status}; grant {into.facts['reads']} to the app")
    return reply.json


def leave(into: Into) -> Steps[tuple[str, ...]]:
    """Whatever happened in it, a conversation of ours does not stay in migration mode: people can't write there."""
    if NO_IMPORT in into.facts:
        yield from ()
        return ()
    there = yield from _conversation(into)
    if there.get("migrationMode") != "inProgress":
        return ()
    reply = yield post(f"{into.path}/completeMigration", None)
    into.facts.pop(MIGRATING, None)
    if reply.ok or (yield from _conversation(into)).get("migrationMode") != "inProgress":
        return ()
    if reply.status >= 500:
        raise Unreachable(f"{into.owner.key}: a migration can't be completed now ({reply.status})")
    return (f"the conversation is still in migration mode: Graph answered {reply.status} {reply.code}".strip(),)


# --- the request


def _posted(
    into: Into, roots: tuple[str, ...], draft: Draft, made: datetime, record: Json
) -> Steps[tuple[Reply | Found, datetime]]:
    """Written at its time, or at the first free millisecond behind it; or found there."""
    at, started_again = made, False
    for _ in range(MOST_SHIFTS):
        reply = yield post(_list(into, roots[0]), {**draft.body, "createdDateTime": _text(at)}, headers=PREFER)
        if reply.status == 403 and not started_again:  # somebody completed it meanwhile
            started_again = True
            into.facts.pop(MIGRATING, None)
            yield from _ready(into, at)
            continue
        if reply.status != 409:
            return reply, at
        there = yield from _at(into, roots, at, sure=True)
        if there is not None and is_like(there, {**record, **draft.body}):
            return Found(str(there["id"]), there), at
        at += timedelta(milliseconds=1)
    return reply, at


def _list(into: Into, root: str) -> str:
    return f"{into.path}/messages" + (f"/{segment(root)}/replies" if root else "")


def _at(into: Into, roots: tuple[str, ...], moment: datetime, *, sure: bool = False) -> Steps[Json | None]:
    """The message of that time, among the answers of these roots ("": among the roots). Ids are times wherever they
    were seen, which is not promised: where one has to be there (`sure`), the lists are looked through as well."""
    for root in roots:
        name = round(moment.timestamp() * 1000)
        reply = yield get(f"{_list(into, root)}/{name}", headers=PREFER, batchable=False)
        if reply.ok:
            return reply.json
        _readable(reply, into)
    for path in [f"{_list(into, root)}?$top={MOST}" for root in roots] if sure else []:
        while path:
            reply = yield get(path, headers=PREFER, batchable=False)
            _readable(reply, into)
            if not reply.found:
                break
            for one in reply.values:
                if is_time(one.get("createdDateTime")) and _moment(str(one["createdDateTime"])) == moment:
                    return dict(one)
            path = str(reply.json.get("@odata.nextLink") or "")
    return None


def _readable(reply: Reply, into: Into) -> None:
    if reply.status in (401, 403):
        raise NotPermitted(f"{into.owner.key}: Graph answered {reply.status}; grant {into.facts['messages']}")


def is_like(there: Json, record: Mapping[str, object]) -> bool:
    """Whether the message that is there is the one we mean: the same author and words. The author may be a stand-in,
    who says more than the author did."""
    mine, other = plain_text(dict(record)), plain_text(there)
    return mine == other if _author(there) == _author(record) else bool(mine) and other.endswith(mine)


def _author(record: Mapping[str, object]) -> str:
    by = record.get("from")
    user = by.get("user") if isinstance(by, dict) else None
    return str(user.get("id")) if isinstance(user, dict) else ""


# --- people


def _by_whom(draft: Draft, into: Into, record: Json) -> Steps[Draft]:
    """Everybody as who stands for them there; who has nobody is left out, and somebody speaks for an author."""
    named = {id: Person(id) for id in people_in(draft.body)}
    found = yield from counterparts(named.values())
    draft = draft.mapped({id: one.id for id, person in named.items() if (one := found.get(person)) and one.id})
    strangers = {id for id, person in named.items() if found.get(person) is None}
    for id in people_in(draft.body):
        if id not in strangers and not (yield from _is_there(into, id)):
            strangers.add(id)
    author = _author(draft.body)
    if not author or author in strangers:
        draft = draft.spoken_by((yield from _stand_in(into))["from"], record).lost(STRANGER)
    return draft.unknown(strangers)


def _is_there(into: Into, id: str) -> Steps[bool]:
    """Whether the directory knows the user; asked once a conversation."""
    known: dict[str, bool] = jsonlib.loads(into.facts.get(KNOWN, "{}"))
    if id not in known:
        reply = yield get(f"/users/{segment(id)}?$select=id")
        if reply.status in (401, 403):
            raise NotPermitted(f"{into.owner.key}: Graph answered {reply.status}; grant User.ReadBasic.All to the app")
        known = dict(list(known.items())[-MOST_KNOWN:]) | {id: reply.found}
        into.facts[KNOWN] = jsonlib.dumps(known)
    return known[id]


def _stand_in(into: Into) -> Steps[Json]:
    """Who writes for those who are not there: an owner of the target."""
    if STAND_IN not in into.facts:
        reply = yield get(into.facts["members"], batchable=False)
        if reply.status in (401, 403):
            raise NotPermitted(f"{into.owner.key}: Graph answered {reply.status}; grant {into.facts['people']}")
        people = [m for m in reply.values if isinstance(m.get("userId"), str)]
        owners = [m for m in people if "owner" in (m.get("roles") or ())] or people
        if not owners:
            raise NotPermitted(f"{into.owner.key}: nobody there in whose name a message could be written; add an owner")
        first = min(owners, key=lambda m: str(m["userId"]))
        into.facts[STAND_IN] = jsonlib.dumps([first["userId"], first.get("displayName")])
    id, name = jsonlib.loads(into.facts[STAND_IN])
    return {"from": {"user": {"id": id, "displayName": name, "userIdentityType": "aadUser"}}}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)  # finer digits are cut


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


__all__ = ["EVENT", "LOST_IMAGE", "MIGRATE", "PLACEHOLDER", "STRANGER", "is_like", "leave", "restore"]
