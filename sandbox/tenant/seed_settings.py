"""Made-up settings: a rule and a category for everyone; awkward ones with dead folders and more than one page."""

from __future__ import annotations

from sandbox.tenant import settings_mutations as people
from sandbox.tenant.mail_folders import put_in_bin
from sandbox.tenant.mailbox import Mailbox
from sandbox.tenant.settings_state import COLORS_OF_PRESETS
from sandbox.tenant.state import Tenant


def seed_small_settings(tenant: Tenant, mailbox: Mailbox) -> None:
    upn = mailbox.user.upn
    people.add_rule(
        tenant, upn, "Projects", {"moveToFolder": "inbox/Projekte", "stopProcessingRules": True},
        {"subjectContains": ["[project]"]},
    )  # fmt: skip
    people.add_category(tenant, upn, "Kunde Übersee", "preset9")
    people.add_override(tenant, upn, "news@fabrikam.example")
    people.set_mailbox_settings(
        tenant, upn, timeZone="W. Europe Standard Time", dateFormat="dd.MM.yyyy",
        automaticRepliesSetting={"internalReplyMessage": "<html><body>Away</body></html>"},
        workingHours={"daysOfWeek": ["monday", "tuesday"], "startTime": "07:30:00", "timeZone": {"name": "UTC"}},
    )  # fmt: skip


def seed_awkward_settings(tenant: Tenant, mailbox: Mailbox, *, categories: int = 250) -> None:
    seed_small_settings(tenant, mailbox)
    upn, inbox = mailbox.user.upn, mailbox.well_known("inbox")
    binned, purged = (mailbox.add_folder(n, inbox.id) for n in ("Bald im Papierkorb", "Bald fort"))
    boss = [{"emailAddress": {"name": "Boss", "address": "boss@contoso.example"}}]
    people.add_rule(tenant, upn, "To a folder in the bin", {"moveToFolder": f"inbox/{binned.name}"}, sequence=2)
    people.add_rule(tenant, upn, "To a folder that is gone", {"copyToFolder": f"inbox/{purged.name}"}, sequence=3)
    people.add_rule(tenant, upn, "Forward everything", {"forwardTo": boss, "redirectTo": boss}, sequence=4)
    people.add_rule(tenant, upn, "Delete for good", {"permanentDelete": True}, {"fromAddresses": boss}, 5)
    people.add_rule(tenant, upn, "Made by Outlook", {"markAsRead": True}, sequence=6, read_only=True)
    people.add_rule(tenant, upn, "Broken", {"assignCategories": ["Gone category"]}, sequence=7, error=True)
    people.add_rule(
        tenant, upn, "Projects", {"markImportance": "high"},
        {"importance": "high", "withinSizeRange": {"minimumSize": 1, "maximumSize": 1000}}, 8, enabled=False,
    )  # fmt: skip
    put_in_bin(mailbox, binned)
    mailbox.drop_folder(purged)
    for number in range(categories):
        people.add_category(tenant, upn, f"Category {number:04d}", COLORS_OF_PRESETS[number % len(COLORS_OF_PRESETS)])
    people.add_category(tenant, upn, "B, with comma")
    message = {"dateTime": "2026-12-24T00:00:00", "timeZone": "Pacific Standard Time"}
    people.set_mailbox_settings(
        tenant, upn, timeZone="America/Sao_Paulo", language={"locale": "pt-BR"},
        delegateMeetingMessageDeliveryOptions="sendToDelegateAndPrincipal",
        automaticRepliesSetting={
            "status": "scheduled", "externalAudience": "contactsOnly", "externalReplyMessage": "Fort \u263a\x0b",
            "scheduledStartDateTime": message, "scheduledEndDateTime": {**message, "dateTime": "2027-01-02T12:00:00"},
        },
        workingHours={
            "timeZone": {
                "@odata.type": "#microsoft.graph.customTimeZone", "name": "Customized Time Zone", "bias": -120,
            },
        },
    )  # fmt: skip
