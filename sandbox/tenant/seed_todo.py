"""Made-up tasks: one of each sort for everyone; awkward ones with many steps, large files and namesakes."""

from __future__ import annotations

from typing import Any

from sandbox.tenant import todo_mutations as people
from sandbox.tenant.content import Held, Made
from sandbox.tenant.seed_calendar import every
from sandbox.tenant.state import Tenant

BERLIN = "W. Europe Standard Time"


def day(text: str, zone: str = "UTC") -> dict[str, str]:
    return {"dateTime": f"{text}T00:00:00", "timeZone": zone}


def seed_small_todo(tenant: Tenant, upn: str) -> None:
    link = {
        "webUrl": "https://app.example/t/1", "applicationName": "Tracker", "displayName": "T-1", "externalId": "1",
    }  # fmt: skip
    people.add_task(
        tenant, upn, "Buy milk", checklist=["semi-skimmed", "+oat"], links=[link], dueDateTime=day("2026-06-05"),
        body={"content": "Two litres", "contentType": "text"}, importance="high", categories=["Red category"],
        isReminderOn=True, reminderDateTime={"dateTime": "2026-06-05T08:00:00", "timeZone": BERLIN},
    )  # fmt: skip
    people.add_task_list(tenant, upn, "Haus")
    rule: dict[str, Any] = every("weekly", "2026-06-01", daysOfWeek=["monday"])
    people.add_task(tenant, upn, "Water plants", "Haus", dueDateTime=day("2026-06-01"), recurrence=rule)
    people.add_task(tenant, upn, "Done long ago", "Haus", status="completed", completedDateTime=day("2025-01-02"))
    people.attach_to_task(tenant, upn, "Buy milk", "list.txt", Held(b"milk\n"))


def seed_awkward_todo(tenant: Tenant, upn: str) -> None:
    seed_small_todo(tenant, upn)
    for number in (1, 2):
        people.add_task_list(tenant, upn, "Twin")
        people.add_task(tenant, upn, f"Twin task {number}", "Twin")
    people.add_task_list(tenant, upn, "Shared with me", shared=True, owner=False)
    people.add_task(tenant, upn, "Ours", "Shared with me")
    people.add_task_list(tenant, upn, "Leer \U0001f3e0")
    people.add_task(tenant, upn, "", importance="low")
    people.add_task(
        tenant, upn, "Waiting \x0b עברית", status="waitingOnOthers", startDateTime=day("2026-03-29", BERLIN)
    )
    people.add_task(tenant, upn, "Many steps", checklist=[f"{'+' if n % 3 == 0 else ''}step {n}" for n in range(100)])
    rule = every("absoluteMonthly", "2026-01-31", dayOfMonth=31)
    people.add_task(tenant, upn, "Monthly on the 31st", dueDateTime=day("2026-01-31"), recurrence=rule)
    people.complete_task(tenant, upn, "Monthly on the 31st")
    people.add_task(tenant, upn, "Files", body={"content": "<b>html</b>", "contentType": "html"})
    people.attach_to_task(tenant, upn, "Files", "large.bin", Made("large task", 9_000_000))
    people.attach_to_task(tenant, upn, "Files", "empty", Held(b""))
    for number in range(30):  # more than one page
        people.add_task(tenant, upn, f"Task {number:02d}", status="completed" if number % 2 else "notStarted")
