"""Writing to a simulated OneDrive: small files, folders, renames, moves, dates, deletions, names."""

from __future__ import annotations

import pytest

from sandbox.tenant.drive_names import second_name, trouble_with
from tests.unit.sandbox.drive_client import Caller, calling

CONFLICT = "@microsoft.graph.conflictBehavior"


async def put(graph: Caller, path: str, data: bytes, query: str = "") -> int:
    return (await graph.ask("PUT", graph.at(f"/root:/{path}:/content{query}"), data=data)).status


async def test_put_makes_a_file_and_then_a_version_of_it() -> None:
    async with calling() as graph:
        assert await put(graph, "x.json", b'{"a": 1}') == 201
        assert await put(graph, "x.json", b'{"a": 22}') == 200
        item = (await graph.get(graph.at("/root:/x.json"))).json
        assert (item["size"], item["createdBy"]["application"]["displayName"]) == (9, "restore")
        assert len((await graph.get(graph.at("/root:/x.json:/versions"))).json["value"]) == 2


async def test_put_can_make_a_zero_byte_file() -> None:
    async with calling() as graph:
        reply = await graph.ask("PUT", graph.at("/root:/zero.txt:/content"), data=b"")
        assert (reply.status, reply.json["size"], reply.json["file"]) == (201, 0, {"mimeType": "text/plain"})


async def test_put_minds_the_conflict_behaviour_of_the_query() -> None:
    async with calling() as graph:
        await put(graph, "x.txt", b"1")
        assert await put(graph, "X.TXT", b"2", f"?{CONFLICT}=fail") == 409
        renamed = await graph.ask("PUT", graph.at(f"/root:/x.txt:/content?{CONFLICT}=rename"), data=b"3")
        assert (renamed.status, renamed.json["name"]) == (201, "x 1.txt")
        graph.mutate("add_folder", path="d")
        assert await put(graph, "d", b"4") == 409
        assert await put(graph, "none/x.txt", b"5") == 404


async def test_a_folder_is_made_once_and_got_again() -> None:
    async with calling() as graph:

        async def make(behaviour: str | None) -> tuple[int, str]:
            body = {"name": "d", "folder": {}} | ({CONFLICT: behaviour} if behaviour else {})
            reply = await graph.ask("POST", graph.at("/root/children"), body=body)
            return reply.status, reply.json.get("name") or reply.code

        assert await make(None) == (201, "d")
        assert await make(None) == (409, "nameAlreadyExists")
        assert await make("replace") == (200, "d")
        assert await make("rename") == (201, "d 1")
        await put(graph, "file", b"x")
        reply = await graph.ask(
            "POST", graph.at("/root/children"), body={"name": "FILE", "folder": {}, CONFLICT: "replace"}
        )
        assert reply.status == 409


async def test_unknown_members_are_refused() -> None:
    async with calling() as graph:
        body = {"name": "d", "folder": {}, "colour": "red"}
        assert (await graph.ask("POST", graph.at("/root/children"), body=body)).status == 400
        await put(graph, "x.txt", b"x")
        assert (await graph.ask("PATCH", graph.at("/root:/x.txt"), body={"createdBy": {}})).status == 400


async def test_patch_renames_moves_and_dates() -> None:
    async with calling() as graph:
        made = graph.mutate("add_file", path="a/x.txt", text="x")
        folder = graph.mutate("add_folder", path="b")
        url = graph.at(f"/items/{made['id']}")
        reply = await graph.ask("PATCH", url, body={"name": "y.txt", "parentReference": {"id": folder["id"]}})
        assert (reply.status, graph.drive.items[made["id"]].path()) == (200, "b/y.txt")
        dates = {"createdDateTime": "2001-02-03T04:05:06Z", "lastModifiedDateTime": "2002-02-03T04:05:06Z"}
        reply = await graph.ask("PATCH", url, body={"fileSystemInfo": dates})
        assert reply.json["fileSystemInfo"] == dates
        assert len((await graph.get(f"{url}/versions")).json["value"]) == 2
        broken = {"fileSystemInfo": {"lastModifiedDateTime": "2002-02-03T04:05:06.5Z"}}
        assert (await graph.ask("PATCH", url, body=broken)).status == 400


