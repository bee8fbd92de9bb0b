"""What people do to groups in a day; by name, for the control door. A group goes by its nickname."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from sandbox.tenant.group_settings import TEMPLATES, setting
from sandbox.tenant.group_state import bin_group
from sandbox.tenant.group_writes import FIELDS
from sandbox.tenant.state import Group, Tenant

Json = dict[str, Any]


def group_of(tenant: Tenant, group: str) -> Group:
    found = tenant.find_group(group)
    if found is None:
        raise KeyError(f"no group {group}")
    return found


def add_group(tenant: Tenant, group: str, **props: Any) -> Json:
    made = tenant.add_group(group, group.capitalize(), facts=props)
    return {"id": made.id}


def edit_group(tenant: Tenant, group: str, **props: Any) -> Json:
    """Members of Graph's group, under their own names."""
    found = group_of(tenant, group)
    for name, value in props.items():
        if name in FIELDS:
            setattr(found, FIELDS[name], value)
        else:
            found.facts[name] = value
    tenant.touch()
    return {}


def join_group(tenant: Tenant, group: str, user: str, owner: bool = False) -> Json:
    found, person = group_of(tenant, group), tenant.find_user(user)
    assert person is not None
    (found.owners if owner else found.members).append(person.id)
    tenant.touch()
    return {}


def leave_group(tenant: Tenant, group: str, user: str, owner: bool = False) -> Json:
    found, person = group_of(tenant, group), tenant.find_user(user)
    assert person is not None
    (found.owners if owner else found.members).remove(person.id)
    tenant.touch()
    return {}


def set_group_photo(tenant: Tenant, group: str, photo: str | None) -> Json:
    """Base64 of a JPEG."""
    group_of(tenant, group).photo = base64.b64decode(photo) if photo else None
    tenant.touch()
    return {}


def set_group_setting(tenant: Tenant, group: str, values: dict[str, str], template: str = "") -> Json:
    template = template or next(iter(TEMPLATES))
    kept = tenant.group_book.settings.setdefault(group_of(tenant, group).id, [])
    id = next((one["id"] for one in kept if one["templateId"] == template), "") or tenant.ids.guid()
    kept[:] = [one for one in kept if one["templateId"] != template]
    kept.append(setting(id, template, [{"name": n, "value": v} for n, v in values.items()]))
    tenant.touch()
    return {"id": id}


def drop_group_setting(tenant: Tenant, group: str) -> Json:
    tenant.group_book.settings.pop(group_of(tenant, group).id, None)
    tenant.touch()
    return {}


def delete_group(tenant: Tenant, group: str, purge: bool = False) -> Json:
    """Into the bin; `purge`: out of it again for ever."""
    found = group_of(tenant, group)
    bin_group(tenant, found)
    if purge:
        tenant.group_book.bin.pop(found.id, None)
        tenant.teams.deleted.pop(found.id, None)
    return {}


_ALL: tuple[Callable[..., Json], ...] = (
    add_group, edit_group, join_group, leave_group, set_group_photo, set_group_setting, drop_group_setting,
    delete_group,
)  # fmt: skip
mutations: dict[str, Callable[..., Json]] = {act.__name__: act for act in _ALL}
