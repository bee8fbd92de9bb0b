"""What happens to a site and its libraries between two backups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.tenant.drive_mutations import drive_of
from sandbox.tenant.site_drives import add_library, remove_library
from sandbox.tenant.state import Site, Tenant

Json = dict[str, Any]
SETTABLE = ("display_name", "description", "archived", "locked")


def _site(tenant: Tenant, site: str) -> Site:
    if (found := tenant.find_site(site)) is None:
        raise ValueError(f"no site {site}")
    return found


def create_library(tenant: Tenant, site: str, name: str) -> Json:
    return {"id": add_library(tenant, _site(tenant, site), name).id}


def delete_library(tenant: Tenant, library: str) -> Json:
    """`library`: site/library."""
    remove_library(tenant, drive_of(tenant, library))
    return {}


def set_site(tenant: Tenant, site: str, **facts: Any) -> Json:
    found = _site(tenant, site)
    for name, value in facts.items():
        if name not in SETTABLE:
            raise ValueError(f"no {name} of a site to set")
        setattr(found, name, value)
    found.modified_at = tenant.clock()
    tenant.touch()
    return {}


mutations: dict[str, Callable[..., Json]] = {act.__name__: act for act in (create_library, delete_library, set_site)}