async def test_if_match_of_another_state_is_refused() -> None:
    async with calling() as graph:
        made = graph.mutate("add_file", path="x.txt", text="x")
        url = graph.at(f"/items/{made['id']}")
        tag = (await graph.get(url)).json["eTag"]
        assert (await graph.ask("PATCH", url, body={"name": "y.txt"}, If_Match=tag)).status == 200
        stale = await graph.ask("PATCH", url, body={"name": "z.txt"}, If_Match=tag)
        assert (stale.status, stale.code) == (412, "resourceModified")


async def test_a_folder_cannot_go_into_itself() -> None:
    async with calling() as graph:
        outer = graph.mutate("add_folder", path="a")
        inner = graph.mutate("add_folder", path="a/b")
        body = {"parentReference": {"id": inner["id"]}}
        assert (await graph.ask("PATCH", graph.at(f"/items/{outer['id']}"), body=body)).status == 400


async def test_delete_goes_to_the_bin_and_permanent_delete_does_not() -> None:
    async with calling() as graph:
        first, second = graph.mutate("add_file", path="x", text="x"), graph.mutate("add_file", path="y", text="y")
        assert (await graph.ask("DELETE", graph.at(f"/items/{first['id']}"))).status == 204
        assert (await graph.ask("POST", graph.at(f"/items/{second['id']}/permanentDelete"))).status == 204
        assert set(graph.drive.bin) == {first["id"]}
        assert (await graph.get(graph.at(f"/items/{first['id']}"))).status == 404
        assert graph.drive.used == 0


async def test_a_file_open_in_office_refuses_writes() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.docx", text="x")
        graph.mutate("flag_item", path="x.docx", locked=True)
        assert await put(graph, "x.docx", b"y") == 423
        assert (await graph.ask("DELETE", graph.at("/root:/x.docx"))).status == 423


async def test_a_full_drive_takes_nothing_more() -> None:
    async with calling() as graph:
        graph.mutate("set_quota", total=10)
        assert await put(graph, "x", b"12345") == 201
        reply = await graph.ask("PUT", graph.at("/root:/y:/content"), data=b"123456")
        assert (reply.status, reply.code) == (507, "quotaLimitReached")


@pytest.mark.parametrize(
    ("name", "folder", "fine"),
    [
        ("plain.txt", False, True),
        ("a#b%c&d+e.txt", False, True),
        ("x" * 255, False, True),
        ("x" * 256, False, False),
        ('a"b', False, False),
        ("a?b", False, False),
        ("a|b", False, False),
        (" a", False, False),
        ("a ", False, False),
        ("a.", False, False),
        ("CON", False, False),
        ("con.txt", False, True),
        ("com0", False, False),
        (".lock", False, False),
        ("desktop.ini", False, False),
        ("a_vti_b", False, False),
        ("~$x.docx", False, False),
        ("~x", False, True),
        ("~x", True, False),
        ("Forms", True, False),
        ("Forms", False, True),
        ("a\ud800b", False, False),
        ("", False, False),
    ],
)
def test_names_are_taken_or_refused(name: str, folder: bool, fine: bool) -> None:
    assert (trouble_with(name, folder=folder, at_root=True) is None) == fine


def test_the_second_name_is_the_first_free_number() -> None:
    assert second_name("a.txt", {"a.txt"}) == "a 1.txt"
    assert second_name("A.txt", {"a.txt", "a 1.txt"}) == "A 2.txt"
    assert second_name(".hidden", {".hidden"}) == ".hidden 1"


async def test_case_twins_are_one_name_and_unicode_twins_are_two() -> None:
    async with calling() as graph:
        assert await put(graph, "e%CC%81.txt", b"NFD") == 201
        assert await put(graph, "%C3%A9.txt", b"NFC") == 201
        assert await put(graph, "%C3%89.TXT", b"case twin") == 200
        assert len(graph.drive.root.children) == 2


async def test_a_path_beyond_400_characters_is_refused() -> None:
    async with calling() as graph:
        long = "/".join(["y" * 100] * 3)
        graph.mutate("add_folder", path=long)
        reply = await graph.ask("PUT", graph.at(f"/root:/{long}/{'z' * 80}.txt:/content"), data=b"x")
        assert (reply.status, reply.inner) == (400, "pathIsTooLong")
        moved = graph.mutate("add_folder", path="q" * 90)
        graph.mutate("add_file", path=f"{'q' * 90}/{'r' * 90}", text="x")
        body = {"parentReference": {"path": f"/drives/{graph.drive.id}/root:/{long}"}}
        assert (await graph.ask("PATCH", graph.at(f"/items/{moved['id']}"), body=body)).status == 400
