"""OneDrive's way back for files: find or upload, then complete with dates and sharing.

Which file is "ours" decides whether a second attempt makes a second file. Name, content and dates are all that lasts of
an upload. So a file of equal content that an app wrote last is taken for an earlier attempt's, and so is one that an
app wrote last with exactly the kept dates: the service may have rewritten its bytes since, as it does to Office files
(rclone 2599).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from shared.graph.steps import Reply, Steps, Upload, delete, patch, post, put, segment, together
from shared.kinds.files_listing import is_folder, quick_xor_of, size_of, type_of
from shared.kinds.files_names import SHORTEST, beside, legal_name, staging
from shared.kinds.files_places import (
    CONFLICT,
    address,
    at_root,
    by_app,
    dates_of,
    folder,
    look,
    name_of,
    renaming,
    room_in,
    share,
    top_of,
)
from shared.kinds.kind import Into
from shared.model import Json, Kept, Mode, Part, Restored

FRAGMENT_BYTES = 10 * 1024 * 1024  # a multiple of 327,680, as large as is advised (Graph docs: createUploadSession)
REWRITTEN = (".docx", ".xlsx", ".pptx", ".pdf", ".html", ".htm", ".jpg", ".jpeg")
# written into after the upload by libraries, whatever is in them; of pictures and pages only some are
ALWAYS_REWRITTEN = (".docx", ".xlsx", ".pptx")
REWRITES = "its bytes: the service rewrote the file after the upload"
STAGINGS = 3  # names to try while the service still waits for the rest of uploads that died


@dataclass(frozen=True, slots=True)
class Job:
    """One file on its way back: where to, under which name, and what has to be there in the end."""

    kept: Kept
    into: Into
    content: Part
    name: str
    mark: str
    mode: Mode
    losses: tuple[str, ...] = ()
    beside: bool = False  # its own name is another's

    @property
    def quick_xor(self) -> str:
        """The service's hash of the kept bytes; "" when it told none, or told it of other bytes than it served."""
        return quick_xor_of(self.kept.record) if size_of(self.kept.record) == self.content.size else ""

    def is_same(self, item: Json) -> bool:
        if "file" not in item or size_of(item) != self.content.size:
            return False
        return self.content.size == 0 or (self.quick_xor != "" and quick_xor_of(item) == self.quick_xor)

    def is_ours(self, item: Json) -> bool:
        if "file" not in item or not by_app(item.get("lastModifiedBy")):
            return False
        return self.is_same(item) or self._rewritten(item)

    def _rewritten(self, item: Json) -> bool:
        """Dates alone prove little (an intruder's app may keep them): only where the service is known to add to files,
        and never where the order is to replace: one version too many is harmless."""
        rewrites = self.into.facts["type"] == "documentLibrary" or name_of(item).lower().endswith(REWRITTEN)
        grown = (size_of(item) or 0) >= self.content.size
        return self.mode != "replace" and rewrites and grown and dates_of(item) == dates_of(self.kept.record) != {}

    def at(self, item: Json) -> str:
        return f"{self.into.facts['drive']}/items/{segment(item['id'])}"

    def failed(self, note: str) -> Restored:
        return Restored("failed", losses=self.losses, note=note)

    def renamed(self) -> Job:
        name = beside(self.name, self.mark, room=room_in(self.into))
        losses = (*self.losses, f"its name is taken by another item: it is called {name!r}")
        return replace(self, name=name, losses=losses, beside=True)


