"""The JSON of the vault's care as JSON Schema. Pure."""

from __future__ import annotations

from shared.api.bodies import DEEP
from shared.api.care_shapes import MENDINGS, STATES, WHATS
from shared.api.schema_parts import KEY, OWNER_KEY, by_name, flag, listed, many, maybe, moment, ref, text, thing, whole
from shared.model import Json

_OWNER = "user-7f3a1c52-8a40-4be8-9a3e-0d5b3c1f2a11"

_RULES: Json = {
    "everyone": {"type": ["string", "null"], "description": "Null: for ever."},
    "kinds": by_name(text()),
    "owners": many(thing({"pattern": text("Of ids or names."), "rule": text()}), "The first that fits counts."),
    "min_days": whole(),
    "grace_days": whole(),
}

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
            "task": text(enum=["verify", "forget", "forget-person", "checkup", "drill", "index"]),
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
    "RetentionPolicy": thing(_RULES),
    "PolicyOrder": {
        **thing(_RULES | {"reason": text("Why, for whoever approves and asks later.")}, optional=tuple(_RULES)),
        "examples": [{"everyone": "all:30,daily:30,weekly:12,monthly:24,yearly:7", "reason": "the archive is full"}],
    },
    "PolicyChange": thing(
        {
            "change": whole(),
            "state": text(
                "`proposed`: a second person has to approve; `waits`: for its day; `past`: a newer one counts.",
                enum=["proposed", "waits", "in force", "past", "lapsed", "rejected"],
            ),
            "rules": ref("RetentionPolicy"),
            "shortened": many(text(), "What it no longer promises."),
            "reason": text(),
            "by": text(),
            "at": moment(),
            "approved_by": text(),
            "approved_at": maybe(moment()),
            "rejected_by": text(),
            "rejected_at": maybe(moment()),
            "effective_at": maybe(moment("From then on it counts.")),
        }
    ),
    "Policy": thing(
        {
            "in_force": ref("RetentionPolicy"),
            "settings": ref("RetentionPolicy"),
            "approval_days": whole("Within which a second person has to approve; 0: nobody has to."),
            "delay_days": whole("Before a shorter policy counts."),
            "changes": many(ref("PolicyChange"), "The newest first."),
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
            "asked_at": maybe(moment("When the first of two people asked to lift it.")),
            "asked_by": text(),
        }
    ),
    "Holds": listed("Hold"),
    "ForgetOrder": {
        **thing(
            {
                "owner": text("Only this one; not given: everyone.", pattern=OWNER_KEY),
                "person": flag("All that is kept of the owner, whatever a rule promises."),
                "dry_run": flag("Only count. Default true."),
                "policy_change": whole("Number of a change of the policy: what it would forget. Only for a dry run."),
            },
            optional=("owner", "person", "dry_run", "policy_change"),
        ),
        "examples": [{"owner": _OWNER, "person": True, "dry_run": False}],
    },
    "Certificate": {"type": "object", "required": ["certificate", "owner", "removed", "kept"]},
}
