"""Contacts of the simulated tenant."""

from __future__ import annotations

from sandbox.tenant import mutations as people
from sandbox.tenant.dump import dump_contacts
from sandbox.tenant.seed_contacts import FULL, jpeg
from tests.unit.sandbox.visitor import Visitor, visiting

ADELE = "adele@contoso.example"
IMAGE = {"Content-Type": "image/jpeg"}


async def test_the_default_folder_is_in_no_list_and_has_a_name_of_its_own() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('bernd')}/contactFolders"
        default = await visitor.get(base + "/Contacts")
        assert default["displayName"] == "Kontakte"
        assert [f["displayName"] for f in (await visitor.get(base))["value"]] == ["Familie"]
        assert default["id"] not in [f["id"] for f in (await visitor.round(base + "/delta"))[0]]


async def test_contacts_without_a_folder_means_the_default_folder_alone() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}"
        listed = [c["displayName"] for c in (await visitor.get(f"{base}/contacts"))["value"]]
        assert "Oma" not in listed
        assert "Zoë Washington" in listed


async def one(visitor: Visitor, name: str) -> str:
    user = visitor.id_of("adele")
    found = await visitor.get(f"/users/{user}/contacts?$filter=displayName eq '{name}'&$select=id")
    return f"/users/{user}/contacts/{found['value'][0]['id']}"


async def test_every_field_survives_being_read_and_posted_again() -> None:
    async with visiting() as visitor:
        record = await visitor.get(await one(visitor, "Zoë Washington"))
        body = {k: record[k] for k in FULL}
        made = await visitor.post(f"/users/{visitor.id_of('chloe')}/contacts", body)
        assert {k: made[k] for k in FULL} == FULL
        whole = dump_contacts(visitor.tenant.contacts[visitor.id_of("chloe")])
        assert sum(c["displayName"] == "Zoë Washington" for c in whole["contacts"]) == 2


async def test_both_forms_of_addresses_in_one_request_are_refused() -> None:
    body = {"primaryEmailAddress": {"address": "a@b.example"}, "emailAddresses": [{"address": "a@b.example"}]}
    async with visiting() as visitor:
        reply = await visitor.ask("POST", f"/users/{visitor.id_of('adele')}/contacts", app="restore", json=body)
        assert reply.status == 400


async def test_a_new_photo_is_served_and_no_delta_tells_of_it() -> None:
    async with visiting(delta_replays=False) as visitor:
        _, link = await visitor.round(f"/users/{visitor.id_of('adele')}/contactFolders/Contacts/contacts/delta")
        photo = (await one(visitor, "Person 000")) + "/photo"
        assert (await visitor.ask("GET", photo + "/$value")).status == 404
        await visitor.ask("PUT", photo + "/$value", app="restore", data=jpeg(96, 64), headers=IMAGE)
        shown = await visitor.get(photo)
        assert (shown["width"], shown["height"]) == (96, 64)
        assert await visitor.get(photo + "/$value") == jpeg(96, 64)
        assert (await visitor.round(link))[0] == []


async def test_contacts_added_changed_and_deleted_show_in_their_folders_delta() -> None:
    async with visiting(delta_replays=False) as visitor:
        _, link = await visitor.round(f"/users/{visitor.id_of('adele')}/contacts/delta")
        people.add_contact(visitor.tenant, ADELE, "New")
        people.edit_contact(visitor.tenant, ADELE, "Person 000", jobTitle="Chief")
        people.delete_contact(visitor.tenant, ADELE, "Person 001")
        changed, _ = await visitor.round(link)
        assert [e.get("displayName", e.get("@removed")) for e in changed] == [
            "New",
            "Person 000",
            {"reason": "deleted"},
        ]
