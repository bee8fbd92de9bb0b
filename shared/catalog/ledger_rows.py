"""The other nouns of the catalog <-> rows: owners, lanes, runs, what is owed, restores and their reports. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from shared.catalog import keys
from shared.catalog.columns import (
    Columns,
    escape,
    get_json,
    get_text,
    label,
    moment,
    moment_of,
    number,
    put_json,
    put_text,
    read_time,
    text,
    told,
    write_time,
)
from shared.catalog.nouns import (
    AuditRow,
    CareRow,
    ExportRow,
    LaneRow,
    LaneState,
    LostTicket,
    OutcomeRow,
    Owed,
    OwnerRow,
    RestoreRow,
    RestoreState,
    RunRow,
    RunState,
)
from shared.catalog.rows import read_account, write_account
from shared.model import Lane, Mode, Owner, OwnerType, People, Place, Restored, Selection, Version
from shared.ports import Row

LOST, AUDIT = "lost", "audit"  # partitions: such rows may belong to no tenant that we know


def write_owner(owner: Owner) -> Columns:
    known = {"owner_id": escape(owner.id), "owner_name": label(owner.name), "owner_type": owner.type}
    return told({"tenant": escape(owner.tenant), **known})


def read_whose(row: Row) -> Owner:
    kind = cast(OwnerType, str(row["owner_type"]))
    return Owner(text(row, "tenant"), kind, text(row, "owner_id"), text(row, "owner_name"))


# --- owners and lanes -------------------------------------------------------------------------------------------------


def owner_row(owner: OwnerRow) -> Columns:
    row: Columns = {
        "PartitionKey": keys.plain(owner.owner.tenant),
        "RowKey": keys.plain(owner.owner.key),
        **write_owner(owner.owner),
        **told({"state": label(owner.state), "seen_at": owner.seen_at, "folded": label(owner.owner.name.casefold())}),
    }
    put_json(row, "facts", dict(owner.facts))
    return row


def read_owner(row: Row) -> OwnerRow:
    return OwnerRow(read_whose(row), text(row, "state"), moment(row, "seen_at"), get_json(row, "facts", {}))


def lane_row(lane: LaneRow) -> Columns:
    row: Columns = {
        "PartitionKey": keys.of_owner(lane.lane.owner),
        "RowKey": keys.plain(lane.lane.name),
        **write_owner(lane.lane.owner),
        **told(
            {
                "lane": escape(lane.lane.name),
                "state": lane.state,
                "slot": escape(lane.slot),
                "run": escape(lane.run),
                "hop": lane.hop,
                "planned_at": lane.planned_at,
                "touched_at": lane.touched_at,
                "done_at": lane.done_at,
                "problem": label(lane.problem),
            }
        ),
    }
    put_json(row, "used", lane.used)
    return row


def read_lane(row: Row) -> LaneRow:
    return LaneRow(
        Lane(read_whose(row), text(row, "lane")),
        cast(LaneState, str(row["state"])),
        text(row, "slot"),
        text(row, "run"),
        number(row, "hop"),
        moment(row, "planned_at"),
        moment(row, "touched_at"),
        moment(row, "done_at"),
        text(row, "problem"),
        get_json(row, "used", {}),
        str(row.get("etag", "")),
    )


# --- runs -------------------------------------------------------------------------------------------------------------


def run_key(run: RunRow) -> str:
    """Its place in a listing: the newest first."""
    return f"{keys.inverted_time(run.started_at)}|{keys.plain(run.run)}"


def restore_key(restore: RestoreRow) -> str:
    return f"{keys.inverted_time(restore.ordered_at)}|{keys.plain(restore.restore)}"


def export_key(export: ExportRow) -> str:
    return f"{keys.inverted_time(export.ordered_at)}|{keys.plain(export.export)}"


def care_key(care: CareRow) -> str:
    return f"{keys.inverted_time(care.asked_at)}|{keys.plain(care.care)}"


def lost_key(lost: LostTicket) -> str:
    return f"{keys.inverted_time(lost.at)}|{keys.tag(f'{lost.queue}|{lost.id}')}"


def run_rows(run: RunRow) -> list[Columns]:
    """A run three times in one transaction: by its name, and twice by its time, among all and among its owner's."""
    owner, since = run.lane.owner, keys.inverted_time(run.started_at)
    columns: Columns = {
        **write_owner(owner),
        "started_at": run.started_at,
        **told(
            {
                "run": escape(run.run),
                "lane": escape(run.lane.name),
                "slot": escape(run.slot),
                "state": run.state,
                "ended_at": run.ended_at,
                "requests": run.requests or None,
            }
        ),
    }
    put_json(columns, "account", write_account(run.account))
    put_json(columns, "kinds", {kind: write_account(account) for kind, account in run.kinds.items()})
    put_json(columns, "problems", run.problems)
    name = keys.plain(run.run)
    names = (f"r|{name}", f"t|{since}|{name}", f"o|{keys.tag(owner.key)}|{since}|{name}")
    return [{"PartitionKey": keys.plain(owner.tenant), "RowKey": key, **columns} for key in names]


