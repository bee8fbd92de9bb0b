"""Request bodies and queries -> nouns. Every mistake is named with its member; unknown members are mistakes. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from shared.api.members import Members, read_moment
from shared.api.problems import BadRequest, NotThere, TooLarge, WrongMedia
from shared.catalog.nouns import MailFormat
from shared.model import Json, Mode, Owner, People, PeopleRule, Place, Selection

LARGEST = 256 * 1024  # bytes of a body: thousands of item ids
MOST_ITEMS = 1000
MOST_OWNERS = 200
MOST_RULES = 200  # of a policy
MOST_PEOPLE = 2000  # of an order's own map
PAGE, MOST = 100, 1000  # entries of a listing


@dataclass(frozen=True, slots=True)
class BackupOrder:
    """Owners (ids or user principal names); none: all. Kinds; none: all that the policy keeps."""

    owners: tuple[str, ...]
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    selection: Selection
    place: Place
    mode: Mode
    preview: bool

    @property
    def crosses(self) -> bool:
        return crosses(self.selection.owner, self.place)


def crosses(owner: Owner, place: Place) -> bool:
    """Whether anything goes to somebody else than it came from, or somebody else gets access to it."""
    same_owner = (place.owner.type, place.owner.id) == (owner.type, owner.id)
    elsewhere = place.tenant not in ("", owner.tenant)
    return not same_owner or elsewhere or bool(place.people.known)


@dataclass(frozen=True, slots=True)
class ExportOrder:
    selection: Selection
    mail: MailFormat
    records: bool
    reason: str


def parse(raw: bytes, content_type: str) -> Json:
    """The JSON object of a body; an empty body is an empty object."""
    if len(raw) > LARGEST:
        raise TooLarge(f"the body is larger than {LARGEST} bytes")
    if not raw:
        return {}
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise WrongMedia("send Content-Type: application/json")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadRequest("the body is no JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    return body


def read_backup(body: Json, kinds: Collection[str]) -> BackupOrder:
    """`kinds`: those that the policy keeps."""
    members = Members(body)
    order = BackupOrder(members.texts("owners", MOST_OWNERS), members.texts("kinds", 50, allowed=kinds))
    members.finish()
    return order


def read_restore(
    body: Json, tenant: str, kinds: Collection[str], now: datetime, target_tenant: str = "",
    mode: Mode = "skip",
) -> RestoreOrder:  # fmt: skip
    """The order in a body. Without `place` things go back to their owner into a folder "Restored"; without `at` they
    are taken as of now; without `mode` as the installation's settings say."""
    members = Members(body)
    chosen = _selection(members, tenant, kinds, now)
    place = members.inner("place")
    to_tenant = place.text("tenant")
    if to_tenant and to_tenant not in (tenant, target_tenant):
        place.wrong("tenant", "not a tenant that restores may go to")
    order = RestoreOrder(
        chosen,
        Place(
            owner=place.owner("owner", to_tenant or tenant) if "owner" in place.body else chosen.owner,
            folder=place.text("folder", longest=255) or "Restored",
            tenant="" if to_tenant == tenant else to_tenant,
            people=_people(place.inner("people")),
            notify=place.flag("notify"),
        ),
        mode=_mode(members, mode),
        preview=members.flag("preview"),
    )
    _consistent(chosen, members)
    members.finish()
    return order


def _people(members: Members) -> People:
    known = members.map("map", MOST_PEOPLE)
    for source, target in known.items():
        if source.startswith("@") != target.startswith("@"):
            members.wrong("map", "a domain, @old.example, stands for a domain, and a person for a person")
    rules = members.texts("rules", len(get_args(PeopleRule)), allowed=get_args(PeopleRule))
    return People(known, rules)  # type: ignore[arg-type]  # checked above


DEEP = ("today", "all", "none")


@dataclass(frozen=True, slots=True)
class HoldOrder:
    owner: Owner
    reason: str


@dataclass(frozen=True, slots=True)
class ForgetOrder:
    """`owner` None: everyone. `person`: all that is kept of the owner, whatever a rule promises."""

    owner: Owner | None
    person: bool
    dry: bool
    change: int = 0  # of the policy, for a dry run


def read_verification(body: Json) -> str:
    """How much of the payload is read."""
    members = Members(body)
    deep = members.text("deep") or DEEP[0]
    if deep not in DEEP:
        members.wrong("deep", f"one of {', '.join(DEEP)}")
    members.finish()
    return deep


def read_hold(body: Json, tenant: str) -> HoldOrder:
    members = Members(body)
    order = HoldOrder(members.owner("owner", tenant), members.text("reason", longest=500))
    if not order.reason:
        members.wrong("reason", "say why, for whoever asks later")
    members.finish()
    return order


def read_forget(body: Json, tenant: str) -> ForgetOrder:
    """Nothing is forgotten unless `dry_run` is false."""
    members = Members(body)
    owner = members.owner("owner", tenant) if "owner" in body else None
    dry = members.flag("dry_run") or body.get("dry_run") is None
    order = ForgetOrder(owner, members.flag("person"), dry, members.number("policy_change"))
    if order.change and not dry:
        members.wrong("policy_change", "only for a dry run: what counts is decided by time and approval")
    if order.person and owner is None:
        members.wrong("owner", "name the person that is to be forgotten")
    members.finish()
    return order


