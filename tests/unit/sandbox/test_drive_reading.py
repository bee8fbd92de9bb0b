"""Reading a simulated OneDrive: drives, items by id and path, children, selection, content, versions."""

from __future__ import annotations

import datetime as dt
import hashlib

import aiohttp
import pytest

from sandbox.tenant.content import Made, sha256
from sandbox.tenant.drive_content import Blob
from tests.unit.sandbox.drive_client import ADA, BOB, ROLES, calling, new_tenant

READ = frozenset({"Files.Read.All"})


async def test_a_user_without_onedrive_gets_404() -> None:
    async with calling() as graph:
        reply = await graph.get(f"/users/{BOB}/drive")
        assert (reply.status, reply.code) == (404, "ResourceNotFound")
        assert "mysite not found" in reply.json["error"]["message"]


async def test_a_drive_is_found_by_user_and_by_id() -> None:
    async with calling() as graph:
        by_user = (await graph.get(f"/users/{ADA}/drive", roles=READ)).json
        assert by_user["id"] == graph.drive.id
        assert by_user["driveType"] == "business"
        assert (await graph.get(graph.at())).json == by_user
        assert (await graph.get(f"/users/{ADA}/drives?$select=id")).json == {"value": [{"id": graph.drive.id}]}


async def test_a_token_without_a_files_role_is_refused() -> None:
    async with calling() as graph:
        reply = await graph.get(graph.at("/root"), roles=frozenset({"Mail.Read"}))
        assert (reply.status, reply.code) == (403, "accessDenied")
        reply = await graph.ask("DELETE", graph.at("/items/x"), roles=READ)
        assert reply.status == 403


async def test_an_item_is_addressed_by_id_by_path_and_below_an_item() -> None:
    async with calling() as graph:
        made = graph.mutate("add_file", path="A b/ü & c()/x#1.txt", text="hello world")
        item = (await graph.get(graph.at(f"/items/{made['id']}"))).json
        folder = item["parentReference"]["id"]
        for path in (
            "/root:/A%20b/%C3%BC%20&%20c()/x%231.txt",
            "/root:/A%20b/%C3%BC%20&%20c()/x%231.txt:",
            f"/items/{folder}:/x%231.txt:",
            f"/items/{folder}:/X%231.TXT",
        ):
            assert (await graph.get(graph.at(path))).json["id"] == made["id"], path
        assert item["file"]["hashes"] == {"quickXorHash": "aCgDG9jwBhDc4Q1yawMZAAAAAAA="}
        assert item["parentReference"]["path"].endswith("/root:/A%20b/%C3%BC%20%26%20c%28%29")
        assert (await graph.get(graph.at("/root:/A%20b/none"))).code == "itemNotFound"


async def test_unknown_paths_methods_options_and_members_are_refused() -> None:
    async with calling() as graph:
        assert (await graph.get(graph.at("/root/thumbnails"))).status == 404
        assert (await graph.ask("POST", graph.at("/root/copy"), body={})).status == 404
        assert (await graph.ask("PATCH", graph.at("/root/children"), body={})).status == 405
        assert (await graph.get(graph.at("/root?$filter=name eq 'x'".replace(" ", "%20")))).status == 400
        assert (await graph.get(graph.at("/root?$select=id,colour"))).status == 400
        assert (await graph.get(graph.at("/root/delta?$expand=listItem"))).status == 400


async def test_the_download_url_comes_with_a_full_item_or_when_selected() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="x")
        url = "@microsoft.graph.downloadUrl"
        assert url in (await graph.get(graph.at("/root:/x.txt"))).json
        assert url not in (await graph.get(graph.at("/root:/x.txt?$select=id,name"))).json
        for alias in (url, "content.downloadUrl"):
            chosen = (await graph.get(graph.at(f"/root:/x.txt?$select=id,{alias}"))).json
            assert set(chosen) == {"@odata.etag", "id", url}


async def test_children_come_in_pages_and_in_order() -> None:
    async with calling() as graph:
        for number in range(5):
            graph.mutate("add_file", path=f"f/{number}.txt", text=str(number))
        page = (await graph.get(graph.at("/root:/f:/children?$top=2&$select=name"))).json
        names = [c["name"] for c in page["value"]]
        while "@odata.nextLink" in page:
            page = (await graph.get(page["@odata.nextLink"])).json
            names += [c["name"] for c in page["value"]]
        assert names == ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt"]
        page = (await graph.get(graph.at("/root:/f:/children?$orderby=name%20desc&$top=1"))).json
        assert page["value"][0]["name"] == "4.txt"


async def test_content_redirects_to_a_host_that_wants_no_token() -> None:
    async with calling() as graph:
        made = graph.mutate("add_file", path="x.bin", size=700_000, seed="s")
        reply = await graph.get(graph.at(f"/items/{made['id']}/content"), Range="bytes=0-9")
        assert reply.status == 302
        url = reply.headers["Location"]
        assert (await graph.get(url)).status == 401
        whole = await graph.get(url, signed=False)
        assert (whole.status, len(whole.data)) == (200, 700_000)
        assert hashlib.sha256(whole.data).hexdigest() == sha256(Made("s", 700_000))


async def test_the_download_host_honours_ranges() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="0123456789")
        url = (await graph.get(graph.at("/root:/x.txt"))).json["@microsoft.graph.downloadUrl"]
        whole = await graph.get(url, signed=False)
        part = await graph.get(url, signed=False, Range="bytes=3-5")
        assert (part.status, part.data, part.headers["Content-Range"]) == (206, b"345", "bytes 3-5/10")
        assert (await graph.get(url, signed=False, Range="bytes=7-")).data == b"789"
        assert (await graph.get(url, signed=False, Range="bytes=-2")).data == b"89"
        beyond = await graph.get(url, signed=False, Range="bytes=10-")
        assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */10")
        same = await graph.get(url, signed=False, Range="bytes=3-5", If_Range=whole.headers["ETag"])
        other = await graph.get(url, signed=False, Range="bytes=3-5", If_Range='"another"')
        assert (same.status, other.status) == (206, 200)


