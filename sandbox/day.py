"""Who is who in the demo, what people do in a day, and what then befalls them. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DOMAIN = "contoso.example"
ADELE, BERND, CHLOE, ERIKA, AWKWARD = (f"{n}@{DOMAIN}" for n in ("adele", "bernd", "chlo", "erika", "awkward"))
CREW, CREW_SITE = f"crew@{DOMAIN}", "contoso.sharepoint.com/sites/crew"
DAY = "2026-11-23"
LIBRARY = "crew/Documents"


def a_day(tree: Path) -> list[dict[str, Any]]:
    """What people do in a day, to every kind of thing we keep."""
    modules = [path.stem for path in sorted(tree.glob("*.py"))]
    about = [f"About {name}" for name in modules]
    mail = [
        *({"do": "add_mail", "user": ADELE, "subject": f"Monday {n}", "body": "New today."} for n in range(6)),
        {"do": "mark_read", "user": ADELE, "folder": "inbox/Releases", "subject": about[1]},
        {"do": "flag", "user": ADELE, "folder": "inbox/Questions", "subject": about[2]},
        {"do": "categorize", "user": ADELE, "folder": "inbox/Releases", "subject": about[4], "categories": ["Blue"]},
        {"do": "move_mail", "user": ADELE, "folder": "inbox/Reviews", "subject": about[0], "to": "inbox/Releases"},
        {"do": "delete_mail", "user": ADELE, "folder": "inbox/Reviews", "subject": about[3]},
        {"do": "add_mail_folder", "user": ADELE, "name": "New project", "under": "inbox"},
        {"do": "rename_folder", "user": ADELE, "folder": "inbox/Questions", "name": "Answered"},
        {"do": "edit_draft", "user": AWKWARD, "subject": "A draft", "body": "<p>A little further</p>"},
    ]
    contacts = [
        {"do": "add_contact", "user": CHLOE, "name": "Neue Bekannte", "mobilePhone": "+49 170 42"},
        {"do": "edit_contact", "user": CHLOE, "name": "Person 000", "jobTitle": "Chief"},
        {"do": "delete_contact", "user": CHLOE, "name": "Person 001"},
    ]
    files = [
        *({"do": "edit_file", "user": BERND, "path": f"{name}.py", "text": "# rewritten\n"} for name in modules[:8]),
        {"do": "add_file", "user": BERND, "path": "Projects/Plan.txt", "text": "the plan\n"},
        {"do": "rename_item", "user": BERND, "path": "Finance", "name": "Finance and Tax"},
        {"do": "move_item", "user": BERND, "path": f"{modules[9]}.py", "to": "Projects/moved"},
        {"do": "delete_item", "user": BERND, "path": f"{modules[10]}.py"},
        {"do": "share_item", "user": BERND, "path": "Projects", "link": "view"},
        {"do": "add_file", "user": ADELE, "path": "Projects/Minutes.txt", "text": "we met\n"},
    ]
    people = [{"do": "add_user", "name": "nina", "display_name": "Nina New"}]
    rest = [
        {"do": "add_event", "user": ADELE, "subject": "Lunch", "start": f"{DAY}T12:00:00", "end": f"{DAY}T13:00:00"},
        {"do": "cancel_occurrence", "user": AWKWARD, "event": "Team meeting", "day": "2026-03-23"},
        {"do": "add_task", "user": ADELE, "title": "Answer Monday's mail"},
        {"do": "complete_task", "user": AWKWARD, "task": "Buy milk"},
        {"do": "add_rule", "user": ADELE, "name": "Newsletters", "actions": {"moveToFolder": "archive"}},
        {"do": "add_category", "user": ADELE, "name": "Project X", "color": "preset5"},
        {"do": "edit_user", "user": ADELE, "job_title": "Head of everything"},
    ]
    return [*mail, *contacts, *files, *rest, *people, *_a_day_together()]


def _a_day_together() -> list[dict[str, Any]]:
    """Of the group, its team, its plan and its site."""
    design = {"team": "crew", "channel": "Design"}
    row = {"site": "crew", "list_name": "Projects"}
    return [
        {"do": "edit_group", "group": "crew", "description": "Everybody, and Nina soon"},
        {"do": "post_message", **design, "by": "adele", "text": "<p>A third draft</p>", "reply_to": "First draft"},
        {"do": "edit_message", **design, "text": "Nicer than the first", "to": "<p>Much nicer</p>"},
        {"do": "edit_planner_task", "group": "crew", "plan": "Launch", "task": "Buy rocket", "percentComplete": 50},
        {"do": "add_list_item", **row, "title": "Voyager", "Budget": 7.25, "Code": "P4"},
        {"do": "edit_list_item", **row, "item": "Mercury", "Budget": 1.5},
        {"do": "edit_page", "site": "crew", "name": "Plan.aspx", "html": "<h2>Plan B</h2>"},
        {"do": "add_file", "user": LIBRARY, "path": "Finance/Budget.txt", "text": "enough\n"},
    ]


def the_disaster(contacts: list[str]) -> list[dict[str, Any]]:
    """Two mailboxes emptied of everything, somebody's contacts and somebody's drive."""
    emptied = ("empty_mailbox", "empty_calendars", "empty_todo", "reset_configuration")
    return [
        *({"do": name, "user": user} for user in (ADELE, AWKWARD) for name in emptied),
        {"do": "edit_user", "user": ADELE, "job_title": "Nobody"},
        *({"do": "delete_contact", "user": CHLOE, "name": name} for name in contacts),
        *_gone_together(),
    ]


def _gone_together() -> list[dict[str, Any]]:
    """Somebody tidies up what is everybody's."""
    row = {"site": "crew", "list_name": "Projects"}
    return [
        {"do": "edit_group", "group": "crew", "description": ""},
        {"do": "leave_group", "group": "crew", "user": BERND},
        {"do": "delete_channel", "team": "crew", "channel": "Design"},
        {"do": "drop_tag", "team": "crew", "name": "On call"},
        {"do": "team_setting", "team": "crew", "group": "funSettings", "allowGiphy": True},
        {"do": "delete_planner_task", "group": "crew", "plan": "Launch", "task": "Buy rocket"},
        *({"do": "delete_list_item", **row, "item": name} for name in ("Mercury", "Voyager", "Row 00007")),
        {"do": "edit_list_item", **row, "item": "Apollo", "Budget": 0, "Code": "?"},
        {"do": "delete_page", "site": "crew", "name": "Plan.aspx"},
        {"do": "edit_page", "site": "crew", "name": "Home.aspx", "html": "<p>Nothing here</p>"},
        {"do": "delete_item", "user": LIBRARY, "path": "Finance"},
    ]
