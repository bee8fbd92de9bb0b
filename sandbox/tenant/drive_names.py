"""What SharePoint allows a file or folder to be called, and what it calls the second of two namesakes."""

from __future__ import annotations

import re
from collections.abc import Container

LONGEST_NAME = 255
LONGEST_PATH = 400  # decoded, the site's and the library's part included

_FORBIDDEN = re.compile(r'["*:<>?/\\|\x00-\x1f]')
_RESERVED = re.compile(r"(\.lock|con|prn|aux|nul|com\d|lpt\d|desktop\.ini)", re.IGNORECASE)


def trouble_with(name: str, *, folder: bool, at_root: bool) -> str | None:
    """Why the service refuses the name, or None when it takes it."""
    if not name:
        return "The name is empty."
    if found := _FORBIDDEN.search(name):
        return f"The name holds the character {found.group()!r}, which is not allowed."
    if len(name) > LONGEST_NAME:
        return f"The name is longer than {LONGEST_NAME} characters."
    if name != name.strip(" ") or name.endswith("."):
        return "The name starts or ends with a space, or ends with a dot."
    if _RESERVED.fullmatch(name) or "_vti_" in name.lower():
        return "The name is reserved."
    if name.startswith("~$") or (folder and name.startswith("~")):
        return "The name starts with a tilde."
    if folder and at_root and name.lower() == "forms":
        return "The name is reserved at the top of a library."
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return "The name is not valid Unicode."
    return None


def key(name: str) -> str:
    """Siblings with the same key are the same name to the service: it ignores case, and nothing else."""
    return name.lower()


def second_name(name: str, taken: Container[str]) -> str:
    """The name that conflictBehavior=rename gives: the first free number before the extension."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        stem, dot, extension = name, "", ""
    number = 1
    while key(f"{stem} {number}{dot}{extension}") in taken:
        number += 1
    return f"{stem} {number}{dot}{extension}"
