"""Pages of sites: what is kept, what a page is made of when it goes back, and that nobody is told."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tenant import site_page_mutations as people
from sandbox.tenant.dump import dump
from shared.kinds.kind import Into
from shared.kinds.pages import FAILS, Pages
from shared.kinds.pages_restore import EMPTY, NEWS, POINTS, RESERVED, as_new, beside
from shared.model import Capture, Feed, Lost, Owner, Place, Seen, Vanished
from tests.contract.kinds_stage import Stage, staged
from tests.play import error, ok, page, play

SITE = Owner("t1", "site", "contoso.sharepoint.com,c1,w1")
FEED = Feed(SITE, "pages", "pages", f"{SITE.path}/pages")
SEEN = Seen("p1", {}, "t", name="Plan.aspx")
WHOLE = page("pages", "page")


def test_a_page_is_kept_with_its_canvas_and_without_the_answers_metadata() -> None:
    taken, asked = play(Pages().capture(FEED, SEEN, None), ok(WHOLE))
    assert isinstance(taken, Capture)
    assert asked[0].path == f"{FEED.path}/p1/microsoft.graph.sitePage?$expand=canvasLayout"
    section = taken.record["canvasLayout"]["horizontalSections"][0]
    assert section["columns"][0]["webparts"][0]["@odata.type"] == "#microsoft.graph.textWebPart"
    assert "horizontalSections@odata.context" not in taken.record["canvasLayout"]
    assert taken.record["o365:Type"] == "sitePage"


def test_a_page_on_whose_canvas_the_service_fails_is_kept_as_far_as_it_goes() -> None:
    bare = {k: v for k, v in WHOLE.items() if k != "canvasLayout"}
    taken, _ = play(Pages().capture(FEED, SEEN, None), error(500, "generalException"), ok(bare))
    assert isinstance(taken, Capture)
    assert taken.notes == (FAILS,)
    assert EMPTY in as_new(taken.record, same_site=True)[1]


@pytest.mark.parametrize(("status", "what"), [(404, Vanished), (403, Lost)])
def test_a_page_that_cannot_be_read_is_gone_or_owed(status: int, what: type) -> None:
    taken, _ = play(Pages().capture(FEED, SEEN, None), error(status, "x"))
    assert isinstance(taken, what)


def test_a_body_holds_what_graph_takes_and_the_losses_tell_the_rest() -> None:
    body, losses = as_new(WHOLE, same_site=False)
    parts = body["canvasLayout"]["horizontalSections"][0]["columns"][0]["webparts"]
    assert [p.get("webPartType", "text") for p in parts] == ["text", "d1d91016-032f-456d-98a4-721247c305e8"]
    assert not any("@odata" in k and k != "@odata.type" for p in parts for k in p)
    assert body["canvasLayout"]["verticalSection"]["webparts"][0]["innerHtml"] == "<p>aside</p>"
    assert losses == [NEWS, POINTS, "web part 'Board': Graph does not create it"]
    assert body["@odata.type"] == "#microsoft.graph.sitePage"
    assert "promotionKind" not in body


def test_pictures_still_point_right_on_their_own_site() -> None:
    assert POINTS not in as_new(WHOLE, same_site=True)[1]


def test_a_layout_of_the_services_own_becomes_an_article() -> None:
    body, losses = as_new({**WHOLE, "pageLayout": "microsoftReserved"}, same_site=True)
    assert (body["pageLayout"], RESERVED in losses) == ("article", True)


def test_a_name_beside_another_is_the_same_for_each_attempt() -> None:
    assert beside("Plan.aspx", "r1.v1") == beside("Plan.aspx", "r1.v1") != beside("Plan.aspx", "r2.v1")
    assert beside("Plan.aspx", "r1.v1").endswith(".aspx")


def test_a_lost_answer_to_publishing_is_no_failure() -> None:
    from tests.unit.kinds.test_lists import kept

    old = kept({})
    record = {**WHOLE, "publishingState": {"level": "published"}}
    where = Into(SITE, FEED.path)
    act = Pages().restore(type(old)(old.version, record), where, mark="r1.v1", mode="create")
    done, asked = play(act, ok({"value": []}), ok({}), ok({"id": "p9"}, 201), error(503, "busy"))
    assert done.outcome == "created"
    assert "it is not published: Graph answered 503 busy" in done.losses
    assert asked[-1].path.endswith("/p9/microsoft.graph.sitePage/publish")


# --- from end to end


def pages_at(stage: Stage, site: str) -> dict[str, Any]:
    return {one["page"]["name"]: one for one in dump(stage.worlds.tenant)["pages"].get(site, [])}


async def test_pages_come_back_published_or_not_and_no_news_is_told() -> None:
    async with staged("pages", seed="awkward") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(other, "original"))
        assert row.state == "done", row.problems
        before, after = pages_at(stage, "crew"), pages_at(stage, "bo")
        assert {name: one["level"] for name, one in after.items()} == {n: one["level"] for n, one in before.items()}
        assert after["Plan.aspx"] == before["Plan.aspx"]
        assert after["Home.aspx"]["page"]["pageLayout"] == "home"
        assert after["Moved offices.aspx"]["page"]["promotionKind"] == "page"
        assert stage.worlds.tenant.outbox == []
        assert after["Mixed.aspx"]["canvas"]["verticalSection"] == before["Mixed.aspx"]["canvas"]["verticalSection"]
        assert set(row.losses) == {NEWS, POINTS, RESERVED, "web part 'Board': Graph does not create it"}


async def test_a_page_that_was_spoilt_is_replaced_where_it_is() -> None:
    async with staged("pages") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        before = pages_at(stage, "crew")
        people.edit_page(stage.worlds.tenant, "crew", "Plan.aspx", html="<p>spoilt</p>", title="Spoilt")
        row = await stage.give_back(owner, Place(owner, "original"), mode="replace")
        assert (row.state, row.counts) == ("done", {"replaced": 3})
        assert pages_at(stage, "crew") == before


async def test_a_page_of_a_taken_name_gets_one_of_its_own_once() -> None:
    async with staged("pages") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        people.add_page(stage.worlds.tenant, "bo", "Plan.aspx", "Another plan")
        await stage.back_up(owner)
        for _ in range(2):
            row = await stage.give_back(owner, Place(other, "original"), order="one")
            assert row.state == "done"
        names = sorted(pages_at(stage, "bo"))
        assert len(names) == 4
        assert pages_at(stage, "bo")["Plan.aspx"]["page"]["title"] == "Another plan"
        assert any("its name is taken" in loss for loss in row.losses)


async def test_a_restore_that_died_before_publishing_publishes_what_it_made() -> None:
    async with staged("pages") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        refused = {"match": {"path": "/publish$"}, "do": "status", "status": 403, "code": "accessDenied"}
        stage.worlds.tenant.faults.plan([refused])
        await stage.give_back(owner, Place(other, "original"), order="one")
        assert {one["level"] for one in pages_at(stage, "bo").values()} == {"checkout"}
        stage.worlds.tenant.faults.plan([])
        await stage.give_back(owner, Place(other, "original"), order="one")
        assert {n: one["level"] for n, one in pages_at(stage, "bo").items()} == {
            n: one["level"] for n, one in pages_at(stage, "crew").items()
        }
