"""What a mailbox is set to: its settings, inbox rules, master categories and Focused Inbox overrides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.tenant.state import Ids, Tenant, User

Json = dict[str, Any]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
COLORS_OF_PRESETS = ("none", *(f"preset{n}" for n in range(25)))
# the six categories every mailbox begins with (colour, English, German)
FIRST_CATEGORIES = (
    ("preset0", "Red category", "Rote Kategorie"), ("preset1", "Orange category", "Orange Kategorie"),
    ("preset3", "Yellow category", "Gelbe Kategorie"), ("preset4", "Green category", "Grüne Kategorie"),
    ("preset7", "Blue category", "Blaue Kategorie"), ("preset8", "Purple category", "Lila Kategorie"),
)  # fmt: skip


@dataclass(slots=True)
class Rule:
    id: str
    props: Json  # displayName, sequence, isEnabled, conditions, actions, exceptions
    read_only: bool = False
    error: bool = False


@dataclass(slots=True)
class Category:
    id: str
    name: str
    color: str


@dataclass(slots=True)
class Override:
    id: str
    classify_as: str
    name: str
    address: str


@dataclass(slots=True)
class Configuration:
    """One mailbox's; in memory only, and no delta tells of any of it."""

    tenant: Tenant
    user: User
    ids: Ids = field(init=False)
    settings: Json = field(init=False)
    rules: dict[str, Rule] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    overrides: dict[str, Override] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ids = Ids(f"{self.tenant.options.seed}/settings/{self.user.upn}")
        german = self.user.language.lower().startswith("de")
        for color, english, other in FIRST_CATEGORIES:
            self.add_category(other if german else english, color)
        begin, end = ({"dateTime": f"2026-06-0{n}T06:00:00.0000000", "timeZone": "UTC"} for n in (1, 2))
        zone = "W. Europe Standard Time" if german else "UTC"
        self.settings = {
            "timeZone": zone, "dateFormat": "dd.MM.yyyy" if german else "yyyy-MM-dd", "timeFormat": "HH:mm",
            "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
            "language": {"locale": self.user.language, "displayName": self.user.language},
            "automaticRepliesSetting": {
                "status": "disabled", "externalAudience": "all", "internalReplyMessage": "", "externalReplyMessage": "",
                "scheduledStartDateTime": begin, "scheduledEndDateTime": end,
            },
            "workingHours": {
                "daysOfWeek": list(DAYS), "startTime": "08:00:00.0000000", "endTime": "17:00:00.0000000",
                "timeZone": {"name": zone},
            },
        }  # fmt: skip

    def add_rule(self, props: Json, **facts: bool) -> Rule:
        rule = Rule("AQAAB" + self.ids.token("rule", 10) + "=", props, **facts)
        self.rules[rule.id] = rule
        self.tenant.touch()
        return rule

    def add_category(self, name: str, color: str = "none") -> Category:
        category = Category(self.ids.guid(), name, color)
        self.categories[category.id] = category
        self.tenant.touch()
        return category

    def add_override(self, address: str, classify_as: str, name: str = "") -> Override:
        """An address has one; a second one changes it (Graph docs: inferenceclassification-post-overrides)."""
        for known in self.overrides.values():
            if known.address.lower() == address.lower():
                known.classify_as, known.name = classify_as, name or known.name
                self.tenant.touch()
                return known
        override = Override(self.ids.guid(), classify_as, name or address, address)
        self.overrides[override.id] = override
        self.tenant.touch()
        return override
