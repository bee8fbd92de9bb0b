"""Made-up groups: one that everybody is in, and of the awkward sorts one each."""

from __future__ import annotations

from sandbox.tenant.group_members import HIDDEN, QUIET
from sandbox.tenant.group_mutations import set_group_setting
from sandbox.tenant.seed_contacts import jpeg
from sandbox.tenant.state import Group, Tenant


def seed_crew(tenant: Tenant, *, photo: bool) -> Group:
    """A group of all who are there, led by the first, with its site."""
    people = [user for user in tenant.users.values() if user.user_type == "Member"]
    crew = tenant.add_group("crew", "The Crew", members=[u.id for u in people], owners=[people[0].id])
    crew.description = "Everybody \u263a"
    crew.facts |= {"resourceBehaviorOptions": [QUIET], "classification": "low", "preferredLanguage": "de-DE"}
    set_group_setting(tenant, "crew", {"AllowToAddGuests": "false"})
    if photo:
        crew.photo = jpeg(240, 240)
    return crew


def seed_awkward_groups(tenant: Tenant) -> None:
    first = next(iter(tenant.users.values()))
    tenant.add_group(
        "engineers", "Engineers", rule='user.department -eq "R&D"', members=[first.id], visibility="Public"
    )
    tenant.add_group("synced-group", "Synced", members=[first.id]).facts["onPremisesSyncEnabled"] = True
    tenant.add_group("secret", "Secret", members=[first.id], owners=[first.id], visibility=HIDDEN)
    tenant.add_group("doormen", "Doormen", unified=False, members=[first.id])
    tenant.add_group("loud", "Loud", owners=[first.id])


def dump_groups(tenant: Tenant) -> dict[str, object]:
    """What of groups two moments are compared by: no ids."""
    return {
        g.nickname: {
            "displayName": g.display_name, "description": g.description, "visibility": g.visibility,
            "members": sorted(tenant.users[u].upn for u in g.members if u in tenant.users),
            "owners": sorted(tenant.users[u].upn for u in g.owners if u in tenant.users),
            "photo": len(g.photo) if g.photo else None, "facts": g.facts,
            "settings": [{**one, "id": ""} for one in tenant.group_book.settings.get(g.id, [])],
        }
        for g in sorted(tenant.groups.values(), key=lambda g: g.nickname)
    }  # fmt: skip
