"""Lists of sites: how they are read, and how an item goes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import CursorExpired, NotPermitted, OwnerMissing
from shared.kinds.kind import Into
from shared.kinds.lists import Lists
from shared.kinds.lists_fields import MARK, types_of, values_of
from shared.kinds.lists_listing import TREE, folder_of
from shared.model import Feed, Gone, Kept, Owner, Restored, Seen, Version
from tests.play import error, ok, page, play

SITE = Owner("t1", "site", "contoso.sharepoint.com,c1,w1")
OTHER = Owner("t1", "site", "contoso.sharepoint.com,c2,w2")
TOP = Feed(SITE, "lists", TREE, f"{SITE.path}/lists")
BOARD = Feed(SITE, "lists", "l-board", f"{SITE.path}/lists/l-board", name="Board")
COLUMNS = page("lists", "columns")["value"]
ABOUT = {"webUrl": "https://contoso.sharepoint.com/sites/crew/Lists/Board", "columns": COLUMNS}
DELTA = page("lists", "delta")
PERSON = {"fields": {"Title": "Ann", "EMail": "ann@contoso.example", "Name": "i:0#.f|membership|ann@contoso.example"}}


def crawled(cursor: str | None = None, *more: Any) -> Any:
    return play(Lists().changes(BOARD, cursor), *more)


# --- the crawl


def test_libraries_and_pages_are_other_kinds_lists() -> None:
    found, asked = play(Lists().changes(TOP, None), ok(page("lists", "lists")), ok_parts(ok({"value": []})))
    assert [c.name for c in found.changes] == ["Board"]
    assert [c.folderish for c in found.changes] == [True]
    assert asked[0].path.startswith(f"{SITE.path}/lists?$select=")


def ok_parts(*replies: Any) -> Any:
    reply = ok({})
    return type(reply)(200, parts=tuple(replies))


def test_a_list_whose_columns_changed_without_its_mark_is_noticed_by_the_full_listing() -> None:
    one = ok_parts(ok({"value": [{"name": "A", "text": {}}]}))
    two = ok_parts(ok({"value": [{"name": "A", "text": {}}, {"name": "B", "text": {}}]}))
    (first, _), (second, _) = (play(Lists().changes(TOP, None), ok(page("lists", "lists")), c) for c in (one, two))
    [before], [after] = first.changes, second.changes
    assert not Lists().unchanged(after, version(before))
    third, _ = play(Lists().changes(TOP, first.cursor), ok(page("lists", "lists")))
    assert third.changes == ()  # the quick look sees no columns


def version(seen: Seen) -> Version:
    return Version(SITE, "lists", TREE, "", seen.item_id, "kept", 1, datetime(2026, 1, 1, tzinfo=UTC), tag=seen.tag)


def test_a_page_of_a_list_tells_rows_folders_deletions_and_who_is_meant() -> None:
    listing, asked = crawled(None, ok(ABOUT), ok(DELTA), ok_parts(ok(PERSON)))
    first, folder, gone = listing.changes
    assert first.item_id == "l-board.1"
    assert first.record["o365:People"] == {
        "Boss": {
            "displayName": "Ann", "email": "ann@contoso.example",
            "loginName": "i:0#.f|membership|ann@contoso.example",
        }
    }  # fmt: skip
    assert first.record["o365:Folder"] == "2025/Q1 ü"
    assert "@odata.etag" not in first.record["fields"]
    assert MARK not in first.record["fields"]
    assert (folder.record["o365:Type"], folder.name) == ("listFolder", "2025")
    assert gone == Gone("l-board.3")
    assert [step.units for step in asked[:2]] == [1, 2]


def test_a_later_round_asks_one_request_and_looks_nobody_up() -> None:
    listing, _ = crawled(None, ok(ABOUT), ok(DELTA), ok_parts(ok(PERSON)))
    again, asked = crawled(listing.cursor, ok({"value": DELTA["value"][:1], "@odata.deltaLink": "https://x/2"}))
    assert len(asked) == 1
    assert "o365:People" not in again.changes[0].record
    taken, _ = play(Lists().capture(BOARD, again.changes[0], None), ok_parts(ok(PERSON)))
    assert taken.record["o365:People"]["Boss"]["email"] == "ann@contoso.example"
    assert not any(name.startswith("holdfast") for name in taken.record)


def test_a_column_of_people_that_came_later_is_understood() -> None:
    listing, _ = crawled(None, ok(ABOUT), ok({"value": [], "@odata.deltaLink": "https://x/1"}))
    entry = {"id": "9", "eTag": "e", "fields": {"Title": "x", "NewLookupId": "7"}}
    columns = [*ABOUT["columns"], {"name": "New", "personOrGroup": {}}]
    told = {"value": [entry], "@odata.deltaLink": "https://x/2"}
    again, asked = crawled(listing.cursor, ok(told), ok({**ABOUT, "columns": columns}))
    assert len(asked) == 2
    assert json.loads(again.cursor)["p"] == ["Boss", "New", "Team"]


def test_an_error_among_the_items_is_no_item() -> None:
    """Seen in a page of status 200 (msgraph-sdk-typescript issue 544)."""
    bad = {"value": [{"error": {"code": "InternalServerError"}}], "@odata.deltaLink": "https://x/1"}
    listing, _ = crawled(None, ok(ABOUT), ok(bad))
    assert (listing.changes, listing.whole) == ((), False)
    with pytest.raises(CursorExpired):
        crawled(listing.cursor, ok(bad))


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (error(410, "resyncChangesApplyDifferences"), CursorExpired),
        (error(400, "invalidRequest"), CursorExpired),
        (error(403, "accessDenied"), NotPermitted),
        (error(423, "notAllowed", "resourceLocked"), NotPermitted),
        (error(404, "itemNotFound"), OwnerMissing),
    ],
)
def test_a_refusal_is_a_state_of_the_list_and_never_a_deletion(reply: Any, verdict: type[Exception]) -> None:
    listing, _ = crawled(None, ok(ABOUT), ok({"value": [], "@odata.deltaLink": "https://x/1"}))
    with pytest.raises(verdict):
        crawled(listing.cursor, reply)


def test_versions_are_kept_by_policy_newest_first() -> None:
    seen = Seen("l-board.1", {"fields": {"Title": "x"}}, "t")
    told = {"value": [{"id": f"{n}.0", "fields": {"Title": str(n)}} for n in (4, 3, 2, 1)]}
    taken, asked = play(Lists(versions=2).capture(BOARD, seen, None), ok(told))
    assert [v["id"] for v in taken.record["o365:Versions"]] == ["3.0", "2.0"]
    assert asked[0].path == f"{BOARD.path}/items/1/versions?$expand=fields"


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("https://c.sharepoint.com/sites/crew/Lists/Board/7_.000", ("", "7_.000")),
        ("https://c.sharepoint.com/sites/crew/Lists/board/A%20b/7_.000", ("A b", "7_.000")),
        ("https://c.sharepoint.com/sites/crew/Lists/Boards/7_.000", ("", "7_.000")),
        ("", ("", "")),
    ],
)
def test_an_items_folder_is_in_its_address(url: str, folder: tuple[str, str]) -> None:
    assert folder_of(url, "https://c.sharepoint.com/sites/crew/Lists/Board") == folder


# --- values


TYPES = types_of(COLUMNS)


def test_types_say_what_a_column_takes_and_whose_note_takes_terms() -> None:
    assert TYPES == {
        "Title": "t", "Notes": "T", "Amount": "n", "Done": "b", "Due": "d", "State": "s", "Tags": "m", "Boss": "p",
        "Team": "P", "Project": "l", "Related": "L", "Place": "knote1", "Link": "h", "Label": "r", "Where": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({"Title": "x", "Amount": 0.5, "Done": False}, {"Title": "x", "Amount": 0.5, "Done": False}),
        ({"Tags": ["a", "b"]}, {"Tags@odata.type": "Collection(Edm.String)", "Tags": ["a", "b"]}),
        ({"Place": {"Label": "Bonn", "TermGuid": "g"}}, {"note1": "-1;Bonn|g"}),
        ({"Notes": [{"Label": "Bonn"}, {"Label": "Köln"}]}, {"Notes": "Bonn; Köln"}),
        ({"Label": "computed", "Modified": "2026-01-01T00:00:00Z", "_UIVersionString": "1.0"}, {}),
    ],
)
def test_values_are_written_in_the_form_their_column_takes(fields: Any, written: Any) -> None:
    values = values_of({"fields": fields}, TYPES, {})
    assert (values.plain, values.losses) == (written, ())


@pytest.mark.parametrize("fields", [{"Link": {"Url": "https://x"}}, {"Where": {"latitude": 1}}, {"Gone": "x"},
                                    {"Amount": "text"}, {"Place": {"Label": "Bonn"}}])  # fmt: skip
def test_a_value_that_no_column_takes_is_a_loss(fields: Any) -> None:
    values = values_of({"fields": fields}, TYPES, {})
    assert values.plain == {}
    assert len(values.losses) == 1


def test_people_and_rows_wait_to_be_found() -> None:
    fields = {"BossLookupId": "7", "Team": [{"LookupId": 7, "Email": "ann@x"}], "ProjectLookupId": "2",
              "Related": [{"LookupId": 1}, {"LookupId": 4}]}  # fmt: skip
    values = values_of({"fields": fields}, TYPES, {"Boss": {"email": "ann@x"}})
    assert values.people == {"Boss": [{"email": "ann@x"}], "Team": [{"LookupId": 7, "Email": "ann@x"}]}
    assert values.rows == {"Project": ["2"], "Related": ["1", "4"]}


# --- the way back


def kept(fields: Any, number: str = "5", **more: Any) -> Kept:
    record = {"o365:Type": "listItem", "id": number, "fields": fields, **more}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Kept(Version(SITE, "lists", "l-board", "", f"l-board.{number}", "kept", 1, moment), record)


def into(owner: Owner = OTHER, list_id: str = "l-new", **facts: str) -> Into:
    told = {"types": json.dumps(TYPES), "kinds": json.dumps({"Item": "0x01"}), **facts}
    return Into(owner, f"{owner.path}/lists/{list_id}", list_id, told)


def found(*items: tuple[str, dict[str, Any]]) -> Any:
    return ok({"value": [{"id": id, "fields": fields} for id, fields in items]})


OURS = {MARK: "l-board/5@r1", "Title": "x"}


def test_restoring_an_item_twice_makes_one() -> None:
    done, asked = play(Lists().restore(kept({"Title": "x"}), into(), mark="r1.v1", mode="create"), found(("9", OURS)),
                       ok({}))  # fmt: skip
    assert done == Restored("completed", "l-new.9")
    assert [step.method for step in asked] == ["GET", "TELL"]
    assert "startswith(fields/HoldfastMark,'l-board%2F5%40')" in asked[0].path


def test_a_new_item_bears_its_mark_from_its_first_moment() -> None:
    done, asked = play(Lists().restore(kept({"Title": "x"}), into(), mark="r1.v1", mode="create"), found(), ok({}),
                       ok({"id": "9"}, 201))  # fmt: skip
    assert done == Restored("created", "l-new.9")
    assert asked[-1].body == {"fields": OURS}


def test_replacing_where_it_came_from_changes_the_item_itself() -> None:
    there = ok({"id": "5", "fields": {"Title": "spoilt", "State": "Open"}})
    act = Lists().restore(kept({"Title": "x"}), into(SITE, "l-board"), mark="r1.v1", mode="replace")
    done, asked = play(act, found(), there, ok({}), ok({}))
    assert done == Restored("replaced", "l-board.5")
    assert (asked[-1].method, asked[-1].body) == ("PATCH", {"State": None, "Title": "x", MARK: "l-board/5@r1"})


def test_skipping_leaves_an_item_that_is_there() -> None:
    act = Lists().restore(kept({"Title": "x"}), into(SITE, "l-board"), mark="r1.v1", mode="skip")
    done, _ = play(act, found(), ok({"id": "5", "fields": {"Title": "other"}}))
    assert (done.outcome, done.item_id) == ("skipped", "l-board.5")


def test_what_an_item_looks_up_is_found_by_what_this_restore_made_of_it() -> None:
    place = into(looks=json.dumps({"Project": "l-p"}), lists=json.dumps({"l-p": "l-p2"}))
    rows = found(("3", {MARK: "l-p/2@r0"}), ("8", {MARK: "l-p/2@r1"}))
    act = Lists().settle(kept({"Title": "x", "ProjectLookupId": "2"}), place, mark="r1.v1")
    lost, asked = play(act, found(("9", OURS)), ok_parts(rows), ok({}))
    assert lost == ()
    assert (asked[-1].method, asked[-1].body) == ("PATCH", {"ProjectLookupId": "8"})


def test_a_row_that_is_nowhere_is_told() -> None:
    place = into(looks=json.dumps({"Project": "l-p"}), lists=json.dumps({"l-p": "l-p2"}))
    act = Lists().settle(kept({"Title": "x", "ProjectLookupId": "2"}), place, mark="r1.v1")
    lost, asked = play(act, found(("9", OURS)), ok_parts(found()))
    assert lost == ("column 'Project': 1 of the rows it pointed at are not there",)
    assert all(step.method in ("GET", "ALL") for step in asked)
