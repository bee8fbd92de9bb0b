"""`make rebuild`: drop the catalog's index and write it anew from the vault alone.

With credentials in local.settings.json or the environment: the catalog of that storage. Else that of `make run`, which
may be running or not. `--everything` drops all tables and queues, also the record of runs, restores and audit, holds
and changes of the retention policy, none of which the vault holds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

from sandbox import azurite
from sandbox.host.settings import read_local_settings
from sandbox.process import CannotStart
from sandbox.run import is_here
from sandbox.stack import LOCAL_SETTINGS, RUN_HOME, STORAGE_SETTINGS
from shared import wiring
from shared.catalog import tables
from shared.errors import TryLater, Verdict
from shared.flows.rebuild import Rebuilt, rebuild
from shared.graph import budget
from shared.kinds import KINDS
from shared.setting_nouns import Settings
from shared.settings import read
from shared.wiring_storage import Credentials
from shared.work.tickets import QUEUES

EVERYTHING = (*tables.ALL, budget.TABLE)
WAITED_OUT = 5  # times; a dropped table's name is free again after half a minute or so

Tell = Callable[[str], None]
Snapshot = dict[tuple[str, str, str], dict[str, Any]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.rebuild", description=__doc__)
    parser.add_argument("--everything", action="store_true", help="drop all tables and queues, not only the index")
    told = parser.parse_args()
    logging.getLogger("azure").setLevel(logging.ERROR)
    try:
        with _environment() as environ:
            settings = read(environ, kinds=tuple(KINDS))
            done, seconds = asyncio.run(drop_and_rebuild(settings, everything=told.everything, tell=print))
    except (CannotStart, Verdict) as why:
        print(f"rebuild: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nrebuild: stopped; run it again, it goes on where it was", file=sys.stderr)
        return 130
    for damage in done.damage:
        print(f"  DAMAGED  {damage}")
    print(f"{done.pages} pages of {done.feeds} feeds read, {done.versions} versions written in {seconds:.1f} s")
    print("The next backup goes on where the last one stopped." if not done.damage else "Some pages are damaged.")
    return 1 if done.damage else 0


@contextlib.contextmanager
def _environment() -> Iterator[Mapping[str, str]]:
    """The settings to use; for the kept run its storage is started when it is not running."""
    environ = {**read_local_settings(LOCAL_SETTINGS), **os.environ}
    if not is_here(environ.get("VAULT_STORAGE", "")):
        print("rebuilding the catalog of the storage in your settings")
        yield environ
        return
    kept = RUN_HOME / "settings.json"
    if not kept.exists():
        raise CannotStart(
            "there is nothing to rebuild: VAULT_STORAGE names no account, and `make run` has not run here"
        )
    given: dict[str, str] = json.loads(kept.read_text())
    print(f"rebuilding the catalog of the kept run ({RUN_HOME})")
    with contextlib.ExitStack() as exits:
        if not _answers(given["VAULT_STORAGE"]):
            storage = exits.enter_context(azurite.running(RUN_HOME / "storage"))
            given |= {name: storage for name in STORAGE_SETTINGS if name in given}
        yield environ | given


def _answers(connection_string: str) -> bool:
    port = int(connection_string.partition("TableEndpoint=http://127.0.0.1:")[2].partition("/")[0] or 0)
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


async def drop_and_rebuild(settings: Settings, *, everything: bool, tell: Tell) -> tuple[Rebuilt, float]:
    """What was found, and how long it took."""
    await drop(settings, EVERYTHING if everything else tables.INDEX, QUEUES if everything else ())
    started = time.monotonic()
    async with AsyncExitStack() as exits:
        house = await wiring.furnish(settings, wiring.UtcClock(), exits)
        for attempt in range(WAITED_OUT):
            try:
                return await rebuild(house, tell), time.monotonic() - started
            except TryLater as why:
                if attempt == WAITED_OUT - 1:
                    raise
                tell(f"storage is not ready ({why}); going on in {why.after_s:.0f} s")
                await asyncio.sleep(why.after_s)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def drop(settings: Settings, names: tuple[str, ...], queues: tuple[str, ...]) -> None:
    from azure.core.exceptions import ResourceNotFoundError
    from azure.storage.queue.aio import QueueServiceClient

    async with _tables(settings) as service:
        for name in names:  # one that is not there is fine
            await service.delete_table(settings.stores.table_prefix + name)
    if not queues:
        return
    async with AsyncExitStack() as exits:
        stores = settings.stores
        account, credential = await Credentials(exits).way_in(
            stores.queues, "queue", stores.queues_identity_client_id
        )
        client = await exits.enter_async_context(
            QueueServiceClient.from_connection_string(account)
            if credential is None
            else QueueServiceClient(account, credential=credential)
        )
        for queue in (*queues, *(f"{queue}-poison" for queue in queues)):
            with contextlib.suppress(ResourceNotFoundError):
                await client.delete_queue(queue)


@contextlib.asynccontextmanager
async def _tables(settings: Settings) -> AsyncIterator[Any]:
    from azure.data.tables.aio import TableServiceClient

    async with AsyncExitStack() as exits:
        stores = settings.stores
        account, credential = await Credentials(exits).way_in(stores.catalog, "table", stores.identity_client_id)
        yield await exits.enter_async_context(
            TableServiceClient.from_connection_string(account)
            if credential is None
            else TableServiceClient(account, credential=credential)
        )


def differing(before: Snapshot, after: Snapshot) -> list[tuple[str, str, str]]:
    """Rows that say another thing now. A round that brought nothing new writes no page: of it the vault knows neither
    run nor cursor (the newest page's is used, which the service continues from), nor feeds that never held anything."""
    return sorted(key for key in {*before, *after} if _lasting(before, key) != _lasting(after, key))


LASTING = ("feed_id", "space", "kind", "path", "name", "seq", "head", "closed", "taken_at", "round_from")


def _lasting(rows: Snapshot, key: tuple[str, str, str]) -> dict[str, Any] | None:
    columns = rows.get(key)
    if columns is None or key[0] != tables.FEEDS:
        return columns
    return {name: columns.get(name) for name in LASTING} if columns["seq"] else None


async def snapshot(settings: Settings) -> Snapshot:
    """Every row of the index, to compare before and after."""
    found: Snapshot = {}
    async with _tables(settings) as service:
        for table in tables.INDEX:
            client = service.get_table_client(settings.stores.table_prefix + table)
            async for row in client.list_entities():
                columns = dict(row)
                found[table, columns.pop("PartitionKey"), columns.pop("RowKey")] = columns
    return found


if __name__ == "__main__":
    sys.exit(main())
