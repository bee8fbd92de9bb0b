"""Messages given back as pages to read, where they can't be imported: one page of HTML for each stretch of messages."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from hashlib import sha256

from shared.errors import NotPermitted
from shared.export import transcript
from shared.graph.steps import Steps, get, patch, post, put, read, segment
from shared.kinds.kind import Into
from shared.kinds.talk import HOSTED, sniffed
from shared.model import Json, Kept

MOST_IMAGES = 3 << 20  # bytes of images in one page: it is sent in one request
AS_PAGE = "not as a message: it is in a page of HTML among the files"
WRITE = "Files.ReadWrite.All"
_BAD = str.maketrans(dict.fromkeys('"*:<>?/\\|#%', "_"))


def beside(kept: Sequence[Kept], into: Into) -> Steps[str]:
    """A page among the files of the channel that can't take the messages."""
    reply = yield get(f"{into.path}/filesFolder", batchable=False)
    if reply.status in (401, 403):
        raise NotPermitted(f"{into.owner.key}: Graph answered {reply.status}; grant {WRITE} to the restore app")
    drive = f"/drives/{reply.json['parentReference']['driveId']}"
    top = f"items/{segment(str(reply.json['id']))}"
    return (yield from write(kept, drive, title="Channel", folder="Restored messages", top=top))


def write(kept: Sequence[Kept], drive: str, *, title: str, folder: str, top: str = "root") -> Steps[str]:
    """One page below a folder of the drive, named by what is in it: the same messages always make the same file."""
    marks = "\n".join(f"{one.version.item_id} {one.version.seq}" for one in kept)
    first = str(kept[0].record.get("createdDateTime") or "")[:10]
    name = f"{safe(title)} {first} {sha256(marks.encode()).hexdigest()[:8]}.html"
    path = f"{drive}/{top}:/{segment(safe(folder))}/{segment(name)}"
    there = yield get(path, units=1)
    if there.status in (401, 403):
        raise NotPermitted(f"{drive}: Graph answered {there.status}; grant {WRITE} to the restore app")
    times = {name: _second(kept[-1]) for name in ("createdDateTime", "lastModifiedDateTime")}
    if there.ok:
        return (yield from _dated(drive, there.json, times))
    images = yield from embedded(kept)
    page = transcript.talk(title, [one.record for one in kept], images)
    folder_body: Json = {"name": safe(folder), "folder": {}, "@microsoft.graph.conflictBehavior": "fail"}
    yield post(f"{drive}/{top}/children", folder_body, units=2)  # 409: it is there
    made = yield put(f"{path}:/content", page, headers={"Content-Type": "text/html"}, units=2)
    if made.status in (401, 403):
        raise NotPermitted(f"{drive}: Graph answered {made.status}; grant {WRITE} to the restore app")
    return (yield from _dated(drive, made.json, times))


def _dated(drive: str, item: Json, times: Json) -> Steps[str]:
    """The page bears the time of its last message; an earlier attempt may have died before it did."""
    told = item.get("fileSystemInfo") or {}
    if any(str(told.get(name) or "")[:19] != str(value)[:19] for name, value in times.items()):
        path = f"{drive}/items/{segment(str(item['id']))}"
        yield patch(path, {"fileSystemInfo": times}, units=2)
    return str(item["id"])


def _second(kept: Kept) -> str:
    return f"{str(kept.record.get('createdDateTime') or '1970-01-01T00:00:00Z')[:19]}Z"


def embedded(kept: Sequence[Kept]) -> Steps[Mapping[str, str]]:
    """Hosted contents by id, as addresses that hold their bytes; beyond the limit they are named only."""
    found: dict[str, str] = {}
    left = MOST_IMAGES
    for one in kept:
        for entry in one.record.get(HOSTED) or ():
            part = one.parts.get(str(entry.get("o365:Part")))
            if part is None or part.size > left:
                continue
            data = (yield read(part)).body
            left -= len(data)
            found[str(entry.get("id"))] = address(data)
    return found


def address(data: bytes) -> str:
    kind = sniffed(data)[0]
    return f"data:{kind};base64,{base64.b64encode(data).decode()}" if kind.startswith("image/") else ""


def safe(text: str) -> str:
    """A name that a drive takes."""
    return (text.translate(_BAD).strip(" .~") or "Chat")[:100]
