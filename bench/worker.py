"""A process that backs up one owner: the product's real stations over a real storage account, tickets from a file.

python -m bench.worker CONFIG.json prints one line of JSON. Killed in the middle and started again it goes on with the
tickets that were not done, as a functions host would.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.memory import peak_mb
from shared.catalog.catalog import Catalog
from shared.catalog.table import AzureRows
from shared.flows import backup, items, plan, settle
from shared.flows.house import House, Policy
from shared.graph.entra import AppRegistration, EntraTokens, Secret
from shared.graph.http import GraphClient, GraphSettings
from shared.graph.steps import Fetch, get
from shared.kinds import KINDS
from shared.ports import Message, Scope
from shared.vault.blob import AzureBlobs
from shared.vault.vault import Vault
from shared.wiring import UtcClock
from shared.work import tickets

LONGEST_WAIT_S = 1.0  # of a ticket that was put back


@dataclass(slots=True)
class Config:
    """What to back up and where to; `tenant` is what the simulated tenant says in its port file."""

    tenant: dict[str, Any]
    storage: str
    container: str
    home: str
    kinds: tuple[str, ...]
    owner: str


class FileQueue:
    """The tickets that are not done, in a file that survives us."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.waiting: list[list[str]] = json.loads(path.read_text()) if path.exists() else []

    async def send(self, queue: str, text: str, delay_s: float = 0) -> None:
        self.waiting.append([queue, text])
        self._save()
        await asyncio.sleep(min(delay_s, LONGEST_WAIT_S))

    def done(self) -> None:
        del self.waiting[0]
        self._save()

    def _save(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(self.waiting))
        fresh.replace(self._path)


@dataclass(slots=True)
class Metered:
    """The Graph client, with the bytes of downloads noted where they survive us."""

    client: GraphClient
    note: Path
    downloaded: int = 0
    noted: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    async def download(self, step: Fetch, scope: Scope, offset: int = 0) -> AsyncIterator[bytes]:
        async for block in self.client.download(step, scope, offset):
            self.downloaded += len(block)
            if self.downloaded - self.noted >= 1 << 20:
                self.noted = self.downloaded
                self.note.write_text(str(self.downloaded))
            yield block


async def work(config: Config) -> dict[str, Any]:
    home = Path(config.home)
    async with AsyncExitStack() as exits:
        blobs = AzureBlobs.open(config.storage, config.container)
        exits.push_async_callback(blobs.close)
        rows = AzureRows.open(config.storage)
        exits.push_async_callback(rows.close)
        client = await exits.enter_async_context(_client(config))
        graph, queue = Metered(client, home / "downloaded"), FileQueue(home / "tickets.json")
        vault = Vault(blobs, config.tenant["tenant_id"])
        await vault.ensure()

        async def graph_of(_identity: str) -> Any:
            return graph

        house = House(
            vault.tenant, UtcClock(), vault, Catalog(rows, vault.read_page), queue, graph_of, KINDS,
            Policy(kinds=config.kinds),
        )  # fmt: skip
        await client.send(
            get("/users?$top=1&$select=id"), Scope(vault.tenant, "directory")
        )  # signs in: a function app is warm
        began = time.perf_counter()
        if not queue.waiting:
            await plan.now(house, [config.owner])
        await _deliver_all(house, queue)
        took = time.perf_counter() - began
        row, used = (await house.catalog.runs(vault.tenant, limit=1))[0], resource.getrusage(resource.RUSAGE_SELF)
        return {
            "seconds": took, "state": row.state, "problems": row.problems, "account": asdict(row.account),
            "requests": sum(client.counts.requests.values()), "downloaded": graph.downloaded,
            "peak_rss_mb": peak_mb(), "cpu_s": used.ru_utime + used.ru_stime,
        }  # fmt: skip


def _client(config: Config) -> GraphClient:
    """No resource-unit budget: the simulated tenant does not throttle in benchmarks."""
    about, clock = config.tenant, UtcClock()
    app = about["apps"]["backup"]
    hosts = tuple(about[door].partition("://")[2] for door in ("graph", "download", "upload"))
    registration = AppRegistration(
        about["tenant_id"], app["client_id"], Secret(app["secret"]), login_url=about["login"],
        scope=f"{about['graph']}/.default", ca_file=about["ca_file"],
    )  # fmt: skip
    settings = GraphSettings(f"{about['graph']}/v1.0", ca_file=about["ca_file"], extra_hosts=hosts)
    return GraphClient(settings, EntraTokens(registration, clock), clock, None, random.random)


async def _deliver_all(house: House, queue: FileQueue) -> None:
    serve: dict[str, Any] = {
        tickets.BACKUP: (tickets.LaneTicket, backup.serve),
        tickets.ITEM: (tickets.ItemTicket, items.serve),
    }
    number = 0
    while queue.waiting:
        name, text = queue.waiting[0]
        number += 1
        noun, act = serve[name]
        async with settle.settling(Message(f"b{number}", text), name, house):
            await act(tickets.read(text, noun), house)
        queue.done()


def main() -> None:
    config = Config(**json.loads(Path(sys.argv[1]).read_text()))
    config.kinds = tuple(config.kinds)
    print(json.dumps(asyncio.run(work(config))))


if __name__ == "__main__":
    main()
