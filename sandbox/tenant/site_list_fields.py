"""The fields of list items: how Graph shows each type of column, and what it takes when one is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.tenant.calls import Refusal
from sandbox.tenant.site_lists_state import FOLDER_TYPE, ITEM_TYPE, Json, ListItem, SiteList, SiteLists
from sandbox.tenant.state import stamp

KINDS = (
    "boolean", "calculated", "choice", "contentApprovalStatus", "currency", "dateTime", "geolocation",
    "hyperlinkOrPicture", "lookup", "number", "personOrGroup", "term", "text", "thumbnail",
)  # fmt: skip
REFUSED = ("calculated", "geolocation", "hyperlinkOrPicture", "term", "thumbnail")  # no way in over Graph
TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?")
MOST_CHARACTERS = 255


def kind_of(column: Json) -> str:
    return next(k for k in KINDS if k in column)


def many(column: Json) -> bool:
    facet = column[kind_of(column)]
    kind = kind_of(column)
    if kind == "choice":
        return bool(facet.get("displayAs") == "checkBoxes")
    return bool(facet.get("allowMultipleSelection") or facet.get("allowMultipleValues"))


@dataclass(frozen=True, slots=True)
class Shelf:
    """A list with the web it lies in."""

    store: SiteLists
    list: SiteList


def bad(text: str) -> Refusal:
    return Refusal(400, "invalidRequest", text)


# --- shown


def show_fields(shelf: Shelf, item: ListItem, wanted: frozenset[str] | None = None) -> Json:
    """As `$expand=fields` has it; a lookup's and a person's text is there only where it is asked for by name."""
    own = shelf.list
    out: Json = {"@odata.etag": f'"{item.unique},{item.version}"', "id": str(item.id)}
    out |= {
        "ContentType": item.content_type, "Created": stamp(item.created), "Modified": stamp(item.modified),
        "AuthorLookupId": _number(shelf, item.author), "EditorLookupId": _number(shelf, item.editor),
        "_UIVersionString": f"{item.version}.0", "Attachments": bool(item.attachments), "Edit": "",
        "LinkTitle": item.values.get("Title"), "LinkTitleNoMenu": item.values.get("Title"),
        "ItemChildCount": str(_children(own, item, folders=False)),
        "FolderChildCount": str(_children(own, item, folders=True)),
    }  # fmt: skip
    if item.is_folder:
        out["FileLeafRef"] = item.leaf
    for name, column in own.columns.items():
        if name not in out:
            out |= _shown(shelf, item, name, column, wanted)
    if wanted is not None:
        out = {k: v for k, v in out.items() if k in wanted or k in ("@odata.etag", "id")}
    return {k: v for k, v in out.items() if v is not None}


def _shown(shelf: Shelf, item: ListItem, name: str, column: Json, wanted: frozenset[str] | None) -> Json:
    value, kind = item.values.get(name), kind_of(column)
    if kind == "calculated":
        return {name: _calculated(column, item)}
    if value is None or (column["hidden"] and wanted is None):
        return {}
    if kind not in ("lookup", "personOrGroup"):
        return {name: value}
    tell = _person if kind == "personOrGroup" else _looked_up
    if isinstance(value, list):
        return {name: [told for v in value if (told := tell(shelf, column, v))]}
    told = tell(shelf, column, value)
    if not told:
        return {}
    return {f"{name}LookupId": str(value)} | ({name: told["LookupValue"]} if wanted and name in wanted else {})


def _calculated(column: Json, item: ListItem) -> Any:
    """=[A]&[B] and =[A] are all the formulas that this tenant works out."""
    parts = re.findall(r"\[(\w+)\]", column["calculated"].get("formula", ""))
    found = "".join(str(item.values.get(name, "")) for name in parts)
    return found or None


def _person(shelf: Shelf, column: Json, number: int) -> Json:
    entry = shelf.store.person_at(number)
    if entry is None:
        return {}
    return {"LookupId": number, "LookupValue": entry.values.get("Title"), "Email": entry.values.get("EMail", "")}


def _looked_up(shelf: Shelf, column: Json, number: int) -> Json:
    """What points at an item that is gone shows nothing."""
    target = shelf.store.lists.get(str(column["lookup"].get("listId")))
    entry = target.items.get(number) if target else None
    if entry is None:
        return {}
    return {"LookupId": number, "LookupValue": entry.values.get(column["lookup"].get("columnName") or "Title")}


def _number(shelf: Shelf, who: str) -> str:
    user = shelf.store.tenant.users.get(who)
    return str(shelf.store.meet(user)) if user else "1073741822"  # the app's own entry of every site


def _children(own: SiteList, item: ListItem, *, folders: bool) -> int:
    if not item.is_folder:
        return 0
    return sum(1 for i in own.items.values() if i.folder == item.path and i.is_folder == folders)


# --- written


def read_fields(shelf: Shelf, body: Json, *, new: bool) -> Json:
    """The values that a request sets, by internal name; None takes one away."""
    values: Json = {}
    for name, value in body.items():
        if "@" in name or name == "id":
            continue
        column, known = _column(shelf, name)
        if known in ("ContentType", "ContentTypeId", "FileLeafRef"):
            continue
        if column is None:
            raise bad(f"Field '{name}' is not recognized")
        if column["readOnly"]:
            raise bad(f"Field '{name}' is read-only")
        values[known] = None if value is None else _value(shelf, known, column, value, body)
    for name, value in values.items():
        if value is not None and shelf.list.columns[name]["enforceUniqueValues"]:
            _check_unique(shelf, name, value)
    return values


def _column(shelf: Shelf, name: str) -> tuple[Json | None, str]:
    columns = shelf.list.columns
    if name in columns:
        own = columns[name]
        if kind_of(own) in ("lookup", "personOrGroup") and not own["readOnly"]:
            raise bad(f"The value of '{name}' is written as '{name}LookupId'.")
        return own, name
    bare = name.removesuffix("LookupId")
    if bare != name and bare in columns and kind_of(columns[bare]) in ("lookup", "personOrGroup"):
        return columns[bare], bare
    return None, name


def _value(shelf: Shelf, name: str, column: Json, value: Any, body: Json) -> Any:
    kind = kind_of(column)
    if kind in REFUSED or name == "Attachments":
        raise bad(f"The field '{name}' cannot be written.")
    if kind in ("lookup", "personOrGroup"):
        return _reference(shelf, f"{name}LookupId", column, value, body)
    if many(column):
        _check_type(name, body, "Collection(Edm.String)")
        return [_CHECKS[kind](name, column, one) for one in _a_list(name, value)]
    return _CHECKS[kind](name, column, value)


def _reference(shelf: Shelf, name: str, column: Json, value: Any, body: Json) -> Any:
    if many(column):
        _check_type(name, body, "Collection(Edm.Int32)")
        found = [_target(shelf, name, column, one) for one in _a_list(name, value)]
        return found or None
    if value == "":
        return None
    if not isinstance(value, str):  # a number is seen to fail (microsoft-graph-docs-contrib issue 1457)
        raise Refusal(500, "generalException", "General exception while processing")
    return _target(shelf, name, column, value)


def _target(shelf: Shelf, name: str, column: Json, value: Any) -> int:
    if not re.fullmatch(r"\d{1,9}", str(value)) or isinstance(value, bool):
        raise bad(f"The value of '{name}' is no id.")
    number = int(value)
    if "personOrGroup" in column:
        there = shelf.store.person_at(number) is not None
    else:
        target = shelf.store.lists.get(str(column["lookup"].get("listId")))
        there = target is not None and number in target.items
    if not there:
        raise bad(f"'{name}': the item that is looked up does not exist.")
    return number


def _check_type(name: str, body: Json, wanted: str) -> None:
    if body.get(f"{name}@odata.type", "").lstrip("#") not in (wanted, wanted.replace("Edm.", "")):
        raise bad("A value without a type name was found and no expected type is available.")


def _a_list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise bad(f"The value of '{name}' is no collection.")
    return value


def _check_unique(shelf: Shelf, name: str, value: Any) -> None:
    if any(item.values.get(name) == value for item in shelf.list.items.values()):
        raise Refusal(409, "nameAlreadyExists", f"'{name}' takes each value once.")


def _text(name: str, column: Json, value: Any) -> str:
    if not isinstance(value, str):
        raise bad(f"The value of '{name}' is no text.")
    if not column["text"].get("allowMultipleLines") and (len(value) > MOST_CHARACTERS or "\n" in value):
        raise bad(f"The value of '{name}' is too long for one line.")
    if re.fullmatch(r"n[0-9a-f]{31}", name):
        return value
    return value


def _figure(name: str, column: Json, value: Any) -> float:
    facet = column[kind_of(column)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(f"The value of '{name}' is no number.")
    if value < facet.get("minimum", value) or value > facet.get("maximum", value):
        raise bad(f"The value of '{name}' is out of range.")
    return value


def _truth(name: str, column: Json, value: Any) -> bool:
    if not isinstance(value, bool):
        raise bad(f"The value of '{name}' is not true or false.")
    return value


def _time(name: str, column: Json, value: Any) -> str:
    if not isinstance(value, str) or not TIME.fullmatch(value):
        raise bad(f"The value of '{name}' is no time.")
    day = value[:10]
    return f"{day}T00:00:00Z" if len(value) == 10 else re.sub(r"\.\d+", "", value)


def _choice(name: str, column: Json, value: Any) -> str:
    facet = column["choice"]
    if not isinstance(value, str) or (value not in facet.get("choices", ()) and not facet.get("allowTextEntry")):
        raise bad(f"The value of '{name}' is not among its choices.")
    return value


_CHECKS: dict[str, Callable[[str, Json, Any], Any]] = {
    "text": _text, "number": _figure, "currency": _figure, "boolean": _truth, "dateTime": _time, "choice": _choice,
}  # fmt: skip


def settle_terms(own: SiteList, values: Json) -> Json:
    """What is written to the hidden note beside a managed-metadata column becomes the column's value
    (microsoft-graph-docs issues 16597, 4911): "-1;Label|guid", several with ;# between."""
    out = dict(values)
    notes = {c["displayName"].removesuffix("_0"): n for n, c in own.columns.items() if c["displayName"].endswith("_0")}
    for name, column in own.columns.items():
        note = notes.get(column["displayName"]) if kind_of(column) == "term" else None
        if note is None or note not in values:
            continue
        text = out.pop(note)
        found = [
            {"Label": label, "TermGuid": guid, "WssId": 1}
            for label, guid in re.findall(r"(?:^|;#)-1;([^|;]+)\|([0-9a-f-]{36})", text or "")
        ]
        if text and not found:
            raise bad(f"'{note}' holds no terms.")
        out[name] = (found if many(column) else found[0]) if found else None
    return out


def content_type_of(shelf: Shelf, body: Json, *, default: str = "Item") -> str:
    """The name of the content type that the body asks for."""
    wanted = (body.get("contentType") or {}).get("id")
    if wanted is None:
        return default
    found = next((c for c in shelf.list.content_types if c["id"].lower() == str(wanted).lower()), None)
    if found is None:
        raise bad("The content type does not exist on the list.")
    if str(found["id"]).startswith(FOLDER_TYPE):
        raise Refusal(400, "notSupported", "A folder cannot be made this way.")
    return str(found["name"])


def content_type_json(shelf: Shelf, item: ListItem) -> Json:
    found = next((c for c in shelf.list.content_types if c["name"] == item.content_type), None)
    return {"id": found["id"] if found else ITEM_TYPE, "name": item.content_type}


def literal(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
