from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import DigestMismatch, FormatUnknown
from shared.model import Account, Chunk, Draft, Drafted, Entry, Feed, Owner, Part
from shared.vault import address, archive, manifest, page
from tests.unit.vault.drafts import BO, INBOX, TENANT, draft, header, message, version

# a busy machine is no failure
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAME = address.page_name(INBOX, 1)


def lines_of(data: bytes) -> list[dict[str, object]]:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return [json.loads(line) for line in opened.read("manifest.jsonl").split(b"\n")[:-1]]


def with_manifest(text: bytes, *others: tuple[str, bytes]) -> bytes:
    return archive.write([archive.squeeze(name, data) for name, data in ((page.MANIFEST, text), *others)])


def first_line(**changed: object) -> bytes:
    return manifest.dump(manifest.header_line(header()) | changed) + b"\n"


def test_a_page_is_a_zip_that_any_tool_opens():
    data = page.pack(draft(message("m1"), message("m2", b"x" * 5000), same=("m0",)))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["manifest.jsonl", "000001.json", "000001.eml", "000002.json", "000002.eml"]
        assert opened.read("000001.eml") == b"Subject: hi\r\n\r\nhi\r\n"
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_manifest_tells_every_member_of_a_kept_item():
    data = page.pack(draft(message("m1", name="Hi", size_bytes=9, modified_at="2026-01-01T00:00:00Z"), same=("m0",)))
    head, kept, same = lines_of(data)
    assert list(head)[:8] == ["format", "tenant", "owner", "kind", "feed", "seq", "prev", "cursor_before"]
    assert head["owner"] == {"type": "user", "id": "b0", "name": "bo@contoso.example"}
    assert head["taken_at"] == "2026-03-01T09:00:00Z"
    record = b'{"o365:Type":"message","id":"m1"}'
    assert kept["parts"]["record"] == {  # type: ignore[index]  # parsed JSON
        "sha256": hashlib.sha256(record).hexdigest(),
        "size": len(record),
        "entry": "000001.json",
    }
    assert {k: v for k, v in kept.items() if k != "parts"} == {
        "change": "kept",
        "id": "m1",
        "name": "Hi",
        "folder": INBOX.id,
        "folderish": False,
        "modified": "2026-01-01T00:00:00Z",
        "size": 9,
        "tag": "t1",
        "content_tag": None,
    }
    assert same == {"change": "same", "id": "m0"}


def test_a_tombstone_tells_only_what_is_known():
    gone = version("m1", state="gone", reason="deleted", name="Hi", folder="f")
    assert lines_of(page.pack(draft(Drafted(gone))))[1] == {
        "change": "gone",
        "id": "m1",
        "name": "Hi",
        "folder": "f",
        "reason": "deleted",
    }


def test_equal_drafts_make_equal_bytes():
    assert page.pack(draft(message("m1"))) == page.pack(draft(message("m1")))


def test_a_part_is_one_range_of_the_page():
    data = page.pack(draft(message("m1", b"long " * 1000)))
    part = page.unpack(NAME, data).versions[0].parts["mime"]
    assert part.entry is not None
    assert part.entry.method == archive.DEFLATED
    assert page.open_entry(part, data[part.entry.offset : part.entry.offset + part.entry.packed]) == b"long " * 1000


def test_what_is_compressed_already_is_stored():
    noise = hashlib.shake_256(b"seed").digest(5000)
    fresh = {"record": b"{}", "a": noise, "b": b"PK\x03\x04" + b"0" * 5000, "c": b"0" * 5000, "d": b"0" * 5000}
    suffixes = {"a": ".bin", "b": ".blob", "c": ".JPG", "d": ".txt"}
    data = page.pack(draft(Drafted(version("m1"), fresh, suffixes)))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        methods = {info.filename: info.compress_type for info in opened.infolist()}
    stored, deflated = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
    assert methods["000001.bin"] == methods["000001.blob"] == methods["000001.JPG"] == stored
    assert methods["000001.txt"] == deflated


