"""SharePoint's own interface of the simulated tenant: whom it lets in, and attachments."""

from __future__ import annotations

from typing import Any

import pytest
from yarl import URL

from sandbox.tenant import site_list_mutations as people
from sandbox.tenant.oauth import mint, sharepoint_of
from sandbox.tenant.seed import app_named
from tests.unit.sandbox.visitor import Visitor, visiting

JSON = {"Accept": "application/json;odata=nometadata"}


async def ask(visitor: Visitor, method: str, tail: str, *, token: str = "", app: str = "backup", **more: Any) -> Any:
    found = app_named(visitor.tenant, app)
    own = sharepoint_of(visitor.tenant)
    token = token or mint(visitor.tenant, found, own, sorted(found.sharepoint_roles), proof="2")
    list_id = people.list_by(people.store_of(visitor.tenant, "crew"), "Projects").id
    url = f"{visitor.tenant.doors.sharepoint}/sites/crew/_api/web/lists(guid'{list_id}')/items(1){tail}"
    headers = {"Authorization": f"Bearer {token}", **JSON, **more.pop("headers", {})}
    async with visitor.session.request(method, URL(url, encoded=True), headers=headers, **more) as answer:
        return answer.status, await answer.read()


async def test_files_are_added_once_read_and_listed() -> None:
    async with visiting() as visitor:
        name = "it%27%27s%20%C3%BC.txt"
        add = f"/AttachmentFiles/add(FileName='{name}')"
        assert (await ask(visitor, "POST", add, app="restore", data=b"x"))[0] == 200
        assert (await ask(visitor, "POST", add, app="restore", data=b"y"))[0] == 400
        status, listed = await ask(visitor, "GET", "/AttachmentFiles")
        assert (status, b"it's \\u00fc.txt" in listed or "it's ü.txt".encode() in listed) == (200, True)
        assert await ask(visitor, "GET", f"/AttachmentFiles('{name}')/$value") == (200, b"x")
        item = await visitor.get(f"/sites/{people.store_of(visitor.tenant, 'crew').site_id}/lists/Projects/items/1")
        assert item["fields"]["Attachments"] is True


async def test_who_asks_for_no_json_gets_xml() -> None:
    async with visiting() as visitor:
        assert (await ask(visitor, "GET", "/AttachmentFiles", headers={"Accept": "*/*"}))[1].startswith(b"<?xml")


@pytest.mark.parametrize(
    ("audience", "proof", "status"),
    [("https://graph.microsoft.com", "2", 401), ("own", "1", 401), ("own", "2", 200)],
)
async def test_a_token_has_to_be_for_this_host_and_of_a_certificate(audience: str, proof: str, status: int) -> None:
    async with visiting() as visitor:
        audience = sharepoint_of(visitor.tenant) if audience == "own" else audience
        token = mint(visitor.tenant, app_named(visitor.tenant, "backup"), audience, ["Sites.Read.All"], proof=proof)
        assert (await ask(visitor, "GET", "/AttachmentFiles", token=token))[0] == status


async def test_reading_needs_a_role_of_sharepoint_and_writing_another() -> None:
    async with visiting() as visitor:
        app_named(visitor.tenant, "restore").sharepoint_roles = frozenset({"Sites.Read.All"})
        add = "/AttachmentFiles/add(FileName='a.txt')"
        assert (await ask(visitor, "POST", add, app="restore", data=b"x"))[0] == 403
        app_named(visitor.tenant, "restore").sharepoint_roles = frozenset()
        assert (await ask(visitor, "GET", "/AttachmentFiles", app="restore"))[0] == 403


async def place(visitor: Visitor, method: str, tail: str, body: Any = None) -> Any:
    found, own = app_named(visitor.tenant, "restore"), sharepoint_of(visitor.tenant)
    token = mint(visitor.tenant, found, own, sorted(found.sharepoint_roles), proof="2")
    url = f"{visitor.tenant.doors.sharepoint}/sites/crew/_api/web{tail}"
    headers = {"Authorization": f"Bearer {token}", **JSON}
    async with visitor.session.request(method, URL(url, encoded=True), headers=headers, json=body) as answer:
        return answer.status, await answer.json()


async def test_folders_are_made_level_by_level_and_a_second_time_is_no_error() -> None:
    async with visiting() as visitor:
        top = "/sites/crew/Lists/Projects"
        assert (await place(visitor, "POST", "/folders", {"ServerRelativeUrl": f"{top}/A/B"}))[0] == 404
        for path in (f"{top}/A", f"{top}/A/B", f"{top}/A/B"):
            assert (await place(visitor, "POST", "/folders", {"ServerRelativeUrl": path}))[0] == 201
        for name, status in (("A/B", 200), ("A/C", 404)):
            look = f"/GetFolderByServerRelativePath(decodedurl='{top}/{name}')"
            assert (await place(visitor, "GET", look))[0] == status


async def test_an_item_is_put_into_a_folder_as_a_form_would_and_says_what_it_lacks() -> None:
    async with visiting() as visitor:
        own = people.list_by(people.store_of(visitor.tenant, "crew"), "Projects")
        people.add_list_folder(visitor.tenant, "crew", "Projects", "A")
        tail = f"/lists(guid'{own.id}')/AddValidateUpdateItemUsingPath"
        info = {"FolderPath": {"DecodedUrl": "/sites/crew/Lists/Projects/A"}, "UnderlyingObjectType": 0}
        body: Any = {"listItemCreateInfo": info, "formValues": [], "bNewDocumentUpdate": False}
        status, told = await place(visitor, "POST", tail, body)
        assert (status, [one["FieldName"] for one in told["value"] if one["HasException"]]) == (200, ["Title"])
        body["formValues"] = [{"FieldName": "Title", "FieldValue": "x"}]
        status, told = await place(visitor, "POST", tail, body)
        made = own.items[int(told["value"][-1]["FieldValue"])]
        assert (made.folder, made.values) == ("A", {"Title": "x"})
