"""The JSON of the API as JSON Schema (2020-12), with examples. Pure."""

from __future__ import annotations

from typing import get_args

from shared.api.bodies import MOST_ITEMS, MOST_OWNERS
from shared.api.care_schemas import CARE_SCHEMAS
from shared.api.checkup_shapes import CHECKUP_SCHEMAS
from shared.api.cost import COST_SCHEMAS
from shared.api.coverage import COVERAGE_SCHEMAS
from shared.api.drills import DRILL_SCHEMAS
from shared.api.exports import EXPORT_SCHEMAS
from shared.api.schema_parts import (
    KEY,
    OWNER_KEY,
    by_name,
    flag,
    listed,
    many,
    maybe,
    moment,
    paged,
    ref,
    text,
    thing,
    whole,
)
from shared.api.search import SEARCH_SCHEMAS
from shared.catalog.nouns import RestoreState, RunState
from shared.model import Account, Json, Mode, OwnerType, PeopleRule, State

_OWNER = "user-7f3a1c52-8a40-4be8-9a3e-0d5b3c1f2a11"
_ITEM = "AAMkADc5ZTk2"


_OPENS = (
    "Of a folder whose items are a feed of their own (a mail folder's messages): that feed's key, for the query option "
    "`feed`. Its subfolders are in this feed, under its `key` as `folder`. Null otherwise: its content is in this feed."
)
_MAP = (
    "Who stands for whom where sharing and membership are given back: an id, user principal name or mail address to "
    "another, or a domain: `@old.example` to `@new.example`. Needs the role to restore across owners."
)
_RULES = "How all others are found in another tenant, in order; not given: as the operator set it."
_PART = thing({"size_bytes": whole(), "sha256": text(pattern="^[0-9a-f]{64}$")})

_VERSION: Json = {
    "kind": text(),
    "item": text("The item's id in Microsoft 365."),
    "key": text("Stands for `item` in URLs.", pattern=KEY),
    "feed": text(),
    "feed_key": text("Stands for `feed` in URLs and in the query option `feed`.", pattern=KEY),
    "version": text("Names this version for ever.", pattern="^[0-9]{10}$"),
    "state": text(enum=list(get_args(State))),
    "taken_at": moment(),
    "name": text(),
    "folder": text("Id of the folder it is in; empty at the top."),
    "folder_key": text("Stands for `folder` in the query option `folder`.", pattern=KEY),
    "folderish": flag("It can contain others."),
    "size_bytes": whole(),
    "modified": text("When it was last changed in Microsoft 365, as told there."),
    "reason": text("Why it is gone, skipped or owed."),
    "notes": many(text(), "Gaps of this one item."),
    "parts": by_name(_PART, "What is kept of it, by name; `record` is its JSON. Left out in the listing of a folder."),
    "path": text("The URL path of this version; `/record` and `/parts/{part}` are below it."),
}

