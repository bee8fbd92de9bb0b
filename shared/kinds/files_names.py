"""Names as OneDrive takes them: what can't be given back as it was is changed the same way each time, and told. Pure.

The rules are those of OneDrive and SharePoint for names and path lengths (Microsoft support: invalid file names). A
changed name carries a digest of the true one, so that two different names never become the same.
"""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import sha256
from urllib.parse import unquote, urlsplit

LONGEST_NAME = 255
LONGEST_PATH = 400  # decoded, the site's and the library's part included
SHORTEST = 24  # below so much room a name is not shortened; its item moves to the top instead
USUAL_PREFIX = 80  # when a drive does not tell its address

_FORBIDDEN = re.compile(r'["*:<>?/\\|\x00-\x1f\x7f\ud800-\udfff]')
_RESERVED = re.compile(r"\.lock|con|prn|aux|nul|com\d|lpt\d|desktop\.ini|\.|\.\.", re.IGNORECASE)
_VTI = re.compile("_vti_", re.IGNORECASE)


def legal_name(name: str, *, folder: bool = False, at_root: bool = False, room: int = LONGEST_NAME) -> str:
    """The name itself when the service takes it and it fits, else its stand-in."""
    clean = _VTI.sub("-vti-", _FORBIDDEN.sub("_", name)).strip(" ")
    if clean.startswith("~$") or (folder and clean.startswith("~")):
        clean = "_" + clean[1:]
    clean = clean.rstrip(". ") if clean.endswith(".") else clean
    reserved = _RESERVED.fullmatch(clean) or (folder and at_root and clean.lower() == "forms")
    longest = min(room, LONGEST_NAME)
    if clean == name and clean and not reserved and len(clean) <= longest:
        return name
    return with_tag(clean or "unnamed", f"~{tag_of(name)}", folder=folder, longest=longest)


def beside(name: str, mark: str, *, room: int = LONGEST_NAME) -> str:
    """The name for a restored file whose own is taken by another: the same for the same restore of the same version."""
    tag = f" (restored {tag_of(mark)})" if room > 2 * SHORTEST else f"~{tag_of(mark)}"
    return with_tag(name, tag, folder=False, longest=min(room, LONGEST_NAME))


def staging(mark: str, attempt: int = 0) -> str:
    """A name for bytes on their way in. Its ending is one that the service does not rewrite (rclone 2599)."""
    return f"holdfast-{tag_of(mark)}{attempt or ''}.part"


def with_tag(name: str, tag: str, *, folder: bool, longest: int) -> str:
    """The tag before the extension; the stem gives way when it gets too long."""
    stem, dot, ending = name.rpartition(".")
    if folder or not stem or len(ending) > 12:
        stem, dot, ending = name, "", ""
    kept = max(1, longest - len(tag) - len(dot) - len(ending))
    return f"{stem[:kept].rstrip(' ')}{tag}{dot}{ending}"


def tag_of(text: str) -> str:
    return b32encode(sha256(text.encode("utf-8", "surrogatepass")).digest()).decode().lower()[:8]


def room_at_top(drive_url: str) -> int:
    """How many characters a path below the drive's root may have."""
    prefix = len(unquote(urlsplit(drive_url).path).strip("/")) if drive_url else USUAL_PREFIX
    return LONGEST_PATH - prefix - 2  # the slash that ends it, and the one before the name
