"""Lists to try things on: an everyday pair, and one with a column of every type."""

from __future__ import annotations

from typing import Any

from sandbox.tenant import site_list_mutations as do
from sandbox.tenant.state import Tenant

TERM = {"Label": "Köln", "TermGuid": "9a3b1c52-1c3e-4f7a-8f3d-0a4e2a9d6c11", "WssId": 1}
TERM_SET = {"id": "8ed8c9ea-7052-4c1d-a4d7-b9c10bffea6f"}
COLUMNS: list[dict[str, Any]] = [
    {"name": "Notes", "kind": "text", "facet": {"allowMultipleLines": True, "textType": "richText"}},
    {"name": "Amount", "kind": "number", "facet": {"decimalPlaces": "two", "minimum": 0.0}, "required": True},
    {"name": "Price", "kind": "currency", "facet": {"locale": "de-DE"}},
    {"name": "Due", "kind": "dateTime", "facet": {"displayAs": "default", "format": "dateOnly"}},
    {"name": "Done", "kind": "boolean", "defaultValue": {"value": "0"}},
    {"name": "State", "kind": "choice", "displayName": "Stand der Dinge",
     "facet": {"choices": ["Open", "Closed"], "displayAs": "dropDownMenu"}},
    {"name": "Tags", "kind": "choice", "facet": {"choices": ["a", "b", "c"], "displayAs": "checkBoxes"}},
    {"name": "Boss", "kind": "personOrGroup", "facet": {"chooseFromType": "peopleAndGroups"}},
    {"name": "Team", "kind": "personOrGroup", "facet": {"allowMultipleSelection": True}},
    {"name": "Project", "kind": "lookup", "facet": {"list": "Projects", "columnName": "Title"}},
    {"name": "Related", "kind": "lookup", "facet": {"list": "Everything", "columnName": "Title",
                                                    "allowMultipleValues": True}},
    {"name": "Link", "kind": "hyperlinkOrPicture", "facet": {"isPicture": False}},
    {"name": "Place", "kind": "term", "facet": {"allowMultipleValues": False, "termSet": TERM_SET}},
    {"name": "Places", "kind": "term", "facet": {"allowMultipleValues": True, "termSet": TERM_SET}},
    {"name": "Label", "kind": "calculated",
     "facet": {"formula": "=[Title]&[State]", "outputType": "text"}},
    {"name": "Where", "kind": "geolocation"},
    {"name": "Face", "kind": "thumbnail"},
]  # fmt: skip


def seed_small_lists(tenant: Tenant, site: str) -> None:
    """Projects, and tasks that point at them and at people."""
    do.add_list(tenant, site, "Projects", description="What we do", columns=[
        {"name": "Budget", "kind": "currency", "facet": {"locale": "en-US"}},
        {"name": "Code", "kind": "text", "facet": {"maxLength": 20}, "indexed": True},
    ])  # fmt: skip
    for number, name in enumerate(("Apollo", "Gemini", "Mercury"), 1):
        do.add_list_item(tenant, site, "Projects", name, Budget=1000.5 * number, Code=f"P{number}")
    do.add_list(tenant, site, "Board", columns=[
        {"name": "State", "kind": "choice", "facet": {"choices": ["Open", "Closed"], "displayAs": "dropDownMenu"}},
        {"name": "Boss", "kind": "personOrGroup", "facet": {"allowMultipleSelection": False}},
        {"name": "Project", "kind": "lookup", "facet": {"list": "Projects", "columnName": "Title"}},
    ])  # fmt: skip
    do.add_list_item(tenant, site, "Board", "Build", State="Open", Boss="adele", Project="Apollo")
    do.add_list_item(tenant, site, "Board", "Launch", State="Closed", Project="Gemini")
    do.add_list_item(tenant, site, "Board", "Land")


def seed_awkward_lists(tenant: Tenant, site: str) -> None:
    """A column of every type, folders, versions, odd texts, a hidden list, one that is empty."""
    seed_small_lists(tenant, site)
    do.add_list(tenant, site, "Everything", description="Every <type> of column", content_types_enabled=True)
    for column in COLUMNS:
        do.add_column(tenant, site, "Everything", **column)
    common: dict[str, Any] = {"Amount": 12.25, "Price": 99.9, "Done": True, "State": "Open"}
    common["Due"] = "2026-03-01T00:00:00Z"
    do.add_list_item(
        tenant, site, "Everything", "First", **common, Notes="<div>Zwei\nZeilen &amp; mehr</div>", Tags=["a", "c"],
        Boss="bernd", Team=["adele", "bernd"], Project="Apollo", Place=TERM, Places=[TERM],
        Link={"Description": "Contoso", "Url": "https://contoso.example/a?b=c"},
        Where={"latitude": 50.9, "longitude": 6.9}, Face='{"fileName":"f.png","serverRelativeUrl":"/x/f.png"}',
    )  # fmt: skip
    do.add_list_item(tenant, site, "Everything", "Second", **common, Related=["First"])
    do.edit_list_item(tenant, site, "Everything", "First", Related=["Second", "First"])
    do.add_list_item(tenant, site, "Everything", "It's \"odd\": % & # ü 名", Amount=0.0)
    do.add_content_type(tenant, site, "Invoice", "Everything")
    do.add_list_item(tenant, site, "Everything", "Only a title", Amount=1.0, content_type="Invoice")
    do.add_list_folder(tenant, site, "Everything", "2025")
    do.add_list_folder(tenant, site, "Everything", "Q1 ü", folder="2025")
    do.add_list_item(tenant, site, "Everything", "Deep", folder="2025/Q1 ü", Amount=3.0, Project="Gemini")
    do.add_list_item(tenant, site, "Everything", "With files", Amount=4.0,
                     attachments={"letter.txt": "Dear all", "it's.txt": "quoted"})
    do.add_list(tenant, site, "Empty")
    do.add_list(tenant, site, "Behind the scenes", hidden=True)
    do.add_list_item(tenant, site, "Behind the scenes", "Hidden row")
    do.add_list(tenant, site, "News", template="announcements")
    do.add_list_item(tenant, site, "News", "Moved offices")


def seed_everyday_lists(tenant: Tenant, site: str, rows: int = 20) -> None:
    seed_small_lists(tenant, site)
    do.many_list_items(tenant, site, "Projects", rows)
