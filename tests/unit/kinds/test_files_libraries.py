"""Libraries of a site: which are kept, and where a kept one goes back to."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import NotPermitted, OwnerMissing, Unreachable
from shared.kinds.files import Files
from shared.kinds.kind import Into
from shared.model import Json, Kept, Owner, Place
from tests.play import error, ok, play
from tests.unit.kinds.files_case import kept

SITE = Owner("t1", "site", "contoso.sharepoint.com,c1,w1", "contoso.sharepoint.com/sites/crew")
DOCUMENTS, CONTRACTS = "b!docs", "b!contracts"


def library(id: str, name: str, **more: Any) -> Json:
    return {"id": id, "name": name, "driveType": "documentLibrary", "webUrl": f"https://x/sites/crew/{name}", **more}


BOTH = ok({"value": [library(DOCUMENTS, "Documents"), library(CONTRACTS, "Contracts")]})


def top(name: str) -> Kept:
    return kept(root={}, folder={}, name="root", **{"o365:Library": {"name": name}})


def into(**facts: str) -> Into:
    path = f"/drives/{DOCUMENTS}/items/01TOP"
    common = {"drive": f"/drives/{DOCUMENTS}", "type": "documentLibrary", "room": "300", "at_root": "yes"}
    return Into(SITE, path, "01TOP", common | {"library": "Documents"} | facts)


def test_each_library_of_a_site_is_a_feed_on_every_page_of_the_list():
    more = ok({"value": [library(DOCUMENTS, "Documents")], "@odata.nextLink": "https://graph/next"})
    rest = ok({"value": [library(CONTRACTS, "Contracts"), {**library("b!x", "x"), "driveType": "business"}]})
    feeds, asked = play(Files().feeds(SITE), more, rest)
    assert [(feed.id, feed.space, feed.name) for feed in feeds] == [
        (DOCUMENTS, DOCUMENTS, "Documents"), (CONTRACTS, CONTRACTS, "Contracts"),
    ]  # fmt: skip
    assert asked[0].path.startswith(f"/sites/{SITE.id}/drives?") and asked[1].path == "https://graph/next"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (error(423, "notAllowed", "resourceLocked"), NotPermitted("the site is locked")),
        (error(403, "accessDenied"), NotPermitted("is archived or closed to apps")),
        (error(404, "itemNotFound"), OwnerMissing("not there any more")),
        (error(503), Unreachable("503")),
    ],
)
def test_a_site_that_does_not_let_us_in_says_why(reply: Any, why: Exception):
    with pytest.raises(type(why), match=str(why)):
        play(Files().feeds(SITE), reply)


def test_the_top_of_a_library_goes_by_the_librarys_name():
    [feed, _], _ = play(Files().feeds(SITE), BOTH)
    entry = {"id": "01TOP", "name": "root", "root": {}, "folder": {}, "size": 7}
    page = ok({"value": [entry], "@odata.deltaLink": "https://graph/delta"})
    [seen] = play(Files().changes(feed, None), page)[0].changes
    renamed = play(Files().refresh(called(feed, "Dokumente"), "01TOP"), ok(entry))[0]
    assert seen.name == "Documents" and renamed is not None and renamed.name == "Dokumente"
    assert renamed.tag != seen.tag
    taken, _ = play(Files().capture(feed, seen, None))
    assert (taken.record["o365:Name"], taken.record["o365:Library"]) == ("Documents", {"name": "Documents"})


def called(feed: Any, name: str) -> Any:
    return type(feed)(feed.owner, feed.kind, feed.id, feed.path, feed.space, name)


def test_a_kept_library_goes_into_the_one_of_its_name():
    there, asked = play(Files().folder(top("contracts"), into(site=SITE.path), mark="m"), BOTH, ok({"id": "01C"}))
    assert (there.path, there.facts["library"]) == (f"/drives/{CONTRACTS}/items/01C", "Contracts")
    assert all(step.reads for step in asked)


def test_a_library_that_is_not_here_is_made():
    new = ok(library("b!new", "Plans"))
    replies = (BOTH, ok({"id": "list 1"}, 201), new, ok({"id": "01NEW"}))
    there, asked = play(Files().folder(top("Plans"), into(site=SITE.path), mark="m"), *replies)
    assert there.path == "/drives/b!new/items/01NEW"
    assert asked[1].body == {"displayName": "Plans", "list": {"template": "documentLibrary"}}
    assert asked[2].path.startswith(f"/sites/{SITE.id}/lists/list%201/drive")


def test_a_library_whose_making_was_not_answered_is_found():
    taken = error(409, "nameAlreadyExists")
    now = ok({"value": [library("b!new", "Plans")]})
    there, _ = play(Files().folder(top("Plans"), into(site=SITE.path), mark="m"), BOTH, taken, now, ok({"id": "01N"}))
    assert there.path == "/drives/b!new/items/01N"


def test_a_library_that_cannot_be_made_becomes_a_folder_and_that_is_told():
    made = ok({"id": "01F", "name": "Plans", "folder": {}}, 201)
    replies = (BOTH, error(403, "accessDenied"), error(404), made)
    there, _ = play(Files().folder(top("Plans"), into(site=SITE.path), mark="m"), *replies)
    assert there.folder_id == "01F"
    assert "the library 'Plans'" in there.facts["losses"] and "403 accessDenied" in there.facts["losses"]


def test_into_a_folder_each_other_library_gets_one_of_its_own():
    same, asked = play(Files().folder(top("Documents"), into(), mark="m"))
    assert same == into() and asked == []
    made = ok({"id": "01F", "name": "Contracts", "folder": {}}, 201)
    there, _ = play(Files().folder(top("Contracts"), into(), mark="m"), error(404), made)
    assert there.folder_id == "01F" and "losses" not in there.facts


def test_a_place_may_name_a_library_and_a_folder_in_it():
    made = ok({"id": "01F", "name": "Old", "folder": {}}, 201)
    replies = (BOTH, ok({"id": "01TOP"}), error(404), made)
    there, _ = play(Files().root(Place(SITE, "Contracts:/Old")), *replies)
    assert (there.path, there.facts["library"]) == (f"/drives/{CONTRACTS}/items/01F", "Contracts")
    there, _ = play(Files().root(Place(SITE, "Contracts:/")), BOTH, ok({"id": "01TOP"}))
    assert there.path == f"/drives/{CONTRACTS}/items/01TOP" and "site" not in there.facts


def test_a_named_library_that_cannot_be_made_ends_the_restore():
    with pytest.raises(NotPermitted, match=r"grant Sites\.ReadWrite\.All"):
        play(Files().root(Place(SITE, "Plans:/")), BOTH, error(403, "accessDenied"))
