from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.export import vcard

# a busy machine is no failure
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def unfolded(card: bytes) -> list[str]:
    assert card.endswith(b"\r\n")
    assert all(len(line) <= 75 for line in card.split(b"\r\n"))
    return card.decode("utf-8").replace("\r\n ", "").split("\r\n")[:-1]


def test_a_card_has_what_the_contact_has():
    card = vcard.write(
        {
            "o365:Id": "c1",
            "displayName": "Ada Lovelace",
            "surname": "Lovelace",
            "givenName": "Ada",
            "title": "Dr",
            "nickName": "A; B",
            "companyName": "Analytical, Inc",
            "department": "Engines",
            "emailAddresses": [{"address": "ada@example.org"}, {"name": "none"}],
            "homePhones": ["1"],
            "birthday": "1815-12-10T11:59:00Z",
            "otherAddress": {"city": "London", "street": "a\r\nb"},
            "businessAddress": {},
        }
    )
    assert unfolded(card) == [
        "BEGIN:VCARD",
        "VERSION:4.0",
        "FN:Ada Lovelace",
        "N:Lovelace;Ada;;Dr;",
        "NICKNAME:A\\; B",
        "EMAIL:ada@example.org",
        'TEL;VALUE=text;TYPE="home,voice":1',
        "ADR:;;a\\nb;London;;;",
        "ORG:Analytical\\, Inc;Engines",
        "BDAY:18151210",
        "UID:c1",
        "END:VCARD",
    ]


def test_a_contact_without_a_name_has_one():
    assert "FN:a@b" in unfolded(vcard.write({"emailAddresses": [{"address": "a@b"}]}))
    assert "FN:unnamed" in unfolded(vcard.write({}))


@CALM
@given(
    st.dictionaries(
        st.sampled_from(["displayName", "surname", "personalNotes", "jobTitle", "businessHomePage", "categories"]),
        st.text(st.characters(codec=None)) | st.lists(st.text(st.characters(codec=None))) | st.none() | st.integers(),
    )
)
def test_no_text_breaks_out_of_its_line(record: dict[str, object]):
    lines = unfolded(vcard.write(record, b"\x89PNG" + b"x" * 100))
    known = (
        "BEGIN:",
        "VERSION:",
        "FN:",
        "N:",
        "NOTE:",
        "TITLE:",
        "URL:",
        "CATEGORIES:",
        "PHOTO:data:image/png",
        "END:",
    )
    assert all(line.startswith(known) for line in lines)
    assert [lines[0], lines[-1]] == ["BEGIN:VCARD", "END:VCARD"]
