"""The extension point: one module per data type and one line here."""

from __future__ import annotations

from shared.kinds.channels import Channels
from shared.kinds.chats import Chats
from shared.kinds.contacts import Contacts
from shared.kinds.conversations import Conversations
from shared.kinds.events import Events
from shared.kinds.file_values import FileValues
from shared.kinds.files import Files
from shared.kinds.group_calendar import GroupCalendar
from shared.kinds.groups import Groups
from shared.kinds.kind import Kind
from shared.kinds.lists import Lists
from shared.kinds.mail import Mail
from shared.kinds.mailbox_settings import MailboxSettings
from shared.kinds.notes import Notes
from shared.kinds.onenote import OneNote
from shared.kinds.pages import Pages
from shared.kinds.planner import Planner
from shared.kinds.profile import Profile
from shared.kinds.rules import Rules
from shared.kinds.sites import Sites
from shared.kinds.teams import Teams
from shared.kinds.todo import Todo
from shared.kinds.user_plans import UserPlans

ALL = (
    Mail(), Contacts(), Events(), Todo(), Rules(), MailboxSettings(), Profile(), Files(),
    Sites(), Lists(), Pages(), FileValues(), OneNote(),
    Groups(), Planner(), Conversations(), GroupCalendar(),
    Teams(), Channels(), Chats(), UserPlans(), Notes(),
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in ALL}
