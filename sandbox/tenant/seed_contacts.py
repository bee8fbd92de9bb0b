"""Made-up contacts: every field used at least once, look-alike names, folders in folders, photos."""

from __future__ import annotations

import struct

from sandbox.tenant.contacts_state import ContactStore

FULL = {
    "displayName": "Zoë Washington",
    "givenName": "Zoë",
    "surname": "Washington",
    "middleName": "Q.",
    "initials": "Z.Q.W.",
    "title": "Dr.",
    "generation": "III",
    "nickName": "Zo",
    "fileAs": "Washington, Zoë",
    "assistantName": "Al",
    "manager": "Eve",
    "birthday": "1979-04-12T11:59:00Z",
    "businessHomePage": "https://fabrikam.example/zoe",
    "companyName": "Fabrikam",
    "department": "R&D",
    "jobTitle": "Engineer",
    "officeLocation": "12/3.4",
    "profession": "Chemist",
    "spouseName": "Sam",
    "personalNotes": "Met in Köln.\r\nLikes \u2603 and \U0001f600.",
    "mobilePhone": "+49 170 1234567",
    "businessPhones": ["+49 30 12345", "+49 30 12346"],
    "homePhones": ["+49 30 999"],
    "imAddresses": ["sip:zoe@fabrikam.example"],
    "children": ["Ann", "Bob"],
    "categories": ["Red category", "Freunde"],
    "yomiGivenName": "ゾーイ",
    "yomiSurname": "ワシントン",
    "yomiCompanyName": "ファブリカム",
    "emailAddresses": [
        {"name": "Zoë", "address": "zoe@fabrikam.example"},
        {"name": "Zoë home", "address": "zoe@home.example"},
        {"name": "old", "address": "zw@old.example"},
    ],
    "businessAddress": {
        "street": "1 Main St",
        "city": "Köln",
        "state": "NW",
        "postalCode": "50667",
        "countryOrRegion": "DE",
    },
    "homeAddress": {"street": "Weg 2", "city": "Bonn", "countryOrRegion": "DE"},
    "otherAddress": {"city": "東京"},
}
LOOK_ALIKES = (
    "Andr\u00e9",
    "Andre\u0301",
    "ANDR\u00c9",
    "",
    " leading",
    "trailing ",
    "a/b\\c",
    "tab\there",
    "\u202eRTL",
    "=1+2",
)


def jpeg(width: int, height: int) -> bytes:
    """The smallest thing with a frame header that says these measures."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + frame + b"\xff\xd9"


def seed_contacts(store: ContactStore, *, count: int, awkward: bool = False) -> None:
    full = store.add(store.default, dict(FULL))
    full.photo = jpeg(240, 240)
    tag = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Colour"
    full.extended[tag] = "green"
    for number in range(count - 1):
        name = f"Person {number:03d}"
        email = {"name": name, "address": f"person{number}@fabrikam.example"}
        store.add(
            store.default,
            {"displayName": name, "givenName": "Person", "surname": f"{number:03d}", "emailAddresses": [email]},
        )
    family = store.add_folder("Familie", store.default)
    store.add(family, {"displayName": "Oma", "givenName": "Oma", "homePhones": ["030 1"]}).photo = jpeg(48, 48)
    if awkward:
        for name in LOOK_ALIKES:
            store.add(store.default, {"displayName": name})
        deep = family
        for level in range(4):
            deep = store.add_folder(f"Ebene {level}", deep)
        store.add(deep, {"displayName": "Deep down"})
        store.add_folder("Leer", store.default)
        twin = store.add_folder("Twin", store.default)
        store.add(twin, {"displayName": "Twin", "emailAddresses": [{"name": "t", "address": "t@x.example"}]})
        store.add(twin, {"displayName": "Twin", "emailAddresses": [{"name": "t", "address": "t@x.example"}]})
