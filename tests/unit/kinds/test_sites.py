"""What a site itself is made of, as it is kept."""

from __future__ import annotations

import pytest

from shared.errors import NotPermitted
from shared.kinds.sites import Sites
from shared.model import Feed, Json, Owner
from tests.play import error, ok, page, play

SITE = Owner("t1", "site", "contoso.sharepoint.com,c1,w1")


def feeds() -> dict[str, Feed]:
    return {feed.id: feed for feed in play(Sites().feeds(SITE))[0]}


def test_a_sites_own_date_of_change_makes_no_version() -> None:
    body: Json = page("sites", "site")
    first, asked = play(Sites().changes(feeds()["properties"], None), ok({"@odata.context": "x", **body}))
    again, _ = play(Sites().changes(feeds()["properties"], first.cursor), ok({**body, "lastModifiedDateTime": "later"}))
    renamed, _ = play(Sites().changes(feeds()["properties"], first.cursor), ok({**body, "displayName": "New"}))
    assert [len(first.changes), len(again.changes), len(renamed.changes)] == [1, 0, 1]
    [seen] = first.changes
    assert seen.record["o365:Name"] == "The Crew" and "@odata.context" not in seen.record
    assert asked[0].path.startswith(f"/sites/{SITE.id}?$select=")


def test_all_columns_are_one_record_in_order_and_read_page_by_page() -> None:
    more = ok({"value": [{"id": "2", "name": "b"}], "@odata.nextLink": "https://graph/next"})
    listing, _ = play(Sites().changes(feeds()["columns"], None), more, ok({"value": [{"id": "1", "name": "a"}]}))
    [seen] = listing.changes
    assert [column["name"] for column in seen.record["columns"]] == ["a", "b"]


def test_a_content_type_that_went_is_told() -> None:
    two = ok({"value": [{"id": "0x01", "name": "Item"}, {"id": "0x02", "name": "Old"}]})
    first, _ = play(Sites().changes(feeds()["contentTypes"], None), two)
    less = ok({"value": [{"id": "0x01", "name": "Item"}]})
    second, _ = play(Sites().changes(feeds()["contentTypes"], first.cursor), less)
    assert [change.item_id for change in second.changes] == ["0x02"]


@pytest.mark.parametrize(("status", "said"), [(423, "locked"), (403, "archived")])
def test_a_closed_site_says_why(status: int, said: str) -> None:
    with pytest.raises(NotPermitted, match=said):
        play(Sites().changes(feeds()["properties"], None), error(status, "accessDenied"))