@dataclass(frozen=True, slots=True)
class PolicyOrder:
    """The rules as texts, in the form of a policy's row."""

    rules: Json
    reason: str


def read_policy(body: Json, kinds: Collection[str], now: Json) -> PolicyOrder:
    """A whole policy: what is left out is kept for ever, or stays as it is `now` where it is a number of days."""
    members = Members(body)
    rules: Json = {
        "everyone": members.text("everyone") or None,
        "kinds": members.map("kinds", MOST_RULES),
        "owners": [[one.text("pattern"), one.text("rule")] for one in members.objects("owners", MOST_RULES)],
        "min_days": members.number("min_days") or now["min_days"],
        "grace_days": members.number("grace_days") or now["grace_days"],
    }
    if strangers := [kind for kind in rules["kinds"] if kind not in kinds]:
        members.wrong("kinds", f"{strangers[0][:40]!r} is unknown; known are {', '.join(kinds)}")
    reason = members.text("reason", longest=500)
    if not reason:
        members.wrong("reason", "say why, for whoever approves and asks later")
    members.finish()
    return PolicyOrder(rules, reason)


def _mode(members: Members, default: Mode) -> Mode:
    text = members.text("mode") or default
    if text not in get_args(Mode):
        members.wrong("mode", f"one of {', '.join(get_args(Mode))}")
        return "skip"
    return text  # type: ignore[return-value]  # checked above


def read_export(body: Json, tenant: str, kinds: Collection[str], now: datetime) -> ExportOrder:
    """The order in a body. Without `at` things come out as they are now; without `mail` each message is a file."""
    members = Members(body)
    chosen = _selection(members, tenant, kinds, now)
    mail = members.text("mail") or "eml"
    if mail not in get_args(MailFormat):
        members.wrong("mail", f"one of {', '.join(get_args(MailFormat))}")
        mail = "eml"
    order = ExportOrder(
        chosen,
        mail,  # type: ignore[arg-type]  # checked above
        members.flag("records"),
        members.text("reason", longest=500),
    )
    _consistent(chosen, members)
    members.finish()
    return order


def _selection(members: Members, tenant: str, kinds: Collection[str], now: datetime) -> Selection:
    return Selection(
        owner=members.owner("owner", tenant),
        kinds=members.texts("kinds", 50, allowed=kinds),
        at=members.moment("at", now) or now,
        folder=members.text("folder") or None,
        items=members.texts("items", MOST_ITEMS),
        changed_since=members.moment("changed_since", now),
    )


def _consistent(chosen: Selection, members: Members) -> None:
    if not chosen.kinds:
        members.wrong("kinds", "is missing; name at least one kind")
    if (chosen.folder is not None or chosen.items) and len(chosen.kinds) > 1:
        members.wrong("kinds", "one kind only when folder or items are given: ids belong to one kind")
    if chosen.changed_since and chosen.changed_since >= chosen.at:
        members.wrong("changed_since", "must lie before `at`")


def limit_of(query: Mapping[str, str]) -> int:
    text = query.get("limit", "")
    if not text:
        return PAGE
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= MOST:
        raise BadRequest(f"limit: a whole number from 1 to {MOST}")
    return int(text)


def kind_of(query: Mapping[str, str], kinds: Collection[str], *, required: bool) -> str:
    name = query.get("kind", "")
    if (name or required) and name not in kinds:
        raise BadRequest(f"kind: one of {', '.join(kinds)}")
    return name


def one_of(query: Mapping[str, str], name: str, allowed: Collection[str]) -> str:
    """An option of a query that has few values; "" when it is not given."""
    text = query.get(name, "")
    if text and text not in allowed:
        raise BadRequest(f"{name}: one of {', '.join(allowed)}")
    return text


def month_of(query: Mapping[str, str]) -> str:
    """A month; "" when it is not given."""
    text = query.get("month", "")
    if text and not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", text):
        raise BadRequest("month: a month, such as 2026-03")
    return text


def number_of(text: str, name: str) -> int:
    """A small number in a path or cursor."""
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise NotThere(f"{name}: a number, as the listing gives it")
    return int(text)


def version_of(text: str) -> int:
    """The number that names a version."""
    if not re.fullmatch(r"[0-9]{10}", text):
        raise NotThere("version: ten digits, as the list of versions gives it")
    return int(text)


def at_of(query: Mapping[str, str], now: datetime) -> datetime:
    text = query.get("at", "")
    try:
        return read_moment(text, now) if text else now
    except ValueError as why:
        raise BadRequest(f"at: {why}") from None


def only(query: Mapping[str, str], known: Collection[str]) -> None:
    """A misspelt option that is passed over would show the wrong things."""
    if strangers := sorted(set(query) - set(known)):
        raise BadRequest(f"{strangers[0][:40]}: no such query option; known are {', '.join(known) or 'none'}")
