"""Values and labels of a library's files: which are worth keeping, and that plain files cost nothing."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tenant.happenings import mutate
from shared.graph.steps import Reply
from shared.kinds.file_values import FileValues, telling
from shared.model import Feed, Gone, Owner, Seen
from tests.contract.kinds_stage import Stage, staged
from tests.play import error, ok, play

SITE = Owner("t1", "site", "contoso.sharepoint.com,c1,w1")
FEED = Feed(SITE, "file-values", "l1", f"{SITE.path}/lists/l1", name="Documents")
DOCUMENT = {"id": "0x010100" + "0A" * 16}
PLAIN = {"contentType": DOCUMENT, "fields": {"FileLeafRef": "a.txt", "_ComplianceTag": "", "id": "1"}}


@pytest.mark.parametrize(("change", "is_telling"), [
    ({}, False),
    ({"fields": {"_ComplianceTag": "Keep 7 years"}}, True),
    ({"fields": {"_DisplayName": "Secret"}}, True),
    ({"fields": {"CheckoutUserLookupId": "6"}}, True),
    ({"fields": {"Client": "Fabrikam"}}, True),
    ({"fields": {"Client": "", "Tags": [], "Done": False, "Due": None}}, False),
    ({"contentType": {"id": "0x010100" + "0A" * 16 + "00" + "0B" * 16}}, True),
    ({"contentType": {"id": "0x0101"}}, False),
    ({"contentType": {"id": "0x012000" + "0A" * 16}}, False),
])  # fmt: skip
def test_only_what_a_file_has_of_its_own_is_worth_keeping(change: dict[str, Any], is_telling: bool) -> None:
    assert telling({**PLAIN, **change}) is is_telling


def listing(*entries: dict[str, Any]) -> Reply:
    return ok({"value": list(entries), "@odata.deltaLink": "https://graph.microsoft.com/v1.0/next?token=1"})


def test_a_file_is_named_by_its_path_and_one_without_anything_is_told_gone() -> None:
    top = "https://contoso.sharepoint.com/sites/crew/Documents"
    file = {"id": "4", "eTag": "x", "webUrl": f"{top}/2025/a.txt", "contentType": PLAIN["contentType"]}
    told = {**file, "fields": {"FileLeafRef": "a.txt", "Title": "A", "Client": "F"}}
    bare = {**file, "id": "5", "fields": {"FileLeafRef": "a.txt"}}
    answers = ok({"id": "l1", "webUrl": top, "columns": []}), listing(told, bare)
    found, _ = play(FileValues().changes(FEED, None), *answers)
    seen, gone = found.changes
    assert isinstance(seen, Seen)
    assert (seen.name, seen.record["o365:Name"], seen.item_id) == ("2025/a.txt", "2025/a.txt", "l1.4")
    assert gone == Gone("l1.5", "nothing of its own")


def test_a_library_is_a_feed_and_lists_and_the_pages_are_none() -> None:
    lists = [{"id": t, "displayName": t, "list": {"template": t}} for t in ("documentLibrary", "genericList")]
    lists.append({"id": "p", "displayName": "Site Pages", "list": {"template": "webPageLibrary"}})
    feeds, _ = play(FileValues().feeds(SITE), ok({"value": lists}))
    assert [feed.id for feed in feeds] == ["documentLibrary"]


def test_a_library_that_is_locked_is_a_state() -> None:
    with pytest.raises(Exception, match="locked"):
        play(FileValues().feeds(SITE), error(423, "notAllowed"))


async def kept(stage: Stage) -> dict[str, Any]:
    house, found = stage.house(), {}
    for _, version in await stage.kept(stage.owner("adele")):
        found[version.name] = await house.vault.record(version)
    return found


async def test_labels_check_outs_and_values_are_kept_and_plain_files_cost_nothing() -> None:
    async with staged("file-values") as stage:
        run = await stage.back_up(stage.owner("adele"))
        assert run.state == "done"
        found = await kept(stage)
        assert sorted(found) == ["2025/contract 0.txt", "Notes/0/note 0.txt", "Notes/1/note 1.txt"]
        assert found["Notes/1/note 1.txt"]["fields"]["_ComplianceTag"] == "Keep 7 years"
        assert found["Notes/1/note 1.txt"]["contentType"]["name"] == "Contract"
        assert found["2025/contract 0.txt"]["fields"]["CheckoutUserLookupId"] == "6"


async def test_a_file_that_loses_its_last_value_is_gone_from_then_on_and_keeps_its_past() -> None:
    async with staged("file-values") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        then = stage.worlds.clock.now()
        bare = {"Title": None, "Client": None, "Pages": None}
        at = {"library": "crew", "path": "Notes/0/note 0.txt"}
        mutate(stage.worlds.tenant, [{"do": "set_file_values", **at, **bare}])
        run = await stage.back_up(owner)
        assert run.account.gone == 1
        assert "Notes/0/note 0.txt" in {v.name for _, v in await stage.kept(owner, then)}
        assert "Notes/0/note 0.txt" not in await kept(stage)


async def test_a_resync_keeps_history_and_finds_what_was_deleted() -> None:
    async with staged("file-values") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        mutate(stage.worlds.tenant, [
            {"do": "delete_item", "user": "crew", "path": "Notes/0/note 0.txt"}, {"do": "expire_delta", "user": "crew"},
        ])  # fmt: skip
        run = await stage.back_up(owner)
        assert (run.state, run.account.kept, run.account.gone) == ("done", 0, 1)


async def test_an_unchanged_library_costs_a_request_besides_that_for_all_of_them() -> None:
    async with staged("file-values") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        stage.forget()
        await stage.back_up(owner)
        assert sum(stage.asked("backup").values()) == 1 + 2
