"""OneDrive: which drives there are, and what their delta says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import CursorExpired, NotPermitted, OwnerMissing, Unreachable
from shared.kinds.files import Files
from shared.kinds.files_listing import SELECT, kept_record, read_listing, same_state, seen_of
from shared.model import Gone, Seen
from tests.play import error, ok, page, play
from tests.unit.kinds.files_case import ADELE, DRIVE, FEED, folder, item, version

LATEST = ok({"value": [], "@odata.deltaLink": "https://g/latest"})


def seen_in(name: str) -> dict[str, Seen]:
    listing, _ = play(Files().changes(FEED, "cursor"), ok(page("files", name)))
    return {change.item_id: change for change in listing.changes if isinstance(change, Seen)}


def test_a_user_s_onedrive_is_one_feed():
    feeds, asked = play(Files().feeds(ADELE), ok(page("files", "drive")))
    assert [(feed.id, feed.space) for feed in feeds] == [(page("files", "drive")["id"],) * 2]
    assert asked[0].path.startswith(f"/users/{ADELE.id}/drive?$select=")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (error(404, "ResourceNotFound", message="User's mysite not found."), OwnerMissing),
        (error(400, "BadRequest", message="Tenant does not have a SPO license."), OwnerMissing),
        (error(403, "accessDenied"), NotPermitted),
        (error(423, "notAllowed", "resourceLocked"), NotPermitted),
        (error(503, "serviceNotAvailable"), Unreachable),
    ],
)
def test_a_drive_that_does_not_let_us_in_is_a_state_of_its_owner(reply: Any, verdict: type[Exception]):
    with pytest.raises(verdict, match=ADELE.path):
        play(Files().feeds(ADELE), reply)


def test_the_first_listing_asks_for_deletions_and_for_sharing_where_it_is_unique():
    listing, asked = play(Files().changes(FEED, None), ok(page("files", "delta_first")), LATEST)
    assert (listing.last, listing.link[-16:]) == (False, "(token='page-2')")
    assert "deleted" in SELECT.split(",") and SELECT in asked[0].path
    assert "deltashowsharingchanges" in asked[0].headers["Prefer"] and not asked[0].batchable


def test_an_item_listed_twice_counts_once_and_as_it_was_told_last():
    listing, _ = play(Files().changes(FEED, None), ok(page("files", "delta_first")), LATEST)
    names = [change.name for change in listing.changes if isinstance(change, Seen)]
    assert names.count("report (final).docx") == 1 and "report.docx" not in names


def test_items_are_told_with_their_place_size_and_content():
    seen = seen_in("delta_first")
    assert (seen["01ROOT"].folder, seen["01ROOT"].folderish, seen["01ROOT"].size_bytes) == ("", True, 0)
    assert (seen["01REPORT"].folder, seen["01REPORT"].size_bytes) == ("01DOCS", 11)
    assert seen["01REPORT"].content_tag == "aCgDG9jwBhDc4Q1yawMZAAAAAAA=:11"
    assert seen["01NOTEBOOK"].folderish and seen["01SECTION"].folder == "01NOTEBOOK"
    assert not seen["01LINK"].folderish


def test_a_download_url_never_gets_into_a_record():
    body = page("files", "delta_first")
    assert "tempauth" in json.dumps(body)
    assert not any("SECRET" in json.dumps(s.record) for s in seen_in("delta_first").values())


def test_a_record_is_the_same_whether_a_listing_or_the_item_itself_told_it():
    parent = {"driveId": DRIVE, "id": "01DOCS"}
    alone = item(parentReference=parent | {"path": f"/drives/{DRIVE}/root:/Docs"})
    assert kept_record(alone) == kept_record(item(parentReference=parent))


def test_a_deletion_is_told_as_gone():
    listing, _ = play(Files().changes(FEED, "cursor"), ok(page("files", "delta_changes")))
    assert Gone("01EMPTY") in listing.changes and listing.last


def test_a_drive_without_changes_answers_with_the_same_cursor():
    listing, _ = play(
        Files().changes(FEED, "https://g/delta"), ok({"value": [], "@odata.deltaLink": "https://g/delta"})
    )
    assert listing.last and listing.changes == ()


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (error(410, "resyncChangesApplyDifferences"), CursorExpired),
        (error(410, "cannotSnapshotTree"), Unreachable),
        (error(403, "accessDenied"), NotPermitted),
        (error(404, "itemNotFound"), OwnerMissing),
        (error(500, "generalException"), Unreachable),
        (ok({"value": [], "@odata.nextLink": "https://g/delta"}), Unreachable),
        (ok({"value": []}), Unreachable),
        (ok({"value": [{"error": {"code": "InternalServerError"}}], "@odata.deltaLink": "x"}), Unreachable),
        (ok(), Unreachable),
    ],
)
def test_an_answer_that_is_no_listing_is_never_taken_for_an_empty_one(reply: Any, verdict: type[Exception]):
    with pytest.raises(verdict):
        play(Files().changes(FEED, "https://g/delta"), reply)


def test_a_cursor_refused_as_invalid_is_tried_once_more_before_a_full_listing():
    with pytest.raises(CursorExpired):
        play(Files().changes(FEED, "https://g/delta"), error(400, "invalidRequest"), error(400, "invalidRequest"))


def test_a_gateway_s_time_out_asks_for_smaller_pages():
    _, asked = play(Files().changes(FEED, None), error(504), error(502), ok(page("files", "delta_first")), LATEST)
    assert [step.path.rpartition("=")[2] for step in asked[:3]] == ["500", "100", "25"]


# -- what makes a new version


def state_of(**more: Any) -> tuple[Seen, Seen]:
    return seen_of(item()), seen_of(item(**more))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other.docx"},
        {"parentReference": {"id": "01OTHER"}},
        {"eTag": '"{1},3"'},
        {"size": 12},
        {"shared": {"scope": "users"}},
        {"fileSystemInfo": {"createdDateTime": "2024-03-01T08:00:00Z"}},
    ],
)
def test_a_change_of_what_we_keep_makes_another_tag(change: dict[str, Any]):
    was, now = state_of(**change)
    assert not Files().unchanged(now, version(was))


@pytest.mark.parametrize(
    "change",
    [
        {"lastModifiedDateTime": "2026-01-01T00:00:00Z"},
        {"file": {"mimeType": "text/plain"}},  # the hash is missing this time
        {"shared": {}},  # unique, but no link: a listing tells it or not
        {"cTag": '"c:{1},2"'},
    ],
)
def test_what_a_listing_tells_or_leaves_out_is_no_change(change: dict[str, Any]):
    was, now = state_of(**change)
    assert Files().unchanged(now, version(was)) and Files().unchanged(was, version(now))


def test_a_folder_does_not_change_with_what_lies_below_it():
    was, now = seen_of(folder()), seen_of(folder() | {"size": 9, "eTag": '"{9},9"', "folder": {"childCount": 5}})
    assert Files().unchanged(now, version(was))


def test_a_change_of_sharing_is_new_once_and_the_next_one_again():
    told = item() | {"@microsoft.graph.sharedChanged": "True"}
    plain, first, second = seen_of(item(), "c3"), seen_of(told, "c1"), seen_of(told, "c2")
    assert not same_state(first.tag, plain.tag)
    assert same_state(seen_of(told, "c1").tag, first.tag)  # the page again
    assert same_state(plain.tag, first.tag)  # a later full listing
    assert not same_state(second.tag, first.tag)


def test_renaming_and_moving_leave_the_content_as_it_was():
    was, now = state_of(name="new.docx", eTag='"{1},9"', parentReference={"id": "01OTHER"})
    assert was.content_tag == now.content_tag is not None


def test_without_a_hash_the_etag_stands_for_the_content():
    was = seen_of(item(file={"mimeType": "application/msonenote"}))
    now = seen_of(item(file={"mimeType": "application/msonenote"}, eTag='"{1},3"'))
    assert was.content_tag != now.content_tag is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
MEMBERS = st.sampled_from(SELECT.split(","))


@given(st.dictionaries(MEMBERS, JSON | st.dictionaries(st.text(max_size=5), JSON, max_size=3)), st.text(min_size=1))
def test_members_of_unexpected_types_are_kept_and_break_nothing(members: dict[str, Any], item_id: str):
    reply = ok({"value": [members | {"id": item_id}], "@odata.deltaLink": "x"})
    (change,) = read_listing(reply, None).changes
    assert change.item_id == item_id


def test_one_item_s_listing_entry_can_be_read_anew():
    seen, asked = play(Files().refresh(FEED, "01REPORT"), ok(item()))
    assert seen is not None and seen.tag == seen_of(item()).tag
    assert asked[0].path == f"/drives/{DRIVE}/items/01REPORT?$select={SELECT}"
    assert play(Files().refresh(FEED, "01REPORT"), error(404, "itemNotFound"))[0] is None