def read_run(row: Row) -> RunRow:
    kinds = {kind: read_account(counts) for kind, counts in get_json(row, "kinds", {}).items()}
    return RunRow(
        text(row, "run"),
        Lane(read_whose(row), text(row, "lane")),
        text(row, "slot"),
        cast(RunState, str(row["state"])),
        moment_of(row, "started_at"),
        moment(row, "ended_at"),
        read_account(get_json(row, "account", {})),
        kinds,
        number(row, "requests"),
        tuple(get_json(row, "problems", [])),
    )


# --- what is owed, what was lost --------------------------------------------------------------------------------------


def owed_key(owed: Owed) -> tuple[str, str]:
    return keys.of_owner(owed.owner), keys.owed(owed.kind, owed.feed_id, owed.item_id)


def owed_row(owed: Owed, seq: int) -> Columns:
    """`seq`: the page that said so last; a page before it can't take it back."""
    partition, key = owed_key(owed)
    return {
        "PartitionKey": partition,
        "RowKey": key,
        **write_owner(owed.owner),
        "seq": seq,
        "attempts": owed.attempts,
        **told(
            {
                "kind": owed.kind,
                "feed_id": escape(owed.feed_id),
                "item_id": escape(owed.item_id),
                "reason": label(owed.reason),
                "name": label(owed.name),
                "first_at": owed.first_at,
                "next_at": owed.next_at,
            }
        ),
    }


def owed_by(version: Version) -> Owed:
    """A version that is owed, as new on the list."""
    first_at, name = version.taken_at, version.name
    item = (version.owner, version.kind, version.feed_id, version.item_id)
    return Owed(*item, reason=version.reason, name=name, first_at=first_at)


def read_owed(row: Row) -> Owed:
    return Owed(
        read_whose(row),
        text(row, "kind"),
        text(row, "feed_id"),
        text(row, "item_id"),
        text(row, "reason"),
        text(row, "name"),
        number(row, "attempts"),
        moment(row, "first_at"),
        moment(row, "next_at"),
    )


def lost_row(lost: LostTicket) -> Columns:
    row: Columns = {"PartitionKey": LOST, "RowKey": keys.tag(f"{lost.queue}|{lost.id}"), "at": lost.at}
    row |= told({"id": escape(lost.id), "queue": escape(lost.queue), "reason": label(lost.reason)})
    put_text(row, "text", lost.text)
    return row


def read_lost(row: Row) -> LostTicket:
    return LostTicket(
        text(row, "id"), text(row, "queue"), get_text(row, "text"), text(row, "reason"), moment_of(row, "at")
    )


def audit_row(audit: AuditRow) -> Columns:
    said = (audit.who, audit.action, audit.subject, audit.result)
    key = f"{keys.inverted_time(audit.at)}|{keys.tag('|'.join(said))}"
    told_ = told(dict(zip(("who", "action", "subject", "result"), map(label, said), strict=True)))
    return {"PartitionKey": AUDIT, "RowKey": key, "at": audit.at, **told_}


