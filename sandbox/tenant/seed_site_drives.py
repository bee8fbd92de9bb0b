"""Libraries to begin with: of the small site, of the awkward one, and an everyday one."""

from __future__ import annotations

from sandbox.tenant.drive_mutations import item_at
from sandbox.tenant.library_items import seed_file_values
from sandbox.tenant.seed_drives import fill_awkward, fill_everyday, fill_small, put
from sandbox.tenant.site_columns import add_site_type
from sandbox.tenant.site_drives import add_library
from sandbox.tenant.state import Site, Tenant, User


def _site(tenant: Tenant, name: str) -> Site:
    site = tenant.find_site(name)
    assert site is not None
    return site


def seed_small_libraries(tenant: Tenant, name: str) -> None:
    site = _site(tenant, name)
    site.description = "What the crew works on"
    add_site_type(tenant, name, "Contract")
    add_site_type(tenant, name, "Invoice")
    fill_small(tenant, tenant.drives[site.drives[0]])
    contracts = add_library(tenant, site, "Contracts")
    for number in range(3):
        put(tenant, contracts, f"2025/contract {number}.txt", f"contract {number}\n".encode() * 30, aged_days=number)
    seed_file_values(tenant, name)


def seed_awkward_libraries(tenant: Tenant, name: str, user: User, *, huge: int) -> None:
    seed_small_libraries(tenant, name)
    site = _site(tenant, name)
    drive = tenant.drives[site.drives[0]]
    fill_awkward(tenant, drive, user, huge=huge)
    item_at(drive, "Reports/2025/summary.docx").locked = True  # checked out: it can be read
    add_library(tenant, site, "Archive")


def seed_everyday_library(tenant: Tenant, name: str, *, files: int) -> None:
    fill_everyday(tenant, tenant.drives[_site(tenant, name).drives[0]], files=files)
