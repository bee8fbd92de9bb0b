"""The directory over Graph: users, their delta, the organization."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope, the_user
from sandbox.tenant.odata import View, context, number, read_filter, read_view
from sandbox.tenant.state import Tenant, User, stamp
from sandbox.tenant.sync import Source, delta, options_of, seal, unseal

routes = Routes()
FULL = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
READ = (*FULL, "User.ReadBasic.All")
DEFAULT = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
)
MORE = (
    "accountEnabled", "assignedLicenses", "createdDateTime", "department", "userType", "mailNickname", "proxyAddresses",
    "usageLocation", "deletedDateTime", "companyName", "externalUserState",
)  # fmt: skip
MORE_PROFILE = (
    "city", "country", "state", "streetAddress", "postalCode", "faxNumber", "employeeId", "employeeType",
    "employeeHireDate", "otherMails", "ageGroup", "consentProvidedForMinor", "employeeOrgData",
    "onPremisesExtensionAttributes", "onPremisesSyncEnabled", "imAddresses", "legalAgeGroupClassification",
    "onPremisesDistinguishedName", "onPremisesDomainName", "onPremisesImmutableId", "onPremisesLastSyncDateTime",
    "onPremisesSamAccountName", "onPremisesUserPrincipalName", "showInAddressList",
)  # fmt: skip
ATTRIBUTES = tuple(f"extensionAttribute{n}" for n in range(1, 16))
# stored elsewhere: read of one user at a time, written apart from the others, in no delta (Graph docs: user)
IN_SHAREPOINT = (
    "aboutMe", "birthday", "hireDate", "interests", "mySite", "pastProjects", "preferredName", "responsibilities",
    "schools", "skills",
)  # fmt: skip
BASIC = frozenset({"displayName", "givenName", "mail", "surname", "userPrincipalName", "photo"})
USERS_MOST = 999
LICENCE = {"skuId": "c7df2760-2c81-4ef7-b578-5b5392b571df", "disabledPlans": []}  # an E5 plan
DELTA_LIFE_S = 7 * 24 * 3600  # Graph docs: delta-query-overview


def everything_of(tenant: Tenant, user: User) -> Json:
    licensed = user.id in tenant.mailboxes or tenant.user_drive.get(user.id) is not None
    out: Json = {
        "id": user.id, "businessPhones": [], "displayName": user.display_name, "givenName": user.given_name,
        "jobTitle": user.job_title, "mail": user.mail, "mobilePhone": None, "officeLocation": user.office,
        "preferredLanguage": user.language or None, "surname": user.surname, "userPrincipalName": user.upn,
        "accountEnabled": user.enabled, "assignedLicenses": [LICENCE] if licensed and user.purpose == "user" else [],
        "createdDateTime": stamp(user.created_at), "department": user.department, "userType": user.user_type,
        "mailNickname": user.upn.split("@")[0], "proxyAddresses": [f"SMTP:{user.mail}"] if user.mail else [],
        "usageLocation": "DE" if user.language.startswith("de") else "US", "deletedDateTime": None, "companyName": None,
        "externalUserState": "Accepted" if user.user_type == "Guest" else None,
        **dict.fromkeys((*MORE_PROFILE, *IN_SHAREPOINT)), "otherMails": [], "imAddresses": [],
        "onPremisesSyncEnabled": True if user.synced else None,
        "onPremisesExtensionAttributes": dict.fromkeys(ATTRIBUTES),
    }  # fmt: skip
    return {**out, **user.profile}


def user_json(call: Call, user: User, view: View) -> Json:
    everything = everything_of(call.tenant, user)
    names = DEFAULT if view.select is None else [n for n in everything if n in view.select]
    basic = not call.roles & set(FULL)
    return {"id": user.id} | {n: None if basic and n not in BASIC else everything[n] for n in names if n != "id"}


def view_of(call: Call, query: dict[str, str] | None = None) -> View:
    if query is not None:
        call = Call(**{f: getattr(call, f) for f in Call.__dataclass_fields__} | {"query": query})
    view = read_view(call, (*DEFAULT, *MORE, *MORE_PROFILE, *IN_SHAREPOINT))
    if view.select and view.select & set(IN_SHAREPOINT):
        text = "The request is currently not supported on the targeted entity set."
        raise Refusal(400, "Request_UnsupportedQuery", text)
    return view


@routes("GET", "/users", *READ, scope=directory_scope, query=("$select", "$top", "$filter", "$count", "$skiptoken"))
async def list_users(call: Call) -> Answer:
    tenant, view = call.tenant, view_of(call)
    if "$count" in call.query and call.headers.get("ConsistencyLevel", "").lower() != "eventual":
        raise Refusal(400, "Request_UnsupportedQuery", "$count needs the header ConsistencyLevel: eventual.")
    users = list(tenant.users.values())
    if text := call.query.get("$filter"):
        test = read_filter(text, lambda name: name in (*DEFAULT, *MORE, "id"))
        users = [u for u in users if test(everything_of(tenant, u))]
    start = int(unseal(call, call.query["$skiptoken"])["n"]) if "$skiptoken" in call.query else 0
    size = number(call, "$top", most=USERS_MOST, default=tenant.options.users_page)
    body: Json = {"@odata.context": context(call)}
    if call.query.get("$count") == "true":
        body["@odata.count"] = len(users)
    body["value"] = [user_json(call, u, view) for u in users[start : start + size]]
    if start + size < len(users):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"} | {
            "$skiptoken": seal(call, {"n": start + size})
        }
        body["@odata.nextLink"] = f"{call.url}?{urlencode(query, quote_via=quote, safe='$')}"
    return Answer(200, body)


@routes("GET", "/users/delta", *FULL, scope=directory_scope, query=None)
async def delta_users(call: Call) -> Answer:
    tenant, allowed = call.tenant, frozenset({"$select"})
    view = view_of(call, options_of(call, allowed))

    def show(key: str) -> Json | None:
        return user_json(call, tenant.users[key], view)

    def gone(key: str) -> Json:
        return {"id": key, "@removed": {"reason": "changed"}}  # soft-deleted: still in the bin for 30 days

    source = Source(
        "users", tenant.directory_log, show, gone, allowed, "syncStateNotFound", DELTA_LIFE_S, tenant.options.users_page
    )
    return delta(call, source)


@routes("GET", "/users/{user}", *READ, scope=directory_scope, query=("$select", "$expand"))
async def get_user(call: Call, user: str) -> Answer:
    found = the_user(call, user)
    view = read_view(call, (*DEFAULT, *MORE, *MORE_PROFILE, *IN_SHAREPOINT), ("manager",))
    out = user_json(call, found, view)
    if "manager" in view.expand and (manager := call.tenant.users.get(found.manager or "")):
        out["manager"] = {"@odata.type": "#microsoft.graph.user", **user_json(call, manager, View())}
    return Answer(200, {"@odata.context": f"{call.base}/v1.0/$metadata#users/$entity", **out})


@routes("GET", "/organization", "Organization.Read.All", *FULL, scope=directory_scope, query=("$select",))
async def organization(call: Call) -> Answer:
    tenant = call.tenant
    domain = {"name": tenant.domain, "isDefault": True, "isInitial": True, "type": "Managed", "capabilities": "Email"}
    everything: Json = {"displayName": "Contoso (simulated)", "countryLetterCode": "DE", "verifiedDomains": [domain]}
    view = read_view(call, everything)
    found = {"id": tenant.id} | {k: v for k, v in everything.items() if view.wants(k)}
    return Answer(200, {"@odata.context": context(call), "value": [found]})