def test_names_of_entries_are_harmless_and_distinct():
    fresh = {"record": b"{}", "a": b"1", "b": b"2", "../c": b"3", "d": b"4", "e": b"5"}
    suffixes = {"a": ".JSON", "b": "/../../x", "../c": ".docx/..", "d": ".tar.gz", "e": "." + "x" * 99}
    data = page.pack(draft(Drafted(version("m1"), fresh, suffixes)))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        names = opened.namelist()[1:]
    assert names == ["000001.json", "000001.a.JSON", "000001.b", "000001.part3", "000001.tar.gz", "000001.e"]
    assert {n: p.size for n, p in page.unpack(NAME, data, check=True).versions[0].parts.items()} == {
        name: len(content) for name, content in fresh.items()
    }


def test_parts_kept_before_are_named_and_not_stored_again():
    entry = Entry(address.page_name(replace(INBOX, id="other"), 7), "000003.eml", 500, 80, 8)
    parts = {"mime": Part("a" * 64, 99, entry), "content": Part("b" * 64, 30, chunks=(Chunk("c" * 64, 30),))}
    data = page.pack(draft(Drafted(version("m1", parts=parts), {"record": b"{}"})))
    assert lines_of(data)[1]["parts"]["mime"] == {  # type: ignore[index]  # parsed JSON
        "sha256": "a" * 64,
        "size": 99,
        "entry": "000003.eml",
        "page": entry.page,
        "at": [500, 80, 8],
    }
    read = page.unpack(NAME, data).versions[0].parts
    assert {name: read[name] for name in parts} == parts


def test_a_lone_surrogate_survives():
    data = page.pack(draft(message("m1", name="a\ud800b \u2028 naïve")))
    assert page.unpack(NAME, data).versions[0].name == "a\ud800b \u2028 naïve"
    assert manifest.load(manifest.dump({"x": "\ud800 é \udfff"})) == {"x": "\ud800 é \udfff"}
    assert "é".encode() in manifest.dump({"x": "\ud800 é"})


def test_another_format_is_refused_by_name():
    with pytest.raises(FormatUnknown, match=rf"{NAME}.*format '2'"):
        page.unpack(NAME, with_manifest(first_line(format=2)))


def test_a_page_under_another_name_is_refused():
    data = page.pack(draft(message("m1")))
    for other in (address.page_name(INBOX, 2), address.page_name(replace(INBOX, owner=Owner(TENANT, "user", "x")), 1)):
        with pytest.raises(DigestMismatch, match="another one"):
            page.unpack(other, data)


def test_every_flipped_byte_of_a_page_is_noticed():
    data = page.pack(draft(message("m1"), message("m2", b"y" * 300)))
    whole = page.unpack(NAME, data, check=True)
    for at in range(len(data)):
        flipped = data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :]
        try:
            seen = page.unpack(NAME, flipped, check=True)
        except (DigestMismatch, FormatUnknown) as why:
            assert NAME in str(why)
        else:
            assert seen.digest != whole.digest


def test_every_cut_of_a_page_is_refused():
    data = page.pack(draft(message("m1")))
    for length in range(len(data)):
        with pytest.raises(DigestMismatch):
            page.unpack(NAME, data[:length])
    with pytest.raises(DigestMismatch):
        page.unpack(NAME, data + b"\0")


def test_a_changed_entry_is_told_by_its_name():
    data = page.pack(draft(message("m1", bytes(range(256)))))
    at = data.index(bytes(range(200, 256)))
    with pytest.raises(DigestMismatch, match=rf"{NAME} entry 000001.eml"):
        page.unpack(NAME, data[:at] + b"\0" + data[at + 1 :], check=True)


def test_an_entry_that_the_manifest_does_not_know_is_told():
    with pytest.raises(DigestMismatch, match=r"stray\.txt"):
        page.unpack(NAME, with_manifest(first_line(), ("stray.txt", b"x")), check=True)


