"""The delta function of simulated drives: what it tells, what it leaves out, what it tells twice."""

from __future__ import annotations

import base64
import time
from typing import Any

from sandbox.tenant.content import Held
from sandbox.tenant.drive_content import Blob
from sandbox.tenant.drive_delta import Wanted, first_token, read_page
from sandbox.tenant.drive_mutations import owner
from sandbox.tenant.drive_nouns import Item
from tests.unit.sandbox.drive_client import BOB, ROLES, Caller, calling, new_tenant

SHARING = "hierarchicalsharing,deltashowsharingchanges,deltashowremovedasdeleted,deltatraversepermissiongaps"
Json = dict[str, Any]


def names(told: list[Json]) -> list[str]:
    return [t["name"] if "deleted" not in t else "-" for t in told]


def tree(told: list[Json]) -> dict[str, str]:
    """id -> path of what lives after the round, last occurrence wins."""
    live: dict[str, Json] = {}
    for item in told:
        if "deleted" in item:
            live.pop(item["id"], None)
        else:
            live[item["id"]] = item

    def path(item: Json) -> str:
        parent = live.get(item["parentReference"].get("id", ""))
        return f"{path(parent)}/{item['name']}" if parent else ""

    return {i: path(item) for i, item in live.items()}


def truth(graph: Caller) -> dict[str, str]:
    return {i.id: f"/{i.path()}" if i.parent else "" for i in [graph.drive.root, *graph.drive.root.below()]}


async def test_a_full_round_tells_every_item_after_its_parents() -> None:
    async with calling() as graph:
        for number in range(25):
            graph.mutate("add_file", path=f"a/{number % 3}/{number}.txt", text=str(number))
        told, _ = await graph.round(graph.at("/root/delta?$top=4"))
        assert tree(told) == truth(graph)
        seen: set[str] = set()
        for item in told:
            assert item["parentReference"].get("id") in seen | {None}
            seen.add(item["id"])
            assert "cTag" not in item
            assert "path" not in item["parentReference"]


async def test_an_incremental_round_tells_changes_with_their_ancestors() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="a/b/old.txt", text="old")
        _, link = await graph.round()
        assert (await graph.round(link))[0] == []
        graph.mutate("add_file", path="a/b/new.txt", text="new")
        told, after = await graph.round(link)
        assert names(told) == ["root", "a", "b", "new.txt"]
        told, _ = await graph.round(link, deltaExcludeParent="true")
        assert names(told) == ["new.txt"]
        assert (await graph.round(after))[0] == []


async def test_a_folder_move_does_not_resend_what_is_in_it() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="a/b/x.txt", text="x")
        graph.mutate("add_folder", path="c")
        _, link = await graph.round()
        graph.mutate("move_item", path="a/b", to="c")
        told, _ = await graph.round(link)
        assert names(told) == ["root", "c", "b"]


async def test_a_folder_deletion_tells_its_descendants_and_looks_alive_unless_deleted_is_selected() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="a/x.txt", text="x")
        _, link = await graph.round()
        _, blind = await graph.round(graph.at("/root/delta?$select=id,name,file"))
        graph.mutate("delete_item", path="a")
        told, _ = await graph.round(link)
        assert [t["deleted"] for t in told] == [{"state": "deleted"}] * 2
        assert all("name" not in t for t in told)
        told, _ = await graph.round(blind)
        assert [set(t) - {"@odata.type"} for t in told] == [{"id"}, {"id", "file"}]


async def test_history_is_collapsed() -> None:
    async with calling() as graph:
        made = graph.mutate("add_file", path="x.txt", text="x")
        _, link = await graph.round()
        graph.mutate("rename_item", path="x.txt", name="y.txt")
        graph.mutate("rename_item", path="y.txt", name="z.txt")
        unknown = graph.mutate("add_file", path="short lived.txt", text="!")
        graph.mutate("delete_item", path="short lived.txt")
        told, _ = await graph.round(link, deltaExcludeParent="1")
        assert [(t["id"], t.get("name")) for t in told] == [(made["id"], "z.txt"), (unknown["id"], None)]


