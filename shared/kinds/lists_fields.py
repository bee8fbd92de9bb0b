"""The values of list items: what each type of column takes when it is written over Graph, and what it loses. Pure.

`Types` says it of a target list: internal name -> code: t text, T note, n number or currency, b boolean, d date, s one
choice, m several choices, l and L lookups, p and P people, k and K terms, h a hyperlink or picture, x nothing. A term's
entry also names the hidden note that takes it. r: nothing, and nothing is lost, as it follows from the others.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.model import Json

# the column by which a restored item is found again: a list has no other place for a mark of ours
MARK = "HoldfastMark"
# what the service keeps on every item for itself
BUILT_IN = frozenset({
    "id", "ID", "ContentType", "ContentTypeId", "Modified", "Created", "Author", "Editor", "AuthorLookupId",
    "EditorLookupId", "AppAuthor", "AppEditor", "AppAuthorLookupId", "AppEditorLookupId", "_UIVersionString",
    "_UIVersion", "Attachments", "Edit", "LinkTitle", "LinkTitleNoMenu", "LinkTitle2", "ItemChildCount",
    "FolderChildCount", "ItemChildCountLookupId", "FolderChildCountLookupId", "_ComplianceFlags", "_ComplianceTag",
    "_ComplianceTagWrittenTime", "_ComplianceTagUserId", "_IsRecord", "ComplianceAssetId", "DocIcon", "FileLeafRef",
    "_ModerationStatus", "_ModerationComments", "_CopySource", "_HasCopyDestinations", "owshiddenversion", "GUID",
    "WorkflowVersion", "FileDirRef", "FileRef", "_ColorTag", "_CommentCount", "_LikeCount",
})  # fmt: skip
Types = Mapping[str, str]
WRONG_KIND = "here the column is of another type"


@dataclass(frozen=True, slots=True)
class Values:
    """What an item is written with. `people` and `rows` are still to be found where it goes back to."""

    plain: Json = field(default_factory=dict)
    people: dict[str, list[Json]] = field(default_factory=dict)  # column -> who
    rows: dict[str, list[str]] = field(default_factory=dict)  # column -> ids in the list that is looked up
    losses: tuple[str, ...] = ()


def types_of(columns: Iterable[Json]) -> dict[str, str]:
    """What can be written to a list that has these columns."""
    here = [c for c in columns if c.get("name")]
    notes = {str(c.get("displayName")): str(c["name"]) for c in here if c.get("hidden")}
    found = {}
    for column in here:
        name = str(column["name"])
        if name in BUILT_IN or name == MARK or column.get("hidden"):
            continue
        if column.get("readOnly") or column.get("isSealed") or "calculated" in column:
            found[name] = "r"
            continue
        note = notes.get(f"{column.get('displayName')}_0", "")
        found[name] = _code(column) + (note if "term" in column else "")
    return found


def _code(column: Json) -> str:
    match column:
        case {"text": facet}:
            return "T" if facet.get("allowMultipleLines") else "t"
        case {"number": _} | {"currency": _}:
            return "n"
        case {"boolean": _}:
            return "b"
        case {"dateTime": _}:
            return "d"
        case {"choice": facet}:
            return "m" if facet.get("displayAs") == "checkBoxes" else "s"
        case {"lookup": facet}:
            return "L" if facet.get("allowMultipleValues") else "l"
        case {"personOrGroup": facet}:
            return "P" if facet.get("allowMultipleSelection") else "p"
        case {"term": facet}:
            return "K" if facet.get("allowMultipleValues") else "k"
        case {"hyperlinkOrPicture": _}:
            return "h"
    return "x"


def values_of(record: Json, types: Types, people: Mapping[str, Json]) -> Values:
    """The values of a kept item for a list of these types."""
    plain: Json = {}
    found_people: dict[str, list[Json]] = {}
    rows: dict[str, list[str]] = {}
    losses: list[str] = []
    fields = record.get("fields") or {}
    for key, value in fields.items():
        if key in BUILT_IN or value in (None, "", []):
            continue
        name = key.removesuffix("LookupId") if key.endswith("LookupId") and key not in types else key
        code = types.get(name, "")
        if not code:
            losses.append(f"the value of column {name!r}: the list has no such column")
        elif code == "r":
            continue
        elif code[0] in "pP":
            _add(found_people, name, _people_in(value, people.get(name)), losses, code[0] == "P")
        elif code[0] in "lL":
            _add(rows, name, _ids_in(value), losses, code[0] == "L")
        else:
            losses += _write(plain, name, code, value)
    return Values(plain, found_people, rows, tuple(losses))


def _add(into: dict[str, list[str]] | dict[str, list[Json]], name: str, found: list[str] | list[Json],
         losses: list[str], many: bool) -> None:  # fmt: skip
    if not found:
        losses.append(f"the value of column {name!r}: {WRONG_KIND}")
    elif len(found) > 1 and not many:
        losses.append(f"column {name!r} takes one value here: the others are left out")
    if found:
        into[name] = found if many else found[:1]  # type: ignore[assignment]  # both are of one sort


def _people_in(value: object, known: Json | None) -> list[Json]:
    if isinstance(value, list):
        return [v for v in value if isinstance(v, dict)]
    return [known or {"LookupId": str(value)}]


def _ids_in(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(v.get("LookupId")) for v in value if isinstance(v, dict) and v.get("LookupId")]
    return [str(value)]


def _write(plain: Json, name: str, code: str, value: object) -> list[str]:
    """Put the value in the form that its column takes; what can't be."""
    taken = _as_written(name, code, value)
    if taken is None:
        return [f"the value of column {name!r}: {REASONS.get(code[0], WRONG_KIND)}"]
    plain.update(taken)
    return []


