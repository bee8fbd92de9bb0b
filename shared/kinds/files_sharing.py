"""Who may see an item: read where sharing is the item's own, and given back without a mail to anybody. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.graph.steps import Refused, Reply, Steps, get, post
from shared.kinds.people import counterparts, person_of
from shared.model import Json, Person

PERMISSIONS = "o365:Permissions"
PERMISSION_UNITS = 5  # any permission operation (SharePoint throttling guide)
PAGES = 20  # of permissions of one item; an item has at most a few hundred
NEVER = "0001-01-01T00:00:00Z"  # no expiry (Graph docs: permission)
RANK = {"read": 1, "write": 2, "owner": 3}
# what createLink takes on business drives (Graph docs: driveitem-createlink, sharinglink)
LINK_TYPES = ("view", "edit", "review", "blocksDownload", "createOnly", "addressBar", "adminDefault")


# -- reading


def read_sharing(item_path: str) -> Steps[tuple[Json, tuple[str, ...]]]:
    """The members that sharing adds to a record. Its failure is a gap of the item, never the item's."""
    found: list[Json] = []
    path = f"{item_path}/permissions"
    for _ in range(PAGES):
        reply = yield get(path, units=PERMISSION_UNITS, batchable="://" not in path)
        if not reply.ok:
            return {}, (f"sharing could not be read ({reply.status} {reply.code})",)
        page = reply.json
        found += [_without_addresses(p) for p in page.get("value", []) if isinstance(p, dict)]
        path = page.get("@odata.nextLink", "")
        if not path:
            return {PERMISSIONS: found}, ()
    return {PERMISSIONS: found}, (f"sharing was read up to {len(found)} permissions; there are more",)


def _without_addresses(permission: Json) -> Json:
    """A link's address opens the item to whoever reads it, and a restored link gets a new one: it isn't kept."""
    kept = {key: value for key, value in permission.items() if key != "shareId"}
    if kept.get("expirationDateTime") == NEVER:  # the same as none: one sharing must not look like two
        del kept["expirationDateTime"]
    if isinstance(kept.get("link"), dict):
        kept["link"] = {k: v for k, v in kept["link"].items() if k not in ("webUrl", "webHtml")}
    return kept


# -- giving back


@dataclass(frozen=True, slots=True)
class Grant:
    """A direct permission for one person or group, in a form that `invite` takes."""

    person: Person
    role: str
    expires: str = ""

    @property
    def title(self) -> str:
        """For the report: by id, as addresses do not belong there."""
        who = self.person
        return f"{who.type} {who.id}" if who.id else f"a {who.type} without an id"

    @property
    def recipient(self) -> tuple[str, str]:
        return _recipient(self.person)


@dataclass(frozen=True, slots=True)
class Link:
    type: str
    scope: str
    people: frozenset[Person] = frozenset()
    expires: str = ""

    @property
    def recipients(self) -> frozenset[tuple[str, str]]:
        return frozenset(map(_recipient, self.people))

    @property
    def title(self) -> str:
        return f"the {self.scope} link to {self.type}"


def give_back(item_path: str, kept: Json, *, owner_id: str) -> Steps[tuple[str, ...]]:
    """Add what the kept permissions grant and the item lacks; nothing is taken away. The answer names the losses."""
    grants, links, losses = wanted(kept.get(PERMISSIONS) or [], owner_id)
    try:
        here = yield from counterparts([g.person for g in grants] + [p for link in links for p in link.people])
    except Refused as why:
        return (*losses, f"sharing: who stands for its people could not be asked ({why})")
    grants, links, lost = _among(here, grants, links)
    losses += lost
    if not grants and not links:
        return tuple(losses)
    there, gaps = yield from read_sharing(item_path)
    if gaps:
        return (*losses, "sharing could not be given back: what the new item has could not be read")
    have_grants, have_links, _ = wanted(there[PERMISSIONS], "", inherited=True)
    missing = [grant for grant in grants if not _covered(grant, have_grants)]
    for role, expires in dict.fromkeys((g.role, g.expires) for g in missing):
        alike = [g for g in missing if (g.role, g.expires) == (role, expires)]
        losses += yield from _invite(item_path, alike)
    for link in links:
        if not _linked(link, have_links):
            losses += yield from _create_link(item_path, link)
    return tuple(losses)


def _among(
    here: Mapping[Person, Person | None], grants: Iterable[Grant], links: Iterable[Link]
) -> tuple[list[Grant], list[Link], list[str]]:
    """The same for those who stand for the people in the place; who has nobody is a loss."""
    found: list[Grant] = []
    losses: list[str] = []
    for grant in grants:
        if (person := here[grant.person]) is not None:
            found.append(replace(grant, person=person))
        else:
            losses.append(f"the {grant.role} access of {grant.title}: nobody stands for them here")
    opened: list[Link] = []
    for link in links:
        there = frozenset(person for one in link.people if (person := here[one]) is not None)
        if len(there) < len(link.people):
            losses.append(f"{link.title}: nobody stands here for {len(link.people) - len(there)} of its people")
        if there or not link.people:
            opened.append(replace(link, people=there))
    return found, opened, losses


