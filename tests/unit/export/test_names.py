"""Names from anywhere, held against the rules of Windows, macOS and Linux."""

from __future__ import annotations

import ntpath
import posixpath
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.export import names
from shared.export.names import Folder

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
HOSTILE = [
    "../../x", "..", ".", "", " ", "C:\\x", "\\\\host\\x", "/etc/passwd", "a/../b", "CON", "con.txt", "NUL .x", "COM¹",
    "a\x00b", "x" * 4000, "é" * 300, "trailing.", "trailing ", "a\u202egpj.exe", "a\nb", "%2e%2e", "~", "-rf", "\ud800",
    "file:stream", "a*b?c", "LPT9.tar.gz", "CONIN$", "a|b", "<x>", "\u2028",
]  # fmt: skip
RESERVED = re.compile(r"(con|prn|aux|nul|com[1-9¹²³0]|lpt[1-9¹²³0]|conin\$|conout\$) *(\..*)?", re.IGNORECASE)
ANY = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(HOSTILE)


def fine(name: str) -> bool:
    return (
        name not in ("", ".", "..")
        and not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
        and not name.endswith((" ", "."))
        and not RESERVED.fullmatch(name)
        and len(name.encode()) <= 255
        and len(name.encode("utf-16-le")) <= 510
        and posixpath.normpath(posixpath.join("to", name)) == f"to/{name}"
        and ntpath.normpath(ntpath.join("to", name)) == f"to\\{name}"
        and not ntpath.splitdrive(name)[0]
    )


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("ending", ["", ".eml", ".001"])
def test_a_hostile_name_is_a_harmless_one(name: str, ending: str) -> None:
    assert fine(names.fitting(name, "i1", ending)) and fine(names.tagged(name, "i1", ending))
    assert names.tagged(name, "i1", ending).endswith(ending)


@CALM
@given(ANY)
def test_a_name_is_told_back_unless_it_was_too_long(name: str) -> None:
    made = names.safe(name)
    assert names.told_back(made) == name
    assert fine(names.fitting(name, "i1")) and fine(names.tagged(name, "i1", ".json"))


@CALM
@given(st.lists(st.tuples(ANY, st.text(max_size=3)), max_size=12))
def test_no_two_names_of_a_folder_are_one_on_any_system(wanted: list[tuple[str, str]]) -> None:
    folder = Folder(names.PurePosixPath("x"))
    made = [folder.take(name, item) for name, item in wanted]
    folded = [unicodedata.normalize("NFC", name).casefold() for name in made]
    assert len(set(folded)) == len(made) and all(map(fine, made))


def test_two_items_of_one_name_are_told_apart_by_their_ids() -> None:
    assert names.tagged("Re: x", "a", ".eml") != names.tagged("Re: x", "b", ".eml")
    assert names.tagged("Report.docx", "a").endswith(".docx")
