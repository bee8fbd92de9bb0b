"""The parts of a team on their way back: what is missing is added, what is there stays unless `replace` is ordered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from shared.errors import Unreachable
from shared.graph.steps import Refused, Reply, Steps, get, odata_string, patch, post, segment
from shared.kinds import channel_places
from shared.kinds.channel_listing import team_of
from shared.kinds.channel_places import channel_name, member, permitted
from shared.kinds.kind import Into
from shared.kinds.people import PEOPLE_PERMISSIONS, counterparts
from shared.kinds.team_items import APPS, KEPT_MEMBERS, KEPT_TABS, MEMBERS, PRIMARY, ROOMS, TAGS, TEAM
from shared.model import Json, Kept, Mode, Person, Place, Restored

GROUPS = ("memberSettings", "guestSettings", "messagingSettings", "funSettings")
# of a new team (Graph docs: team): who has these has chosen nothing yet
UNCHOSEN: dict[str, Json] = {
    "memberSettings": {
        "allowCreateUpdateChannels": True, "allowDeleteChannels": True, "allowAddRemoveApps": True,
        "allowCreateUpdateRemoveTabs": True, "allowCreateUpdateRemoveConnectors": True,
    },
    "guestSettings": {"allowCreateUpdateChannels": False, "allowDeleteChannels": False},
    "messagingSettings": {
        "allowUserEditMessages": True, "allowUserDeleteMessages": True, "allowOwnerDeleteMessages": True,
        "allowTeamMentions": True, "allowChannelMentions": True,
    },
    "funSettings": {
        "allowGiphy": True, "giphyContentRating": "moderate", "allowStickersAndMemes": True, "allowCustomMemes": True,
    },
}  # fmt: skip
ASIDE = "a team is one with its group: it is given back in place of the original only"
NO_APP = "an app that the target's catalogue does not have"
NO_MEMBER = "a member who is not in the target, or may not be added"
CONSENT = "the permissions that were consented to for an app"
MEMBER_WRITE, TAB_WRITE, TAG_WRITE = "TeamMember.ReadWrite.All", "TeamsTab.ReadWrite.All", "TeamworkTag.ReadWrite.All"
APP_WRITE, SETTINGS_WRITE = "TeamsAppInstallation.ReadWriteForTeam.All", "TeamSettings.ReadWrite.All"
CATALOGUE = "AppCatalog.Read.All"  # only where an app goes by another id
PEOPLE_WRITE = "ChannelMember.ReadWrite.All"
_CATALOGUE = "https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/"


def root(place: Place) -> Steps[Into]:
    if not place.original:
        yield from ()
        return Into(place.owner, team_of(place.owner), facts={"aside": "yes"})
    into = yield from channel_places.root(place)
    return Into(into.owner, team_of(into.owner))


def restore(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    if "aside" in into.facts:
        yield from ()
        return Restored("skipped", note=ASIDE)
    return (yield from _ACTS[kept.version.feed_id](kept, into, mode))


def _listed(into: Into, path: str, permission: str) -> Steps[list[Json]]:
    found: list[Json] = []
    url = f"{into.path}{path}"
    while url:
        body = permitted((yield get(url, batchable=False)), into.owner, permission).json
        found += body["value"]
        url = str(body.get("@odata.nextLink") or "")
    return found


def _settings(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    there = permitted((yield get(into.path, batchable=False)), into.owner, SETTINGS_WRITE).json
    wanted = {n: kept.record[n] for n in GROUPS if isinstance(kept.record.get(n), dict)}
    changed = {n: v for n, v in wanted.items() if there.get(n) != v}
    if not changed:
        return Restored("skipped", note="the team's settings are these")
    if mode != "replace" and not all(_unchosen(n, there.get(n)) for n in changed):
        return Restored("skipped", note="somebody has chosen other settings: order `replace` to write these")
    permitted((yield patch(into.path, changed)), into.owner, SETTINGS_WRITE)
    return Restored("replaced" if mode == "replace" else "created", into.owner.id)


def _unchosen(name: str, there: object) -> bool:
    return isinstance(there, dict) and all(there.get(k, v) == v for k, v in UNCHOSEN[name].items())


def _here(members: Sequence[Json], into: Into) -> Steps[list[str]]:
    """Who stands for each of them in the place, by id; "" where nobody does."""
    asked = [Person(str(one.get("userId") or ""), mail=str(one.get("email") or "").lower()) for one in members]
    try:
        found = yield from counterparts(person for person in asked if person.id)
    except Refused as why:
        permitted(why.reply, into.owner, ", ".join(PEOPLE_PERMISSIONS))
        raise
    return [there.id if (there := found.get(person)) else "" for person in asked]


def _member(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    roles = [r for r in kept.record.get("roles") or () if r == "owner"]
    if not kept.record.get("userId"):
        return Restored("skipped", note="a member of another tenant: kept, and not written")
    [user] = yield from _here([kept.record], into)
    if not user:
        return Restored("skipped", losses=(NO_MEMBER,), note=NO_MEMBER)
    clause = quote(f"(microsoft.graph.aadUserConversationMember/userId eq '{user}')", safe="/():'")
    found = yield from _listed(into, f"/members?$filter={clause}", MEMBER_WRITE)
    there = next((m for m in found if m.get("userId") == user), None)
    if there is not None and set(roles) <= set(there.get("roles") or ()):
        return Restored("skipped", user, note="the member is in the team")
    if there is not None and mode != "replace":
        return Restored("skipped", user, note="the member is in the team, as no owner: order `replace` to make it one")
    reply = permitted((yield post(f"{into.path}/members", member(user, roles))), into.owner, MEMBER_WRITE)
    if _is_there(reply):
        return Restored("skipped", user, note="the member is in the team")
    if reply.status in (400, 404):
        return Restored("skipped", losses=(NO_MEMBER,), note=f"{NO_MEMBER} ({reply.code})")
    reply.json  # noqa: B018  # raises what else it was refused with
    return Restored("created", user)


def _is_there(reply: Reply) -> bool:
    """Refused because an earlier attempt, whose answer was lost, did it; lists may lag behind."""
    return reply.status == 409 or (reply.status == 400 and b"already" in reply.body.lower())


def _app(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    app = str((kept.record.get("teamsApp") or {}).get("id") or kept.version.item_id)
    found = yield from _listed(into, "/installedApps?$expand=teamsApp", APP_WRITE)
    if any((one.get("teamsApp") or {}).get("id") == app for one in found):
        return Restored("skipped", app, note="the app is installed")
    reply = yield post(f"{into.path}/installedApps", {"teamsApp@odata.bind": _CATALOGUE + segment(app)})
    if reply.status == 404 and (twin := (yield from _twin(kept.record.get("teamsApp") or {}))):
        app = twin
        reply = yield post(f"{into.path}/installedApps", {"teamsApp@odata.bind": _CATALOGUE + segment(app)})
    if reply.status == 404:
        return Restored("skipped", losses=(NO_APP,), note=NO_APP)
    if _is_there(reply):
        return Restored("skipped", app, note="the app is installed")
    if not permitted(reply, into.owner, APP_WRITE).ok:
        reply.json  # noqa: B018
    lost = (CONSENT,) if kept.record.get("consentedPermissionSet") else ()
    return Restored("created", app, lost)


def _twin(app: Json) -> Steps[str]:
    """An organisation's own app has an id of its own in each tenant, and one id of its manifest in all of them (Graph
    docs: teamsapp: externalId). "" where the catalogue has none, or may not be read."""
    manifest = app.get("externalId")
    if not isinstance(manifest, str) or not manifest:
        return ""
    reply = yield get(f"/appCatalogs/teamsApps?$filter=externalId%20eq%20{odata_string(manifest)}", batchable=False)
    found = reply.values if reply.ok else []
    return str(found[0]["id"]) if len(found) == 1 else ""


# --- channels with their tabs and members


def _room(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    record, owner = kept.record, into.owner
    there = yield from _listed(into, "/channels", "Channel.Create")
    name = channel_name(str(record.get("displayName") or kept.version.name), "")
    found = next((c for c in there if str(c.get("displayName") or "").casefold() == name.casefold()), None)
    if record.get(PRIMARY):
        found = permitted((yield get(f"{into.path}/primaryChannel")), owner, "Channel.ReadBasic.All").json
    made = found is None
    if found is None:
        found = yield from channel_places.create(Into(owner, f"{into.path}/channels"), name, record)
    path = f"{into.path}/channels/{segment(str(found['id']))}"
    done, losses = yield from _tabs(path, record.get(KEPT_TABS) or (), into)
    if record.get(KEPT_MEMBERS) and found.get("membershipType", "private") != "standard":
        added, lost = yield from _people(path, record[KEPT_MEMBERS], into)
        done, losses = done + added, losses + lost
    if made and not found.get(PRIMARY) and str(found.get("displayName") or name).casefold() != name.casefold():
        losses.insert(0, channel_places.TAKEN)
    if made or done:
        return Restored("created", str(found["id"]), tuple(dict.fromkeys(losses)))
    return Restored("skipped", str(found["id"]), tuple(dict.fromkeys(losses)), "the channel is there, with all of it")


def _tabs(path: str, wanted: Sequence[Json], into: Into) -> Steps[tuple[int, list[str]]]:
    if not wanted:
        return 0, []
    reply = permitted((yield get(f"{path}/tabs?$expand=teamsApp", batchable=False)), into.owner, TAB_WRITE)
    there = {str(tab.get("displayName")) for tab in reply.values}
    done, losses = 0, list[str]()
    for tab in wanted:
        name, app = str(tab.get("displayName") or "Tab"), str((tab.get("teamsApp") or {}).get("id") or "")
        if name in there or not app:
            continue
        settings = tab.get("configuration") or {}
        body = {
            "displayName": name, "teamsApp@odata.bind": _CATALOGUE + segment(app),
            "configuration": {n: settings[n] for n in _SETTINGS if settings.get(n) is not None},
        }  # fmt: skip
        made = yield post(f"{path}/tabs", body)
        if made.status in (400, 403, 404) and (twin := (yield from _twin(tab.get("teamsApp") or {}))) not in ("", app):
            made = yield post(f"{path}/tabs", {**body, "teamsApp@odata.bind": _CATALOGUE + segment(twin)})
        if _is_there(made):
            continue
        if made.status in (400, 404) or (made.status == 403 and not _no_role(made)):
            losses.append(NO_APP)
            continue
        permitted(made, into.owner, TAB_WRITE).json  # noqa: B018
        done += 1
    return done, losses


_SETTINGS = ("entityId", "contentUrl", "removeUrl", "websiteUrl")


def _no_role(reply: Reply) -> bool:
    """Whether 403 speaks of the app's roles, and not of an app that is not installed."""
    return b"installed" not in reply.body


