"""What a drill made is removed, thing by thing, and only what bears the sign of a restore."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import Misconfigured, NotPermitted, Unreachable
from shared.graph.steps import Refused, Reply
from shared.kinds.kind import Into, Kind
from shared.kinds.lists import Lists
from shared.kinds.lists_fields import MARK
from shared.kinds.lists_places import MADE
from shared.kinds.pages import Pages
from shared.kinds.pages_restore import beginning, in_folder
from shared.kinds.planner import Planner
from shared.model import Owner, Seen
from tests.play import error, ok, play

SITE, GROUP = Owner("t1", "site", "contoso.sharepoint.com,c1,w1"), Owner("t1", "group", "g1")
OF_SITE, OF_GROUP = Into(SITE, f"{SITE.path}/pages", "x1"), Into(GROUP, GROUP.path, "x1")
APP: Any = {"application": {"id": "app"}, "user": {"id": None}}
ANN: Any = {"user": {"id": "ann"}}
TAG = 'W/"7"'

DRILLED: tuple[tuple[Kind, Into, Reply, Reply], ...] = (  # what a restore made, and what a person did
    (
        Lists(), OF_SITE,
        ok({"value": [{"name": "Title"}, {"name": MARK, "description": MADE}]}),
        ok({"value": [{"name": "Title"}, {"name": MARK, "description": ""}]}),
    ),
    (
        Pages(), OF_SITE,
        ok({"id": "x1", "eTag": TAG, "createdBy": {"application": {"id": "app"}}}),
        ok({"id": "x1", "eTag": TAG, "createdBy": ANN}),
    ),
    (
        Planner(), OF_GROUP, ok({"id": "x1", "@odata.etag": TAG, "createdBy": APP}),
        ok({"id": "x1", "@odata.etag": TAG, "createdBy": ANN}),
    ),
)  # fmt: skip
each = pytest.mark.parametrize(("kind", "into", "ours", "theirs"), DRILLED, ids=[one[0].name for one in DRILLED])


@each
def test_what_a_restore_made_is_deleted_once(kind: Kind, into: Into, ours: Reply, theirs: Reply) -> None:
    _, asked = play(kind.remove(into), ours, ok(status=204))
    assert [step.method for step in asked] == ["GET", "DELETE"]
    assert asked[-1].path.endswith("/x1")


@each
def test_what_a_person_made_stays(kind: Kind, into: Into, ours: Reply, theirs: Reply) -> None:
    with pytest.raises(Misconfigured):
        play(kind.remove(into), theirs)


@each
def test_what_is_gone_is_fine(kind: Kind, into: Into, ours: Reply, theirs: Reply) -> None:
    play(kind.remove(into), error(404, "itemNotFound"))
    play(kind.remove(into), ours, error(404, "itemNotFound"))


@each
def test_a_refusal_is_told(kind: Kind, into: Into, ours: Reply, theirs: Reply) -> None:
    with pytest.raises(NotPermitted):
        play(kind.remove(into), ours, error(403, "accessDenied"))
    with pytest.raises(Refused):
        play(kind.remove(into), ours, error(405, "notAllowed"))


@each
def test_what_changes_meanwhile_is_looked_at_again(kind: Kind, into: Into, ours: Reply, theirs: Reply) -> None:
    if kind.name == "lists":
        return  # Graph has no condition for it
    with pytest.raises(Unreachable):
        play(kind.remove(into), ours, error(412, "resourceModified"))
    _, asked = play(kind.remove(into), ours, ok(status=204))
    assert asked[-1].headers == {"If-Match": TAG}


@pytest.mark.parametrize(
    ("name", "own"), [("Drill 1", ""), ("Drill 1/Board", "Board"), ("Drill 1/a/b", "a/b"), ("Drill 12/Board", None)]
)
def test_a_list_tells_by_its_name_what_it_was_called(name: str, own: str | None) -> None:
    assert Lists().own_name(name, "Drill 1") == own
    assert Planner().own_name(name, "Drill 1") == own


def test_a_page_bears_of_a_folders_name_what_an_address_can_hold() -> None:
    assert in_folder("Home.aspx", "Holdfast drill 2026/1f0a?") == "Holdfast-drill-2026-1f0a-Home.aspx"
    assert Pages().own_name("Holdfast-drill-2026-1f0a-Home.aspx", "Holdfast drill 2026/1f0a?") == "Home.aspx"
    assert Pages().own_name("Home.aspx", "Holdfast drill 2026/1f0a?") is None
    assert in_folder("Home.aspx", "") == "Home.aspx"


def test_long_names_of_pages_stay_apart_and_short_enough() -> None:
    long = "x" * 300
    assert beginning(f"{long}1") != beginning(f"{long}2")
    names = {in_folder(f"{'y' * 240}{n}.aspx", long) for n in range(3)}
    assert len(names) == 3
    assert all(len(name) <= 255 and name.endswith(".aspx") for name in names)


@pytest.mark.parametrize(
    ("title", "ours"),
    [("Being restored drill-1-0.ab12", True), ("Being restored drill-2-0.ab12", False), ("Buy rocket", False)],
)
def test_a_task_that_was_begun_is_known_by_the_restore_in_its_name(title: str, ours: bool) -> None:
    assert Planner().by_the_way(Seen("t1", {}, "t", name=title), ["drill-1-0"]) is ours


@pytest.mark.parametrize(("sort", "ours"), [("listFolder", True), ("listItem", False)])
def test_a_folder_of_a_list_is_nobodys_item(sort: str, ours: bool) -> None:
    assert Lists().by_the_way(Seen("l1.1", {"o365:Type": sort}, "t"), []) is ours
