"""What watches all tests for secrets knows each sort of them, and is not alarmed by anything else."""

from __future__ import annotations

import io
import logging
import zipfile

import pytest

from sandbox.azurite import KEY
from sandbox.tenant.drive_downloads import download_url
from sandbox.tenant.oauth import mint
from sandbox.tenant.seed import app_named, make_tenant
from tests.canary import Ear, left_in, looks_like

TENANT = make_tenant("small")
DRIVE = next(drive for drive in TENANT.drives.values() if any(not item.folder for item in drive.items.values()))
SIGNED = download_url(TENANT, DRIVE, next(item for item in DRIVE.items.values() if not item.folder))
SECRETS = {
    "token": "Bearer " + mint(TENANT, app_named(TENANT, "backup"), "api://x", []),
    "download URL": SIGNED,
    "upload URL": "https://x.sharepoint.com/drive/uploadSession?guid=Abc12345-x&overwrite=True",
    "session of a letter": "https://outlook.office.com/mail/x?authtoken=Abc12345xyz",
    "planted": "the secret canary-7f3a is wrong",
    "account key": f"AccountKey={KEY};",
}


@pytest.mark.parametrize("sort", SECRETS)
def test_each_sort_of_secret_is_known_in_logs_rows_messages_and_pages(sort: str) -> None:
    secret, packed, ear = SECRETS[sort], io.BytesIO(), Ear()
    assert looks_like(f"said {secret}".encode())
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as page:
        page.writestr("000001.json", f'{{"x": "{secret}"}}')
    found = left_in({"page": packed.getvalue()}, {"versions": [{"name": secret}]}, [secret])
    assert [place.partition(":")[0] for place in found] == ["blob page", "row of versions", "message"]
    ear.emit(logging.LogRecord("holdfast.x", 20, "x.py", 1, "asked %s", (secret,), None))
    assert len(ear.heard) == ear.lines == 1 and ear.heard[0].startswith("log holdfast.x: ")


def test_what_is_no_secret_alarms_nobody() -> None:
    said = "https://graph.microsoft.com/v1.0/users?$deltatoken=abc download.aspx?UniqueId=1 a canary sang; tempauth"
    assert looks_like(said.encode()) == []