def _people(path: str, wanted: Sequence[Json], into: Into) -> Steps[tuple[int, list[str]]]:
    reply = permitted((yield get(f"{path}/members", batchable=False)), into.owner, PEOPLE_WRITE)
    there = {m.get("userId") for m in reply.values}
    done, losses = 0, list[str]()
    for one, user in zip(wanted, (yield from _here(wanted, into)), strict=True):
        if not user:
            losses.append(NO_MEMBER)
        if not user or user in there:
            continue
        body = member(user, [r for r in one.get("roles") or () if r == "owner"])
        added = permitted((yield post(f"{path}/members", body)), into.owner, PEOPLE_WRITE)
        if added.ok:
            done += 1
        elif not _is_there(added):
            losses.append(NO_MEMBER)
    return done, losses


# --- tags


def _tag(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    name = str(kept.record.get("displayName") or "")
    if kept.record.get("tagType") not in (None, "standard"):
        return Restored("skipped", note="a tag of the service's own kind: kept, and not written")
    team = {m.get("userId") for m in (yield from _listed(into, "/members", MEMBER_WRITE))}
    tagged = kept.record.get(KEPT_MEMBERS) or ()
    wanted = [user for user in (yield from _here(tagged, into)) if user in team]
    lost = (NO_MEMBER,) if len(wanted) < len(tagged) else ()
    tags = yield from _listed(into, "/tags", TAG_WRITE)
    there = next((t for t in tags if str(t.get("displayName") or "").casefold() == name.casefold()), None)
    if there is not None:
        return (yield from _more_tagged(into, str(there["id"]), wanted, lost))
    if not wanted:
        return Restored("skipped", losses=(NO_MEMBER,), note="none of the tag's members is in the team")
    body: Json = {"displayName": name, "members": [{"userId": id} for id in wanted[:25]]}
    if kept.record.get("description"):
        body["description"] = str(kept.record["description"])
    reply = permitted((yield post(f"{into.path}/tags", body)), into.owner, TAG_WRITE)
    if _is_there(reply):
        raise Unreachable(f"{into.owner.key}: a tag that was made just now is not to be seen yet")
    return Restored("created", str(reply.json["id"]), lost)


def _more_tagged(into: Into, tag: str, wanted: Sequence[str], lost: tuple[str, ...]) -> Steps[Restored]:
    path = f"/tags/{segment(tag)}/members"
    there = {m.get("userId") for m in (yield from _listed(into, path, TAG_WRITE))}
    missing = [id for id in wanted if id not in there]
    for id in missing:
        reply = permitted((yield post(f"{into.path}{path}", {"userId": id})), into.owner, TAG_WRITE)
        if not _is_there(reply):
            reply.json  # noqa: B018
    return Restored("created" if missing else "skipped", tag, lost, "" if missing else "the tag is there")


_ACTS: dict[str, Callable[[Kept, Into, Mode], Steps[Restored]]] = {
    TEAM: _settings, MEMBERS: _member, APPS: _app, ROOMS: _room, TAGS: _tag,
}  # fmt: skip