def restore(kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
    if type_of(kept.record) == "shortcut":
        return Restored("skipped", note="a shortcut into another drive: it can only be made by the user it belongs to")
    if is_folder(kept.record):
        found = yield from folder(kept, into)
        losses = tuple(filter(None, found.facts.get("losses", "").split("\n")))
        return Restored("created" if found.facts.get("made") else "skipped", found.folder_id, losses)
    content = kept.parts.get("content")
    if content is None:
        return Restored("failed", note="its content was not kept")
    job = _job(kept, into, content, mark, mode)
    looks = yield together(*(look(job.into, name) for name in (job.name, staging(mark))))
    there, staged = (_item_in(reply) for reply in looks.parts)
    if staged is not None:  # an earlier attempt got this far
        return (yield from _land(job, staged, there))
    return (yield from _settle(job, there))


def foresees(kept: Kept) -> tuple[str, ...]:
    """What a preview knows: libraries write properties of their own into Office files (rclone 2599)."""
    library = kept.place is not None and kept.place.type == "site"
    content = kept.parts.get("content")
    rewritten = library and content and content.size and name_of(kept.record).lower().endswith(ALWAYS_REWRITTEN)
    return (REWRITES,) if rewritten else ()


def _job(kept: Kept, into: Into, content: Part, mark: str, mode: Mode) -> Job:
    name = name_of(kept.record)
    fits = len(name) <= room_in(into) or room_in(into) >= SHORTEST
    where = into if fits else top_of(into)
    here = legal_name(
        name if fits else f"{kept.version.item_id[-8:]}~{name}", at_root=at_root(where), room=room_in(where)
    )
    return Job(kept, where, content, here, mark, mode, renaming(name, here, moved=not fits))


def _settle(job: Job, there: Json | None) -> Steps[Restored]:
    """What to do about what has the name."""
    if there is None:
        return (yield from _upload(job))
    if job.is_ours(there):
        return (yield from _complete_what_is_there(job, there))
    if job.is_same(there):
        return Restored("skipped", there["id"], note="the same file is there")
    if job.mode == "skip":
        return Restored("skipped", there["id"], note="another item of that name is there")
    if job.mode == "replace" and "file" in there:
        return (yield from _upload(job, replacing=there))
    if job.beside:
        return job.failed("its name is taken, and so is the one beside it")
    second = job.renamed()
    return (yield from _settle(second, _item_in((yield look(second.into, second.name)))))


def _upload(job: Job, replacing: Json | None = None) -> Steps[Restored]:
    reply = yield from _send(job, job.name, "fail" if replacing is None else "replace")
    if reply.status == 409:
        # somebody made it meanwhile (we, if an answer was lost), or the service still waits for the rest of an upload
        # that died: one session per name, and its address died with the worker (onedrive-api-docs 747)
        there = _item_in((yield look(job.into, job.name)))
        if there is not None and (job.mode != "replace" or job.is_ours(there)):
            return (yield from _settle(job, there))
        return (yield from _detour(job, there))
    if not reply.ok:
        return job.failed(_why(reply))
    return (yield from _complete(job, reply.json, "created" if replacing is None else "replaced"))


def _send(job: Job, name: str, conflict: str) -> Steps[Reply]:
    """The bytes under a name, with their dates: set later they would make one more version (rclone: onedrive)."""
    target = address(job.into, name)
    if job.content.size == 0:  # no session takes zero bytes; `_complete` sees to the dates
        octets = {"Content-Type": "application/octet-stream"}
        return (yield put(f"{target}/content?{CONFLICT}={conflict}", b"", headers=octets, units=2))
    item: Json = {CONFLICT: conflict, "name": name, "fileSize": job.content.size}
    dates = dates_of(job.kept.record)
    reply = Reply(404)
    for facet in ({"fileSystemInfo": dates}, {}) if dates else ({},):
        for _ in range(2):  # a session may be gone before its end
            session = yield post(f"{target}/createUploadSession", {"item": item | facet}, units=2)
            if not session.ok:
                reply = session
                break
            reply = yield Upload("PUT", session.json["uploadUrl"], part=job.content, fragment_bytes=FRAGMENT_BYTES)
            if reply.found:
                break
        if reply.status != 400:  # some drives refuse dates in a session (onedrive-api-docs 1379, 1756)
            break
    return reply


def _detour(job: Job, there: Json | None) -> Steps[Restored]:
    """Upload under a name of our own, then rename."""
    for attempt in range(STAGINGS):
        name = staging(job.mark, attempt)
        staged = _item_in((yield look(job.into, name)))
        if staged is not None:
            return (yield from _land(job, staged, there))
        reply = yield from _send(job, name, "fail")
        if reply.ok:
            return (yield from _land(job, reply.json, there))
        if reply.status != 409:
            return job.failed(_why(reply))
    return job.failed("the service waits for the rest of uploads that died; they expire within days")


def _land(job: Job, staged: Json, there: Json | None) -> Steps[Restored]:
    """A whole upload gets its name. What it replaces goes to the recycle bin only now."""
    outcome: Literal["created", "replaced"] = "created"
    if there is not None:
        if job.is_ours(there) or job.is_same(there) or job.mode == "skip":
            yield delete(job.at(staged), units=2)
            return (yield from _settle(job, there))
        if job.mode == "replace" and "file" in there:
            yield delete(job.at(there), units=2)
            outcome = "replaced"
            binned = "what it replaced is in the recycle bin, with its older versions"
            job = replace(job, losses=(*job.losses, binned))
    named = yield patch(job.at(staged), {"name": job.name}, units=2)
    if named.status == 409 and not job.beside:
        job = job.renamed()
        named = yield patch(job.at(staged), {"name": job.name}, units=2)
    if not named.ok:
        return job.failed(f"uploaded, but without its name: {_why(named)}")
    return (yield from _complete(job, named.json, outcome))


def _complete(job: Job, item: Json, outcome: Literal["created", "completed", "replaced"]) -> Steps[Restored]:
    """Check what arrived and add what comes after the bytes; all of it: an earlier attempt may have died here."""
    losses = job.losses
    wanted, got = dates_of(job.kept.record), dates_of(item)
    if job.content.size == 0 and wanted and got != wanted:
        item = (yield patch(job.at(item), {"fileSystemInfo": wanted}, units=2)).json
        got = dates_of(item)
    if wanted and got != wanted:
        losses += ("its dates: the service set its own",)
    arrived = size_of(item) or 0
    if arrived < job.content.size and job.into.facts["type"] != "documentLibrary":
        return job.failed(f"{arrived} bytes arrived of {job.content.size}")
    hashes_differ = not job.is_same(item) and job.quick_xor and quick_xor_of(item)
    if hashes_differ or arrived != job.content.size:
        losses += (REWRITES,)
    losses += yield from share(job.kept, job.into, job.at(item))
    return Restored(outcome, item["id"], losses)


def _complete_what_is_there(job: Job, there: Json) -> Steps[Restored]:
    """An earlier attempt's file, or an earlier restore's: where the order is to leave alone what is there, one that
    lacks nothing is left alone."""
    act, wrote, reply = _complete(job, there, "completed"), False, None
    while True:
        try:
            step = next(act) if reply is None else act.send(reply)
        except StopIteration as done:
            found: Restored = done.value
            break
        wrote = wrote or not step.reads
        reply = yield step
    if job.mode == "skip" and found.outcome == "completed" and not wrote:
        return replace(found, outcome="skipped", note="the same file is there")
    return found


def _item_in(reply: Reply) -> Json | None:
    """The item of a look, or None when nothing has the name. Another refusal is one."""
    return reply.json if reply.found else None


def _why(reply: Reply) -> str:
    reasons = {423: "it is locked or checked out", 507: "the drive is full", 413: "it is too large for the drive"}
    return reasons.get(reply.status) or f"Graph answered {reply.status} {reply.code}".strip()
