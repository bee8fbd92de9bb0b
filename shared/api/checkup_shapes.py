"""Checkups -> the JSON of answers, and their schemas. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from shared.api.schema_parts import flag, many, maybe, moment, ref, text, thing
from shared.api.shapes import time
from shared.checkup.nouns import CheckState, Checkup, Severity
from shared.model import Json


def whole(mine: Checkup, others: Sequence[Checkup]) -> Json:
    """`well`: nothing that is an error was found, here or by another app's newest checkup."""
    well = not any(checkup.count("error") for checkup in (mine, *others))
    return {"well": well, **one(mine), "others": [one(other) for other in others]}


def one(checkup: Checkup) -> Json:
    return {
        "role": checkup.role,
        "at": time(checkup.at),
        "credentials_end": time(checkup.ends),
        "checks": [{"name": c.name, "state": c.state, "text": c.text} for c in checkup.checks],
        "findings": [
            {"check": f.check, "severity": f.severity, "subject": f.subject, "text": f.text, "remedy": f.remedy}
            for f in checkup.findings
        ],
    }


_CHECKUP: Json = {
    "role": text("Whose settings and identities were looked at."),
    "at": maybe(moment()),
    "credentials_end": maybe(moment("When the first credential ends that has an end.")),
    "checks": many(
        thing(
            {
                "name": text(),
                "state": text("`unknown`: it could not be made.", enum=list(get_args(CheckState))),
                "text": text(),
            }
        )
    ),
    "findings": many(
        thing(
            {
                "check": text(),
                "severity": text(enum=list(get_args(Severity))),
                "subject": text("What it is about: a setting, a role, an owner, a queue."),
                "text": text("What is wrong."),
                "remedy": text("What to do about it."),
            }
        ),
        "Errors first.",
    ),
}

CHECKUP_SCHEMAS: dict[str, Json] = {
    "Checkup": thing(_CHECKUP),
    "Doctor": thing(
        {
            "well": flag("Nothing that is an error was found, by any app."),
            **_CHECKUP,
            "others": many(ref("Checkup"), "The newest daily checkup of each other app."),
        }
    ),
}