async def test_a_download_url_expires_and_cannot_be_altered() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="x")
        graph.drive.options.download_url_life_s = 60
        url = (await graph.get(graph.at("/root:/x.txt"))).json["@microsoft.graph.downloadUrl"]
        assert (await graph.get(url, signed=False)).status == 200
        assert (await graph.get(url.replace("tempauth=v1.", "tempauth=v1.x"), signed=False)).status == 401
        graph.tenant.clock_offset += dt.timedelta(seconds=61)
        assert (await graph.get(url, signed=False)).status == 401
        url = (await graph.get(graph.at("/root:/x.txt"))).json["@microsoft.graph.downloadUrl"]
        graph.mutate("expire_download_urls")
        assert (await graph.get(url, signed=False)).status == 401


async def test_odd_files_answer_as_the_service_does() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="zero.txt", text="")
        graph.mutate("add_file", path="virus.exe", text="v")
        graph.mutate("flag_item", path="virus.exe", malware="Virus:Test")
        graph.mutate("add_folder", path="Book")
        graph.mutate("flag_item", path="Book", package="oneNote")
        zero = (await graph.get(graph.at("/root:/zero.txt"))).json
        assert (zero["size"], "hashes" in zero["file"]) == (0, False)
        virus = await graph.get(graph.at("/root:/virus.exe:/content"))
        assert (virus.status, virus.code, virus.headers["X-Virus-Infected"]) == (403, "malwareDetected", "Virus:Test")
        book = (await graph.get(graph.at("/root:/Book"))).json
        assert (book["package"], "folder" in book) == ({"type": "oneNote"}, True)
        assert (await graph.get(graph.at("/root:/Book:/content"))).status == 404


async def test_versions_are_listed_newest_first_and_the_current_one_has_no_content_of_its_own() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="one")
        graph.mutate("edit_file", path="x.txt", text="two!")
        listed = (await graph.get(graph.at("/root:/x.txt:/versions"))).json["value"]
        assert [(v["id"], v["size"]) for v in listed] == [("2.0", 4), ("1.0", 3)]
        old = await graph.get(graph.at("/root:/x.txt:/versions/1.0/content"))
        assert (await graph.get(old.headers["Location"], signed=False)).data == b"one"
        now = await graph.get(graph.at("/root:/x.txt:/versions/2.0/content"))
        assert (now.status, now.code) == (400, "invalidRequest")
        assert (await graph.ask("POST", graph.at("/root:/x.txt:/versions/1.0/restoreVersion"))).status == 204
        assert (await graph.get(graph.at("/root:/x.txt:/versions"))).json["value"][0]["id"] == "3.0"
        assert (await graph.ask("DELETE", graph.at("/root:/x.txt:/versions/3.0"))).status == 400
        assert (await graph.ask("DELETE", graph.at("/root:/x.txt:/versions/2.0"))).status == 204
        assert [v["id"] for v in (await graph.get(graph.at("/root:/x.txt:/versions"))).json["value"]] == ["3.0", "1.0"]


async def test_a_locked_or_forbidden_drive_says_so() -> None:
    async with calling() as graph:
        graph.mutate("drive_options", state="locked")
        locked = await graph.get(graph.at("/root"))
        assert (locked.status, locked.code, locked.inner) == (423, "notAllowed", "resourceLocked")
        graph.mutate("drive_options", state="forbidden")
        assert (await graph.get(f"/users/{ADA}/drive")).status == 403
        graph.mutate("drive_options", state="readonly")
        assert (await graph.get(graph.at("/root"))).status == 200
        assert (await graph.ask("PUT", graph.at("/root:/x.txt:/content"), data=b"x")).status == 403


async def test_resource_units_are_charged_by_what_is_asked() -> None:
    tenant = new_tenant(throttling=True)
    async with calling(tenant) as graph:
        for url in ("/root", "/root/children", "/root/permissions", "/root/delta", "/root/delta?token=latest"):
            assert (await graph.get(graph.at(url), roles=ROLES)).status == 200
        spent = [w.total for (_, name), w in tenant.throttle._windows.items() if name == "minute"]
        assert spent == [1 + 2 + 5 + 2 + 1]


async def test_a_download_that_breaks_off_is_resumed_by_range() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.bin", size=3_000_000, seed="s")
        url = (await graph.get(graph.at("/root:/x.bin"))).json["@microsoft.graph.downloadUrl"]
        graph.tenant.faults.plan([{"match": {"door": "download"}, "do": "cut", "at": 0.5, "times": 1}])
        got = bytearray()
        with pytest.raises(aiohttp.ClientPayloadError):
            async with graph.session.get(url) as answer:
                async for piece in answer.content.iter_any():
                    got += piece
        assert 0 < len(got) < 3_000_000
        rest = await graph.get(url, signed=False, Range=f"bytes={len(got)}-")
        assert bytes(got) + rest.data == b"".join(Made("s", 3_000_000).chunks())


async def test_files_served_otherwise_than_described_keep_their_description() -> None:
    async with calling() as graph:
        made = graph.mutate("add_file", path="sealed.docx", text="described")
        graph.drive.items[made["id"]].served = Blob(b"served, and longer")
        item = (await graph.get(graph.at("/root:/sealed.docx"))).json
        assert item["size"] == len(b"described")
        assert (await graph.get(item["@microsoft.graph.downloadUrl"], signed=False)).data == b"served, and longer"
