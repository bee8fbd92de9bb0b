"""OneNote's own interface as the simulated tenant has it: who gets in, what the tree and the pages show."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sandbox.tenant.happenings import mutate
from sandbox.tenant.oauth import mint
from sandbox.tenant.seed import app_named
from shared.kinds.onenote_writing import multipart
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


# --- what it takes

PAGE = "<!DOCTYPE html><html><head><title>New <i>one</i></title>{head}</head><body{more}>{body}</body></html>"


def editing(visitor: Visitor, who: str = "adele", scopes: str = "Notes.ReadWrite.All") -> None:
    signed_in(visitor, who, scopes)


async def add(visitor: Visitor, body: str, *parts: tuple[str, str, bytes], head: str = "", more: str = "") -> Any:
    text = PAGE.format(head=head, body=body, more=more).encode()
    type_, data = multipart([("Presentation", "text/html", text), *parts])
    path = f"{top(visitor)}/sections/{(await section(visitor))['id']}/pages"
    return await visitor.ask("POST", path, app="notes", data=data, headers={"Content-Type": type_})


async def shown(visitor: Visitor, page: Any) -> str:
    reply = await visitor.ask("GET", f"{top(visitor)}/pages/{page['id']}/content", app="notes")
    return str(reply.body.decode().partition("<body")[2].partition(">")[2])


async def test_a_page_is_made_of_its_text_and_the_parts_that_it_names() -> None:
    async with visiting() as visitor:
        editing(visitor)
        body = '<div data-id="mine"><p id="x">a</p><img src="name:dot" alt="dot" /></div><!-- b --><script>c</script>'
        body += '<object data="name:file" data-attachment="a.pdf" type="application/pdf" /><img src="name:none" />'
        head = '<meta name="created" content="2015-07-22T09:00:00-08:00" />'
        parts = (("dot", "image/png", b"\x89PNG\r\n\r\n--x"), ("file", "application/pdf", b"%PDF"))
        reply = await add(visitor, body, *parts, head=head)
        page = reply.body
        assert (reply.status, page["title"], page["createdDateTime"]) == (201, "New one", "2015-07-22T17:00:00Z")
        html = await shown(visitor, page)
        assert html.startswith('<div style="position:absolute;left:48px;top:120px;width:624px" data-id="_default">')
        assert '<div data-id="mine"><p>a</p><img ' in html
        assert all(gone not in html for gone in ("name:", "script", "<!--", 'id="x"'))
        image = await visitor.ask("GET", html.split('data-fullres-src="')[1].split('"')[0], app="notes")
        assert image.body == b"\x89PNG\r\n\r\n--x"


async def test_boxes_with_a_place_keep_it_and_boxes_without_meaning_are_taken_apart() -> None:
    async with visiting() as visitor:
        editing(visitor)
        body = '<div style="position:absolute;left:9px"><div><p>in</p></div></div><div><p>out</p></div>'
        there = (await add(visitor, body, more=' data-absolute-enabled="true"')).body
        html = await shown(visitor, there)
        assert html.count("<div") == 2
        assert '<div style="position:absolute;left:9px"><p>in</p></div>' in html
        flat = await shown(visitor, (await add(visitor, body)).body)
        assert flat.count("<div") == 1


async def test_what_is_beyond_six_parts_is_left_out_in_silence() -> None:
    async with visiting() as visitor:
        editing(visitor)
        body = "".join(f'<img src="name:i{n}" />' for n in range(7))
        reply = await add(visitor, body, *[(f"i{n}", "image/png", b"x") for n in range(7)])
        assert reply.status == 201
        assert (await shown(visitor, reply.body)).count("<img") == 5


@pytest.mark.parametrize(("type_", "body", "code"), [
    ("application/json", b"{}", "20131"),
    ("text/html", b"<html><body><p>a</body></html>", "20100"),
    ("multipart/form-data; boundary=b", (b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\nContent-Type: text/html"
     b"\r\n\r\n<p/>\r\n--b--\r\n"), "20001"),
    ("multipart/form-data; boundary=b", b"--b\nContent-Disposition: form-data; name=\"Presentation\"\n\n<p/>\n--b--\n",
     "20011"),
    ("multipart/form-data; boundary=b", (b"--b\r\nContent-Disposition: form-data; name=\"Presentation\"\r\n\r\n<p/>\r\n"
     b"--b--\r\n"), "20012"),
    ("text/html", b"<html><head><meta name=\"created\" content=\"soon\" /></head><body /></html>", "20007"),
])  # fmt: skip
async def test_a_malformed_page_is_refused(type_: str, body: bytes, code: str) -> None:
    async with visiting() as visitor:
        editing(visitor)
        path = f"{top(visitor)}/sections/{(await section(visitor))['id']}/pages"
        reply = await visitor.ask("POST", path, app="notes", data=body, headers={"Content-Type": type_})
        assert (reply.status, reply.code) == (400, code)


async def test_names_are_checked_and_alone_among_their_siblings() -> None:
    async with visiting() as visitor:
        editing(visitor)
        book = (await visitor.get(f"{top(visitor)}/notebooks", app="notes"))["value"][0]
        base = f"{top(visitor)}/notebooks"
        for path, name, code in (
            (base, "work", "20117"), (base, "a/b", "20115"), (base, "Q" * 129, "20155"), (base, " ", "20152"),
            (f"{base}/{book['id']}/sections", "R&D", "20153"), (f"{base}/{book['id']}/sections", "plans", "20117"),
            (f"{base}/{book['id']}/sectionGroups", "Q" * 51, "20155"), (f"{base}/gone/sections", "x", "20102"),
        ):  # fmt: skip
            assert (await visitor.ask("POST", path, app="notes", json={"displayName": name})).code == code
        made = await visitor.ask("POST", base, app="notes", json={"displayName": "R&D"})
        group = await visitor.ask("POST", f"{base}/{made.body['id']}/sectionGroups", app="notes",
                                  json={"displayName": "Inside"})  # fmt: skip
        inside = f"{top(visitor)}/sectionGroups/{group.body['id']}"
        for below in ("sections", "sectionGroups"):
            reply = await visitor.ask("POST", f"{inside}/{below}", app="notes", json={"displayName": "Deep"})
            assert reply.status == 201
            assert [one["id"] for one in (await visitor.get(f"{inside}/{below}", app="notes"))["value"]] == [
                reply.body["id"]
            ]


async def test_who_may_read_may_not_edit() -> None:
    async with visiting() as visitor:
        editing(visitor, "bernd")
        path, body = f"{top(visitor)}/notebooks", {"displayName": "Mine"}
        share = {"do": "share_notes", "owner": "adele@contoso.example", "reader": "bernd@contoso.example"}
        mutate(visitor.tenant, [share])
        assert (await visitor.ask("POST", path, app="notes", json=body)).code == "40003"
        mutate(visitor.tenant, [{**share, "edit": True}])
        assert (await visitor.ask("POST", path, app="notes", json=body)).status == 201
        editing(visitor, "bernd", "Notes.Read.All")
        assert (await visitor.ask("POST", path, app="notes", json=body)).code == "40004"
        assert (await visitor.ask("POST", path, json=body)).code == "40001"


async def test_an_element_is_replaced_by_its_generated_id_which_changes_then() -> None:
    async with visiting() as visitor:
        editing(visitor)
        page = (await add(visitor, '<p data-id="there">a</p><p>b</p>')).body
        path = f"{top(visitor)}/pages/{page['id']}/content"
        assert ' id="p:' not in await shown(visitor, page)

        async def id_of() -> str:
            html = (await visitor.ask("GET", f"{path}?includeIDs=true", app="notes")).body.decode()
            found = re.search(r'<p id="(p:[^"]*)" data-id="there"', html)
            return found[1] if found else ""

        async def replace(target: str, content: str = '<img src="name:dot" />', action: str = "replace") -> Any:
            act = json.dumps([{"target": target, "action": action, "content": content}]).encode()
            type_, data = multipart([("Commands", "application/json", act), ("dot", "image/png", b"PNG")])
            return await visitor.ask("PATCH", path, app="notes", data=data, headers={"Content-Type": type_})

        target = await id_of()
        assert (await replace("#there")).code == "20120"
        assert (await replace(target, action="jump")).code == "20122"
        editing(visitor, scopes="Notes.Create Notes.Read")
        assert (await replace(target)).code == "40004"
        editing(visitor)
        assert (await replace(target)).status == 204
        html = await shown(visitor, page)
        assert ("<p>b</p>" in html, "there" in html, html.count("<img")) == (True, False, 1)
        assert (await replace(target)).code == "20120"
        type_, data = multipart([("dot", "image/png", b"PNG")])
        bare = await visitor.ask("PATCH", path, app="notes", data=data, headers={"Content-Type": type_})
        assert bare.code == "20124"
