"""Pages of OneNote given back in the name of whoever signed in to write notes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any

import pytest

from shared.errors import Misconfigured, NotPermitted, OwnerMissing, Unreachable
from shared.graph.steps import Foretold, Read, Reply, Step
from shared.kinds.kind import Into
from shared.kinds.onenote_html import as_input, bears
from shared.kinds.onenote_pages import LEFT_OUT, RESOURCES
from shared.kinds.onenote_places import RENAMED, WRITE, legal
from shared.kinds.onenote_tree import GROUP, NOTEBOOK, SECTION
from shared.kinds.onenote_writing import BESIDE, INK, LARGE, LEVEL, MANY, UNKEPT, WrittenOneNote, multipart
from shared.model import Json, Kept, Mode, Owner, Part, Place, Restored
from tests.play import error, ok, play
from tests.unit.kinds.mail_rig import version

ADELE = Owner("t1", "user", "u1")
TOP = "/users/u1/onenote"
INTO = Into(ADELE, f"{TOP}/sections/s1", "s1")
ROOT = f"https://graph.microsoft.com/v1.0{TOP}/resources"
NONE, SAID = ok({"value": []}), ok({})  # the second answers what is said before the first write
MADE = ok({"id": "new"}, 201)
KEPT_AT = datetime(2026, 5, 4, 10, tzinfo=UTC)
THEN, SINCE = "2020-01-02T03:04:05Z", "2026-05-05T10:00:00Z"


def plan(*entries: Json, notes: tuple[str, ...] = (), level: int = 0, **sizes: int) -> Kept:
    parts = {name: Part("ab" * 32, size) for name, size in {"content": 10, **sizes}.items()}
    record = {"title": "The plan", "createdDateTime": THEN, "level": level, RESOURCES: list(entries)}
    return Kept(replace(version("onenote", "p1", **parts), taken_at=KEPT_AT, notes=notes), record)


def file(n: int) -> Json:
    return {"id": f"r{n}", "type": "image/png", "name": "", "o365:Part": f"resource-{n}", "o365:Suffix": ".png"}


def page(id: str, **more: Any) -> Json:
    return {"id": id, "title": "The plan", "createdDateTime": THEN, "lastModifiedDateTime": SINCE, **more}


def restored(kept: Kept, *replies: Reply, mode: Mode = "create", mark: str = "r1.v1") -> tuple[Restored, list[Step]]:
    return play(WrittenOneNote().restore(kept, INTO, mark=mark, mode=mode), *replies)


def text(body: str) -> Reply:
    return Reply(200, f'<html><head></head><body data-absolute-enabled="true">{body}</body></html>'.encode())


def sent(asked: list[Step]) -> dict[str, tuple[str, bytes]]:
    """The parts of the one page that was made."""
    [step] = [step for step in asked if step.method == "POST"]
    assert isinstance(step.body, bytes)
    whole = message_from_bytes(f"Content-Type: {step.headers['Content-Type']}\r\n\r\n".encode() + step.body)
    parts = [part for part in whole.walk() if not part.is_multipart()]
    named = {str(p.get_param("name", header="Content-Disposition")): p for p in parts}
    return {name: (p.get_content_type(), p.get_payload(decode=True)) for name, p in named.items()}  # type: ignore[misc]


def test_a_page_comes_with_title_time_and_its_images_by_the_names_of_their_parts() -> None:
    body = f'<div><img src="{ROOT}/small/$value" data-fullres-src="{ROOT}/r1/$value" alt="a &lt;dot" /></div>'
    done, asked = restored(plan(file(1), **{"resource-1": 3}), NONE, SAID, text(body), Reply(200, b"\x89PN"), MADE)
    assert done == Restored("created", "new")
    parts = sent(asked)
    assert parts["resource-1"] == ("image/png", b"\x89PN")
    html = ET.fromstring(parts["Presentation"][1].removeprefix(b"<!DOCTYPE html>"))
    assert html.findtext("head/title") == "The plan"
    assert html.find("head/meta").attrib == {"name": "created", "content": THEN}  # type: ignore[union-attr]
    assert html.find("body/div/img").attrib == {"alt": "a <dot", "src": "name:resource-1"}  # type: ignore[union-attr]


def test_nothing_is_written_before_all_is_read_that_decides_it() -> None:
    _, asked = restored(plan(), NONE, SAID, text("<p>x</p>"), MADE)
    kinds = [type(step) for step in asked]
    assert [step.method for step in asked] == ["GET", "TELL", "GET", "POST"]
    assert kinds[1:3] == [Foretold, Read]


def test_an_earlier_attempt_is_found_by_its_mark_and_not_by_title_alone() -> None:
    _, asked = restored(plan(), NONE, SAID, text("<p>x</p>"), MADE)
    ours = Reply(200, sent(asked)["Presentation"][1])
    done, again = restored(plan(), ok({"value": [page("q0"), page("q1")]}), text("<p>x</p>"), ours)
    assert (done.outcome, done.item_id) == ("completed", "q1")
    assert [step.method for step in again] == ["GET"] * 3
    other, _ = restored(plan(), ok({"value": [page("q1")]}), ours, SAID, text("<p>x</p>"), MADE, mark="r2.v1")
    assert other.outcome == "created"
    there, _ = restored(plan(), ok({"value": [page("q1")]}), ours, mark="r2.v1", mode="skip")
    assert (there.outcome, there.item_id) == ("skipped", "q1")


@pytest.mark.parametrize("there", [
    page("q1", lastModifiedDateTime="2026-05-01T00:00:00Z"), page("q1", title="Another"),
    page("q1", createdDateTime="2020-02-02T03:04:05Z"),
])  # fmt: skip
def test_pages_that_can_t_be_it_are_not_read(there: Json) -> None:
    done, _ = restored(plan(), ok({"value": [there]}), SAID, text("<p>x</p>"), MADE)
    assert done.outcome == "created"


def test_a_page_that_is_listed_before_it_can_be_read_may_be_ours() -> None:
    with pytest.raises(Unreachable, match="can't be read yet"):
        restored(plan(), ok({"value": [page("q1")]}), error(404, "20102"))


def test_a_success_that_is_no_201_tells_nothing() -> None:
    with pytest.raises(Unreachable, match="200"):
        restored(plan(), NONE, SAID, text("<p>x</p>"), Reply(200))


def test_the_page_itself_is_left_alone_and_never_replaced() -> None:
    same = page("p1", lastModifiedDateTime="2020-01-02T03:04:05Z")
    kept = plan()
    kept.record["lastModifiedDateTime"] = "2020-01-02T03:04:05Z"
    assert restored(kept, ok({"value": [same]}), mode="replace")[0].outcome == "skipped"
    assert restored(kept, ok({"value": [page("p1")]}), mode="skip")[0].outcome == "skipped"
    changed = ok({"value": [page("p1")]})
    done, asked = restored(kept, changed, text("<p>new</p>"), SAID, text("<p>x</p>"), MADE, mode="replace")
    assert (done.outcome, done.losses) == ("created", (BESIDE,))
    assert {step.method for step in asked} == {"GET", "TELL", "POST"}


def test_what_one_request_can_t_bring_is_told_before_and_seen_on_the_page() -> None:
    entries = [file(n) for n in range(1, 8)]
    sizes = {f"resource-{n}": 9 for n in range(1, 7)} | {"resource-1": 25_000_000}
    kept = plan(*entries, notes=(LEFT_OUT,), level=2, **sizes)
    losses = (INK, LEVEL, LARGE, UNKEPT)
    assert WrittenOneNote().foresees(kept) == losses
    body = "".join(f'<img src="{ROOT}/r{n}/$value" alt="no {n}" />' for n in range(1, 8))
    done, asked = restored(kept, NONE, SAID, text(body), *[Reply(200, b"x")] * 5, MADE)
    assert done.losses == losses
    html = sent(asked)["Presentation"][1].decode()
    assert ("no 1 (not given back)" in html, "no 7 (not given back)" in html) == (True, True)
    assert html.count("name:resource-") == 5
    many = [file(n) for n in range(1, 153)]
    assert WrittenOneNote().foresees(plan(*many, **{f"resource-{n}": 9 for n in range(1, 153)})) == (MANY,)


ALBUM = "".join(f'<img src="{ROOT}/r{n}/$value" alt="no {n}" />' for n in range(1, 8))


def album() -> Kept:
    return plan(*[file(n) for n in range(1, 8)], **{f"resource-{n}": 9 for n in range(1, 8)})


def places(asked: list[Step], *parts: int) -> Reply:
    """The page as it shows after it was made, with the places of these parts."""
    html = sent(asked)["Presentation"][1].decode()
    shown = re.findall(r'<p data-id="[^"]*-resource-(\d+)">[^<]*</p>', html)
    for n in {*map(int, shown)} - {*parts}:
        html = re.sub(rf'<p data-id="[^"]*-resource-{n}">[^<]*</p>', "<img />", html)
    return Reply(200, re.sub(r"<p data", r'<p id="p:{1}{2}" data', html).encode())


def test_files_beyond_the_first_request_come_into_the_places_kept_for_them() -> None:
    html, five = text(ALBUM), [Reply(200, b"x")] * 5
    _, asked = play_until_made(album(), html, five)
    done, more = restored(album(), NONE, SAID, html, *five, MADE, places(asked, 6, 7), html, *five[:2], Reply(204))
    assert done == Restored("created", "new")
    last = more[-1]
    assert (last.method, last.path) == ("PATCH", f"{TOP}/pages/new/content")
    assert isinstance(last.body, bytes)
    assert last.body.count(b'"action": "replace"') == 2
    assert b'<img src=\\"name:resource-7\\" alt=\\"no 7\\" />' in last.body
    there = ok({"value": [page("q1")]})
    half, again = restored(album(), there, places(asked, 7), places(asked, 7), html, five[0], Reply(204))
    assert (half.outcome, half.losses) == ("completed", ())
    assert [step.method for step in again if not step.reads] == ["PATCH"]
    assert restored(album(), there, places(asked), places(asked))[0].losses == ()


def play_until_made(kept: Kept, html: Reply, five: list[Reply]) -> tuple[Restored, list[Step]]:
    """Up to a page in which no place is kept."""
    done, asked = restored(kept, NONE, SAID, html, *five, MADE, text("<p>x</p>"))
    assert done == Restored("created", "new", (MANY,))
    return done, asked


@pytest.mark.parametrize(("answers", "losses"), [
    ([error(400, "20123")], (MANY,)), ([error(404, "20120"), None], ()),
])  # fmt: skip
def test_a_place_that_is_not_taken_is_told_and_one_that_was_is_filled(
    answers: list[Reply | None], losses: tuple[str, ...]
) -> None:
    html, five = text(ALBUM), [Reply(200, b"x")] * 5
    _, asked = play_until_made(album(), html, five)
    replies = [one or places(asked) for one in answers]  # the places are gone: an answer was lost on its way
    done, _ = restored(album(), NONE, SAID, html, *five, MADE, places(asked, 6, 7), html, *five[:2], *replies)
    assert done == Restored("created", "new", losses)


@pytest.mark.parametrize(("reply", "says"), [
    (error(403, "40004"), WRITE), (error(507, "30102"), "takes no more pages"), (error(403, "10004"), "password"),
    (error(400, "20100"), "400 20100"),
])  # fmt: skip
def test_a_refused_page_says_why(reply: Reply, says: str) -> None:
    done, _ = restored(plan(), NONE, SAID, text("<p>x</p>"), reply)
    assert done.outcome == "failed"
    assert says in done.note


# --- where it goes


def folder(type_: str, name: str, into: Into, *replies: Reply) -> tuple[Into, list[Step]]:
    kept = Kept(version("onenote", "old", content_tag=type_), {"id": "old", "displayName": name})
    return play(WrittenOneNote().folder(kept, into, mark="r1.v1"), *replies)


def test_a_place_is_a_notebook_found_by_name_or_made() -> None:
    there = ok({"value": [{"id": "n7", "displayName": "restored"}]})
    into, asked = play(WrittenOneNote().root(Place(ADELE, "Restored")), there)
    assert (into.path, [step.method for step in asked]) == (f"{TOP}/notebooks/n7", ["GET"])
    into, asked = play(WrittenOneNote().root(Place(ADELE, "a/b")), NONE, ok({"id": "n8"}, 201))
    assert (into.folder_id, asked[1].body) == ("n8", {"displayName": "a_b"})
    assert play(WrittenOneNote().root(Place(ADELE, "original")), NONE)[0].path == TOP


def test_a_notebook_comes_as_a_section_group_into_a_notebook_made_for_a_restore() -> None:
    inside = Into(ADELE, f"{TOP}/notebooks/n7", "n7")
    into, asked = folder(NOTEBOOK, "Work", inside, NONE, ok({"id": "g1"}, 201))
    assert (into.path, asked[1].path) == (f"{TOP}/sectionGroups/g1", f"{TOP}/notebooks/n7/sectionGroups")
    original, asked = folder(NOTEBOOK, "Work", Into(ADELE, TOP), ok({"value": [
        {"id": "other", "displayName": "work"}, {"id": "old", "displayName": "Work renamed"},
        {"id": "old", "displayName": "Work"},
    ]}))  # fmt: skip
    assert original.path == f"{TOP}/notebooks/old"


def test_one_that_is_said_to_be_there_is_looked_for_again() -> None:
    there = ok({"value": [{"id": "s9", "displayName": "plans"}]})
    into, _ = folder(SECTION, "Plans", Into(ADELE, f"{TOP}/notebooks/n7", "n7"), NONE, error(409, "20117"), there)
    assert into.folder_id == "s9"
    with pytest.raises(Unreachable, match="not shown yet"):
        folder(SECTION, "Plans", Into(ADELE, f"{TOP}/notebooks/n7", "n7"), NONE, error(409, "20117"), NONE)


def test_names_that_onenote_does_not_take_are_mapped_apart_and_told() -> None:
    names = [legal(name, GROUP, source) for name, source in (("R&D", "a"), ("R%D", "b"), ("R&D", "a"))]
    assert names[0] == names[2] != names[1]
    assert legal("Q" * 128, NOTEBOOK, "a") == "Q" * 128
    assert len(legal("Q" * 128, GROUP, "a")) == 50
    assert legal("R&D", NOTEBOOK, "a") == "R&D"
    into, _ = folder(NOTEBOOK, "R&D", Into(ADELE, f"{TOP}/notebooks/n7", "n7"), NONE, ok({"id": "g1"}, 201))
    assert into.facts == {"losses": RENAMED}


def test_who_may_not_write_there_is_told_what_to_do() -> None:
    for reply, verdict in ((error(403, "40003"), NotPermitted), (error(404, "30108"), OwnerMissing)):
        with pytest.raises(verdict, match="u1"):
            play(WrittenOneNote().root(Place(ADELE, "original")), reply)
    with pytest.raises(NotPermitted, match="20,000 items"):
        play(WrittenOneNote().root(Place(ADELE, "original")), error(403, "10013"))
    with pytest.raises(Misconfigured, match="section"):
        play(WrittenOneNote().restore(plan(), Into(ADELE, TOP), mark="m", mode="create"))
    assert "one tenant" in WrittenOneNote().withheld(Place(ADELE, "original", "t2"))
    assert WrittenOneNote().withheld(Place(ADELE)) == ""


# --- the page as it is written


def written(html: str, **parts: str) -> str:
    page = f'<html lang="en"><head><title>Old</title><style>x</style></head><body style="font-size:11pt">{html}</body>'
    made = as_input(page.encode(), title="T<&", created=THEN, mark="m1.s1", parts=parts)
    ET.fromstring(made.removeprefix(b"<!DOCTYPE html>"))  # well-formed, as the service wants it
    return made.decode().partition("<body")[2].partition(">")[2].removesuffix("</body></html>")


@pytest.mark.parametrize(("kept", "sent"), [
    ('<div id="x" data-id="_default" style="left:1px"><p>a<br>b</p></div>',
     '<div data-id="holdfast-m1.s1" style="left:1px"><p>a<br />b</p></div>'),
    ("<p>a &amp; b &lt;c&gt;\x0b", '<div data-id="holdfast-m1.s1"><p>a &amp; b &lt;c&gt;</p></div>'),
    ("", '<div data-id="holdfast-m1.s1"><p>\u00a0</p></div>'),
    ('<p onclick="x()">a<script>x()</script></p><!-- InkNode is not supported -->',
     '<div data-id="holdfast-m1.s1"><p>a</p></div>'),
    ('<a href=" JavaScript:x()">a</a><a href="https://x.example/?a=1&amp;b=2">b</a>',
     '<div data-id="holdfast-m1.s1"><a>a</a><a href="https://x.example/?a=1&amp;b=2">b</a></div>'),
    ('<img src="https://cdn.example/x.png" alt="far">',
     '<div data-id="holdfast-m1.s1"><a href="https://cdn.example/x.png">far</a></div>'),
    ('<iframe data-original-src="https://v.example/1" src="https://e.example" width="3" onload="x()" />',
     '<div data-id="holdfast-m1.s1"><iframe data-original-src="https://v.example/1" width="3" /></div>'),
    ('<li><p data-tag="to-do">x</li></ul>', '<div data-id="holdfast-m1.s1"><li><p data-tag="to-do">x</p></li></div>'),
])  # fmt: skip
def test_what_the_service_shows_becomes_what_it_takes(kept: str, sent: str) -> None:
    assert written(kept) == sent


def test_a_file_keeps_its_name_and_sort() -> None:
    kept = f'<object data="{ROOT}/r1/$value" data-attachment="a&quot;b.pdf" type="application/pdf" /><p>after</p>'
    found = written(kept, r1="resource-1")
    assert '<object data="name:resource-1" data-attachment="a&quot;b.pdf" type="application/pdf" />' in found
    assert "<p>after</p>" in found
    assert "a&quot;b.pdf (not given back)" in written(kept).replace('"', "&quot;")


def test_the_mark_is_read_where_the_service_shows_it_again() -> None:
    assert bears(b'<div style="left:1px" data-id="holdfast-m1.s1">', "m1.s1")
    assert bears(b'<div data-id="holdfast-m1.s1">', "s1")
    assert not bears(b"<p>holdfast-m1.s1</p>", "m1.s1")


def test_the_same_page_makes_the_same_request() -> None:
    parts = [("Presentation", "text/html", b"<p/>"), ("resource-1", "image/png", b"\r\n--x\x00")]
    assert multipart(parts) == multipart(parts)
    type_, body = multipart(parts)
    assert body.count(type_.partition("boundary=")[2].encode()) == 3
    assert b"\r\n\r\n\r\n--x\x00\r\n--" in body
