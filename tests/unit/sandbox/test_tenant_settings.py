"""Settings, inbox rules, categories and overrides of the simulated tenant."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tenant import mutations as mail
from sandbox.tenant import settings_mutations as people
from tests.unit.sandbox.visitor import Visitor, visiting

ADELE = "adele@contoso.example"
BOSS = [{"emailAddress": {"name": "Boss", "address": "boss@contoso.example"}}]


def base(visitor: Visitor) -> str:
    return f"/users/{visitor.id_of('adele')}"


async def test_settings_are_read_changed_member_by_member_and_refused_where_the_service_owns_them() -> None:
    async with visiting() as visitor:
        url = base(visitor) + "/mailboxSettings"
        new = {"automaticRepliesSetting": {"internalReplyMessage": "Back soon"}, "timeZone": "Tokyo Standard Time"}
        changed = (await visitor.ask("PATCH", url, app="restore", json=new)).body
        assert changed["automaticRepliesSetting"]["status"] == "disabled"
        assert changed["automaticRepliesSetting"]["internalReplyMessage"] == "Back soon"
        assert (await visitor.get(url + "/timeZone"))["value"] == "Tokyo Standard Time"
        assert (await visitor.get(url + "/workingHours"))["startTime"] == "07:30:00.0000000"


@pytest.mark.parametrize(
    "body",
    [
        {"userPurpose": "user"}, {"archiveFolder": "x"}, {"timeZone": "tzone://Microsoft/Custom"}, {"unheardOf": 1},
        {"language": {"locale": "klingon"}}, {"automaticRepliesSetting": {"status": "sometimes"}},
    ],
)  # fmt: skip
async def test_a_setting_the_service_would_not_take_is_refused(body: dict[str, Any]) -> None:
    async with visiting() as visitor:
        reply = await visitor.ask("PATCH", base(visitor) + "/mailboxSettings", app="restore", json=body)
        assert reply.status == 400


async def test_a_rule_holds_ids_of_folders_and_has_an_error_once_its_folder_is_gone() -> None:
    async with visiting() as visitor:
        url = base(visitor) + "/mailFolders/inbox/messageRules"
        [rule] = (await visitor.get(url))["value"]
        assert (
            rule["actions"]["moveToFolder"]
            == mail.folder_at(mail.mailbox_of(visitor.tenant, ADELE), "inbox/Projekte").id
        )
        assert rule["hasError"] is False
        mail.delete_folder(visitor.tenant, ADELE, "inbox/Projekte")
        assert (await visitor.get(f"{url}/{rule['id']}"))["hasError"] is True
        again = {k: rule[k] for k in ("displayName", "sequence", "conditions", "actions")}
        assert (await visitor.ask("POST", url, app="restore", json=again)).status == 400
        assert (await visitor.ask("GET", base(visitor) + "/mailFolders/sentitems/messageRules")).status == 400


async def test_what_the_service_owns_of_a_rule_and_rules_that_are_read_only_stay_as_they_are() -> None:
    async with visiting() as visitor:
        url = base(visitor) + "/mailFolders/inbox/messageRules"
        rule = {"displayName": "R", "sequence": 2, "actions": {"markAsRead": True}}
        assert (await visitor.ask("POST", url, app="restore", json={**rule, "hasError": False})).status == 400
        made = (await visitor.ask("POST", url, app="restore", json={**rule, "isEnabled": False})).body
        assert (made["isEnabled"], made["isReadOnly"]) == (False, False)
        people.add_rule(visitor.tenant, ADELE, "Fixed", {"delete": True}, read_only=True)
        fixed = next(r for r in (await visitor.get(url))["value"] if r["isReadOnly"])
        assert (await visitor.ask("PATCH", f"{url}/{fixed['id']}", app="restore", json={"sequence": 9})).status == 403


async def test_an_enabled_rule_and_automatic_replies_send_when_mail_arrives() -> None:
    async with visiting() as visitor:
        people.add_rule(visitor.tenant, ADELE, "Off", {"forwardTo": BOSS}, enabled=False)
        people.receive_mail(visitor.tenant, ADELE, "One")
        assert visitor.tenant.outbox == []
        people.edit_rule(visitor.tenant, ADELE, "Off", isEnabled=True)
        people.set_mailbox_settings(visitor.tenant, ADELE, automaticRepliesSetting={"status": "alwaysEnabled"})
        people.receive_mail(visitor.tenant, ADELE, "Two")
        assert [m["kind"] for m in visitor.tenant.outbox] == ["forwardTo", "automatic reply"]


async def test_a_category_has_a_unique_name_for_ever_and_a_colour_that_can_change() -> None:
    async with visiting() as visitor:
        url = base(visitor) + "/outlook/masterCategories"
        assert [c["displayName"] for c in (await visitor.get(url))["value"]][-1] == "Kunde Übersee"
        made = (await visitor.ask("POST", url, app="restore", json={"displayName": "New", "color": "preset3"})).body
        assert (await visitor.ask("POST", url, app="restore", json={"displayName": "NEW"})).status == 409
        one = f"{url}/{made['id']}"
        assert (await visitor.ask("PATCH", one, app="restore", json={"color": "preset24"})).body["color"] == "preset24"
        assert (await visitor.ask("PATCH", one, app="restore", json={"displayName": "Other"})).status == 400


async def test_an_address_has_one_override() -> None:
    async with visiting() as visitor:
        url = base(visitor) + "/inferenceClassification/overrides"
        for way in ("focused", "other"):
            body = {"classifyAs": way, "senderEmailAddress": {"name": "B", "address": "BO@x.example"}}
            assert (await visitor.ask("POST", url, app="restore", json=body)).status == 201
        found = (await visitor.get(url))["value"]
        assert [(o["senderEmailAddress"]["address"], o["classifyAs"]) for o in found[1:]] == [("BO@x.example", "other")]


async def test_many_categories_come_in_pages() -> None:
    async with visiting("awkward") as visitor:
        page = await visitor.get(base(visitor) + "/outlook/masterCategories")
        assert len(page["value"]) == 100
        assert "@odata.nextLink" in page
