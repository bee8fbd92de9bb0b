"""Names as OneDrive takes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kinds.files_names import LONGEST_NAME, beside, legal_name, room_at_top, staging


@pytest.mark.parametrize(
    "name", ["report.docx", "100% & more #1.txt", "日本語.txt", "con.txt", ".hidden", "~draft.txt"]
)
def test_what_the_service_takes_stays_as_it_is(name: str):
    assert legal_name(name) == name


@pytest.mark.parametrize(
    "name", ["CON", "desktop.ini", "a:b", "a/b", "..", " x", "x.", "~$lock.docx", "a_vti_b", "", "\ud800", "x" * 256]
)
def test_what_it_refuses_gets_a_stand_in(name: str):
    stand_in = legal_name(name)
    assert stand_in != name and legal_name(stand_in) == stand_in


def test_folders_have_rules_of_their_own():
    assert legal_name("~x", folder=True) != "~x"
    assert legal_name("Forms", folder=True, at_root=True) != "Forms" == legal_name("Forms", folder=True)


@given(st.text(max_size=300), st.integers(24, 255), st.booleans())
def test_every_name_has_a_legal_counterpart_that_fits(name: str, room: int, folder: bool):
    there = legal_name(name, folder=folder, at_root=True, room=room)
    assert 0 < len(there) <= room and legal_name(there, folder=folder, at_root=True, room=room) == there


@given(st.lists(st.text(alphabet="a. :~$", max_size=6), unique=True, max_size=10))
def test_two_names_never_become_one(names: list[str]):
    assert len({legal_name(name) for name in names}) == len(names)


def test_names_made_of_a_mark_are_the_same_each_time_and_keep_the_ending():
    assert beside("a.docx", "r1") == beside("a.docx", "r1") != beside("a.docx", "r2")
    assert beside("a.docx", "r1").endswith(").docx") and len(beside("x" * 255, "r1")) <= LONGEST_NAME
    assert staging("r1") != staging("r1", 1) and not staging("r1").endswith(".docx")


def test_the_site_s_part_of_a_path_counts():
    assert (
        room_at_top("https://contoso-my.sharepoint.com/personal/a_b/Documents")
        == 400 - len("personal/a_b/Documents/") - 1
    )
