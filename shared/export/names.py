"""Names from anywhere as names in a folder of any operating system: harmless, distinct, told back. Standard library.

What a file system does not take is written `%XX` (UTF-8), and so is `%`: unquote the name to have it back. A name that
would differ from a sibling's only in case or composition, or is too long, gets `~` and eight characters made of the
item's id; the index beside the files has the original.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote

NAME_BYTES = 200  # file systems take 255; some room is for what we append
PATH_BYTES = 1500  # of a folder below the target; operating systems take 4096 at best
_FORBIDDEN = re.compile('[%<>:"/\\\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(\..*)?", re.IGNORECASE)


def safe(name: str) -> str:
    """One path segment that names the same thing on every system."""
    made = _FORBIDDEN.sub(lambda found: _quoted(found[0]), name)
    if made.endswith((".", " ")):
        made = made[:-1] + _quoted(made[-1])
    if made.startswith(" ") or _RESERVED.fullmatch(made):
        made = _quoted(made[0]) + made[1:]
    return made or "%"


def told_back(made: str) -> str:
    """The name that `safe` was given."""
    return "" if made == "%" else unquote(made, errors="surrogatepass")


def tag(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


class Folder:
    """The names that a folder of the target holds already."""

    def __init__(self, path: PurePosixPath) -> None:
        self.path = path
        self._taken: set[str] = set()

    def reserve(self, made: str) -> None:
        """A name that is used here by what was made elsewhere."""
        self._taken.add(folded(made))

    def take(self, name: str, item_id: str, ending: str = "") -> str:
        """A name of its own for an item; `ending` is ours (".eml") and stays at its end."""
        made, n = fitting(name, item_id, ending), 0
        while folded(made) in self._taken:
            made, n = tagged(name, item_id, ending, n), n + 1
        self._taken.add(folded(made))
        return made


def fitting(name: str, item_id: str, ending: str = "") -> str:
    """The name as it is, made safe; with a tag only where it is too long."""
    made = safe(name + ending)
    return made if len(made.encode("utf-8")) <= NAME_BYTES else tagged(name, item_id, ending)


def tagged(name: str, item_id: str, ending: str = "", n: int = 0) -> str:
    """A name that no other item has: told apart by its id, whatever else lies in the folder. An ending that the name
    brings along stays at its end, too."""
    stem, dot, suffix = (name + ending).rpartition(".")
    if not stem or len(suffix) > 16:
        stem, dot, suffix = (name + ending, "", "") if name else ("", "", ending)
    mark, tail = f"~{tag(item_id)}{f'-{n}' if n else ''}", safe("x" + dot + suffix)[1:]
    return _short(stem, NAME_BYTES - len(tail.encode("utf-8")) - len(mark)) + mark + tail


def _short(stem: str, room: int) -> str:
    while len(safe(stem).encode("utf-8")) > room:
        stem = stem[: max(len(stem) * room // (len(safe(stem).encode("utf-8")) + 1), len(stem) // 2, 1)]
        if len(stem) == 1:
            break
    return safe(stem)


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def folded(name: str) -> str:
    """What two names share that a file system may take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
