"""Ids of mailbox items from one form into another, many at a time (Graph docs: user-translateexchangeids)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.mail_access import the_mailbox
from sandbox.tenant.odata import context

routes = Routes()
READ = ("User.Read.All", "User.ReadWrite.All")
MOST = 1000
FORMATS: dict[str, Callable[[Any], str]] = {
    "restId": lambda thing: str(thing.mutable_id),
    "restImmutableEntryId": lambda thing: str(thing.immutable_id),
}


@routes("POST", "/users/{user}/translateExchangeIds", *READ, scope=mailbox_scope)
async def translate_exchange_ids(call: Call, user: str) -> Answer:
    """Between the two forms that Graph's own answers use; what the other clients' forms look like is not simulated."""
    mailbox = the_mailbox(call, user)
    body = {name.lower(): value for name, value in call.json().items()}
    if body.keys() != {"inputids", "sourceidtype", "targetidtype"}:
        raise Refusal(400, "BadRequest", "The action takes inputIds, sourceIdType and targetIdType.")
    ids, source, target = body["inputids"], FORMATS.get(body["sourceidtype"]), FORMATS.get(body["targetidtype"])
    if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids) or source is None or target is None:
        raise Refusal(400, "BadRequest", "The parameters of the action are not what it takes.")
    if len(ids) > MOST:
        raise Refusal(400, "ErrorTooManyItems", f"At most {MOST} ids can be translated at a time.")
    stores = (mailbox.by_id, call.tenant.calendars[mailbox.user.id].by_id, call.tenant.contacts[mailbox.user.id].by_id)
    known = {name: thing for store in stores for name, thing in store.items()}
    found = [_translated(name, known, source, target) for name in ids]
    return Answer(200, {"@odata.context": context(call), "value": found})


def _translated(
    name: str, known: Mapping[str, Any], source: Callable[[Any], str], target: Callable[[Any], str]
) -> Json:
    thing = known.get(name)
    if thing is None or source(thing) != name:
        return {"sourceId": name, "errorDetails": {"code": "ErrorInvalidIdMalformed", "message": "Id is malformed."}}
    return {"sourceId": name, "targetId": target(thing)}