@pytest.mark.parametrize("size", [1 << 20, 10_000_001, 1 << 40])
def test_a_bomb_opens_to_no_more_than_was_announced(size: int):
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = squeezer.compress(b"0" * 10_000_000) + squeezer.flush()
    with pytest.raises(ValueError, match=r"beyond the limit|do not open to"):
        archive.inflate(archive.DEFLATED, bomb, size)


def test_two_entries_of_one_name_are_refused():
    twice = archive.write([archive.squeeze(page.MANIFEST, first_line()), *[archive.squeeze("a", b"x")] * 2])
    with pytest.raises(DigestMismatch, match="twice"):
        page.unpack(NAME, twice)


def test_overlapping_entries_are_refused():
    data = bytearray(page.pack(draft(message("m1", b"m" * 90))))
    central = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, central + 42, 0)  # the last entry claims to begin at the archive's beginning
    with pytest.raises(DigestMismatch, match="overlap"):
        page.unpack(NAME, bytes(data))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[1]",
        b"{",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"change":"kept"}',
        b'{"change":"eaten","id":"a"}',
        b'{"change":"kept","id":1}',
        b'{"change":"kept","id":"a","folderish":1}',
        b'{"change":"kept","id":"a","size":true}',
        b'{"change":"kept","id":"a","notes":[1]}',
        b'{"change":"kept","id":"a","parts":{"record":[]}}',
        b'{"change":"kept","id":"a","parts":{"record":{"sha256":"x","size":1,"entry":"e"}}}',
        b'{"change":"kept","id":"a","parts":{"record":{"sha256":"%s","size":1,"entry":"e"}}}' % (b"a" * 64),
        b'{"change":"kept","id":"a","parts":{"record":{"sha256":"%s","size":1}}}' % (b"a" * 64),
        b'{"change":"kept","id":"a","parts":{"record":{"sha256":"%s","size":1,"chunks":[["x",1]]}}}' % (b"a" * 64),
        b'{"change":"kept","id":"a","parts":{"record":{"sha256":"%s","size":2,"chunks":[["%s",1]]}}}'
        % (b"a" * 64, b"b" * 64),
        b'{"change":"kept","id":"a","parts":{"record":{"sha256":"%s","size":1,"entry":"e","page":"x","at":[0,0,0]}}}'
        % (b"a" * 64),
    ],
)
def test_a_line_that_is_not_understood_refuses_the_page(line: bytes):
    with pytest.raises(DigestMismatch, match=NAME):
        page.unpack(NAME, with_manifest(first_line() + line + b"\n"))


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant": ""},
        {"tenant": None},
        {"owner": {"type": "robot", "id": "x"}},
        {"seq": "1"},
        {"seq": 0},
        {"prev": "x"},
        {"taken_at": "2026-01-01T00:00:00"},
        {"taken_at": "yesterday"},
        {"last": 1},
        {"account": {"kept": "many"}},
        {"feed": []},
    ],
)
def test_a_header_that_is_not_understood_refuses_the_page(changed: dict[str, object]):
    with pytest.raises(DigestMismatch, match=NAME):
        page.unpack(NAME, with_manifest(first_line(**changed)))


def test_unknown_members_are_ignored():
    line = b'{"change":"kept","id":"a","mood":"good","parts":{}}\n'
    assert page.unpack(NAME, with_manifest(first_line(weather="fair") + line)).versions[0].item_id == "a"


def test_a_page_can_not_show_parts_of_another_owner():
    elsewhere = address.page_name(replace(INBOX, owner=Owner(TENANT, "user", "x")), 1)
    part = Part("a" * 64, 1, Entry(elsewhere, "000001.eml", 0, 1, 0))
    data = page.pack(draft(Drafted(version("m1", parts={"mime": part}), {"record": b"{}"})))
    with pytest.raises(DigestMismatch, match="another owner"):
        page.unpack(NAME, data)


