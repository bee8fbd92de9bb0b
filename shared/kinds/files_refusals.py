"""What it means when a drive does not let us in; the texts say what a person can do. Pure."""

from __future__ import annotations

from urllib.parse import quote

from shared.errors import CursorExpired, NotPermitted, OwnerMissing, Unreachable
from shared.graph.steps import Reply
from shared.model import Cursor, Feed

NO_DRIVE = ("mysite not found", "mysite url", "not have a spo license")  # texts that come with other statuses than 404


def drive_path(drive_id: str) -> str:
    return f"/drives/{quote(drive_id, safe='!', errors='surrogatepass')}"


def check_drive(reply: Reply, owner_path: str, *, grant: str = "Files.Read.All") -> None:
    """Whether the owner's drive, or a site's list of libraries, lets us in."""
    if reply.ok:
        return
    _check_access(reply, f"{owner_path} files", grant)
    said = reply.body.decode("utf-8", "replace").lower()
    if not reply.found and owner_path.startswith("/sites/"):
        raise OwnerMissing(f"{owner_path} files: the site, or its document library, is not there any more")
    if not reply.found or any(text in said for text in NO_DRIVE):
        raise OwnerMissing(f"{owner_path} files: no OneDrive; it comes with a licence and the user's first visit")
    if reply.status == 503:
        raise Unreachable(f"{owner_path} files: 503 for the whole drive; it may not be provisioned yet", after_s=3600)


def check_listing(reply: Reply, feed: Feed, cursor: Cursor | None) -> None:
    if reply.ok:
        return
    what = f"{feed.owner.path} files: drive {feed.id}"
    _check_access(reply, what, "Sites.Read.All" if feed.owner.type == "site" else "Files.Read.All")
    if reply.says("cannotSnapshotTree"):
        raise Unreachable(f"{what}: the service cannot list it at the moment", after_s=600)
    # resync... in many spellings; both ways it means a new full listing (Graph docs: driveitem-delta)
    if cursor is not None and reply.status in (400, 410):
        raise CursorExpired(f"{what}: the service no longer knows where we stopped ({reply.code})")
    if not reply.found:
        raise OwnerMissing(f"{what}: it is not there any more; what is kept of it stays kept")
    if reply.status >= 500:
        raise Unreachable(f"{what}: {reply.status} for its listing")


def _check_access(reply: Reply, what: str, grant: str) -> None:
    if reply.status == 423:
        raise NotPermitted(f"{what}: the site is locked ({reply.code}); an administrator can unlock it")
    if reply.status in (401, 403):  # an archived site refuses everything but its entry in the list of sites
        closed = "is archived or closed to apps" if "/sites/" in what else "is closed to apps"
        raise NotPermitted(f"{what}: Graph refused ({reply.code}); grant {grant}, or the site {closed}")