async def test_what_is_deleted_and_undeleted_keeps_its_id() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="a/x.txt", text="x")
        before = truth(graph)
        gone = graph.mutate("delete_item", path="a")
        _, link = await graph.round()
        graph.mutate("undelete_item", id=gone["id"])
        told, _ = await graph.round(link)
        assert names(told) == ["root", "a", "x.txt"]
        assert truth(graph) == before


async def test_repeats_stale_copies_and_empty_pages_end_in_the_truth() -> None:
    tenant = new_tenant(delta_replays=True, delta_empty_pages=True, page_jitter=True)
    async with calling(tenant) as graph:
        for number in range(60):
            graph.mutate("add_file", path=f"a/{number % 5}/{number}.txt", text=str(number))
        for number in range(0, 60, 2):
            graph.mutate("rename_item", path=f"a/{number % 5}/{number}.txt", name=f"renamed {number}.txt")
        pages, url = [], graph.at("/root/delta?$top=5")
        while url:
            page = (await graph.get(url)).json
            pages.append(page["value"])
            url = page.get("@odata.nextLink")
        told = [t for page in pages for t in page]
        assert tree(told) == truth(graph)
        assert any(not page for page in pages)
        within = [page for page in pages if len({t["id"] for t in page}) < len(page)]
        stale = [t["name"] for t in told if t["name"] not in {i.name for i in graph.drive.items.values()}]
        assert within and stale


async def test_changes_during_a_full_round_are_not_lost() -> None:
    async with calling() as graph:
        for number in range(20):
            graph.mutate("add_file", path=f"{number:02}.txt", text=str(number))
        page = (await graph.get(graph.at("/root/delta?$top=6"))).json
        told = page["value"]
        graph.mutate("rename_item", path="01.txt", name="seen before.txt")
        graph.mutate("delete_item", path="02.txt")
        graph.mutate("delete_item", path="15.txt")
        graph.mutate("add_file", path="late.txt", text="late")
        rest, _ = await graph.round(page["@odata.nextLink"])
        assert tree(told + rest) == truth(graph)


async def test_latest_and_a_moment_begin_in_the_middle() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="old.txt", text="old")
        latest = (await graph.get(graph.at("/root/delta(token='latest')"))).json
        assert latest["value"] == []
        moment = graph.tenant.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        graph.mutate("add_file", path="new.txt", text="new")
        assert names((await graph.round(latest["@odata.deltaLink"]))[0]) == ["root", "new.txt"]
        assert names((await graph.round(graph.at(f"/root/delta?token={moment}")))[0]) == ["root", "new.txt"]


async def test_an_expired_token_is_gone_and_names_the_way_back() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="x")
        _, link = await graph.round(graph.at("/root/delta?$select=id,name,deleted,parentReference"))
        graph.mutate("expire_delta")
        gone = await graph.get(link)
        assert (gone.status, gone.code) == (410, "resyncChangesApplyDifferences")
        told, _ = await graph.round(gone.headers["Location"])
        assert tree(told) == truth(graph)
        assert all("eTag" not in t for t in told)
        graph.mutate("drive_options", resync="resyncChangesUploadDifferences")
        assert (await graph.get(link)).code == "resyncChangesUploadDifferences"
        assert (await graph.get(graph.at("/root/delta?token=nonsense"))).status == 400


async def test_tokens_die_with_age_but_not_by_being_read_again() -> None:
    async with calling(new_tenant(delta_generations=3)) as graph:
        _, first = await graph.round()
        for _ in range(6):
            assert (await graph.get(first)).status == 200
        link = first
        for number in range(5):
            graph.mutate("add_file", path=f"{number}.txt", text="x")
            _, link = await graph.round(link)
        assert (await graph.get(first)).status == 410


