"""Document libraries of sites: how they come about and go, and the ways to a group's site."""

from __future__ import annotations

from urllib.parse import quote

from sandbox.tenant.calls import Answer, Call, Refusal, Routes, units
from sandbox.tenant.drive_address import site_of_group
from sandbox.tenant.drive_items import DRIVE_MEMBERS, read_select, show_drive
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.odata import read_view
from sandbox.tenant.site_lists_state import SiteList, lists_of
from sandbox.tenant.sites import MEMBERS, READ, site_json, the_site
from sandbox.tenant.state import Site, Tenant

routes = Routes()
DRIVE = ("Files.Read.All", "Files.ReadWrite.All", *READ)
DEFAULT = "Documents"


def add_library(tenant: Tenant, site: Site, name: str = DEFAULT, *, made: SiteList | None = None) -> Drive:
    """The first one of a site is its default library, whose address is not its name. `made`: the list that it is."""
    group = tenant.groups.get(site.group or "")
    people = [tenant.users[id] for id in (group.owners if group else ())] or list(tenant.users.values())
    system = {"id": "00000000-0000-0000-0000-000000000000", "displayName": "System Account"}
    author = {"id": people[0].id, "displayName": people[0].display_name} if people else system
    own = {"id": group.id, "displayName": group.display_name, "email": group.mail} if group else system
    leaf = "Shared Documents" if not site.drives else name
    drive = Drive(
        f"{tenant.options.seed}/{site.id}/{name}",
        owner=own, author=author, web_url=f"{site.web_url}/{quote(leaf)}", kind="documentLibrary",
        now=tenant.clock(), site=site.id, name=name,
    )  # fmt: skip
    library = made or lists_of(tenant, site).add(name, "documentLibrary")
    library.name, drive.list_id = leaf, library.id
    tenant.drives[drive.id] = drive
    site.drives.append(drive.id)
    tenant.touch()
    return drive


def give_libraries(tenant: Tenant, site: Site) -> Drive:
    """A site as it comes: its default library, and one of the service's own that nobody sees."""
    drive = add_library(tenant, site)
    hidden = add_library(tenant, site, "Form Templates")
    hidden.system = lists_of(tenant, site).lists[hidden.list_id].system = True
    return drive


def remove_library(tenant: Tenant, drive: Drive) -> None:
    site = tenant.sites[drive.site]
    lists_of(tenant, site).lists.pop(drive.list_id, None)
    site.drives.remove(drive.id)
    del tenant.drives[drive.id]
    tenant.touch()


@routes("GET", "/groups/{group}/sites/root", *READ, scope=units(1), query=("$select",))
async def group_site(call: Call, group: str) -> Answer:
    site = the_site(call, site_of_group(call, group))
    body = site_json(site, read_view(call, MEMBERS))
    return Answer(200, {"@odata.context": f"{call.base}/v1.0/$metadata#sites/$entity", **body})


@routes("GET", "/sites/{site}/lists/{list_}/drive", *DRIVE, scope=units(1), query=("$select",))
async def list_drive(call: Call, site: str, list_: str) -> Answer:
    found = the_site(call, site)
    drive = next((d for id in found.drives if (d := call.tenant.drives[id]).list_id == list_), None)
    if drive is None:
        raise Refusal(404, "itemNotFound", "The list is not there, or no document library.")
    return Answer(body=show_drive(drive, read_select(call.query.get("$select"), DRIVE_MEMBERS)))
