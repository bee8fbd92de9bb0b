"""What is kept as folders and items: walking an owner's kind by the names that people know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from tools.holdfast.api import Api, Trouble

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf:
    """One kind of one owner as of a moment ("": now)."""

    api: Api
    owner: str  # user-<id> ...
    kind: str
    at: str = ""

    def top(self) -> list[Json]:
        """The feeds, where a kind has several and none that holds the others; else what lies at its top."""
        try:
            return list(self._items())
        except Trouble as why:
            if "name the one to list" not in str(why):
                raise
            feeds = self.api.get(f"owners/{self.owner}/feeds", kind=self.kind)["value"]
            return [{"name": f["name"], "folderish": True, "feed_key": f["key"], "key": ""} for f in feeds]

    def inside(self, folder: Json) -> Iterator[Json]:
        """Folders in a folder lie in its own feed; items may lie in the feed that it opens."""
        yield from self._items(feed=folder["feed_key"], folder=folder["key"])
        if folder.get("opens"):
            yield from self._items(feed=folder["opens"])

    def find(self, path: str) -> Json:
        """The folder or item at `Inbox/Projects/Offer`; a slash inside a name is written %2F. The folder that holds
        everything (a mailbox's "Top of Information Store") may be left out."""
        here, found = self.top(), None
        for name in [unquote(piece) for piece in path.split("/") if piece]:
            same = [entry for entry in here if entry["name"] == name]
            if not same and found is None:
                below = [entry for top in here if top["folderish"] for entry in self.inside(top)]
                same, here = [entry for entry in below if entry["name"] == name], [*here, *below]
            if not same:
                near = ", ".join(sorted({spelled(entry) for entry in here})[:12])
                raise Trouble(f"{path}: there is no {name!r} at that time; there is: {near or 'nothing'}")
            if len(same) > 1:
                raise Trouble(f"{path}: {len(same)} of that name; `ls` shows their ids, and --item takes one")
            found = same[0]
            here = list(self.inside(found)) if found["folderish"] else []
        if found is None:
            raise Trouble("no path was given")
        return found

    def _items(self, **where: str) -> Iterator[Json]:
        asked = {name: value for name, value in where.items() if value}
        if self.at:
            asked["at"] = self.at
        return self.api.all(f"owners/{self.owner}/items", kind=self.kind, **asked)


def spelled(entry: Json) -> str:
    """A name as `find` takes it; folders end in a slash."""
    name = quote(str(entry["name"]) or "(no name)", safe=" ()[]{}&+,;=@!$'#~^").replace("/", "%2F")
    readable = "".join(c if c.isprintable() else quote(c) for c in str(entry["name"]).replace("/", "%2F"))
    return (readable or name) + ("/" if entry["folderish"] else "")


def owner_named(api: Api, name: str) -> Json:
    """The owner of that id, UPN, mail or address, or of the key that listings give."""
    if name.startswith(("user-", "group-", "site-")):
        return {"owner": name, "name": name, "type": name.partition("-")[0]}
    found: list[Json] = api.get("owners", name=name.removeprefix("https://").rstrip("/"))["value"]
    if not found:
        raise Trouble(f"{name}: nobody of that name is kept here; `owners` lists who is")
    return found[0]
