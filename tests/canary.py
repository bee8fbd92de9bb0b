"""Looks for secrets in everything that a run left behind: logs, rows, messages, blobs, answers."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.azurite import KEY

DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError)
SHORTEST = 16  # characters: a shorter one would be found by chance
# How the secrets of all tests look, whoever made them: bearer tokens, signed URLs, whatever is named a canary, and the
# emulator's key (which everybody knows, and which stands for those that nobody may know).
LOOKS = re.compile(
    rb"eyJhbGciOi|[?&](?:tempauth|authtoken)=[\w.-]{8}|uploadSession\?guid=\w{8}|(?i:canary)[-~_](?i:[a-z0-9~_.-]*[a-z0-9])|"
    + re.escape(KEY[:40].encode())
)
HINTS = (b"eyJhbGciOi", b"tempauth=", b"authtoken=", b"uploadSession?guid=", b"anary", b"ANARY", KEY[:40].encode())


def looks_like(data: bytes) -> list[str]:
    """The first characters of everything in there that looks like a secret, in plain or packed in a ZIP."""
    found = [data, *(inner for _, inner in _unpacked(data))] if data[:2] == b"PK" else [data]
    suspect = [each for each in found if any(hint in each for hint in HINTS)]
    return sorted({match.group()[:24].decode("ascii", "replace") for each in suspect for match in LOOKS.finditer(each)})


def left_in(blobs: Mapping[str, bytes], rows: Mapping[str, Sequence[Any]], messages: Iterable[str]) -> list[str]:
    """Where in the stores of a test something looks like a secret."""
    found = [f"blob {name}: {look}" for name, blob in blobs.items() for look in looks_like(blob)]
    for table, entries in rows.items():
        found += [f"row of {table}: {look}" for look in looks_like(repr(entries).encode("utf-8", "replace"))]
    return found + [f"message: {look}" for text in messages for look in looks_like(text.encode())]


async def left_in_account(connection_string: str) -> list[str]:
    """The same for a whole storage account, whatever the tests called their containers, tables and queues."""
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.blob.aio import BlobServiceClient
    from azure.storage.queue.aio import QueueServiceClient

    found: list[str] = []
    async with BlobServiceClient.from_connection_string(connection_string) as service:
        async for container in service.list_containers():
            client = service.get_container_client(container.name)
            async for blob in client.list_blobs(include=["metadata"]):
                data = await (await client.download_blob(blob.name)).readall()
                found += left_in({f"{container.name}/{blob.name}": data, "facts": repr(blob.metadata).encode()}, {}, ())
    async with TableServiceClient.from_connection_string(connection_string) as tables:
        async for table in tables.list_tables():
            rows = [dict(row) async for row in tables.get_table_client(table.name).list_entities()]
            found += left_in({}, {table.name: rows}, ())
    async with QueueServiceClient.from_connection_string(connection_string) as queues:
        async for queue in queues.list_queues():
            messages = await queues.get_queue_client(queue.name).peek_messages(max_messages=32)
            found += left_in({}, {}, [str(message.content) for message in messages])
    return found


# Files that are there to hold a secret: keys and tokens to sign in with, the simulated tenant's own, and what it told
# us in its answers.
KEEPERS = (".pem", ".pfx", ".key", "/token", "tenant.json", "tenant.jsonl", ".pickle")


def left_in_files(folder: Path) -> list[str]:
    """The same for the logs, traffic and whatever else the tests wrote."""
    files = [file for file in folder.rglob("*") if file.is_file() and not file.as_posix().endswith(KEEPERS)]
    return [f"{file.relative_to(folder)}: {look}" for file in files for look in looks_like(file.read_bytes())]


class Ear(logging.Handler):
    """Hears every line of the log and remembers those that tell a secret."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.heard, self.lines = list[str](), 0

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += 1
        self.heard += [f"log {record.name}: {look}" for look in looks_like(self.format(record).encode())]


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
        from azure.data.tables.aio import TableServiceClient
        from azure.storage.blob.aio import BlobServiceClient

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
    with contextlib.suppress(*DAMAGED), zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            with contextlib.suppress(*DAMAGED):  # some tests tear pages apart: what can be read is
                yield name, archive.read(name)
