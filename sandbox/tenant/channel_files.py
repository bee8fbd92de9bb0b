"""Where the files of a channel lie: a folder of its name in the library of its team's site."""

from __future__ import annotations

from sandbox.tenant.calls import Json
from sandbox.tenant.drive_items import View, show_item
from sandbox.tenant.drive_mutations import folder_at
from sandbox.tenant.state import Tenant
from sandbox.tenant.teams_state import Channel, Team


def folder_of(tenant: Tenant, team: Team, channel: Channel) -> Json | None:
    """The folder as a driveItem; None where the site has no library."""
    site = tenant.sites.get(tenant.groups[team.group].site or "")
    drives = [tenant.drives[id] for id in site.drives if id in tenant.drives] if site else []
    if not drives:
        return None
    return show_item(drives[0], folder_at(drives[0], channel.name, tenant.clock()), View())
