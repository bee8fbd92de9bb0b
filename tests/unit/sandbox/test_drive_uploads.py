"""Upload sessions of simulated drives: who may open one, which fragments are taken, how it ends."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sandbox.tenant.drive_state import Drive
from sandbox.tenant.seed_drives import give_drive
from tests.unit.sandbox.drive_client import ADA, Caller, Reply, calling, new_tenant

UNIT = 327_680
CONFLICT = "@microsoft.graph.conflictBehavior"


async def begin(graph: Caller, name: str = "x.bin", **item: Any) -> Reply:
    body = {"deferCommit": item.pop("deferCommit", False), "item": {"name": name, **item}}
    return await graph.ask("POST", graph.at(f"/root:/{name}:/createUploadSession"), body=body)


async def send(graph: Caller, url: str, data: bytes, first: int, total: int) -> Reply:
    reach = f"bytes {first}-{first + len(data) - 1}/{total}"
    return await graph.ask("PUT", url, data=data, signed=False, Content_Range=reach)


async def test_fragments_in_order_make_a_file_with_its_dates() -> None:
    async with calling() as graph:
        data = bytes(range(256)) * 3000
        dates = {"createdDateTime": "2001-02-03T04:05:06Z", "lastModifiedDateTime": "2002-02-03T04:05:06Z"}
        session = (await begin(graph, fileSize=len(data), fileSystemInfo=dates)).json
        url, at = session["uploadUrl"], 0
        assert session["nextExpectedRanges"] == [f"0-{len(data) - 1}"]
        while True:
            reply = await send(graph, url, data[at : at + UNIT], at, len(data))
            at += UNIT
            if reply.status != 202:
                break
            assert reply.json["nextExpectedRanges"] == [f"{at}-{len(data) - 1}"]
        assert (reply.status, reply.json["size"], reply.json["fileSystemInfo"]) == (201, len(data), dates)
        item = graph.drive.items[reply.json["id"]]
        assert item.blob is not None and item.blob.whole() == data
        assert (item.version, reply.json["file"]["hashes"]["quickXorHash"]) == (1, item.blob.quick)
        assert (await graph.get(url, signed=False)).status == 404


async def test_a_large_upload_goes_to_disk_and_is_whole() -> None:
    async with calling() as graph:
        data = bytes(range(251)) * 40_000  # 10 MB
        url = (await begin(graph)).json["uploadUrl"]
        step = 12 * UNIT
        for at in range(0, len(data), step):
            reply = await send(graph, url, data[at : at + step], at, len(data))
        item = graph.drive.items[reply.json["id"]]
        assert item.blob is not None and item.blob.whole() == data


async def test_the_role_that_the_permission_map_names_is_needed() -> None:
    async with calling() as graph:
        files = frozenset({"Files.ReadWrite.All"})
        url = graph.at("/root:/x.bin:/createUploadSession")
        assert (await graph.ask("POST", url, body={}, roles=files)).status == 403
        graph.mutate("drive_options", session_with_files_role=True)
        assert (await graph.ask("POST", url, body={}, roles=files)).status == 200


async def test_the_body_is_held_to_its_members() -> None:
    async with calling() as graph:
        url = graph.at("/root:/x.bin:/createUploadSession")
        for item in (
            {"name": "y.bin"},
            {"colour": 1},
            {"description": "x"},
            {"fileSize": -1},
            {"fileSystemInfo": {"createdDateTime": "2001-02-03T04:05:06.123Z"}},
        ):
            assert (await graph.ask("POST", url, body={"item": item})).status == 400, item
        assert (await graph.ask("POST", url, body={"items": {}})).status == 400


async def test_the_upload_host_refuses_a_token() -> None:
    async with calling() as graph:
        url = (await begin(graph)).json["uploadUrl"]
        assert (await graph.get(url)).status == 401
        assert (await graph.get(url, signed=False)).status == 200


async def test_fragments_that_do_not_fit_are_refused() -> None:
    async with calling() as graph:
        url, total = (await begin(graph)).json["uploadUrl"], 3 * UNIT
        odd = await send(graph, url, b"x" * 1000, 0, total)
        assert (odd.status, odd.inner) == (400, "fragmentLengthMismatch")
        ahead = await send(graph, url, b"x" * UNIT, UNIT, total)
        assert (ahead.status, ahead.inner) == (416, "fragmentOutOfOrder")
        assert (await send(graph, url, b"x" * UNIT, 0, total)).status == 202
        again = await send(graph, url, b"x" * UNIT, 0, total)
        assert (again.status, again.inner) == (416, "fragmentOverlap")
        assert (await send(graph, url, b"x" * UNIT, UNIT, total + 1)).status == 400
        short = await graph.ask(
            "PUT", url, data=b"x", signed=False, Content_Range=f"bytes {UNIT}-{2 * UNIT - 1}/{total}"
        )
        assert short.status == 400
        spaced = await graph.ask("PUT", url, data=b"x", signed=False, Content_Range="bytes 0 - 0 / 1")
        assert spaced.status == 400
        assert (await graph.get(url, signed=False)).json["nextExpectedRanges"] == [f"{UNIT}-{total - 1}"]


async def test_there_is_one_session_per_name_until_it_is_cancelled() -> None:
    async with calling() as graph:
        url = (await begin(graph)).json["uploadUrl"]
        second = await begin(graph, "X.BIN", **{CONFLICT: "replace"})
        assert (second.status, second.code) == (409, "nameAlreadyExists")
        assert (await graph.ask("DELETE", url, signed=False)).status == 204
        assert (await graph.get(url, signed=False)).status == 404
        assert (await begin(graph)).status == 200


async def test_a_session_expires_and_frees_the_name() -> None:
    async with calling(new_tenant(upload_session_life_s=60)) as graph:
        url = (await begin(graph)).json["uploadUrl"]
        graph.tenant.clock_offset += dt.timedelta(seconds=61)
        assert (await begin(graph)).status == 200
        gone = await graph.get(url, signed=False)
        assert (gone.status, gone.inner) == (404, "uploadSessionNotFound")


async def test_conflicts_at_the_beginning_and_at_the_end() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.bin", text="old")
        assert (await begin(graph)).status == 409
        url = (await begin(graph, **{CONFLICT: "replace"})).json["uploadUrl"]
        assert (await send(graph, url, b"new!", 0, 4)).status == 200
        late = (await begin(graph, "late.bin")).json["uploadUrl"]
        graph.mutate("add_file", path="late.bin", text="first")
        refused = await send(graph, late, b"data", 0, 4)
        assert (refused.status, refused.code) == (409, "nameAlreadyExists")
        graph.mutate("delete_item", path="late.bin")
        assert (await send(graph, late, b"data", 0, 4)).status == 201


async def test_a_deferred_commit_waits_for_an_empty_post() -> None:
    async with calling() as graph:
        url = (await begin(graph, deferCommit=True)).json["uploadUrl"]
        assert (await graph.ask("POST", url, signed=False)).inner == "uploadSessionIncomplete"
        assert (await send(graph, url, b"data", 0, 4)).status == 202
        assert "x.bin" not in graph.drive.root.children
        assert (await graph.ask("POST", url, signed=False)).status == 201


async def test_the_quota_refuses_at_once_when_the_size_is_told_and_else_at_the_end() -> None:
    async with calling() as graph:
        graph.mutate("set_quota", total=3)
        told = await begin(graph, fileSize=4)
        assert (told.status, told.code) == (507, "quotaLimitReached")
        url = (await begin(graph)).json["uploadUrl"]
        assert (await send(graph, url, b"data", 0, 4)).status == 507


async def library(graph: Caller) -> Drive:
    ada = graph.tenant.find_user(ADA)
    assert ada is not None
    graph.drive = give_drive(graph.tenant, ada, kind="documentLibrary")
    return graph.drive


async def test_libraries_rewrite_office_files_and_onedrive_does_not() -> None:
    async with calling() as graph:
        url = graph.at("/root:/x.docx:/content")
        assert (await graph.ask("PUT", url, data=b"word")).json["size"] == 4
        await library(graph)
        grown = (await graph.ask("PUT", graph.at("/root:/x.docx:/content"), data=b"word")).json
        plain = (await graph.ask("PUT", graph.at("/root:/x.txt:/content"), data=b"text")).json
        assert (grown["size"] > 4, plain["size"]) == (True, 4)


async def test_a_rewrite_may_come_after_the_answer() -> None:
    async with calling() as graph:
        (await library(graph)).options.rewrite_late = True
        reply = await graph.ask("PUT", graph.at("/root:/x.docx:/content"), data=b"word")
        item = (await graph.get(graph.at(f"/items/{reply.json['id']}"))).json
        assert (reply.json["size"], item["size"] > 4) == (4, True)
        assert item["file"]["hashes"] != reply.json["file"]["hashes"]
        assert len((await graph.get(graph.at(f"/items/{item['id']}/versions"))).json["value"]) == 1