SCHEMAS: dict[str, Json] = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457 problem details.",
        "properties": {
            "type": text(examples=["urn:holdfast:problem:forbidden"]),
            "title": text(),
            "status": whole(),
            "detail": text(),
            "reference": text("Finds the matching entry in the app's log."),
            "errors": many(thing({"member": text(), "problem": text()}), "What is wrong with the body."),
            "needs": many(text(), "App roles of which one is needed."),
        },
        "required": ["type", "title", "status", "detail", "reference"],
    },
    "Account": thing(
        {name: whole() for name in Account.__slots__},
        meaning="listed = kept + unchanged + gone + skipped + lost.",
    ),
    "OwnerName": thing(
        {
            "owner": text("Stands for the owner in URLs and bodies.", pattern=OWNER_KEY, examples=[_OWNER]),
            "type": text(enum=list(get_args(OwnerType))),
            "id": text(),
            "name": text(),
        }
    ),
    "Owner": thing(
        {
            "owner": text("Stands for the owner in URLs and bodies.", pattern=OWNER_KEY, examples=[_OWNER]),
            "type": text(enum=list(get_args(OwnerType))),
            "id": text(),
            "name": text(),
            "state": text("`ok`, or why nothing can be kept just now."),
            "seen_at": maybe(moment("When the directory showed it last.")),
            "facts": by_name(text()),
        }
    ),
    "Owners": paged("Owner"),
    "BackupOrder": {
        **thing(
            {
                "owners": many(text(), "Ids or user principal names, or all.", minItems=1, maxItems=MOST_OWNERS),
                "kinds": many(text(), "Only these, of what the policy keeps; not given: all.", minItems=1, maxItems=50),
            },
            optional=("owners", "kinds"),
        ),
        "examples": [{"owners": ["ann@contoso.example"], "kinds": ["mail"]}],
    },
    "BackupStarted": thing(
        {"runs": many(ref("Run"), "Empty when everyone is backed up: the owners are listed first."), "status": text()}
    ),
    "Run": thing(
        {
            "run": text(),
            "owner": ref("OwnerName"),
            "lane": text(),
            "slot": text("The moment of the plan that it serves."),
            "state": text(enum=list(get_args(RunState))),
            "started_at": moment(),
            "ended_at": maybe(moment()),
            "account": ref("Account"),
            "kinds": by_name(ref("Account")),
            "requests": whole("Sent to Microsoft Graph."),
            "problems": many(text()),
        }
    ),
    "Runs": paged("Run"),
    "Feed": thing(
        {
            "kind": text(),
            "feed": text(),
            "key": text("Stands for `feed` in URLs.", pattern=KEY),
            "name": text(),
            "pages": whole("Commits so far."),
            "complete": flag("The last round of questions reached its end."),
            "taken_at": maybe(moment("Of the newest page.")),
            "listed_at": maybe(moment("End of the last complete listing.")),
            "closed": flag("The place itself is gone; what it held is kept."),
            "account": ref("Account"),
            "problem": text(),
            "left": maybe(
                thing(
                    {
                        "items": whole("Files."),
                        "bytes": whole(),
                        "ends_about": maybe(moment("At the pace so far; null while nobody works on it.")),
                    },
                    meaning="What a first crawl of a large drive knows to be there and has not come to yet.",
                )
            ),
        }
    ),
    "Feeds": listed("Feed"),
    "Item": thing({**_VERSION, "opens": maybe(text(_OPENS))}),
    "Items": paged("Item"),
    "Version": thing(_VERSION),
    "Versions": listed("Version"),
    "Record": {"type": "object", "description": "Graph's own JSON below the common `o365:` properties."},
    "RestoreOrder": {
        **thing(
            {
                "owner": text("Whose data.", pattern=OWNER_KEY),
                "kinds": many(text(), "Which kinds.", minItems=1),
                "at": moment("As of when; not given: now. A version is the newest one taken before it."),
                "folder": text("Only what is in the folder with this id, and below. Needs exactly one kind."),
                "items": many(text(), "Only the items with these ids.", minItems=1, maxItems=MOST_ITEMS),
                "changed_since": moment("Only what was deleted or changed after this moment, as it was then."),
                "place": thing(
                    {
                        "owner": text("To whom; not given: the owner it came from.", pattern=OWNER_KEY),
                        "folder": text("`original`, or the name of a folder that is made for it (default `Restored`)."),
                        "tenant": text("Id of the second tenant, if one is set up; not given: where it came from."),
                        "people": thing(
                            {
                                "map": by_name(text(), _MAP),
                                "rules": many(text(enum=list(get_args(PeopleRule))), _RULES),
                            },
                            optional=("map", "rules"),
                        ),
                        "notify": flag(
                            "Also what makes Microsoft 365 notify people (assigned tasks, joined groups, posted mail)."
                        ),
                    },
                    optional=("owner", "folder", "tenant", "people", "notify"),
                ),
                "mode": text("What to do with items that exist. Default `skip`.", enum=list(get_args(Mode))),
                "preview": flag("Write nothing; count what would be done."),
            },
            optional=("at", "folder", "items", "changed_since", "place", "mode", "preview"),
        ),
        "examples": [
            {"owner": _OWNER, "kinds": ["mail"], "at": "2026-03-01T12:00:00Z", "place": {"folder": "original"}},
            {"owner": _OWNER, "kinds": ["files"], "items": [_ITEM], "mode": "create", "preview": True},
        ],
    },
    "Restore": thing(
        {
            "restore": text(),
            "state": text(enum=list(get_args(RestoreState))),
            "preview": flag(),
            "mode": text(enum=list(get_args(Mode))),
            "selection": thing(
                {
                    "owner": ref("OwnerName"),
                    "kinds": many(text()),
                    "at": moment(),
                    "folder": maybe(text()),
                    "items": many(text()),
                    "changed_since": maybe(moment()),
                }
            ),
            "place": thing({"owner": ref("OwnerName"), "folder": text(), "tenant": text(), "notify": flag()}),
            "ordered_by": text("Object id of the caller."),
            "ordered_at": moment(),
            "approved_by": text("Object id of the second person, where one is asked for."),
            "started_at": maybe(moment()),
            "ended_at": maybe(moment()),
            "cancelling": flag("It was told to stop and has not yet."),
            "counts": by_name(whole(), "Items by outcome."),
            "warnings": many(text(), "What a person has to know first: an import of messages can't be taken back."),
            "losses": by_name(whole(), "What could not be given back, and of how many items."),
            "estimate": by_name(
                whole(), "Of a preview: items, bytes, seconds; reads and bytes by tier, of the archive whole blobs."
            ),
            "cost": {"anyOf": [ref("RestoreCost"), {"type": "null"}], "description": "Of a preview."},
            "problems": many(text()),
            "status": text("Where to ask again."),
        }
    ),
    "Restores": paged("Restore"),
    "Outcome": thing(
        {
            "kind": text(),
            "item": text(),
            "name": text(),
            "folder_path": text(),
            "outcome": text(enum=["created", "completed", "replaced", "skipped", "failed"]),
            "new_item": text("Its id where it is now."),
            "losses": many(text()),
            "note": text(),
            "at": moment(),
        }
    ),
    "Outcomes": paged("Outcome"),
    "LostTicket": thing({"id": text(), "queue": text(), "ticket": text(), "reason": text(), "at": moment()}),
    "LostTickets": paged("LostTicket"),
    **CARE_SCHEMAS,
    **CHECKUP_SCHEMAS,
    **DRILL_SCHEMAS,
    **EXPORT_SCHEMAS,
    **SEARCH_SCHEMAS,
    **COVERAGE_SCHEMAS,
    **COST_SCHEMAS,
    "Health": thing({"status": text(enum=["ok"])}),
    "Document": {"type": "object", "description": "An OpenAPI 3.1 document.", "required": ["openapi", "paths"]},
}
