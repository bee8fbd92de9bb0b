"""Pages of sites of the simulated tenant."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tenant import site_page_mutations as people
from tests.unit.sandbox.visitor import Visitor, visiting

NEW: dict[str, Any] = {"@odata.type": "#microsoft.graph.sitePage", "name": "New.aspx", "title": "New"}


def base(visitor: Visitor) -> str:
    found = visitor.tenant.find_site("crew")
    assert found is not None
    return f"/sites/{found.id}/pages"


async def test_the_canvas_is_there_only_with_the_cast_and_when_it_is_expanded() -> None:
    async with visiting() as visitor:
        id = people.page_by(visitor.tenant, "crew", "Plan.aspx").id
        assert (await visitor.ask("GET", f"{base(visitor)}/{id}?$expand=canvasLayout")).status == 400
        plain = await visitor.get(f"{base(visitor)}/{id}/microsoft.graph.sitePage")
        whole = await visitor.get(f"{base(visitor)}/{id}/microsoft.graph.sitePage?$expand=canvasLayout")
        assert "canvasLayout" not in plain
        assert whole["canvasLayout"]["horizontalSections"][0]["columns"][0]["webparts"][0]["innerHtml"]
        people.page_by(visitor.tenant, "crew", "Plan.aspx").broken = True
        broken = await visitor.ask("GET", f"{base(visitor)}/{id}/microsoft.graph.sitePage?$expand=canvasLayout")
        assert (broken.status, broken.code) == (500, "generalException")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 201),
        ({"@odata.type": "#microsoft.graph.baseSitePage"}, 400),
        ({"name": "New.html"}, 400),
        ({"name": "plan.ASPX"}, 409),
        ({"pageLayout": "microsoftReserved"}, 400),
        ({"publishingState": {"level": "published"}}, 400),
        ({"canvasLayout": people.one_column(people.part(people.LIST, "Board"))}, 400),
        ({"canvasLayout": people.one_column(people.part(people.IMAGE, "Image"))}, 201),
        ({"canvasLayout": {"horizontalSections@odata.context": "x", "horizontalSections": []}}, 400),
        ({"titleArea": {"colour": "red"}}, 400),
    ],
)
async def test_a_page_is_what_graph_makes(change: dict[str, Any], status: int) -> None:
    async with visiting() as visitor:
        reply = await visitor.ask("POST", base(visitor), app="restore", json={**NEW, **change})
        assert reply.status == status
        if status == 201:
            assert (reply.body["publishingState"]["level"], reply.body["publishingState"]["versionId"]) == (
                "checkout", "0.1",
            )  # fmt: skip


async def test_publishing_news_tells_people_and_publishing_a_page_does_not() -> None:
    async with visiting() as visitor:
        for kind, told in (("page", 0), ("newsPost", 1)):
            body = {**NEW, "name": f"{kind}.aspx", "promotionKind": kind}
            made = (await visitor.ask("POST", base(visitor), app="restore", json=body)).body
            url = f"{base(visitor)}/{made['id']}/microsoft.graph.sitePage/publish"
            assert (await visitor.ask("POST", url, app="restore")).status == 204
            assert len(visitor.tenant.outbox) == told


async def test_name_and_layout_of_a_page_stay() -> None:
    async with visiting() as visitor:
        url = f"{base(visitor)}/{people.page_by(visitor.tenant, 'crew', 'Plan.aspx').id}/microsoft.graph.sitePage"
        kind = {"@odata.type": "#microsoft.graph.sitePage"}
        for body, status in (({"title": "Other"}, 200), ({"name": "x.aspx"}, 400), ({"pageLayout": "home"}, 400)):
            assert (await visitor.ask("PATCH", url, app="restore", json={**kind, **body})).status == status
