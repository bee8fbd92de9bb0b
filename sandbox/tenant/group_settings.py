"""A group's own template settings over Graph, and its photo."""

from __future__ import annotations

from functools import partial
from typing import Any

from sandbox.tenant.calls import Answer, Call, Charge, Json, Refusal, Routes, directory_scope
from sandbox.tenant.groups import the_group
from sandbox.tenant.odata import context
from sandbox.tenant.photos import photo_json, present, read_photo

routes = Routes()
on = partial(routes, scope=directory_scope)
READ = (
    "GroupSettings.Read.All", "GroupSettings.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All",
    "Directory.Read.All", "Directory.ReadWrite.All",
)  # fmt: skip
WRITE = ("GroupSettings.ReadWrite.All", "Directory.ReadWrite.All")
READ_PHOTO = ("ProfilePhoto.Read.All", "ProfilePhoto.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All")
WRITE_PHOTO = ("ProfilePhoto.ReadWrite.All", "Group.ReadWrite.All")
# the template for single groups that every tenant has (Graph docs: group-directory-settings)
TEMPLATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "08d542b9-071f-4e16-94b0-74abb372e3d9": ("Group.Unified.Guest", ("AllowToAddGuests",)),
}


@on("GET", "/groups/{group}/settings", *READ)
async def list_settings(call: Call, group: str) -> Answer:
    found = the_group(call, group)
    return Answer(200, {"@odata.context": context(call), "value": call.tenant.group_book.settings.get(found.id, [])})


@on("POST", "/groups/{group}/settings", *WRITE)
async def add_setting(call: Call, group: str) -> Answer:
    found, body = the_group(call, group), call.members(("templateId", "values"))
    template = TEMPLATES.get(str(body.get("templateId")))
    if template is None:
        raise Refusal(400, "Request_BadRequest", "The template is not one for a single group.")
    kept = call.tenant.group_book.settings.setdefault(found.id, [])
    if any(one["templateId"] == body["templateId"] for one in kept):
        text = "A conflicting object with one or more of the specified property values is present in the directory."
        raise Refusal(400, "Request_BadRequest", text)
    made = setting(call.tenant.ids.guid(), str(body["templateId"]), _values(template[1], body.get("values")))
    kept.append(made)
    call.tenant.touch()
    return Answer(201, {"@odata.context": context(call), **made})


@on("PATCH", "/groups/{group}/settings/{setting}", *WRITE)
async def change_setting(call: Call, group: str, setting: str) -> Answer:
    kept = call.tenant.group_book.settings.get(the_group(call, group).id, [])
    found = next((one for one in kept if one["id"] == setting), None)
    if found is None:
        raise Refusal(404, "Request_ResourceNotFound", f"Resource '{setting}' does not exist.")
    body = call.members(("values", "templateId"))
    found["values"] = _values(TEMPLATES[found["templateId"]][1], body.get("values"))
    call.tenant.touch()
    return Answer(204)


def setting(id: str, template: str, values: list[Json]) -> Json:
    return {"id": id, "displayName": TEMPLATES[template][0], "templateId": template, "values": values}


def _values(names: tuple[str, ...], values: Any) -> list[Json]:
    """All that the template defines have to be told."""
    if not isinstance(values, list) or not all(isinstance(v, dict) and set(v) == {"name", "value"} for v in values):
        raise Refusal(400, "Request_BadRequest", "Values are pairs of name and value.")
    if {v["name"] for v in values} != set(names) or not all(isinstance(v["value"], str) for v in values):
        raise Refusal(400, "Request_BadRequest", f"The template has the values {', '.join(names)}.")
    return [{"name": v["name"], "value": v["value"]} for v in values]


# --- the photo, which lies in the group's mailbox


def group_mailbox(call: Call, params: dict[str, str]) -> Charge:
    return Charge("mailbox", params["group"])


@routes("GET", "/groups/{group}/photo", *READ_PHOTO, scope=group_mailbox)
async def group_photo(call: Call, group: str) -> Answer:
    return Answer(200, {"@odata.context": context(call), **photo_json(present(the_group(call, group).photo))})


@routes("GET", "/groups/{group}/photo/$value", *READ_PHOTO, scope=group_mailbox)
async def group_photo_bytes(call: Call, group: str) -> Answer:
    return Answer(200, present(the_group(call, group).photo), {"Content-Type": "image/jpeg"})


async def set_group_photo(call: Call, group: str) -> Answer:
    the_group(call, group).photo = read_photo(call)
    call.tenant.touch()
    return Answer(200)


for method in ("PUT", "PATCH"):
    routes(method, "/groups/{group}/photo/$value", *WRITE_PHOTO, scope=group_mailbox)(set_group_photo)
