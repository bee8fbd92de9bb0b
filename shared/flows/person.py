"""Forgetting one person: everything kept of an owner is declared forgotten, leaves the catalog at once and the vault
after the grace period, and a certificate says what was removed and what a hold kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.catalog.nouns import CareRow, OwnerRow
from shared.errors import Contended, Damaged, FormatUnknown
from shared.flows import care as caring
from shared.flows.care import Care
from shared.flows.house import House
from shared.model import Json, Owner
from shared.ports import Reaper
from shared.vault import address, manifest

TASK = "forget-person"
BUSY = ("planned", "running")


async def start(house: House, owner: Owner, *, by: str, dry: bool) -> CareRow:
    """Order that a person is forgotten. `dry`: only the certificate's draft, in the counts."""
    now = house.clock.now()
    name = f"{TASK}-{now:%Y%m%dT%H%M%SZ}{'-dry' if dry else ''}"
    options = {"owner": owner.key, "type": owner.type, "id": owner.id, "dry": "yes" if dry else "no"}
    return await caring.order(house, TASK, by=by, care=name, options=options)


async def work(care: Care) -> bool:
    """Declare, then forget the rows. The bytes are removed by the daily round."""
    house, options = care.house, care.row.options
    owner = Owner(house.tenant, options["type"], options["id"])  # type: ignore[arg-type]  # written by start
    hold = await house.catalog.hold(owner)
    held = hold is not None and hold.lifted_at is None
    feeds = await _inventory(house, owner)
    dry = options.get("dry") == "yes"
    counts = {
        "feeds": len(feeds),
        "pages": sum(feed["pages"] for feed in feeds),
        "bytes": sum(feed["bytes"] for feed in feeds),
    }
    if dry or held:
        await _certify(care, owner, feeds, kept_by=hold.reason if held and hold else "", dry=dry)
        await care.save({}, counts | ({"held": 1} if held else {}))
        return True
    for lane in await house.catalog.lanes(owner):
        if lane.state in BUSY:
            raise Contended(f"{lane.lane.key}: a backup is at work; a person is forgotten when it is over", after_s=60)
    await _declare(care, owner, feeds)
    for state in await house.catalog.feeds(owner):
        await house.catalog.drop_feed(state.feed)
    for owed in await house.catalog.owed(owner):
        await house.catalog.forgive(owed)
    for damage in await house.catalog.damages(owner):
        await house.catalog.drop_damage(damage)
    for counted in (await house.catalog.coverage_of(owner)).values():
        await house.catalog.drop_coverage(counted)
    await care.save({}, counts)
    return True


async def _inventory(house: House, owner: Owner) -> list[Json]:
    """Feed by feed what lies in the vault: kind, tag, newest page, how many, how much."""
    feeds: dict[str, Json] = {}
    async for stamp in house.vault.survey(address.owner_prefix(owner)):
        found = address.read_page_name(stamp.name)
        if found is None:
            continue
        prefix = stamp.name.rpartition("/")[0]
        known = feeds.setdefault(prefix, {"kind": found.kind, "feed": found.feed_tag, "seq": 0, "pages": 0, "bytes": 0})
        known["seq"] = max(known["seq"], found.seq)
        known["pages"] += 1
        known["bytes"] += stamp.size
    return [feeds[prefix] for prefix in sorted(feeds)]


async def _declare(care: Care, owner: Owner, feeds: list[Json]) -> None:
    """The vault says it first: a rebuild and every reader pass over what is declared here."""
    house = care.house
    said = {
        "format": manifest.FORMAT,
        "tenant": owner.tenant,
        "owner": {"type": owner.type, "id": owner.id},
        "care": care.row.care,
        "asked_at": care.row.asked_at.isoformat(),
        "feeds": feeds,
    }
    await house.vault.put_back(marker(owner, care.row.care), manifest.dump(said) + b"\n")
    row = await house.catalog.owner(owner)
    facts = {"forgotten": care.row.care}
    nameless = Owner(owner.tenant, owner.type, owner.id)
    await house.catalog.put_owner(OwnerRow(nameless, "forgotten", row.seen_at if row else None, facts))


