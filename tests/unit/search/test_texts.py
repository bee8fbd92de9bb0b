"""Words come out of what people write, and nothing that a stranger sends costs more than it may."""

from __future__ import annotations

import io
import random
import zipfile
from email.message import EmailMessage

import pytest

from shared.search import texts


def document(**members: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return out.getvalue()


DOCX = document(
    word__document='<w:document><w:p><w:r><w:t>Quar</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>terly</w:t></w:r></w:p>'
    "<w:p>R&amp;D Übersicht</w:p></w:document>",
    word__settings="<x>hidden</x>",
)


def message(*, html: bool = False) -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = "Ignored"
    head, evil = "<html><head><style>p{color:red}</style></head>", "<script>evil()</script>"
    body = f"{head}<body><p>Zugspitze<b>bahn</b></p>{evil}</body>"
    made.set_content(body if html else "The Zugspitze is high", subtype="html" if html else "plain")
    return made


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.docx", DOCX, "quarterly übersicht"),
        ("A.DOCX", DOCX, "quarterly übersicht"),
        ("a.xlsx", document(xl__sharedStrings="<si><t>Berlin</t></si><si><t>Köln</t></si>"), "berlin köln"),
        ("a.pptx", document(ppt__slides__slide1="<a:t>Vision</a:t>", ppt__theme="<a>no</a>"), "vision"),
        ("a.odt", document(content="<text:p>Freigabe <text:span>er</text:span>teilt</text:p>"), "erteilt freigabe"),
        ("a.txt", "Straße 7b".encode(), "7b strasse"),
        ("a.txt", "wide".encode("utf-16"), "wide"),
        ("a.html", b"<script>evil()</script><p>good</p>", "good"),
        ("a.csv", b"name;town\nAnn;Oslo\n", "ann name oslo town"),
        ("a.pdf", b"%PDF-1.7 text", ""),
        ("noending", b"text", ""),
        (".txt", b"text", ""),
        ("a.docx", b"no zip at all", ""),
        ("a.docx", DOCX[:-30], ""),
        ("a.docx", b"", ""),
    ],
)
def test_words_of_a_file(name: str, data: bytes, words: str) -> None:
    assert texts.of_file(name, data) == words


def test_words_of_a_message_and_its_attachments_but_not_of_its_headers() -> None:
    made = message()
    made.add_attachment(DOCX, maintype="application", subtype="octet-stream", filename="Report.docx")
    made.add_attachment(b"secret notes", maintype="text", subtype="plain", filename="notes.txt")
    made.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="x.png")
    found = texts.of_message(made.as_bytes()).split()
    assert {"zugspitze", "high", "quarterly", "secret", "notes"} <= set(found)
    assert "ignored" not in found and "png" not in found


def test_marks_inside_a_word_do_not_part_it_and_scripts_are_not_text() -> None:
    assert texts.of_message(message(html=True).as_bytes()) == "zugspitzebahn"


def test_the_body_of_a_record() -> None:
    assert texts.of_record({"body": {"contentType": "html", "content": "<p>Lunch&nbsp;at noon</p>"}}) == "at lunch noon"
    assert [texts.of_record(record) for record in ({}, {"body": "x"}, {"body": {"content": 3}})] == ["", "", ""]


def test_a_bomb_costs_no_more_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_BYTES", 1 << 20)
    bomb = document(word__document=b"a " * (8 << 20))
    assert len(bomb) < 1 << 20
    assert texts.of_file("a.docx", bomb) == ""  # a word of one letter; what matters is that it ended
    many = document(**{f"ppt__slides__s{n}": f"word{n}" for n in range(texts.MOST_MEMBERS + 50)})
    assert len(texts.of_file("a.pptx", many).split()) == texts.MOST_MEMBERS


def test_of_more_words_than_may_be_kept_the_longest_are() -> None:
    text = " ".join([f"w{n:05d}" for n in range(2000)] + [f"longer{n:04d}" for n in range(texts.MOST_WORDS)])
    found = texts.told([text]).split()
    assert len(found) == texts.MOST_WORDS and all(word.startswith("longer") for word in found)


def test_nothing_that_is_cut_or_flipped_raises() -> None:
    rng, whole = random.Random(3), message()
    whole.add_attachment(DOCX, maintype="application", subtype="octet-stream", filename="Report.docx")
    for data in (whole.as_bytes(), DOCX):
        for _ in range(150):
            hurt = bytearray(data[: rng.randrange(1, len(data))] if rng.random() < 0.3 else data)
            for _ in range(rng.randrange(1, 6)):
                hurt[rng.randrange(len(hurt))] = rng.randrange(256)
            assert isinstance(texts.of_message(bytes(hurt)), str)
            assert isinstance(texts.of_file("a.docx", bytes(hurt)), str)
