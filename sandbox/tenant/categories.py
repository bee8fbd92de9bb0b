"""Master categories and Focused Inbox overrides over Graph: two small lists without a delta."""

from __future__ import annotations

from functools import partial

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.mailbox_settings import WRITE, the_configuration
from sandbox.tenant.odata import skip_page
from sandbox.tenant.settings_state import COLORS_OF_PRESETS as COLORS
from sandbox.tenant.settings_state import Category, Override

routes = Routes()
on = partial(routes, scope=mailbox_scope)
CATEGORIES, OVERRIDES = "/users/{user}/outlook/masterCategories", "/users/{user}/inferenceClassification/overrides"
LISTED = ("MailboxSettings.Read",)  # nothing higher is listed (Graph docs: outlookuser-list-mastercategories)
OVERRIDES_MOST = 1000  # Graph docs: inferenceclassification-post-overrides


def category_json(category: Category) -> Json:
    return {"id": category.id, "displayName": category.name, "color": category.color}


@on("GET", CATEGORIES, *LISTED, query=("$top", "$skip"))
async def list_categories(call: Call, user: str) -> Answer:
    found = list(the_configuration(call, user).categories.values())
    return skip_page(call, found, category_json, default=100, most=1000)


def _category(call: Call, user: str, category: str) -> Category:
    found = the_configuration(call, user).categories.get(category)
    if found is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return found


@on("GET", CATEGORIES + "/{category}", *LISTED)
async def get_category(call: Call, user: str, category: str) -> Answer:
    return Answer(200, category_json(_category(call, user, category)))


@on("POST", CATEGORIES, *WRITE)
async def create_category(call: Call, user: str) -> Answer:
    kept, body = the_configuration(call, user), call.members({"displayName", "color"})
    name = body.get("displayName")
    if not isinstance(name, str) or not name.strip() or len(name) > 255:
        raise Refusal(400, "ErrorInvalidRequest", "A category needs a display name of 1 to 255 characters.")
    if any(c.name.lower() == name.lower() for c in kept.categories.values()):
        raise Refusal(409, "CategoryNameDuplicate", "A category with the specified name already exists.")
    return Answer(201, category_json(kept.add_category(name, _color(body))))


@on("PATCH", CATEGORIES + "/{category}", *WRITE)
async def color_category(call: Call, user: str, category: str) -> Answer:
    """A category's name is for ever (Graph docs: outlookcategory)."""
    found, body = _category(call, user, category), call.members({"color", "displayName"})
    if "displayName" in body:
        raise Refusal(400, "ErrorInvalidRequest", "The displayName of a category cannot be changed.")
    found.color = _color(body)
    call.tenant.touch()
    return Answer(200, category_json(found))


@on("DELETE", CATEGORIES + "/{category}", *WRITE)
async def delete_category(call: Call, user: str, category: str) -> Answer:
    del the_configuration(call, user).categories[_category(call, user, category).id]
    call.tenant.touch()
    return Answer(204)


def _color(body: Json) -> str:
    color = str(body.get("color") or "none").lower()
    if color not in COLORS:
        raise Refusal(400, "RequestBodyRead", f"'{color}' is not a value of 'color'.")
    return color


# --- overrides


def override_json(override: Override) -> Json:
    sender = {"name": override.name, "address": override.address}
    return {"id": override.id, "classifyAs": override.classify_as, "senderEmailAddress": sender}


@on("GET", OVERRIDES, "Mail.Read")
async def list_overrides(call: Call, user: str) -> Answer:
    found = the_configuration(call, user).overrides.values()
    return Answer(200, {"value": [override_json(o) for o in found]})


@on("POST", OVERRIDES, "Mail.ReadWrite")
async def create_override(call: Call, user: str) -> Answer:
    kept, body = the_configuration(call, user), call.members({"classifyAs", "senderEmailAddress"})
    sender = body.get("senderEmailAddress")
    if not isinstance(sender, dict) or {k for k in sender if "@" not in k} - {"name", "address"}:
        raise Refusal(400, "RequestBodyRead", "senderEmailAddress is an object of name and address.")
    address = str(sender.get("address") or "")
    known = {o.address.lower() for o in kept.overrides.values()}
    if "@" not in address or (len(known) >= OVERRIDES_MOST and address.lower() not in known):
        raise Refusal(400, "ErrorInvalidRequest", "The address is not valid, or there are too many overrides.")
    made = kept.add_override(address, _way(body), str(sender.get("name") or ""))
    return Answer(201, override_json(made))


@on("PATCH", OVERRIDES + "/{override}", "Mail.ReadWrite")
async def change_override(call: Call, user: str, override: str) -> Answer:
    found = _override(call, user, override)
    found.classify_as = _way(call.members({"classifyAs"}))
    call.tenant.touch()
    return Answer(200, override_json(found))


@on("DELETE", OVERRIDES + "/{override}", "Mail.ReadWrite")
async def delete_override(call: Call, user: str, override: str) -> Answer:
    del the_configuration(call, user).overrides[_override(call, user, override).id]
    call.tenant.touch()
    return Answer(204)


def _override(call: Call, user: str, override: str) -> Override:
    found = the_configuration(call, user).overrides.get(override)
    if found is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return found


def _way(body: Json) -> str:
    way = str(body.get("classifyAs") or "").lower()
    if way not in ("focused", "other"):
        raise Refusal(400, "RequestBodyRead", f"'{way}' is not a value of 'classifyAs'.")
    return way
