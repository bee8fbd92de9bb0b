"""Cards as another library reads them (vobject; ours wrote them)."""

from __future__ import annotations

import vobject

from shared.export import vcard

PHOTO = b"\xff\xd8\xff\xe0" + bytes(range(256))


def test_another_library_reads_what_the_contact_says() -> None:
    record = {
        "o365:Id": "c1",
        "displayName": "Ada, Countess; of Lovelace",
        "surname": "Lovelace",
        "givenName": "Ada",
        "companyName": "Analytical; Engines",
        "department": "R&D",
        "emailAddresses": [{"address": "ada@example.org"}, {"address": "a@b.example"}],
        "businessPhones": ["+44 1"],
        "businessAddress": {"street": "1 A St\r\nFlat 2", "city": "London", "countryOrRegion": "UK"},
        "personalNotes": "a\nb, c; d\\e " + "ü" * 90,
        "categories": ["Red, dark", "Blue"],
    }
    [card] = vobject.readComponents(vcard.write(record, PHOTO).decode())
    assert card.fn.value == "Ada, Countess; of Lovelace"
    assert (card.n.value.family, card.n.value.given) == ("Lovelace", "Ada")
    assert card.org.value == ["Analytical; Engines", "R&D"]
    assert [mail.value for mail in card.contents["email"]] == ["ada@example.org", "a@b.example"]
    assert card.tel.value == "+44 1" and card.uid.value == "c1"
    assert (card.adr.value.city, card.adr.value.country) == ("London", "UK") and "Flat 2" in str(card.adr.value.street)
    assert card.note.value == record["personalNotes"]


def test_cards_of_one_file_are_told_apart() -> None:
    text = b"".join(vcard.write({"displayName": name}) for name in ("Ada", "Bo\r\nEND:VCARD"))
    assert [card.fn.value for card in vobject.readComponents(text.decode())] == ["Ada", "Bo\nEND:VCARD"]
