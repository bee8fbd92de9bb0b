"""What the command does, one function a word. Each returns the exit status: 0 fine, 1 done but not all of it."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from typing import Any

from shared.export.names import fitting
from tools.holdfast import show
from tools.holdfast.api import Api, Trouble
from tools.holdfast.paths import Shelf, owner_named, spelled

Json = dict[str, Any]
POLL_S = 2.0
OVER = ("done", "partial", "failed", "cancelled")
SUFFIXES = {"mime": ".eml", "photo": ".jpg", "stream": ".fts"}


def status(api: Api, told: Namespace) -> int:
    """Whether all is well: the app, the vault, owners that could not be kept, tickets that were given up."""
    health, vault = api.get("health"), api.get("health/vault")
    lost, owners = api.get("lost")["value"], list(api.all("owners"))
    ill = [owner for owner in owners if owner["state"] != "ok"]
    print(f"app      {health['status']}")
    last = vault["last"] or {}
    print(f"vault    {vault['open']} damages; last verified {show.when(last.get('ended_at'))}")
    print(f"owners   {len(owners)}, {len(ill)} with a problem")
    for owner in ill[:20]:
        print(f"         {show.clean(owner['name'])}: {show.clean(owner['state'])}")
    print(f"lost     {len(lost)} tickets were given up")
    return 1 if ill or lost or vault["open"] else 0


def owners(api: Api, told: Namespace) -> int:
    rows = [
        (owner["type"], owner["name"], owner["facts"].get("displayName", ""), owner["state"], owner["owner"])
        for owner in api.all("owners")
        if told.match.lower() in f"{owner['name']} {owner['facts'].get('displayName', '')}".lower()
    ]
    print(show.table(("type", "name", "called", "state", "key"), rows))
    return 0


def cost(api: Api, told: Namespace) -> int:
    """What a month cost so far, by owner, and what it will have cost at its end."""
    bill = api.get("cost", limit=str(told.limit), **({"month": told.month} if told.month else {}))
    ahead, currency = bill["forecast"], show.clean(bill["currency"])
    print(f"{bill['month']}  {bill['total']:.2f} {currency} so far; {show.money(bill['parts'])}")
    if not bill["ended"]:
        print(f"         {ahead['month']:.2f} when it ends, {ahead['next_month']:.2f} next month, "
              f"{ahead['in_12_months']:.2f} a month in a year")  # fmt: skip
    rows = [
        (line["name"] or line["owner"] or "everyone's together", show.size(sum(line["stored_bytes"].values())),
         line["versions"], f"{line['total']:.4f}")
        for line in bill["lines"]
    ]  # fmt: skip
    print(show.table(("owner", "stored", "versions", currency), rows))
    print(f"prices   {show.clean(bill['prices']['region'])}, {show.clean(bill['prices']['date'])}")
    return 0


def backup(api: Api, told: Namespace) -> int:
    started = api.post("backups", {"owners": told.owner} if told.owner else {})
    for run in started["runs"]:
        print(f"started  {run['run']}")
    if not started["runs"]:
        print("started  everyone's; `runs` shows them as they come")
    if not told.wait:
        return 0
    worst = 0
    for begun in started["runs"]:
        run = _until(lambda name=begun["run"]: api.get(f"runs/{name}"), lambda r: r["ended_at"])
        print(f"{run['state']:8} {run['lane']}: {show.account(run['account'])}")
        for problem in run["problems"]:
            print(f"         {show.clean(problem)}")
        worst = max(worst, int(run["state"] != "done"))
    return worst


def runs(api: Api, told: Namespace) -> int:
    query = {"limit": str(told.limit)}
    if told.owner:
        query["owner"] = owner_named(api, told.owner)["owner"]
    rows = [
        (show.when(run["started_at"]), run["owner"]["name"], run["lane"], run["state"], show.account(run["account"]))
        for run in api.get("runs", **query)["value"]
    ]
    print(show.table(("started", "owner", "lane", "state", "account"), rows))
    return 0


def ls(api: Api, told: Namespace) -> int:
    if not told.kind:
        feeds = api.get(f"owners/{owner_named(api, told.owner)['owner']}/feeds")["value"]
        rows = [(f["kind"], f["name"], show.when(f["taken_at"]), show.left(f["left"]), f["problem"]) for f in feeds]
        print(show.table(("kind", "place", "newest page", "still to come", "problem"), rows))
        return 0
    shelf = _shelf(api, told)
    entries = list(shelf.inside(shelf.find(told.path))) if told.path else shelf.top()
    rows_ = [
        (spelled(e), "" if e["folderish"] else show.size(e.get("size_bytes", 0)), (e.get("modified") or "")[:16],
         e.get("item", ""))
        for e in entries
    ]  # fmt: skip
    print(show.table(("name", "size", "modified", "item"), rows_))
    return 0


def get(api: Api, told: Namespace) -> int:
    """Save one item's parts and its record, each checked against the digest that is kept of it."""
    item = _shelf(api, told).find(told.path)
    if not item.get("parts"):
        raise Trouble(f"{told.path}: a folder has no content of its own; `export` takes all that is in it")
    told.to.mkdir(parents=True, exist_ok=True)
    for part, facts in item["parts"].items():
        to = told.to / fitting(item["name"] or "item", item["item"], ".json" if part == "record" else _suffix(part))
        api.save(f"{item['path']}/parts/{part}", facts["size_bytes"], facts["sha256"], to)
        print(f"saved    {to} ({show.size(facts['size_bytes'])})")
    return 0


