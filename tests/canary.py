"""Looks for secrets in everything that a run left behind: logs, rows, messages, blobs, answers."""

from __future__ import annotations

import base64
import io
import json
import logging
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

SHORTEST = 16  # characters: a shorter one would be found by chance


@dataclass(slots=True)
class Left:
    """What a run left, piece by piece, each with the name of its place."""

    pieces: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, place: str, what: Any) -> None:
        data = what if isinstance(what, bytes) else str(what).encode("utf-8", "surrogatepass")
        self.pieces.append((place, data))
        for name, inner in _unpacked(data):
            self.pieces.append((f"{place} > {name}", inner))

    def logs(self, records: Iterable[logging.LogRecord]) -> None:
        formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")  # with traces, as the platform writes them
        for record in records:
            self.add(f"log {record.name}", formatter.format(record))

    async def account(self, connection_string: str, *, containers: Iterable[str], rows: bool = True) -> None:
        """Every blob of these containers with its facts, and every row of every table."""
        async with BlobServiceClient.from_connection_string(connection_string) as service:
            for container in containers:
                client = service.get_container_client(container)
                async for blob in client.list_blobs(include=["metadata", "tags"]):
                    self.add(f"facts of {container}/{blob.name}", f"{blob.name} {blob.metadata} {blob.tags}")
                    self.add(f"{container}/{blob.name}", await (await client.download_blob(blob.name)).readall())
        async with TableServiceClient.from_connection_string(connection_string) as tables:
            async for table in tables.list_tables():
                async for row in tables.get_table_client(table.name).list_entities():
                    self.add(f"row of {table.name}", json.dumps(dict(row), default=str, ensure_ascii=False))

    def find(self, secrets: Iterable[str]) -> list[str]:
        """Places that hold a secret, in any of the forms that it could have come through."""
        wanted = {form for secret in secrets if len(secret) >= SHORTEST for form in forms(secret)}
        return sorted({place for place, data in self.pieces for form in wanted if form in data})


def forms(secret: str) -> set[bytes]:
    raw = secret.encode()
    # of base64 the middle: at its ends it depends on what stands beside it
    coded = [base64.b64encode(raw[shift:])[4:-4] for shift in range(3)]
    return {raw, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(), raw.hex().encode(), *coded}


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)
