"""Who stands for whom: people and groups as Graph names them in a record, and their counterparts where it goes back to.

A kind whose items name people (grants, members, assignments, authors) reads them with `person_of`, asks `counterparts`
once before its first write, and declares those that have none as a loss of the item. The rules are the order's and the
operator's; no kind knows whether the place is in another tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.graph.steps import Steps, Whom
from shared.model import Json, Person

# what finds people and groups where they are given something: needed across tenants, or for a map (permission map)
PEOPLE_PERMISSIONS = ("User.ReadBasic.All", "GroupMember.Read.All")
_MEMBERSHIP = "|membership|"  # of a SharePoint claim: i:0#.f|membership|ann@contoso.example


def counterparts(people: Iterable[Person]) -> Steps[Mapping[Person, Person | None]]:
    """Each person's counterpart in the place, None where nobody stands for them. Raises `Refused` when the place's
    directory can't be asked."""
    asked = tuple(dict.fromkeys(people))
    if not asked:
        return {}
    reply = yield Whom("GET", "", people=asked)
    found = [Person(**one) if one else None for one in reply.values]
    return dict(zip(asked, found, strict=True))


def person_of(identity: object) -> Person | None:
    """The person or group of an identity set (`{"user": {...}}`), or of one identity that says in `@odata.type` or by
    its members what it is. None for applications, SharePoint groups and whoever has neither id nor address."""
    if not isinstance(identity, dict):
        return None
    for name in ("user", "siteUser", "group"):
        if isinstance(identity.get(name), dict) and (found := _read(name, identity[name])):
            return found
    return None if _is_set(identity) else _read("user", identity)


def _is_set(identity: Json) -> bool:
    return any(isinstance(value, dict) for value in identity.values())


def _read(name: str, who: Json) -> Person | None:
    login = _text(who, "loginName")
    claim = login.rpartition(_MEMBERSHIP)[2] if _MEMBERSHIP in login else ""
    upn = _text(who, "userPrincipalName") or claim
    mail = _text(who, "email") or _text(who, "mail")
    id = "" if name == "siteUser" else _text(who, "id")  # a siteUser's id counts the users of one site
    if not (id or upn or mail):
        return None
    return Person(id, upn.lower(), mail.lower(), "group" if name == "group" else "user")


def _text(who: Json, name: str) -> str:
    value = who.get(name)
    return value if isinstance(value, str) else ""
