"""OneDrive: taking one item."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.graph.steps import Fetch, Reply
from shared.kinds.files import Files
from shared.kinds.files_listing import seen_of
from shared.model import Capture, Lost, Part, Skipped, Taken, Vanished
from shared.quickxor import quick_xor
from tests.play import error, ok, page, play
from tests.unit.kinds.files_case import DRIVE, FEED, HELLO, folder, item, version

BIG = Part("cd" * 32, 11)


def capture(entry: dict[str, Any], *replies: Reply, versions: int = 0, prior: Any = None) -> tuple[Taken, list[Any]]:
    return play(Files(versions).capture(FEED, seen_of(entry, "c1"), prior), *replies)


def taken(entry: dict[str, Any], *replies: Reply, versions: int = 0, prior: Any = None) -> Capture:
    got, _ = capture(entry, *replies, versions=versions, prior=prior)
    assert isinstance(got, Capture)
    return got


def test_a_file_is_its_record_and_its_bytes():
    got, asked = capture(item(), Reply(200, part=BIG))
    assert isinstance(got, Capture) and got.parts == {"content": BIG} and got.suffixes == {"content": ".docx"}
    assert got.record["o365:Type"] == "file" and got.record["name"] == "report.docx"
    (fetch,) = asked
    assert isinstance(fetch, Fetch) and fetch.path == f"/drives/{DRIVE}/items/01REPORT/content"
    assert (fetch.size, fetch.quick_xor, fetch.fresh_url, fetch.units) == (11, quick_xor(HELLO), True, 1)


def test_the_address_of_the_bytes_that_came_with_the_listing_is_used_and_never_kept():
    entry = item() | {"@microsoft.graph.downloadUrl": "https://files.example/signed"}
    got, (fetch,) = capture(entry, Reply(200, part=BIG))
    assert fetch.url == "https://files.example/signed" and "signed" not in repr(fetch)
    assert isinstance(got, Capture) and "signed" not in json.dumps(got.record)
    assert "signed" not in json.dumps(seen_of(entry).record) and "signed" not in repr(seen_of(entry))


def test_a_renamed_file_is_not_downloaded_again():
    prior = version(seen_of(item()), content=BIG)
    got = taken(item(name="renamed.docx", eTag='"{1},3"'), prior=prior)
    assert got.parts == {"content": BIG} and got.record["name"] == "renamed.docx"


def test_a_changed_file_is_downloaded_though_a_prior_version_is_at_hand():
    prior = version(seen_of(item(b"before")), content=BIG)
    assert taken(item(), Reply(200, HELLO), prior=prior).parts == {"content": HELLO}


def test_a_zero_byte_file_needs_no_download():
    assert taken(item(b"")).parts == {"content": b""}


def test_folders_and_notebooks_are_records():
    assert taken(folder()).parts == {}
    assert taken(folder(package={"type": "oneNote"})).record["o365:Type"] == "notebook"


def test_a_shortcut_is_kept_as_the_pointer_it_is():
    got = taken(item(remoteItem={"id": "01REMOTE", "folder": {}}))
    assert got.record["remoteItem"]["id"] == "01REMOTE" and got.parts == {} and got.notes


@pytest.mark.parametrize(
    ("entry", "replies"),
    [
        (item(malware={"description": "EICAR"}), ()),
        (item(), (error(403, "malwareDetected"),)),
        (item(), (error(403, "accessDenied", "virusSuspicious"),)),
        (item(), (Reply(403, b"", {"x-virus-infected": "EICAR"}),)),
    ],
)
def test_malware_is_skipped_with_its_record(entry: dict[str, Any], replies: tuple[Reply, ...]):
    got, _ = capture(entry, *replies)
    assert isinstance(got, Skipped) and got.reason.startswith("malware") and got.record is not None


def test_a_file_deleted_before_we_came_has_vanished():
    got, _ = capture(item(), error(404, "itemNotFound"), error(404, "itemNotFound"))
    assert got == Vanished()


def test_a_file_that_is_there_without_content_is_owed_and_not_forgotten():
    got, _ = capture(item(), error(404, "itemNotFound"), ok(item()))
    assert isinstance(got, Lost)


@pytest.mark.parametrize("status", [403, 423, 503])
def test_a_refused_download_is_owed(status: int):
    got, _ = capture(item(name="never answers.one"), error(status, "serviceNotAvailable"))
    assert isinstance(got, Lost) and str(status) in got.reason


def test_a_notebook_section_above_the_service_s_limit_is_skipped():
    got, _ = capture(item(name="huge.one", size=3 << 30), error(503, "serviceNotAvailable"))
    assert isinstance(got, Skipped) and "2 GB" in got.reason


def test_a_file_that_changed_meanwhile_is_kept_as_one_state():
    changed = item(b"changed meanwhile", eTag='"{1},3"')
    got = taken(
        item(), Reply(200, b"chang", {"holdfast-mismatch": "size"}), ok(changed), Reply(200, b"changed meanwhile")
    )
    assert got.parts == {"content": b"changed meanwhile"} and got.notes == ()
    assert got.record["size"] == 17 and got.content_tag == f"{quick_xor(b'changed meanwhile')}:17"


def test_bytes_that_contradict_their_figures_for_good_are_kept_as_served_with_a_note():
    got = taken(item(), Reply(200, b"sealed", {"holdfast-mismatch": "hash"}), ok(item()))
    assert got.parts == {"content": b"sealed"} and "hash" in got.notes[0]
    assert got.content_tag == seen_of(item()).content_tag  # a rename downloads nothing


def test_permissions_are_asked_only_where_the_listing_shows_sharing():
    plain, asked = capture(item(), Reply(200, HELLO))
    assert isinstance(plain, Capture) and "o365:Permissions" not in plain.record and len(asked) == 1
    for told in ({"shared": {"scope": "users"}}, {"@microsoft.graph.sharedChanged": "True"}):
        shared, asked = capture(item() | told, Reply(200, HELLO), ok(page("files", "permissions")))
        assert isinstance(shared, Capture) and len(shared.record["o365:Permissions"]) == 7
        assert asked[1].path.endswith("/permissions") and asked[1].units == 5


def test_link_addresses_are_not_kept():
    got = taken(folder(shared={"scope": "users"}), ok(page("files", "permissions")))
    assert "SECRET" not in json.dumps(got.record) and not [key for key in got.record if key.startswith("@")]


def test_permissions_that_cannot_be_read_are_a_gap_and_no_failure():
    got = taken(item(shared={}), Reply(200, HELLO), error(403, "accessDenied"))
    assert got.parts == {"content": HELLO} and got.notes == ("sharing could not be read (403 accessDenied)",)


def test_permissions_come_in_pages():
    more = {"value": [{"id": "p1"}], "@odata.nextLink": "https://graph.microsoft.com/v1.0/next"}
    got = taken(folder(shared={}), ok(more), ok({"value": [{"id": "p2"}]}))
    assert [p["id"] for p in got.record["o365:Permissions"]] == ["p1", "p2"]


def test_older_versions_are_kept_by_policy():
    replies = (Reply(200, HELLO), ok(page("files", "versions")), Reply(200, part=BIG), Reply(200, b"two"))
    got, asked = capture(item(), *replies, versions=2)
    assert isinstance(got, Capture)
    assert got.parts == {"content": HELLO, "version-3.0": BIG, "version-2.0": b"two"}
    assert [v["id"] for v in got.record["o365:Versions"]] == ["3.0", "2.0"]
    assert got.suffixes["version-3.0"] == ".v3.0.docx"
    assert asked[2].path.endswith("/items/01REPORT/versions/3.0/content")


def test_a_version_purged_meanwhile_is_a_gap_and_a_kept_one_is_not_read_again():
    prior = version(seen_of(item()), content=BIG, **{"version-3.0": BIG})
    got = taken(item(), ok(page("files", "versions")), error(404, "itemNotFound"), versions=2, prior=prior)
    assert got.parts == {"content": BIG, "version-3.0": BIG} and "version 2.0" in got.notes[0]


def test_a_file_s_name_for_people_leaves_the_ending_to_the_part():
    assert Files().file_name({"o365:Name": "report.docx"}) == "report"
    assert Files().file_name({"o365:Name": ".hidden"}) == ".hidden"
