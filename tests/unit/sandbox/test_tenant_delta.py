"""Delta of the simulated tenant's mail and contacts: rounds, replays, tombstones, tokens that die."""

from __future__ import annotations

import pytest

from sandbox.tenant import mutations as people
from tests.unit.sandbox.visitor import IMMUTABLE, message, visiting

ADELE = "adele@contoso.example"


async def test_a_first_round_tells_every_message_and_some_of_them_twice() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders/archive/messages"
        made = {(await visitor.post(base, message(f"m{n}")))["id"] for n in range(30)}
        entries, _ = await visitor.round(base + "/delta?$select=subject", prefer="odata.maxpagesize=7")
        assert {e["id"] for e in entries} == made
        assert len(entries) > len(made)


async def test_pages_without_items_come_and_do_not_end_the_round() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders/archive/messages"
        for n in range(12):
            await visitor.post(base, message(f"m{n}"))
        url, sizes = base + "/delta", []
        while url:
            page = await visitor.get(url, prefer="odata.maxpagesize=3")
            sizes.append(len(page["value"]))
            url = page.get("@odata.nextLink", "")
        assert 0 in sizes
        assert max(sizes) <= 4  # three, and at times one of them again


async def test_deletion_and_moving_out_look_the_same_in_the_folder_that_lost_the_message() -> None:
    async with visiting(delta_replays=False) as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders"
        first, link = await visitor.round(f"{base}/inbox/messages/delta", prefer=IMMUTABLE)
        ids = {e["subject"]: e["id"] for e in first}
        _, archive = await visitor.round(f"{base}/archive/messages/delta", prefer=IMMUTABLE)
        people.delete_mail(visitor.tenant, ADELE, "Welcome", how="hard")
        people.move_mail(visitor.tenant, ADELE, "With picture", "inbox", "archive")
        gone, _ = await visitor.round(link, prefer=IMMUTABLE)
        assert {e["id"]: e["@removed"]["reason"] for e in gone} == dict.fromkeys(ids.values(), "deleted")
        arrived, _ = await visitor.round(archive, prefer=IMMUTABLE)
        assert [e["id"] for e in arrived] == [ids["With picture"]]


async def test_with_mutable_ids_a_tombstone_bears_the_id_the_folder_knew() -> None:
    async with visiting(delta_replays=False) as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders"
        first, link = await visitor.round(f"{base}/inbox/messages/delta")
        known = next(e["id"] for e in first if e["subject"] == "With picture")
        people.move_mail(visitor.tenant, ADELE, "With picture", "inbox", "archive")
        gone, _ = await visitor.round(link)
        assert [e["id"] for e in gone] == [known]


async def test_an_unchanged_folder_has_nothing_new_in_at_most_two_requests() -> None:
    async with visiting(delta_replays=False) as visitor:
        _, link = await visitor.round(f"/users/{visitor.id_of('adele')}/mailFolders/inbox/messages/delta")
        for _ in range(5):
            before = sum(visitor.running.traffic.shapes.values())
            entries, link = await visitor.round(link)
            assert entries == []
            assert sum(visitor.running.traffic.shapes.values()) - before <= 2


async def test_older_tokens_of_a_folder_die_when_newer_rounds_are_made() -> None:
    async with visiting(delta_generations=2) as visitor:
        _, old = await visitor.round(f"/users/{visitor.id_of('adele')}/mailFolders/inbox/messages/delta")
        link = old
        for _ in range(4):
            _, link = await visitor.round(link)
        reply = await visitor.ask("GET", old)
        assert (reply.status, reply.code) == (410, "SyncStateNotFound")
        assert (await visitor.ask("GET", link)).status == 200


async def test_after_a_mailbox_moved_no_token_is_good() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}"
        _, mail = await visitor.round(f"{base}/mailFolders/inbox/messages/delta")
        _, contacts = await visitor.round(f"{base}/contactFolders/Contacts/contacts/delta")
        people.expire_mail_tokens(visitor.tenant, ADELE)
        assert (await visitor.ask("GET", mail)).code == "SyncStateNotFound"
        assert (await visitor.ask("GET", contacts)).code == "syncStateNotFound"


@pytest.mark.parametrize("option", ["$orderby=subject", "$search=x", "$filter=subject eq 'x'", "$skip=1"])
async def test_delta_refuses_what_it_cannot_do(option: str) -> None:
    async with visiting() as visitor:
        url = f"/users/{visitor.id_of('adele')}/mailFolders/inbox/messages/delta?{option}"
        assert (await visitor.ask("GET", url)).status == 400


async def test_top_caps_the_whole_round() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders/archive/messages"
        for n in range(5):
            await visitor.post(base, message(f"m{n}"))
        entries, _ = await visitor.round(base + "/delta?$top=3")
        assert len(entries) == 3


async def test_folders_renamed_and_deleted_show_in_the_mailboxs_delta() -> None:
    async with visiting(delta_replays=False) as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders"
        first, link = await visitor.round(base + "/delta")
        folder = next(f for f in first if f["displayName"] == "Projekte")
        people.rename_folder(visitor.tenant, ADELE, "inbox/Projekte", "Vorhaben")
        changed, link = await visitor.round(link)
        assert [(f["id"], f["displayName"]) for f in changed] == [(folder["id"], "Vorhaben")]
        people.delete_folder(visitor.tenant, ADELE, "inbox/Vorhaben")
        assert (await visitor.round(link))[0] == [{"id": folder["id"], "@removed": {"reason": "deleted"}}]
        reply = await visitor.ask("GET", f"{base}/{folder['id']}/messages/delta")
        assert (reply.status, reply.code) == (404, "ErrorItemNotFound")


async def test_users_come_and_go_in_the_directorys_delta() -> None:
    async with visiting() as visitor:
        entries, link = await visitor.round("/users/delta?$select=displayName")
        assert {e["displayName"] for e in entries} == {"Adele Vance", "Bernd Müller", "Chloé Dupont"}
        gone = visitor.id_of("chloe")
        people.delete_user(visitor.tenant, "chloe@contoso.example")
        changed, _ = await visitor.round(link)
        assert {"id": gone, "@removed": {"reason": "changed"}} in changed


async def test_a_change_that_surfaces_late_is_told_by_the_round_after() -> None:
    async with visiting(delta_replays=False) as visitor:
        _, link = await visitor.round(f"/users/{visitor.id_of('adele')}/mailFolders/inbox/messages/delta")
        people.mark_read(visitor.tenant, ADELE, "Welcome", read=False)
        people.hide_mail_change(visitor.tenant, ADELE, "Welcome")
        missed, link = await visitor.round(link)
        told, _ = await visitor.round(link)
        assert (missed, [e["subject"] for e in told]) == ([], ["Welcome"])


async def test_a_message_that_came_and_went_between_two_rounds_is_in_none() -> None:
    async with visiting(delta_replays=False) as visitor:
        _, link = await visitor.round(f"/users/{visitor.id_of('adele')}/mailFolders/inbox/messages/delta")
        people.add_mail(visitor.tenant, ADELE, "Short-lived")
        people.delete_mail(visitor.tenant, ADELE, "Short-lived", how="hard")
        assert (await visitor.round(link))[0] == []