def _suffix(part: str) -> str:
    return "" if part == "content" else SUFFIXES.get(part, f".{part}")


def restore(api: Api, told: Namespace) -> int:
    """Preview first, say what can't be given back, ask, and only then write."""
    order = _order(api, told)
    if not told.no_preview:
        preview = _wait_for(api, "restores", api.post("restores", {**order, "preview": True})["restore"])
        print(f"preview  {show.restore(preview)}")
        if preview["state"] == "failed":
            return 1
    if told.preview:
        return 0
    if not told.yes and not _agreed("restore this?"):
        print("nothing was written")
        return 1
    began = api.post("restores", order)
    print(f"started  {began['restore']}  (cancel with: cancel {began['restore']})")
    ended = _wait_for(api, "restores", began["restore"])
    print(show.restore(ended))
    if ended["counts"].get("failed"):
        for outcome in api.all(f"restores/{began['restore']}/items"):
            if outcome["outcome"] == "failed":
                where = show.clean(f"{outcome['folder_path']}/{outcome['name']}")
                print(f"  failed: {where}: {show.clean(outcome['note'])}")
    return 0 if ended["state"] == "done" else 1


def _order(api: Api, told: Namespace) -> Json:
    owner = owner_named(api, told.owner)["owner"]
    order: Json = {"owner": owner, "kinds": told.kind, "mode": told.mode, "place": {"folder": told.folder}}
    order |= {"at": told.at} if told.at else {}
    order |= {"changed_since": told.since} if told.since else {}
    order["place"] |= {"notify": True} if told.notify else {}
    if told.to_owner:
        order["place"]["owner"] = owner_named(api, told.to_owner)["owner"]
    return order | _chosen(api, owner, told)


def _chosen(api: Api, owner: str, told: Namespace) -> Json:
    """--path as the ids that the API takes."""
    if told.item:
        return {"items": told.item}
    if not told.path:
        return {}
    if len(told.kind) != 1:
        raise Trouble("--path belongs to one kind: give exactly one --kind")
    found = Shelf(api, owner, told.kind[0], told.at).find(told.path)
    return {"folder": found["item"]} if found["folderish"] else {"items": [found["item"]]}


def cancel(api: Api, told: Namespace) -> int:
    row = api.post(f"restores/{told.restore}/cancel")
    print("it stops after the items in work" if row["cancelling"] else f"it is over: {row['state']}")
    return 0


def export(api: Api, told: Namespace) -> int:
    """Order an export, wait for it, and bring its ZIPs here."""
    owner = owner_named(api, told.owner)["owner"]
    order: Json = {"owner": owner, "kinds": told.kind, "reason": told.reason, "records": told.records}
    order |= {"mail": told.mail} if told.mail else {}
    order |= {"at": told.at} if told.at else {}
    ended = _wait_for(api, "exports", api.post("exports", order | _chosen(api, owner, told))["export"])
    print(f"{ended['state']}: {show.counts(ended['counts'])}")
    for problem in ended["problems"]:
        print(f"  problem: {show.clean(problem)}")
    told.to.mkdir(parents=True, exist_ok=True)
    for volume in api.all(f"exports/{ended['export']}/volumes"):
        to = told.to / fitting(volume["name"], ended["export"], "")
        api.save(volume["path"], volume["size_bytes"], volume["sha256"], to)
        print(f"saved    {to} ({show.size(volume['size_bytes'])}, {volume['items']} items)")
    return 0 if ended["state"] == "done" else 1


def _shelf(api: Api, told: Namespace) -> Shelf:
    return Shelf(api, owner_named(api, told.owner)["owner"], told.kind, told.at)


def _wait_for(api: Api, what: str, id: str) -> Json:
    return _until(lambda: api.get(f"{what}/{id}"), lambda row: row["state"] in OVER)


def _until(ask: Any, over: Any) -> Json:
    row: Json = ask()
    while not over(row):
        time.sleep(POLL_S)
        row = ask()
    return row


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise Trouble("nobody is there to ask: give --yes, or --preview to only look")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
