"""Words as they are searched for (letters and digits of any script, folded), and people whom a record names. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

_WORD = re.compile(r"[^\W_]+")
LONGEST = 40  # characters of a word that count
DEEPEST = 12  # levels of a record
MOST_PEOPLE = 60  # of one item
# where Graph puts addresses and names of people in its records
_NAMES = ("address", "email", "mail", "userPrincipalName", "displayName", "name")
_WHO = ("emailAddress", "user", "identity")


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> set[str]:
    return {word[:LONGEST] for word in _WORD.findall(folded(text))}


def begins(wanted: list[str], text: str) -> bool:
    """Whether each wanted word is the beginning of some word of the text. Both are folded."""
    if not all(word in text for word in wanted):  # most texts are passed over by this alone
        return False
    there = _WORD.findall(text)
    return all(any(one.startswith(word) for one in there) for word in wanted)


def people(record: Any) -> list[str]:
    """Names and addresses of everyone whom a record names, each once."""
    return list(dict.fromkeys(_people(record, 0)))[:MOST_PEOPLE]


def _people(value: Any, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        return
    if isinstance(value, list):
        for one in value:
            yield from _people(one, depth + 1)
    elif isinstance(value, dict):
        if isinstance(value.get("address"), str):  # an address of Outlook's, with the name beside it
            yield from _told(value)
        for name, one in value.items():
            if name in _WHO and isinstance(one, dict):
                yield from _told(one)
            elif isinstance(one, dict | list):
                yield from _people(one, depth + 1)


def _told(who: dict[str, Any]) -> Iterator[str]:
    for name in _NAMES:
        if isinstance(who.get(name), str) and who[name].strip():
            yield who[name].strip()[:200]
