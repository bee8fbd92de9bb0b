"""What a mailbox holds of To Do: lists, tasks and what hangs on them; flagged mail mirrored in a list of its own."""

from __future__ import annotations

import copy
import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sandbox.tenant.content import Content
from sandbox.tenant.recurrence import days_of
from sandbox.tenant.state import Ids, Tenant, User
from sandbox.tenant.sync import ChangeLog

Json = dict[str, Any]
NAMES = {"en": ("Tasks", "Flagged email"), "de": ("Aufgaben", "Gekennzeichnete E-Mails")}
DUE = ("startDateTime", "dueDateTime", "reminderDateTime")


@dataclass(slots=True)
class TaskFile:
    id: str
    name: str
    content_type: str
    content: Content
    modified: dt.datetime


@dataclass(slots=True)
class Task:
    id: str
    list_id: str
    props: Json
    etag: str
    created: dt.datetime
    modified: dt.datetime
    checklist: list[Json] = field(default_factory=list)
    links: list[Json] = field(default_factory=list)
    files: list[TaskFile] = field(default_factory=list)
    extensions: dict[str, Json] = field(default_factory=dict)


@dataclass(slots=True)
class TaskList:
    id: str
    name: str
    well_known: str = "none"
    shared: bool = False
    owner: bool = True
    etag: str = ""
    extensions: dict[str, Json] = field(default_factory=dict)
    log: ChangeLog = field(default_factory=ChangeLog)


@dataclass(slots=True)
class FileSession:
    task: str
    info: Json
    expires: dt.datetime
    received: bytearray = field(default_factory=bytearray)


class TodoStore:
    def __init__(self, tenant: Tenant, user: User) -> None:
        self.tenant, self.user, self.ids = tenant, user, Ids(f"{tenant.options.seed}/todo/{user.upn}")
        self.lists: dict[str, TaskList] = {}
        self.tasks: dict[str, Task] = {}
        self.sessions: dict[str, FileSession] = {}
        self.list_log = ChangeLog()
        self._mirrored: dict[str, tuple[str, str]] = {}  # message key -> its change key then, task id
        main, flagged = NAMES.get(user.language[:2].lower(), NAMES["en"])
        self.default = self.add_list(main, well_known="defaultList")
        self.flagged = self.add_list(flagged, well_known="flaggedEmails")

    def add_list(self, name: str, **facts: Any) -> TaskList:
        made = TaskList("AQMkAT" + self.ids.token("list", 60) + "AAA=", name, **facts)
        self.lists[made.id] = made
        self.list_changed(made)
        return made

    def list_changed(self, changed: TaskList) -> None:
        changed.etag = self.ids.token("etag", 24)
        self.list_log.note(changed.id)
        self.tenant.touch()

    def drop_list(self, dropped: TaskList) -> None:
        for task in self.tasks_in(dropped):
            self.drop(task)
        del self.lists[dropped.id]
        self.list_log.note(dropped.id, gone=True)
        self.tenant.touch()

    def tasks_in(self, where: TaskList) -> list[Task]:
        return [self.tasks[k] for k in where.log.live()]

    def add(self, where: TaskList, props: Json, **facts: Any) -> Task:
        now = self.tenant.clock()
        task = Task("AAMkAT" + self.ids.token("task", 90) + "AAA=", where.id, props, "", now, now, **facts)
        self.tasks[task.id] = task
        self.changed(task)
        return task

    def changed(self, task: Task) -> None:
        task.etag, task.modified = self.ids.token("etag", 24), self.tenant.clock()
        self.lists[task.list_id].log.note(task.id)
        self.tenant.touch()

    def drop(self, task: Task) -> None:
        self.lists[task.list_id].log.note(task.id, gone=True)
        del self.tasks[task.id]
        self.tenant.touch()

    def complete(self, task: Task) -> None:
        """A recurring task goes on with its next date; what was done stays behind as a task of its own."""
        done = {"status": "completed", "completedDateTime": _midnight(self.tenant.clock().date())}
        recurrence, due = task.props.get("recurrence"), task.props.get("dueDateTime")
        following = _next_day(recurrence, due["dateTime"][:10]) if recurrence and due else None
        if following is None or due is None:
            task.props |= done
        else:
            kept = {k: v for k, v in copy.deepcopy(task.props).items() if k != "recurrence"}
            behind = self.add(self.lists[task.list_id], {**kept, **done, "recurrence": None})
            behind.checklist, behind.links = copy.deepcopy(task.checklist), copy.deepcopy(task.links)
            step = following - dt.date.fromisoformat(due["dateTime"][:10])
            for name in DUE:
                if moment := task.props.get(name):
                    task.props[name] = {**moment, "dateTime": _later(moment["dateTime"], step)}
            task.props |= {"status": "notStarted", "completedDateTime": None}
        self.changed(task)

    def mirror(self) -> None:
        """The list of flagged mail shows what is flagged in the mailbox now."""
        mailbox = self.tenant.mailboxes[self.user.id]
        flagged = {
            m.key: m for m in mailbox.messages.values() if m.props.get("flag", {}).get("flagStatus", "") == "flagged"
        }
        for key in [k for k in self._mirrored if k not in flagged]:
            _, task_id = self._mirrored.pop(key)
            if task_id in self.tasks:
                self.drop(self.tasks[task_id])
        for key, message in flagged.items():
            seen, task_id = self._mirrored.get(key, ("", ""))
            if seen == message.change_key:
                continue
            props = {
                "title": message.props.get("subject") or "",
                "dueDateTime": message.props["flag"].get("dueDateTime"),
            }
            if task_id in self.tasks:
                self.tasks[task_id].props |= props
                self.changed(self.tasks[task_id])
            else:
                link = {
                    "id": self.ids.guid(), "webUrl": f"https://outlook.office365.com/owa/?ItemID={key}",
                    "applicationName": "Outlook", "displayName": props["title"], "externalId": message.mutable_id,
                }  # fmt: skip
                task_id = self.add(self.flagged, props, links=[link]).id
            self._mirrored[key] = (message.change_key, task_id)


def _next_day(recurrence: Json, due: str) -> dt.date | None:
    after = dt.date.fromisoformat(due)
    return next((d for d in days_of(recurrence, dt.date(4499, 1, 1)) if d > after), None)


def _later(moment: str, step: dt.timedelta) -> str:
    return (dt.datetime.fromisoformat(moment[:19]) + step).strftime("%Y-%m-%dT%H:%M:%S.0000000")


def _midnight(day: dt.date) -> Json:
    return {"dateTime": f"{day.isoformat()}T00:00:00.0000000", "timeZone": "UTC"}