def test_a_part_given_twice_is_a_bug():
    part = Part("a" * 64, 1, chunks=(Chunk("a" * 64, 1),))
    with pytest.raises(ValueError, match="given twice"):
        page.pack(draft(Drafted(version("m1", parts={"record": part}), {"record": b"{}"})))


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
NUMBERS = st.integers(0, 1 << 40)
DIGESTS = st.binary(max_size=8).map(lambda b: hashlib.sha256(b).hexdigest())
KEPT_BEFORE = st.lists(st.builds(Chunk, DIGESTS, NUMBERS), max_size=3).flatmap(
    lambda chunks: st.builds(Part, DIGESTS, st.just(sum(c.size for c in chunks)), chunks=st.just(tuple(chunks)))
)
FEEDS = st.builds(Feed, st.just(BO), st.sampled_from(["mail", "files"]), TEXTS, TEXTS, TEXTS, TEXTS)


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    feed = draw(FEEDS)
    head = header(
        draw(st.integers(1, 9_999_999_999)),
        feed,
        prev=draw(st.just("") | DIGESTS),
        cursor_before=draw(st.none() | TEXTS),
        cursor_after=draw(st.none() | TEXTS),
        last=draw(st.booleans()),
        closed=draw(st.booleans()),
        round_from=draw(st.none() | st.integers(1, 99)),
        taken_at=header().taken_at,
        account=draw(st.builds(Account, *[NUMBERS] * 7)),
    )
    changes = []
    for _ in range(draw(st.integers(0, 4))):
        made = replace(
            version(draw(TEXTS), feed=feed, state=draw(st.sampled_from(["kept", "gone", "skipped", "owed"]))),
            seq=head.seq,
            taken_at=head.taken_at,
            tag=draw(TEXTS),
            content_tag=draw(st.none() | TEXTS.filter(bool)),
            folder=draw(TEXTS),
            moved_from=draw(st.none() | TEXTS),
            name=draw(TEXTS),
            folderish=draw(st.booleans()),
            size_bytes=draw(NUMBERS),
            modified_at=draw(TEXTS),
            reason=draw(TEXTS),
            notes=tuple(draw(st.lists(TEXTS, max_size=2))),
            parts=draw(st.dictionaries(st.sampled_from(["x", "y"]), KEPT_BEFORE)),
        )
        fresh = draw(st.dictionaries(st.sampled_from(["record", "mime", "content", "../p"]), st.binary(max_size=99)))
        changes.append(Drafted(made, fresh, draw(st.dictionaries(st.sampled_from(["mime", "../p"]), TEXTS))))
    return Draft(head, tuple(changes), tuple(draw(st.lists(TEXTS, max_size=3))))


@CALM
@given(drafts())
def test_what_is_packed_is_what_is_read(made: Draft):
    name = address.page_name(made.header.feed, made.header.seq)
    data = page.pack(made)
    read = page.unpack(name, data, check=True)
    assert read.header == made.header
    assert (read.header.feed.path, read.header.feed.name) == (made.header.feed.path, made.header.feed.name)
    assert read.same == made.same
    assert [replace(v, parts={}) for v in read.versions] == [replace(c.version, parts={}) for c in made.changes]
    for seen, change in zip(read.versions, made.changes, strict=True):
        assert seen.parts.keys() == change.version.parts.keys() | change.fresh.keys()
        for part, content in change.fresh.items():
            entry = seen.parts[part].entry
            assert entry is not None
            raw = data[entry.offset : entry.offset + entry.packed]
            assert page.open_entry(seen.parts[part], raw) == content
        assert {part: seen.parts[part] for part in change.version.parts} == change.version.parts


@CALM
@given(st.binary(max_size=300))
def test_noise_is_refused_and_nothing_else(noise: bytes):
    with pytest.raises((DigestMismatch, FormatUnknown)):
        page.unpack(NAME, noise)
