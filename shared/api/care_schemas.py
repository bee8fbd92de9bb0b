"""The JSON of the vault's care as JSON Schema. Pure."""

from __future__ import annotations

from shared.api.bodies import DEEP
from shared.api.care_shapes import MENDINGS, STATES, WHATS
from shared.api.schema_parts import KEY, OWNER_KEY, by_name, flag, listed, many, maybe, moment, ref, text, thing, whole
from shared.model import Json

_OWNER = "user-7f3a1c52-8a40-4be8-9a3e-0d5b3c1f2a11"

CARE_SCHEMAS: dict[str, Json] = {
    "VaultHealth": thing(
        {
            "whole": flag("No damage is open, and the last verification reached its end."),
            "open": whole("Damages that are not mended."),
            "settled": whole("Damages of which everything current is whole again."),
            "last": {"anyOf": [ref("Care"), {"type": "null"}]},
            "running": {"anyOf": [ref("Care"), {"type": "null"}]},
            "damages": many(ref("Damage"), "Open ones first, up to `limit`."),
            "holds": many(ref("Hold"), "Those that are in force."),
        }
    ),
    "Care": thing(
        {
            "care": text(),
            "task": text(enum=["verify", "forget", "forget-person", "checkup", "drill"]),
            "state": text(enum=list(STATES)),
            "options": by_name(text()),
            "asked_by": text(),
            "asked_at": moment(),
            "started_at": maybe(moment()),
            "ended_at": maybe(moment()),
            "counts": by_name(whole()),
            "problems": many(text()),
            "status": text("Where to ask again."),
        }
    ),
    "Damage": thing(
        {
            "owner": ref("OwnerName"),
            "kind": text(),
            "feed": text(),
            "item": text("Empty: of no item that could be named."),
            "item_key": text(pattern=KEY),
            "name": text(),
            "version": text(),
            "part": text(),
            "what": text(enum=list(WHATS)),
            "blob": text("Where it lies."),
            "text": text(),
            "mending": text(
                "`owed`: taken anew from Microsoft 365; `retaken`: it was; `lost`: that version is gone for good.",
                enum=["open", *(name for name in MENDINGS if name)],
            ),
            "found_at": maybe(moment()),
            "seen_at": maybe(moment()),
        }
    ),
    "VerificationOrder": {
        **thing(
            {"deep": text("How much payload is read: this day's thirtieth, all, or none.", enum=list(DEEP))},
            optional=("deep",),
        ),
        "examples": [{"deep": "all"}],
    },
    "RetentionPolicy": thing(
        {
            "everyone": maybe(text("Null: for ever.")),
            "kinds": by_name(text()),
            "owners": by_name(text()),
            "min_days": whole(),
            "grace_days": whole(),
        }
    ),
    "HoldOrder": {
        **thing({"owner": text("Whose.", pattern=OWNER_KEY), "reason": text("Why, for whoever asks later.")}),
        "examples": [{"owner": _OWNER, "reason": "case 2026-17"}],
    },
    "Hold": thing(
        {
            "owner": ref("OwnerName"),
            "by": text(),
            "at": moment(),
            "reason": text(),
            "pinned": flag("Set by the app itself, because of a mass change."),
            "lifted_at": maybe(moment()),
            "lifted_by": text(),
        }
    ),
    "Holds": listed("Hold"),
    "ForgetOrder": {
        **thing(
            {
                "owner": text("Only this one; not given: everyone.", pattern=OWNER_KEY),
                "person": flag("All that is kept of the owner, whatever a rule promises."),
                "dry_run": flag("Only count. Default true."),
            },
            optional=("owner", "person", "dry_run"),
        ),
        "examples": [{"owner": _OWNER, "person": True, "dry_run": False}],
    },
    "Certificate": {"type": "object", "required": ["certificate", "owner", "removed", "kept"]},
}
