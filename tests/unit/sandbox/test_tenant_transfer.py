"""Import and export of whole items in the simulated tenant."""

from __future__ import annotations

from typing import Any

from sandbox.tenant import mutations as people
from sandbox.tenant.calendar_dump import dump_calendars
from sandbox.tenant.dump import dump_contacts, dump_message
from sandbox.tenant.settings_dump import dump_todo
from sandbox.tenant.stickies import dump_stickies
from tests.unit.sandbox.visitor import Reply, Visitor, visiting


async def box(visitor: Visitor, name: str = "adele") -> str:
    found = await visitor.get(f"/users/{visitor.id_of(name)}/settings/exchange")
    return f"/admin/exchange/mailboxes/{found['primaryMailboxId']}"


async def exported(visitor: Visitor, base: str, ids: list[str]) -> list[dict[str, Any]]:
    reply = await visitor.ask("POST", f"{base}/exportItems", json={"itemIds": ids})
    assert reply.status == 200
    return list(reply.body["value"])


async def imported(visitor: Visitor, base: str, body: dict[str, Any]) -> Reply:
    session = (await visitor.ask("POST", f"{base}/createImportSession", app="restore")).body
    async with visitor.session.post(session["importUrl"], json=body) as answer:
        return Reply(answer.status, await answer.json(), answer.headers)


async def folders_of(visitor: Visitor, base: str) -> list[dict[str, Any]]:
    found = (await visitor.get(f"{base}/folders?$top=100"))["value"]
    for folder in found:
        if folder["childFolderCount"]:
            found += (await visitor.get(f"{base}/folders/{folder['id']}/childFolders?$top=100"))["value"]
    return list(found)


async def test_the_tree_has_folders_of_every_class_and_lists_ten_at_a_time() -> None:
    async with visiting() as visitor:
        base = await box(visitor)
        assert len((await visitor.get(f"{base}/folders"))["value"]) == 10
        found = await folders_of(visitor, base)
        assert {f["type"] for f in found} == {*HOME, *STICKY}
        assert {"Projekte", "Haus", "Familie"} <= {f["displayName"] for f in found}


HOME = {"IPF.Note": "inbox", "IPF.Appointment": "calendar", "IPF.Contact": "contacts", "IPF.Task": "tasks"}
STICKY = {"IPF.StickyNote": "Notes", "IPF.Journal": "Journal"}  # whether these have well-known names is not documented


async def carry(visitor: Visitor) -> None:
    """All that adele has, into the default folders of an empty mailbox."""
    base, target = await box(visitor), await box(visitor, "newcomer")
    at_home = {f["displayName"]: f["id"] for f in await folders_of(visitor, target)}
    places = HOME | {type: at_home[name] for type, name in STICKY.items()}
    for folder in await folders_of(visitor, base):
        for item in (await visitor.get(f"{base}/folders/{folder['id']}/items?$top=20"))["value"]:
            [stream] = await exported(visitor, base, [item["id"]])
            body = {"FolderId": places[folder["type"]], "Mode": "create", "Data": stream["data"]}
            assert (await imported(visitor, target, body)).status == 200


def by_title(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(tasks, key=lambda t: (t["title"], repr(t)))


async def test_what_is_exported_and_imported_elsewhere_is_the_same_and_nothing_is_sent() -> None:
    async with visiting() as visitor:
        tenant = visitor.tenant
        people.add_user(tenant, "newcomer", "New Comer")
        await carry(visitor)
        old, new = visitor.id_of("adele"), visitor.id_of("newcomer")
        assert tenant.outbox == []
        told = [[dump_message(m) for m in tenant.mailboxes[u].messages.values()] for u in (old, new)]
        assert len(told[1]) == 5  # without the recoverable one
        assert all(message in told[0] for message in told[1])
        calendars = [dump_calendars(tenant.calendars[u]) for u in (old, new)]
        events = [[e for c in found for e in c["events"]] for found in calendars]
        assert sorted(events[0], key=repr) == sorted(events[1], key=repr)
        tasks = [
            [t for one in dump_todo(tenant.todos[u]) for t in one["tasks"] if "owa" not in repr(t)] for u in (old, new)
        ]
        assert sorted(tasks[0], key=repr) == sorted(tasks[1], key=repr)
        assert len(dump_contacts(tenant.contacts[new])["contacts"]) == 4
        notes = [[n for f in dump_stickies(tenant.stickies[u]) for n in f["notes"]] for u in (old, new)]
        assert sorted(notes[0], key=repr) == sorted(notes[1], key=repr) != []


async def test_an_item_is_updated_only_by_whoever_knows_its_change_key() -> None:
    async with visiting() as visitor:
        base = await box(visitor)
        item = (await visitor.get(f"{base}/folders/Inbox/items"))["value"][0]
        [stream] = await exported(visitor, base, [item["id"]])
        url = f"/users/{visitor.id_of('adele')}/messages/{item['id']}"
        await visitor.ask("PATCH", url, app="restore", json={"categories": ["Later"]})
        body = {"FolderId": "inbox", "Mode": "update", "Data": stream["data"], "ItemId": item["id"]}
        assert (await imported(visitor, base, {**body, "ChangeKey": item["changeKey"]})).status == 409
        now = (await visitor.get(url))["changeKey"]
        assert (await imported(visitor, base, {**body, "ChangeKey": now})).status == 200
        assert (await visitor.get(url))["categories"] == []


async def test_what_cannot_be_exported_is_an_error_of_its_own_and_twenty_are_enough() -> None:
    async with visiting() as visitor:
        base = await box(visitor)
        [one] = await exported(visitor, base, ["nix"])
        assert (one["error"]["code"], one["data"]) == ("ErrorItemNotFound", None)
        assert (await visitor.ask("POST", f"{base}/exportItems", json={"itemIds": ["x"] * 21})).status == 400
        assert (await imported(visitor, base, {"FolderId": "inbox", "Mode": "create", "Data": "bm8="})).status == 400


async def test_an_import_url_wants_no_token() -> None:
    async with visiting() as visitor:
        session = (await visitor.ask("POST", f"{await box(visitor)}/createImportSession", app="restore")).body
        assert (await visitor.ask("POST", session["importUrl"], app="restore", json={})).status == 401


async def test_items_of_every_class_have_a_delta() -> None:
    async with visiting(delta_replays=False, delta_empty_pages=False) as visitor:
        base = await box(visitor)
        for name in ("inbox", "calendar", "contacts", "tasks"):
            entries, link = await visitor.round(f"{base}/folders/{name}/items/delta?$select=type,size")
            assert entries
            assert (await visitor.round(link))[0] == []
