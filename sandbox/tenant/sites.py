"""Sites over Graph: all of them, one, and the subsites below it."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, units
from sandbox.tenant.odata import View, context, number, read_view
from sandbox.tenant.state import Site, stamp
from sandbox.tenant.sync import seal, unseal

routes = Routes()
READ = ("Sites.Read.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All")
MEMBERS = (
    "id", "createdDateTime", "description", "displayName", "isPersonalSite", "lastModifiedDateTime", "name", "root",
    "siteCollection", "webUrl",
)  # fmt: skip
PAGE = 200


def everything_of(site: Site) -> Json:
    out: Json = {
        "id": site.id, "createdDateTime": stamp(site.created_at), "description": site.description,
        "displayName": site.display_name, "isPersonalSite": site.personal,
        "lastModifiedDateTime": stamp(site.modified_at), "name": site.name, "webUrl": site.web_url,
    }  # fmt: skip
    if site.parent is None:
        collection: Json = {"hostname": site.id.split(",")[0]}
        if site.archived:
            collection["archivalDetails"] = {"archiveStatus": site.archived}
        out |= {"root": {}, "siteCollection": collection}
    return out


def site_json(site: Site, view: View) -> Json:
    return {"id": site.id} | {n: v for n, v in everything_of(site).items() if view.wants(n)}


def the_site(call: Call, site: str) -> Site:
    """The site of that id, or what Graph says of one that is not there, locked or archived (Graph docs: archive and
    lock states; 423 notAllowed for NoAccess)."""
    found = call.tenant.sites.get(site)
    if found is None:
        raise Refusal(404, "itemNotFound", "The provided site id is not valid, or the site does not exist.")
    if found.locked:
        raise Refusal(423, "notAllowed", "Access to this site has been blocked.", inner="resourceLocked")
    top = call.tenant.sites.get(found.parent) if found.parent else found
    if top and top.archived in ("recentlyArchived", "fullyArchived"):
        raise Refusal(403, "accessDenied", "The site is archived.")
    return found


@routes("GET", "/sites/getAllSites", *READ, scope=units(2), query=("$select", "$top", "$skiptoken"))
async def all_sites(call: Call) -> Answer:
    return _page(call, [s for s in call.tenant.sites.values() if s.parent is None])


@routes("GET", "/sites/{site}", *READ, scope=units(1), query=("$select",))
async def get_site(call: Call, site: str) -> Answer:
    found = the_site(call, site)
    view = read_view(call, MEMBERS)
    return Answer(200, {"@odata.context": f"{call.base}/v1.0/$metadata#sites/$entity", **site_json(found, view)})


@routes("GET", "/sites/{site}/sites", *READ, scope=units(2), query=("$select", "$top", "$skiptoken"))
async def subsites(call: Call, site: str) -> Answer:
    above = the_site(call, site)
    return _page(call, [s for s in call.tenant.sites.values() if s.parent == above.id])


def _page(call: Call, sites: list[Site]) -> Answer:
    view = read_view(call, MEMBERS)
    start = int(unseal(call, call.query["$skiptoken"])["n"]) if "$skiptoken" in call.query else 0
    size = number(call, "$top", most=PAGE, default=PAGE)
    body: Json = {"@odata.context": context(call), "value": [site_json(s, view) for s in sites[start : start + size]]}
    if start + size < len(sites):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"} | {
            "$skiptoken": seal(call, {"n": start + size})
        }
        body["@odata.nextLink"] = f"{call.url}?{urlencode(query, quote_via=quote, safe='$')}"
    return Answer(200, body)
