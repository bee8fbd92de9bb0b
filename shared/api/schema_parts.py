"""What the schemas are put together from. Pure."""

from __future__ import annotations

from typing import Any

from shared.model import Json

OWNER_KEY = r"^(user|group|site)-[^/\\#?%]+$"
KEY = r"^[A-Za-z0-9_-]+$"


def text(meaning: str = "", **more: Any) -> Json:
    return {"type": "string", **({"description": meaning} if meaning else {}), **more}


def whole(meaning: str = "") -> Json:
    return {"type": "integer", **({"description": meaning} if meaning else {})}


def flag(meaning: str = "") -> Json:
    return {"type": "boolean", **({"description": meaning} if meaning else {})}


def moment(meaning: str = "") -> Json:
    return text(meaning, format="date-time", examples=["2026-03-01T12:00:00Z"])


def maybe(schema: Json) -> Json:
    return {**schema, "type": [schema["type"], "null"]}


def many(entry: Json, meaning: str = "", **more: Any) -> Json:
    return {"type": "array", "items": entry, **({"description": meaning} if meaning else {}), **more}


def by_name(entry: Json, meaning: str = "") -> Json:
    return {"type": "object", "additionalProperties": entry, **({"description": meaning} if meaning else {})}


def thing(members: Json, *, optional: tuple[str, ...] = (), meaning: str = "") -> Json:
    """An object of exactly these members."""
    told = {"description": meaning} if meaning else {}
    required = [name for name in members if name not in optional]
    return {"type": "object", **told, "properties": members, "required": required, "additionalProperties": False}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def listed(name: str) -> Json:
    return thing({"value": many(ref(name))})


def paged(name: str) -> Json:
    return thing({"value": many(ref(name)), "next": maybe(text("Send it as `after` to get the next page."))})
