"""The stories: what a backup meets, on a few dozen items of one person."""

from __future__ import annotations

from shared.flows.house import Limits
from shared.kinds.files import Files
from shared.kinds.files_course import Pace
from tests.crash.stage import ADELE, Stage, Story

KIB = 1024
MOST_POINTS = 40  # of a story that others tell as well, in another mode


async def nothing(stage: Stage) -> None:
    """The first full backup begins with nothing."""


async def a_day_of_work(stage: Stage) -> None:
    """Everything people do to their mail, contacts and files between two backups."""
    mail = {"user": ADELE}
    stage.mutate(
        {"do": "add_mail_folder", **mail, "name": "Clients"},
        *({"do": "add_mail", **mail, "subject": f"Old {n}"} for n in range(4)),
    )
    await stage.backup()
    stage.worlds.clock.advance(86_400)
    stage.mutate(
        {"do": "add_mail", **mail, "subject": "New one"},
        {"do": "move_mail", **mail, "subject": "Old 0", "folder": "inbox", "to": "Clients"},
        {"do": "delete_mail", **mail, "subject": "Old 1"},
        {"do": "delete_mail", **mail, "subject": "Old 2", "how": "hard"},
        {"do": "mark_read", **mail, "subject": "Old 3"},
        {"do": "flag", **mail, "subject": "Welcome"},
        {"do": "categorize", **mail, "subject": "With picture", "categories": ["Red"]},
        {"do": "edit_draft", **mail, "subject": "A draft", "body": "<p>Other words</p>"},
        {"do": "add_contact", **mail, "name": "New Person", "mobilePhone": "+49 170 1"},
        {"do": "edit_contact", **mail, "name": "Person 000", "jobTitle": "Boss"},
        {"do": "delete_contact", **mail, "name": "Person 001"},
        {"do": "set_contact_photo", **mail, "name": "Oma", "photo": "/9j/AAAB"},
        {"do": "add_file", **mail, "path": "Notes/2/new.txt", "text": "new"},
        {"do": "edit_file", **mail, "path": "Notes/0/note 0.txt", "text": "changed"},
        {"do": "rename_item", **mail, "path": "Notes/1/note 1.txt", "name": "renamed.txt"},
        {"do": "move_item", **mail, "path": "Notes/1/note 4.txt", "to": "Notes/2"},
        {"do": "rename_item", **mail, "path": "Reports/2025", "name": "2025 old"},
        {"do": "delete_item", **mail, "path": "Notes/0/note 3.txt"},
    )


async def every_cursor_expired(stage: Stage) -> None:
    """After a move of the mailbox and a reset of the drive no cursor is good; meanwhile little has changed."""
    await stage.backup()
    stage.worlds.clock.advance(86_400)
    mail = {"user": ADELE}
    stage.mutate(
        {"do": "add_mail", **mail, "subject": "New one"},
        {"do": "delete_mail", **mail, "subject": "Welcome", "how": "hard"},
        {"do": "delete_contact", **mail, "name": "Person 001"},
        {"do": "delete_item", **mail, "path": "Notes/0/note 3.txt"},
        {"do": "edit_file", **mail, "path": "Notes/0/note 0.txt", "text": "changed"},
        {"do": "expire_mail_tokens", **mail},
        {"do": "expire_delta", **mail},
    )


async def two_large_files(stage: Stage) -> None:
    """One is taken in its lane, chunk by chunk; one gets a ticket of its own."""
    stage.mutate(
        {"do": "delete_item", "user": ADELE, "path": "Notes"},
        {"do": "add_file", "user": ADELE, "path": "in its lane.bin", "size": 300 * KIB},
        {"do": "add_file", "user": ADELE, "path": "on its own.bin", "size": 700 * KIB},
    )


async def a_long_crawl(stage: Stage) -> None:
    """A drive that answers two items at a time: most of it is old, and some is new."""
    stage.worlds.clock.advance(60 * 86_400)
    stage.mutate(*({"do": "add_file", "user": ADELE, "path": f"Notes/new {n}.txt", "text": "new"} for n in range(3)))


async def folders_on_the_move(stage: Stage) -> None:
    """Mail folders are made, renamed, moved, thrown away and deleted with what they hold."""
    mail = {"user": ADELE}
    for name in ("Alpha", "Beta", "Gamma", "Delta"):
        stage.mutate(
            {"do": "add_mail_folder", **mail, "name": name},
            {"do": "add_mail", **mail, "subject": f"In {name}", "folder": name},
        )
    stage.mutate({"do": "add_mail_folder", **mail, "name": "Below", "under": "Gamma"})
    stage.mutate({"do": "add_mail", **mail, "subject": "Deep", "folder": "Gamma/Below"})
    await stage.backup()
    stage.worlds.clock.advance(86_400)
    stage.mutate(
        {"do": "rename_folder", **mail, "folder": "Alpha", "name": "Omega"},
        {"do": "move_folder", **mail, "folder": "Beta", "to": "Omega"},
        {"do": "delete_folder", **mail, "folder": "Gamma", "how": "hard"},
        {"do": "delete_folder", **mail, "folder": "Delta", "how": "soft"},
        {"do": "add_mail_folder", **mail, "name": "Fresh"},
        {"do": "add_mail", **mail, "subject": "In Fresh", "folder": "Fresh"},
    )


async def notes_that_come_and_go(stage: Stage) -> None:
    """Sticky notes are written, changed and deleted, and folders of them with what they hold."""
    await stage.backup()
    stage.worlds.clock.advance(86_400)
    me = {"user": ADELE}
    stage.mutate(
        {"do": "edit_sticky_note", **me, "text": "Buy milk", "to": "Buy oat milk"},
        {"do": "delete_sticky_folder", **me, "name": "Ideas"},
        {"do": "add_sticky_folder", **me, "name": "Plans", "inside": "Notes"},
        {"do": "add_sticky_note", **me, "text": "A house", "folder": "Plans"},
    )


BACKUPS = (
    Story("the first full backup", nothing, limits=Limits(gathered_items=1)),
    Story("a day of work", a_day_of_work),
    Story("every cursor expired", every_cursor_expired),
    Story(
        "large files",
        two_large_files,
        kinds=("files",),
        limits=Limits(item_ticket_bytes=500 * KIB),
        sizes={"part_bytes": 64 * KIB, "chunk_bytes": 128 * KIB},
        leftover_bytes=128 * KIB,
        read_again_bytes=(128 + 64) * KIB,  # a chunk that was under way, and the small files of a page that was
    ),
    Story(
        "a long crawl",
        a_long_crawl,
        kinds=("files",),
        limits=Limits(gathered_items=1),
        options={"drive_page_max": 3},
        kinds_as={"files": Files(pace=Pace(look=3, ahead=2))},
    ),
    Story("folders on the move", folders_on_the_move, kinds=("mail",)),
    Story(
        "lossless, folders on the move", folders_on_the_move, kinds=("mail",), most_points=MOST_POINTS, lossless=True
    ),
    Story(
        "lossless, notes that come and go",
        notes_that_come_and_go,
        kinds=("notes",),
        most_points=MOST_POINTS,
        lossless=True,
    ),
    Story("a lane that hands itself on", a_day_of_work, limits=Limits(lane_budget_s=0.05, page_items=3), hands_on=True),
)