def read_audit(row: Row) -> AuditRow:
    return AuditRow(
        moment_of(row, "at"), text(row, "who"), text(row, "action"), text(row, "subject"), text(row, "result")
    )


# --- restores ---------------------------------------------------------------------------------------------------------


def restore_row(restore: RestoreRow) -> Columns:
    row: Columns = {
        "PartitionKey": keys.plain(restore.selection.owner.tenant),
        "RowKey": keys.plain(restore.restore),
        "ordered_at": restore.ordered_at,
        **told(
            {
                "restore": escape(restore.restore),
                "mode": restore.mode,
                "preview": restore.preview,
                "state": restore.state,
                "ordered_by": label(restore.ordered_by),
                "approved_by": label(restore.approved_by),
                "started_at": restore.started_at,
                "ended_at": restore.ended_at,
                "touched_at": restore.touched_at,
                "cancel": restore.cancel,
                "hop": restore.hop or None,
            }
        ),
    }
    put_json(row, "selection", write_selection(restore.selection))
    put_json(row, "place", asdict(restore.place))
    put_text(row, "progress", restore.progress)
    for name in ("counts", "losses", "estimate", "problems"):
        put_json(row, name, getattr(restore, name))
    return row


def read_restore(row: Row) -> RestoreRow:
    return RestoreRow(
        text(row, "restore"),
        read_selection(get_json(row, "selection", {})),
        _read_place(get_json(row, "place", {})),
        cast(Mode, str(row["mode"])),
        bool(row.get("preview", False)),
        cast(RestoreState, str(row["state"])),
        text(row, "ordered_by"),
        moment_of(row, "ordered_at"),
        moment(row, "started_at"),
        moment(row, "ended_at"),
        bool(row.get("cancel", False)),
        number(row, "hop"),
        get_text(row, "progress"),
        get_json(row, "counts", {}),
        get_json(row, "losses", {}),
        get_json(row, "estimate", {}),
        tuple(get_json(row, "problems", [])),
        moment(row, "touched_at"),
        text(row, "approved_by"),
        str(row.get("etag", "")),
    )


def _read_place(said: dict[str, Any]) -> Place:
    people = said.get("people") or {}  # orders of an earlier form have none
    whom = People(people.get("known", {}), tuple(people.get("rules", ())))
    return Place(**{**said, "owner": Owner(**said["owner"]), "people": whom})


def write_selection(selection: Selection) -> dict[str, Any]:
    since = write_time(selection.changed_since)
    return {**asdict(selection), "at": write_time(selection.at), "changed_since": since}


def read_selection(said: dict[str, Any]) -> Selection:
    tuples = {name: tuple(said[name]) for name in ("kinds", "items")}
    times = {name: read_time(said[name]) for name in ("at", "changed_since")}
    return Selection(**{**said, **tuples, **times, "owner": Owner(**said["owner"])})


def outcome_row(outcome: OutcomeRow) -> Columns:
    row: Columns = {
        "PartitionKey": keys.plain(outcome.restore),
        "RowKey": keys.tag(outcome.key),
        "at": outcome.at,
        **told(
            {
                "restore": escape(outcome.restore),
                "key": escape(outcome.key),
                "kind": outcome.kind,
                "item_id": escape(outcome.item_id),
                "name": label(outcome.name),
                "outcome": outcome.outcome.outcome,
                "made_id": escape(outcome.outcome.item_id),
                "note": label(outcome.outcome.note),
            }
        ),
    }
    put_text(row, "folder_path", outcome.folder_path)
    put_json(row, "losses", outcome.outcome.losses)
    return row


def read_outcome(row: Row) -> OutcomeRow:
    became = Restored(
        cast(Any, str(row["outcome"])), text(row, "made_id"), tuple(get_json(row, "losses", [])), text(row, "note")
    )
    return OutcomeRow(
        text(row, "restore"),
        text(row, "key"),
        text(row, "kind"),
        text(row, "item_id"),
        text(row, "name"),
        get_text(row, "folder_path"),
        became,
        moment_of(row, "at"),
    )