async def test_a_new_link_is_told_only_to_those_who_ask_for_sharing_changes() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="a/x.txt", text="x")
        _, link = await graph.round()
        graph.mutate("share_item", path="a", link="view")
        assert (await graph.round(link))[0] == []
        told, _ = await graph.round(link, Prefer=SHARING)
        assert [(t["name"], t.get("shared"), t.get("@microsoft.graph.sharedChanged")) for t in told] == [
            ("root", {}, None), ("a", {"scope": "organization"}, "True"),
        ]  # fmt: skip


async def test_the_shared_facet_marks_permission_roots_when_asked_hierarchically() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="a/x.txt", text="x")
        graph.mutate("share_item", path="a", to=BOB)
        plain = {t["name"]: t.get("shared") for t in (await graph.round())[0]}
        assert plain == {"root": None, "a": {"scope": "users"}, "x.txt": {"scope": "users"}}
        asked = {t["name"]: t.get("shared") for t in (await graph.round(Prefer="hierarchicalsharing"))[0]}
        assert asked == {"root": {}, "a": {"scope": "users"}, "x.txt": None}
        graph.mutate("unshare_item", path="a")
        asked = {t["name"]: t.get("shared") for t in (await graph.round(Prefer="hierarchicalsharing"))[0]}
        assert asked == {"root": {}, "a": {}, "x.txt": None}


async def test_sharing_preferences_may_need_full_control() -> None:
    async with calling() as graph:
        graph.mutate("drive_options", sharing_needs_full_control=True)
        few = frozenset({"Files.Read.All"})
        plain = await graph.get(graph.at("/root/delta"), roles=few, Prefer=SHARING)
        full = await graph.get(graph.at("/root/delta"), roles=ROLES, Prefer=SHARING)
        assert ("shared" in plain.json["value"][0], "shared" in full.json["value"][0]) == (False, True)


async def test_a_hidden_change_comes_one_round_late() -> None:
    async with calling() as graph:
        _, link = await graph.round()
        graph.mutate("add_file", path="x.txt", text="x")
        graph.mutate("hide_change", path="x.txt")
        told, link = await graph.round(link)
        assert told == []
        assert names((await graph.round(link))[0]) == ["root", "x.txt"]


async def test_a_next_link_may_answer_with_itself() -> None:
    async with calling() as graph:
        for number in range(4):
            graph.mutate("add_file", path=f"{number}.txt", text="x")
        link = (await graph.get(graph.at("/root/delta?$top=2"))).json["@odata.nextLink"]
        graph.mutate("drive_options", loop_pages=1)
        assert (await graph.get(link)).json["@odata.nextLink"] == link
        assert (await graph.get(link)).json.get("@odata.nextLink") != link


async def test_a_page_of_a_big_drive_costs_what_it_holds() -> None:
    async with calling() as graph:
        drive, by, now = graph.drive, owner(graph.drive), graph.tenant.clock()
        folders: list[Item] = [drive.add(drive.root, f"f{n}", by=by, now=now) for n in range(200)]
        for number in range(20_000):
            blob = Blob(Held(b"x"))
            drive.add(folders[number % 200], f"{number}.txt", blob=blob, by=by, now=now)
        token, began, wanted = first_token(drive), time.process_time(), Wanted(200, repeats=False, empties=False)
        pages = 0
        while not (page := read_page(drive, token, wanted)).last:
            token, pages = page.token, pages + 1
        assert pages == 101
        assert time.process_time() - began < 2  # 0.1 s when it is linear, minutes when it is not


async def test_delta_is_for_the_root_only_and_tokens_are_opaque() -> None:
    async with calling() as graph:
        folder = graph.mutate("add_folder", path="a")
        assert (await graph.get(graph.at(f"/items/{folder['id']}/delta"))).status == 400
        forged = base64.urlsafe_b64encode(b"[1,2]").decode().rstrip("=")
        assert (await graph.get(graph.at(f"/root/delta(token='{forged}')"))).status == 400
