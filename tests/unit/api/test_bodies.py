"""Bodies, queries, keys and ranges: right ones become nouns, wrong ones are told apart by member."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.api import bodies
from shared.api.content import MOST_BYTES, slice_of
from shared.api.keys import id_of, key_of, owner_of, read_cursor, write_cursor
from shared.api.problems import BadRequest, NotThere, RangeWrong, TooLarge, WrongMedia
from shared.model import Json, Owner, Part, People, Place, Selection

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KINDS = ("mail", "contacts", "files")
ANN = Owner("t1", "user", "a1")
PART = Part("ab" * 32, 100)
BIG = Part("cd" * 32, 3 * MOST_BYTES)


def read(body: Json) -> bodies.RestoreOrder:
    return bodies.read_restore(body, "t1", KINDS, NOW, target_tenant="t2")


def wrong(body: Json) -> dict[str, str]:
    with pytest.raises(BadRequest) as told:
        read(body)
    return {e["member"]: e["problem"] for e in told.value.facts["errors"]}


def test_the_shortest_order_gives_back_into_a_folder_and_leaves_what_exists() -> None:
    order = read({"owner": "user-a1", "kinds": ["mail"]})
    assert order.selection == Selection(ANN, ("mail",), NOW)
    assert order.place == Place(ANN, "Restored") and order.mode == "skip"
    assert not order.preview and not order.crosses


def test_a_full_order_is_read_member_by_member() -> None:
    order = read(
        {
            "owner": "user-a1",
            "kinds": ["files"],
            "at": "2026-02-01T01:00:00+01:00",
            "folder": "f/1",
            "changed_since": "2026-01-01T00:00:00Z",
            "place": {"owner": "user-b2", "folder": "original", "tenant": "t2"},
            "mode": "replace",
            "preview": True,
        }
    )
    assert order.selection.at == datetime(2026, 2, 1, 0, 0, tzinfo=UTC) and order.selection.folder == "f/1"
    assert order.place == Place(Owner("t2", "user", "b2"), "original", "t2")
    assert order.crosses and order.preview and order.mode == "replace"


@pytest.mark.parametrize(
    "place", [{"owner": "user-b2"}, {"owner": "group-a1"}, {"owner": "user-a1", "tenant": "t2"}, {"tenant": "t2"}]
)
def test_giving_to_somebody_else_crosses(place: Json) -> None:
    assert read({"owner": "user-a1", "kinds": ["mail"], "place": place}).crosses


def test_every_mistake_is_named_with_its_member() -> None:
    told = wrong(
        {
            "owner": "ann@contoso.example",
            "kinds": ["faxes"],
            "at": "yesterday",
            "place": {"owner": 7, "tenant": "t9", "colour": "red"},
            "mode": "overwrite",
            "preview": 1,
            "priority": "high",
        }
    )
    assert set(told) == {
        "owner", "kinds", "at", "place.owner", "place.tenant", "place.colour", "mode", "preview", "priority",
    }  # fmt: skip
    assert told["kinds"] == "'faxes' is unknown; known are mail, contacts, files"


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"kinds": None}, "kinds"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["mail", "files"], "items": ["x"]}, "kinds"),
        ({"items": []}, "items"),
        ({"items": [1]}, "items"),
        ({"at": "2026-02-01T00:00:00"}, "at"),
        ({"at": "2027-01-01T00:00:00Z"}, "at"),
        ({"changed_since": "2026-03-01T12:00:00Z"}, "changed_since"),
        ({"place": []}, "place"),
        ({"owner": "user-../x"}, "owner"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(change: Json, member: str) -> None:
    assert member in wrong({"owner": "user-a1", "kinds": ["mail"], **change})


def test_a_backup_order_names_owners_or_means_all() -> None:
    assert bodies.read_backup({}, KINDS) == bodies.BackupOrder(())
    assert bodies.read_backup({"owners": ["a", "b", "a"]}, KINDS).owners == ("a", "b")
    assert bodies.read_backup({"kinds": ["mail"]}, KINDS).kinds == ("mail",)
    with pytest.raises(BadRequest):
        bodies.read_backup({"kinds": ["letters"]}, KINDS)
    with pytest.raises(BadRequest):
        bodies.read_backup({"owners": []}, KINDS)


def test_bodies_are_json_objects_of_a_decent_size() -> None:
    assert bodies.parse(b"", "") == {}
    assert bodies.parse(b'{"a": 1}', "application/json; charset=utf-8") == {"a": 1}
    for raw in (b"[]", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(BadRequest):
            bodies.parse(raw, "application/json")
    with pytest.raises(WrongMedia):
        bodies.parse(b"{}", "text/plain")
    with pytest.raises(TooLarge):
        bodies.parse(json.dumps({"a": "x" * bodies.LARGEST}).encode(), "application/json")


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "ten", "1e3", "٣"])
def test_a_limit_out_of_range_is_refused(limit: str) -> None:
    with pytest.raises(BadRequest, match="limit"):
        bodies.limit_of({"limit": limit})


def test_query_options_that_do_not_exist_are_refused() -> None:
    with pytest.raises(BadRequest, match="folderr: no such"):
        bodies.only({"folderr": "x"}, ("folder",))


def test_a_plus_in_a_query_survives() -> None:
    assert bodies.at_of({"at": "2026-02-01T01:00:00 01:00"}, NOW) == datetime(2026, 2, 1, 0, 0, tzinfo=UTC)


# --- keys ----------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(), max_size=200))
def test_every_id_has_one_key_that_a_url_can_hold(id: str) -> None:
    key = key_of(id)
    assert id_of(key, "item") == id
    assert key.isascii() and not set(key) & set("/+=%?#:")


@pytest.mark.parametrize("key", ["", "a b", "../x", "YQ==", "Y", "YR", "=", "_____w", "a" * 3000])
def test_what_is_no_key_leads_nowhere(key: str) -> None:
    with pytest.raises(NotThere):
        id_of(key, "item")


@pytest.mark.parametrize(
    "key", ["", "user", "user-", "drive-1", "user-a/b", "user-a\\b", "user-a%2Fb", "user-" + "x" * 400]
)
def test_what_is_no_owner_leads_nowhere(key: str) -> None:
    with pytest.raises(NotThere):
        owner_of("t1", key)


def test_a_site_is_an_owner_whose_id_holds_commas() -> None:
    assert owner_of("t1", "site-contoso.sharepoint.com,1,2") == Owner("t1", "site", "contoso.sharepoint.com,1,2")


def test_a_cursor_comes_back_as_it_went() -> None:
    assert read_cursor(write_cursor("row/1")) == "row/1" and read_cursor("") == "" == write_cursor("")
    with pytest.raises(BadRequest):
        read_cursor("%%%")


# --- ranges --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "offset", "length"),
    [("bytes=0-0", 0, 1), ("bytes=10-", 10, 90), ("bytes=90-500", 90, 10), ("bytes=-5", 95, 5), ("bytes=-500", 0, 100)],
)
def test_a_range_is_answered_with_its_bytes(asked: str, offset: int, length: int) -> None:
    part = slice_of(PART, "mime", {"range": asked})
    assert (part.status, part.offset, part.length) == (206, offset, length)
    assert part.headers["Content-Range"] == f"bytes {offset}-{offset + length - 1}/100"


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=5-1", "bytes=-0"])
def test_a_range_outside_is_refused_with_the_size(asked: str) -> None:
    with pytest.raises(RangeWrong) as told:
        slice_of(PART, "mime", {"Range": asked})
    assert told.value.headers["Content-Range"] == "bytes */100"


@pytest.mark.parametrize("asked", ["", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b"])
def test_without_a_range_we_serve_the_whole_comes(asked: str) -> None:
    part = slice_of(PART, "mime", {"Range": asked})
    assert (part.status, part.offset, part.length) == (200, 0, 100)


def test_a_part_too_big_for_one_answer_is_refused_with_a_remedy_and_comes_in_ranges() -> None:
    with pytest.raises(TooLarge, match="ask for ranges") as told:
        slice_of(BIG, "content", {})
    assert told.value.facts["size_bytes"] == BIG.size
    first = slice_of(BIG, "content", {"Range": "bytes=0-"})
    assert first.length == MOST_BYTES and first.headers["Content-Range"].endswith(f"/{BIG.size}")


def test_conditions_are_kept() -> None:
    assert slice_of(PART, "mime", {"If-None-Match": f'W/"{PART.sha256}"'}).status == 304
    assert slice_of(PART, "mime", {"Range": "bytes=0-0", "If-Range": '"other"'}).status == 200


def test_content_is_never_shown_as_a_page_of_ours() -> None:
    headers = slice_of(PART, 'x"\r\n.html', {}).headers
    assert headers["Content-Type"] == "application/octet-stream" and headers["X-Content-Type-Options"] == "nosniff"
    assert "\r" not in headers["Content-Disposition"] and '"' not in headers["Content-Disposition"]


def test_who_stands_for_whom_is_read_and_needs_the_role_of_those_who_cross() -> None:
    people = {"map": {"ann@old.example": "anna@new.example", "@old.example": "@new.example"}, "rules": ["mail"]}
    order = read({"owner": "user-a1", "kinds": ["files"], "place": {"people": people}})
    assert order.place.people == People(people["map"], ("mail",))
    assert order.crosses
    assert not read({"owner": "user-a1", "kinds": ["files"], "place": {"people": {"rules": ["upn"]}}}).crosses


@pytest.mark.parametrize(
    ("people", "member"),
    [
        ({"map": {"@old.example": "ann@new.example"}}, "place.people.map"),
        ({"map": ["a", "b"]}, "place.people.map"),
        ({"rules": ["guess"]}, "place.people.rules"),
        ({"maps": {}}, "place.people.maps"),
    ],
)
def test_a_map_that_is_none_is_named(people: Json, member: str) -> None:
    with pytest.raises(BadRequest) as told:
        read({"owner": "user-a1", "kinds": ["files"], "place": {"people": people}})
    assert [error["member"] for error in told.value.facts["errors"]] == [member]