def wanted(
    permissions: Iterable[Json], owner_id: str, *, inherited: bool = False
) -> tuple[list[Grant], list[Link], list[str]]:
    """Permissions sorted into grants, links and losses. `inherited`: those of the parent count as well. The service
    marks inheritance on some items only (devx-api 223): an unmarked one is taken for the item's own, which grants
    nothing that the item did not have."""
    grants: list[Grant] = []
    links: list[Link] = []
    losses: list[str] = []
    for permission in permissions:
        if not inherited and permission.get("inheritedFrom") is not None:
            continue
        if isinstance(permission.get("link"), dict):
            _sort_link(permission, links, losses)
        else:
            _sort_grant(permission, owner_id, grants, losses)
    return grants, links, losses


def _sort_link(permission: Json, links: list[Link], losses: list[str]) -> None:
    link = permission["link"]
    kind, scope = str(link.get("type") or "view"), str(link.get("scope") or "users")
    if scope == "existingAccess":  # grants nothing (Graph docs: sharinglink)
        return
    if permission.get("hasPassword"):
        losses.append(f"the {scope} link with a password")
    elif kind not in LINK_TYPES:
        losses.append(f"the {scope} link of type {kind}")
    else:
        people = permission.get("grantedToIdentitiesV2") or permission.get("grantedToIdentities") or []
        named = frozenset(found for one in people if (found := person_of(one)))
        members = named if scope == "users" else frozenset()
        if link.get("preventsDownload") and kind == "view":
            kind = "blocksDownload"
        links.append(Link(kind, scope, members, _expiry(permission)))


def _sort_grant(permission: Json, owner_id: str, grants: list[Grant], losses: list[str]) -> None:
    grantee = permission.get("grantedToV2") or permission.get("grantedTo") or {}
    roles = [str(role).lower() for role in permission.get("roles") or []]
    person = person_of(grantee)
    if person is None:
        losses.append("a grant to a SharePoint group or an application: Graph cannot give it")
        return
    known = [role for role in roles if role in RANK]
    if not known:
        losses.append(f"the limited access of {Grant(person, '').title}")
    elif "owner" in known:
        if person.id != owner_id:
            grants.append(Grant(person, "owner"))
    else:
        grants.append(Grant(person, max(known, key=RANK.__getitem__), _expiry(permission)))


def _recipient(person: Person) -> tuple[str, str]:
    """How to name somebody to the service."""
    return ("objectId", person.id) if person.id else ("email", person.mail or person.upn)


def _expiry(permission: Json) -> str:
    expires = permission.get("expirationDateTime")
    return expires if isinstance(expires, str) and expires != NEVER else ""


def _covered(grant: Grant, there: Sequence[Grant]) -> bool:
    return any(g.recipient == grant.recipient and RANK[g.role] >= RANK[grant.role] for g in there)


def _linked(link: Link, there: Sequence[Link]) -> bool:
    return any(
        (have.type, have.scope) == (link.type, link.scope) and have.recipients >= link.recipients for have in there
    )


def _invite(item_path: str, grants: Sequence[Grant]) -> Steps[list[str]]:
    """One request for those with the same role; one by one when the service refuses them together."""
    if grants[0].role == "owner":
        return [f"the ownership of {grant.title}" for grant in grants]
    body: Json = {
        "recipients": [{name: value} for name, value in (grant.recipient for grant in grants)],
        "roles": [grants[0].role],
        "requireSignIn": True,
        "sendInvitation": False,  # with requireSignIn: no mail (Graph docs: driveitem-invite)
    }
    if grants[0].expires:
        body["expirationDateTime"] = grants[0].expires
    reply = yield post(f"{item_path}/invite", body, units=PERMISSION_UNITS)
    if reply.ok and not _errors_in(reply):
        return []
    if len(grants) == 1:
        return [f"the {grants[0].role} access of {grants[0].title}: {_why(reply)}"]
    losses = []
    for grant in grants:
        losses += yield from _invite(item_path, [grant])
    return losses


def _create_link(item_path: str, link: Link) -> Steps[list[str]]:
    body: Json = {"type": link.type, "scope": link.scope}
    if link.recipients:
        body |= {"recipients": [{name: value} for name, value in sorted(link.recipients)], "sendNotification": False}
    if link.expires:
        body["expirationDateTime"] = link.expires
    reply = yield post(f"{item_path}/createLink", body, units=PERMISSION_UNITS)
    return [] if reply.ok else [f"{link.title}: {_why(reply)}"]


def _errors_in(reply: Reply) -> list[str]:
    """A partial success carries the error in the grant it could not make (Graph docs: driveitem-invite)."""
    return [str(p["error"].get("code")) for p in reply.json.get("value", []) if isinstance(p.get("error"), dict)]


def _why(reply: Reply) -> str:
    return ", ".join(_errors_in(reply)) if reply.ok else f"{reply.status} {reply.code}".strip()
