"""Stories of giving back: nothing twice, nothing missing, nothing touched that was not asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.tenant.dump import dump
from shared.flows import restore
from shared.flows.house import House, Limits
from shared.model import Mode, Place, Selection
from tests.crash.stage import ADELE, BERND, CHLOE, Stage, Story

RESTORE = "r1"


async def something_kept(stage: Stage) -> None:
    """Adele's day as it is kept, with some that cannot come back whole; Bernd has his own things."""
    mail = {"user": ADELE}
    stage.mutate(
        {"do": "add_mail_folder", **mail, "name": "Clients"},
        {"do": "add_mail", **mail, "subject": "Equal subjects", "folder": "Clients"},
        {"do": "add_mail", **mail, "subject": "Equal subjects", "folder": "Clients", "body": "But another body"},
        {"do": "share_item", **mail, "path": "Notes/1", "to": BERND},
        {"do": "share_item", **mail, "path": "Notes/2", "to": CHLOE},
        {"do": "flag_item", **mail, "path": "Notes/0/note 3.txt", "malware": "Eicar"},
        {"do": "set_contact_photo", **mail, "name": "Oma", "photo": "/9j/AAAB"},
    )
    await stage.backup()
    stage.mutate({"do": "delete_user", "user": CHLOE})  # a grant to her is lost
    stage.worlds.clock.advance(3_600)
    stage.notes["before"] = dump(stage.worlds.tenant)


async def damage_in_place(stage: Stage) -> None:
    """After the backup things were changed, thrown away, moved and lost."""
    await something_kept(stage)
    mail = {"user": ADELE}
    stage.mutate(
        {"do": "mark_read", **mail, "subject": "Welcome", "read": False},
        {"do": "categorize", **mail, "subject": "Welcome", "categories": ["Wrong"]},
        {"do": "delete_mail", **mail, "subject": "With picture", "how": "hard"},
        {"do": "edit_draft", **mail, "subject": "A draft", "body": "<p>spoilt</p>"},
        {"do": "edit_contact", **mail, "name": "Person 000", "jobTitle": "Spoilt"},
        {"do": "delete_contact", **mail, "name": "Person 001"},
        {"do": "edit_file", **mail, "path": "Notes/0/note 0.txt", "text": "spoilt"},
        {"do": "delete_item", **mail, "path": "Notes/1/note 4.txt"},
        {"do": "delete_item", **mail, "path": "Notes/2"},
        {"do": "delete_folder", **mail, "folder": "Clients", "how": "hard"},
    )
    stage.notes["before"] = dump(stage.worlds.tenant)


async def archived(stage: Stage) -> None:
    """... and a rule moved all pages to the archive."""
    await something_kept(stage)
    blobs = stage.worlds.blobs
    blobs.tiers |= dict.fromkeys((name for name in blobs.blobs if name.startswith("pages/")), "archive")


def ordering(target: str, folder: str, mode: Mode, *kinds: str) -> Callable[[House, Stage], Awaitable[Any]]:
    """Order it once: whoever got no answer looks whether the order is known before ordering again."""

    async def begin(house: House, stage: Stage) -> None:
        if await house.catalog.restore(house.tenant, RESTORE) is not None:
            return
        source, whose = (stage.owner(user) for user in (ADELE, target))
        selection = Selection(source, kinds or ("mail", "contacts", "files"), house.clock.now())
        place = Place(whose, folder)
        await restore.order(house, selection, place, mode, restore=RESTORE, preview=False, by="somebody")

    return begin


# --- what holds at every instant of it -----------------------------------------------------------------------------


def nothing_else_is_touched(stage: Stage) -> list[str]:
    """The source as it was; of the target everything that was there, as it was, outside the new folder."""
    before, now = stage.notes["before"], stage.seen
    found = [f"I10 {user} was touched" for user in before if user != BERND and now[user] != before[user]]
    mine, then = now[BERND], before[BERND]
    found += [f"I10 {path} of the target" for path, item in then["drive"].items() if mine["drive"].get(path) != item]
    found += [f"I10 a message of the target: {m}" for m in (_messages(then) - _messages(mine)).elements()]
    found += [f"I10 a contact of the target: {c}" for c in (_contacts(then) - _contacts(mine)).elements()]
    return found


def nothing_is_thawed_in_vain(stage: Stage) -> list[str]:
    """Of the archive only what is given back, and each of it paid for once."""
    asked = stage.worlds.blobs.brought_back
    found = [f"{name} was brought back {n} times" for name, n in asked.items() if n > 1]
    found += [f"{name} was brought back for nothing" for name in asked if "/contacts/" not in name]
    return found + nothing_else_is_touched(stage)


def nothing_is_missing_meanwhile(stage: Stage) -> list[str]:
    """Replacing creates first and removes after: at no instant is there less than before."""
    before, now = stage.notes["before"], stage.seen
    found = [f"I10 {user} was touched" for user in before if user != ADELE and now[user] != before[user]]
    mine, then = now[ADELE], before[ADELE]
    found += [f"lost: file {path}" for path in then["drive"] if path not in mine["drive"]]
    subjects, names = Counter(dict(_messages(mine, "subject"))), Counter(dict(_contacts(mine, "displayName")))
    found += [f"lost: message {s}" for s in (_messages(then, "subject") - subjects).elements()]
    found += [f"lost: contact {c}" for c in (_contacts(then, "displayName") - names).elements()]
    return found


def _messages(user: dict[str, Any], member: str = "") -> Counter[str]:
    def below(folder: dict[str, Any]) -> list[Any]:
        return [*folder["messages"], *(m for inner in folder["folders"] for m in below(inner))]

    return Counter(str(m[member] if member else m) for f in user["mail"]["folders"] for m in below(f))


def _contacts(user: dict[str, Any], member: str = "") -> Counter[str]:
    def below(folder: dict[str, Any]) -> list[Any]:
        return [*folder["contacts"], *(c for inner in folder["folders"] for c in below(inner))]

    return Counter(str(c.get(member) if member else c) for c in below(user["contacts"]))


def binned(parts: list[str]) -> list[str]:
    """The service takes no second upload to a name while it waits for the rest of one whose process died: then the new
    file takes the old one's place, and the report says where the older versions are."""
    told = [part for part in parts if "what it replaced is in the recycle bin" in part]
    return [part for part in parts if part in told or (told and part.rpartition("/")[2].startswith("versions:"))]


INTO_A_FOLDER = Story(
    "everything into another person's folder",
    something_kept,
    begin=ordering(BERND, "Restored", "create"),
    backs_up=False,
    check=nothing_else_is_touched,
)
IN_PLACE = Story(
    "what was damaged is replaced in place",
    damage_in_place,
    begin=ordering(ADELE, "original", "replace"),
    backs_up=False,
    check=nothing_is_missing_meanwhile,
    tolerates=lambda parts: parts if set(parts) - set(binned(parts)) else [],
)
HANDED_ON = Story(
    "a restore that hands itself on",
    something_kept,
    begin=ordering(BERND, "Restored", "create", "contacts", "files"),
    limits=Limits(lane_budget_s=0.1),
    hands_on=True,
    backs_up=False,
    check=nothing_else_is_touched,
)
ARCHIVED = Story(
    "what lies in the archive is brought back and given back",
    archived,
    begin=ordering(BERND, "Restored", "create", "contacts"),
    backs_up=False,
    check=nothing_is_thawed_in_vain,
    most_points=20,
)
RESTORES = (INTO_A_FOLDER, IN_PLACE, HANDED_ON, ARCHIVED)