def marker(owner: Owner, care: str) -> str:
    whose = f"{address.segment(owner.tenant)}/{address.segment(owner.key)}"
    return f"{address.FORGOTTEN}{whose}/{address.segment(care)}.json"


def certificate(tenant: str, care: str) -> str:
    return f"{address.CERTIFICATES}{address.segment(tenant)}/{address.segment(care)}.json"


async def forgotten_owners(house: House) -> dict[Owner, str]:
    """Everyone who was forgotten, and by which order."""
    found: dict[Owner, str] = {}
    async for stamp in house.vault.survey(f"{address.FORGOTTEN}{address.segment(house.tenant)}/"):
        said = await _read(house, stamp.name)
        found[Owner(house.tenant, said["owner"]["type"], said["owner"]["id"])] = str(said["care"])
    return found


async def _read(house: House, name: str) -> Json:
    try:
        said = manifest.load(await house.vault.raw(name))
        if said.get("format") != manifest.FORMAT or not isinstance(said["owner"], dict) or said["owner"]["id"] == "":
            raise ValueError("not understood")
    except (ValueError, KeyError) as why:
        raise FormatUnknown(f"{name}: {why}") from why
    return said


# --- days later -------------------------------------------------------------------------------------------------------


async def remove_bytes(care: Care, reaper: Reaper, now: datetime) -> dict[str, int]:
    """The pages of those whose declaration is older than the grace period; then their certificates."""
    house, counts = care.house, {"pages_deleted": 0, "bytes": 0}
    grace = timedelta(days=house.retention.grace_days)
    async for stamp in house.vault.survey(f"{address.FORGOTTEN}{address.segment(house.tenant)}/"):
        if stamp.modified > now - grace:
            continue
        said = await _read(house, stamp.name)
        owner = Owner(house.tenant, said["owner"]["type"], said["owner"]["id"])
        hold = await house.catalog.hold(owner)
        if hold is not None and hold.lifted_at is None:
            continue
        upto = {(feed["kind"], feed["feed"]): feed["seq"] for feed in said["feeds"]}
        left = 0
        async for blob in house.vault.survey(address.owner_prefix(owner)):
            found = address.read_page_name(blob.name)
            if found is None or found.seq > upto.get((found.kind, found.feed_tag), 0):
                continue
            if await reaper.delete(blob.name, blob.etag) in ("deleted", "missing"):
                counts["pages_deleted"] += 1
                counts["bytes"] += blob.size
            else:
                left += 1
        if not left:
            await _certify_removed(house, said, now)
    return {name: count for name, count in counts.items() if count}


async def _certify(care: Care, owner: Owner, feeds: list[Json], *, kept_by: str, dry: bool) -> None:
    if dry:
        return
    said = {
        "certificate": care.row.care,
        "tenant": owner.tenant,
        "owner": owner.key,
        "asked_by": care.row.asked_by,
        "asked_at": care.row.asked_at.isoformat(),
        "removed": [],
        "kept": feeds,
        "kept_because": f"a hold: {kept_by}",
    }
    await care.house.vault.put_back(certificate(owner.tenant, care.row.care), manifest.dump(said) + b"\n")


async def _certify_removed(house: House, declared: Json, now: datetime) -> None:
    row = await house.catalog.care(house.tenant, str(declared["care"]))
    owner = declared["owner"]
    said = {
        "certificate": declared["care"],
        "tenant": house.tenant,
        "owner": f"{owner['type']}-{owner['id']}",
        "asked_by": row.asked_by if row else "",
        "asked_at": declared["asked_at"],
        "removed_at": now.isoformat(),
        "removed": declared["feeds"],
        "kept": [],
        "parts": "big parts go with the next sweep after nobody else's page points at them",
    }
    name = certificate(house.tenant, str(declared["care"]))
    if await house.vault.size(name) is None:
        await house.vault.put_back(name, manifest.dump(said) + b"\n")


async def read_certificate(house: House, care: str) -> Json | None:
    """The certificate of an order; None as long as there is none."""
    try:
        return manifest.load(await house.vault.raw(certificate(house.tenant, care)))
    except (Damaged, ValueError):
        return None