REASONS = {
    "h": "Graph takes no links and pictures, they need SharePoint's own interface",
    "x": "Graph takes none for a column of its type",
    "k": "its term is not told, or the column has no note to take it",
    "K": "its terms are not told, or the column has no note to take them",
}


def _as_written(name: str, code: str, value: object) -> Json | None:
    match code[0], value:
        case "t" | "T", str():
            return {name: value}
        case "t" | "T", int() | float():
            return {name: str(value)}
        case "t" | "T", dict() | list():  # a column of terms or links that came back as text
            return {name: as_text(value)}
        case "n", int() | float() if not isinstance(value, bool):
            return {name: value}
        case "b", bool():
            return {name: value}
        case "d" | "s", str():
            return {name: value}
        case "m", list():  # without the type: "A value without a type name was found" (corso)
            return {f"{name}@odata.type": "Collection(Edm.String)", name: value}
        case "k" | "K", dict() | list() if len(code) > 1:
            return _terms(code[1:], value)
    return None


def _terms(note: str, value: object) -> Json | None:
    """Terms go in by the hidden note beside their column (microsoft-graph-docs issue 16597)."""
    terms = [t for t in (value if isinstance(value, list) else [value]) if isinstance(t, dict)]
    told = [f"-1;{t.get('Label')}|{t.get('TermGuid')}" for t in terms if t.get("TermGuid")]
    return {note: ";#".join(told)} if told and len(told) == len(terms) else None


def as_text(value: object) -> str:
    match value:
        case list():
            return "; ".join(map(as_text, value))
        case {"Label": str(label)}:
            return label
        case {"Url": str(url)}:
            return url
        case {"LookupValue": str(text)}:
            return text
        case dict():
            return jsonlib.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


def references(name: str, code: str, ids: list[str]) -> Json:
    """People and rows by their ids: a single one as text, as a number was seen to fail (docs-contrib issue 1457)."""
    if code[0] in "LP":
        return {
            f"{name}LookupId@odata.type": "Collection(Edm.Int32)",
            f"{name}LookupId": [int(id) for id in ids if id.isdigit()],
        }
    return {f"{name}LookupId": ids[0] if ids else ""}
