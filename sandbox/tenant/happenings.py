"""Carrying out mutations by name, whoever asks: the control door, or a fault plan in the middle of a run."""

from __future__ import annotations

from typing import Any

from sandbox.tenant.state import Tenant


def all_mutations() -> dict[str, Any]:
    # here: they reach back to the nouns that routes are made of
    from sandbox.tenant import (
        calendar_mutations,
        conversations,
        drives,
        group_mutations,
        library_items,
        mutations,
        onenote_mutations,
        planner_mutations,
        settings_mutations,
        site_columns,
        site_drive_mutations,
        site_list_mutations,
        site_page_mutations,
        stickies,
        teams_mutations,
        todo_mutations,
    )

    out: dict[str, Any] = {}
    everybody = (
        mutations, calendar_mutations, drives, group_mutations, planner_mutations, settings_mutations,
        site_columns, site_drive_mutations, site_list_mutations, site_page_mutations, todo_mutations, teams_mutations,
        conversations, onenote_mutations, library_items, stickies,
    )  # fmt: skip
    for module in everybody:
        out |= module.mutations
    return out


def mutate(tenant: Tenant, wanted: list[dict[str, Any]]) -> list[Any]:
    """[{"do": name, ...arguments}], in order; the first that fails stops the rest."""
    known, done = all_mutations(), []
    for one in wanted:
        arguments = {k: v for k, v in one.items() if k != "do"}
        if one["do"] not in known:
            raise KeyError(f"no mutation {one['do']}; there are {sorted(known)}")
        done.append(known[one["do"]](tenant, **arguments))
    return done
