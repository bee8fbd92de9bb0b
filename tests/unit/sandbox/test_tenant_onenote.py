"""OneNote's own interface as the simulated tenant has it: who gets in, what the tree and the pages show."""

from __future__ import annotations

from typing import Any

from sandbox.tenant.happenings import mutate
from sandbox.tenant.oauth import mint
from sandbox.tenant.seed import app_named
from tests.unit.sandbox.visitor import Visitor, visiting

WHOLE = "sections,sectionGroups($expand=sections,sectionGroups($levels=max;$expand=sections))"


def signed_in(visitor: Visitor, who: str = "adele", scopes: str = "Notes.Read.All") -> Visitor:
    app, user = app_named(visitor.tenant, "notes"), visitor.id_of(who)
    visitor.tokens["notes"] = mint(visitor.tenant, app, "https://graph.microsoft.com", [], user=user, scopes=scopes)
    return visitor


def top(visitor: Visitor, who: str = "adele") -> str:
    return f"/users/{visitor.id_of(who)}/onenote"


async def section(visitor: Visitor) -> Any:
    body = await visitor.get(f"{top(visitor)}/notebooks?$expand={WHOLE}", app="notes")
    return body["value"][0]["sections"][0]


async def test_an_app_is_refused_whatever_its_roles() -> None:
    async with visiting() as visitor:
        reply = await visitor.ask("GET", f"{top(visitor)}/notebooks")
        assert (reply.status, reply.code) == (401, "40001")


async def test_who_signed_in_sees_their_own_and_what_is_shared_with_them() -> None:
    async with visiting() as visitor:
        signed_in(visitor, "bernd")
        refused = await visitor.ask("GET", f"{top(visitor)}/notebooks", app="notes")
        assert (refused.status, refused.code) == (403, "40003")
        mutate(visitor.tenant, [
            {"do": "share_notes", "owner": "adele@contoso.example", "reader": "bernd@contoso.example"},
        ])  # fmt: skip
        assert len((await visitor.get(f"{top(visitor)}/notebooks", app="notes"))["value"]) == 1
        none = await visitor.ask("GET", f"{top(visitor, 'chloe')}/notebooks", app="notes")
        assert (none.status, none.code) == (404, "30108")  # no OneDrive, so no notebooks
        signed_in(visitor, "adele", "User.Read")
        assert (await visitor.ask("GET", f"{top(visitor)}/notebooks", app="notes")).code == "40004"


async def test_a_group_s_notebooks_are_those_of_its_site() -> None:
    async with visiting() as visitor:
        signed_in(visitor)
        group, site = visitor.tenant.find_group("crew"), visitor.tenant.find_site("crew")
        assert group is not None and site is not None
        of_group = await visitor.get(f"/groups/{group.id}/onenote/notebooks", app="notes")
        of_site = await visitor.get(f"/sites/{site.id}/onenote/notebooks", app="notes")
        assert [b["id"] for b in of_group["value"]] == [b["id"] for b in of_site["value"]] != []


async def test_the_tree_shows_every_level_that_was_asked_for() -> None:
    async with visiting() as visitor:
        signed_in(visitor)
        bare = (await visitor.get(f"{top(visitor)}/notebooks", app="notes"))["value"][0]
        assert "sections" not in bare and bare["displayName"] == "Work"
        book = (await visitor.get(f"{top(visitor)}/notebooks?$expand={WHOLE}", app="notes"))["value"][0]
        assert [one["displayName"] for one in book["sections"]] == ["Plans"]
        year = book["sectionGroups"][0]["sectionGroups"][0]
        assert (year["displayName"], [one["displayName"] for one in year["sections"]]) == ("2025", ["Old"])
        odd = await visitor.ask("GET", f"{top(visitor)}/notebooks?$expand=pages", app="notes")
        assert (odd.status, odd.code) == (400, "20142")


async def test_pages_come_twenty_at_a_time_and_a_hundred_at_most() -> None:
    async with visiting("awkward") as visitor:
        signed_in(visitor)
        books = (await visitor.get(f"{top(visitor)}/notebooks?$expand=sections", app="notes"))["value"]
        days = next(s for book in books for s in book["sections"] if s["displayName"] == "Days")
        path = f"{top(visitor)}/sections/{days['id']}/pages"
        first = await visitor.get(path, app="notes")
        assert len(first["value"]) == 20 and "@odata.nextLink" in first
        assert len((await visitor.get(f"{path}?$top=100", app="notes"))["value"]) == 100
        assert (await visitor.ask("GET", f"{path}?$top=101", app="notes")).code == "20129"
        assert "order" not in first["value"][0]
        assert "order" in (await visitor.get(f"{path}?pagelevel=true", app="notes"))["value"][0]


async def test_a_page_is_html_that_names_its_resources() -> None:
    async with visiting() as visitor:
        signed_in(visitor)
        path = f"{top(visitor)}/sections/{(await section(visitor))['id']}/pages"
        pages = {p["title"]: p for p in (await visitor.get(path, app="notes"))["value"]}
        reply = await visitor.ask("GET", f"{top(visitor)}/pages/{pages['The plan']['id']}/content", app="notes")
        assert reply.headers["Content-Type"].startswith("text/html")
        html = reply.body.decode()
        address = html.split('data-fullres-src="')[1].split('"')[0]
        image = await visitor.ask("GET", address, app="notes")
        assert image.body.startswith(b"\x89PNG") and image.body.endswith(b"full")


async def test_too_many_requests_are_refused_without_a_word_about_when() -> None:
    async with visiting() as visitor:
        signed_in(visitor)
        replies = [await visitor.ask("GET", f"{top(visitor)}/notebooks", app="notes") for _ in range(121)]
        assert [r.status for r in replies[:120]] == [200] * 120
        assert (replies[120].status, replies[120].code) == (429, "20166")
        assert "Retry-After" not in replies[120].headers
