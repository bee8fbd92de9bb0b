"""A user's profile: what the directory says of them, what they say of themselves, their photo and their manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from shared.errors import NotPermitted, OwnerMissing
from shared.graph.steps import Reply, Steps, get
from shared.kinds import profile_restore, whole
from shared.kinds.kind import Into, Kind, common
from shared.kinds.mailbox import digest
from shared.kinds.profile_restore import ABOUT, DIRECTORY, EDITABLE, MANAGER, PHOTO, SAID, SAYABLE, full
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Kept,
    Listing,
    Lost,
    Mode,
    Owner,
    OwnerType,
    Place,
    Restored,
    Seen,
    Taken,
    Vanished,
    Version,
)

READ = "User.Read.All"
NO_PHOTO = "1x1"  # an id instead of a 404 (Graph docs: profilephoto-get)
# told beside what can be written, so that a person knows whose profile it was
TOLD = (
    "id", "userPrincipalName", "mail", "userType", "accountEnabled", "createdDateTime", "mailNickname",
    "proxyAddresses", "onPremisesSyncEnabled",
)  # fmt: skip
PATHS = {
    DIRECTORY: f"?$select={','.join((*TOLD, *EDITABLE))}",
    ABOUT: f"?$select=id,{','.join(SAID)}",
    PHOTO: "/photo",
    MANAGER: "/manager?$select=id,displayName,userPrincipalName",
}
NAMES = {DIRECTORY: "Profile", ABOUT: "About me", PHOTO: "Photo", MANAGER: "Manager"}


class Profile(Kind):
    name: ClassVar[str] = "profile"
    title: ClassVar[str] = "User profile"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "mailbox"  # photos count as the mailbox's requests (Graph docs: throttling-limits)
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = (READ,)  # reads photos as well
    write_permissions: ClassVar[tuple[str, ...]] = ("User.ReadWrite.All",)
    has_folders: ClassVar[bool] = False
    undrilled: ClassVar[str] = "it would take the place of the scratch user's own"
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {*TOLD, "mySite", "o365:Id", "o365:CreatedDateTime", "o365:LastModifiedDateTime"}
    )
    losses: ClassVar[tuple[str, ...]] = (
        "names of the account, addresses, licences, roles and sign-in settings are not given back",
        *profile_restore.TOLD,
        "properties that only roles of an administrator may change are refused for administrators",
        "a photo may come back in the sizes that the service makes of it",
    )
    reconcile_days: ClassVar[int] = 7

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, item, owner.path + path, name=NAMES[item]) for item, path in PATHS.items()]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """The directory's delta tells of nobody's skills, photo or manager. What is empty is no item."""
        seen = yield from self.refresh(feed, feed.id)
        if seen is None and cursor not in (None, "{}"):  # it was there: its 404 may be that of the user
            well(feed.owner, (yield get(f"{feed.owner.path}?$select=id", batchable=False)))
        return whole.listing(feed, [seen] if seen else [], cursor)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if feed.id != PHOTO:
            return Capture(seen.record)
        if prior and "photo" in prior.parts:
            return Capture(seen.record, {"photo": prior.parts["photo"]}, {"photo": ".jpg"})
        reply = yield get(f"{feed.path}/$value", batchable=False)
        if not reply.found:
            return Vanished()
        if not reply.ok or not reply.body or reply.is_html:
            return Lost(f"the photo could not be read: Graph answered {reply.status} {reply.code}".strip())
        return Capture(seen.record, {"photo": reply.body}, {"photo": ".jpg"})

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reply = yield get(feed.path, batchable=False)
        return READINGS[feed.id](feed, reply)

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        yield from ()
        return Into(place.owner, place.owner.path, facts={} if place.original else {"aside": "yes"})

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        yield from ()
        return into

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from profile_restore.restore(kept, into, mode))


def _directory(feed: Feed, reply: Reply) -> Seen | None:
    return _seen(feed, _told(feed, reply))


def _about(feed: Feed, reply: Reply) -> Seen | None:
    """What people say of themselves lies outside the directory: who has no site has none of it."""
    if reply.status in (400, 404):
        return None
    body = _told(feed, reply)
    return _seen(feed, body) if any(full(body.get(name)) for name in SAYABLE) else None


def _photo(feed: Feed, reply: Reply) -> Seen | None:
    if not reply.found:
        return None
    body = well(feed.owner, reply).json
    if body.get("id") == NO_PHOTO:
        return None
    record = common({**body, "id": feed.id}, type=feed.id, name=NAMES[feed.id])
    tag = digest(body.get("@odata.mediaEtag"), body.get("height"), body.get("width"))
    return Seen(feed.id, record, tag, content_tag=tag, name=NAMES[feed.id])


def _manager(feed: Feed, reply: Reply) -> Seen | None:
    """404 is the answer for nobody; of a user that is gone the feed before this one tells."""
    if not reply.found:
        return None
    body = _told(feed, reply)
    return _seen(feed, {**body, "o365:GraphId": body.get("id")})


READINGS: dict[str, Callable[[Feed, Reply], Seen | None]] = {
    DIRECTORY: _directory,
    ABOUT: _about,
    PHOTO: _photo,
    MANAGER: _manager,
}


def well(owner: Owner, reply: Reply) -> Reply:
    if reply.status in (401, 403):
        raise NotPermitted(f"{owner.key} profile: Graph answered {reply.status} {reply.code}; grant {READ} to the app")
    if reply.status == 404:
        raise OwnerMissing(f"{owner.key} profile: the user is not in the directory ({reply.code})")
    return reply


def _told(feed: Feed, reply: Reply) -> Json:
    body = well(feed.owner, reply).json
    return {k: v for k, v in body.items() if not k.startswith("@odata.")}


def _seen(feed: Feed, body: Json) -> Seen:
    record = common({**body, "id": feed.id}, type=feed.id, name=NAMES[feed.id])
    return Seen(feed.id, record, digest(body), name=NAMES[feed.id])
