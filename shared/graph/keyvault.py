"""Key Vault, by identity: a certificate with its private key when an app signs in, and what a person's sign-in left."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient

from shared.errors import Misconfigured, NotPermitted, Unreachable, Verdict

RETRY_S = 60.0


def loader(url: str, credential: Callable[[], TokenCredential], **options: Any) -> Callable[[], bytes]:
    """`url`: .../certificates/NAME or .../secrets/NAME, with or without a version. The key of a certificate is had by
    the secret of the same name (Key Vault docs: composition of a certificate). `options` go to the client."""
    place = _Place(url, credential, options, "certificate")

    def load() -> bytes:
        text = place.read()
        if "-----BEGIN" in text:
            return text.encode()
        try:
            return base64.b64decode(text, validate=True)  # application/x-pkcs12, without a password
        except (binascii.Error, ValueError):
            raise Misconfigured(f"what the key vault holds as {place.name} is no certificate with its key") from None

    return load


def secret(
    url: str, credential: Callable[[], TokenCredential], **options: Any
) -> tuple[Callable[[], str], Callable[[str], None]]:
    """How .../secrets/NAME is read, and how it gets a new version."""
    place = _Place(url, credential, options, "secret")
    return place.read, place.write


class _Place:
    """One secret of one vault. Blocks, hence in a thread. The SDK's texts are not passed on."""

    def __init__(
        self, url: str, credential: Callable[[], TokenCredential], options: dict[str, Any], what: str
    ) -> None:
        parts = urlsplit(url)
        self._vault, (_, self.name, *version) = f"https://{parts.netloc}", parts.path.strip("/").split("/")
        self._version, self._options, self._what = (version[0] if version else None), options, what
        self._credential, self._made = credential, list[TokenCredential]()

    def read(self) -> str:
        with self._translated("Key Vault Secrets User"), self._client() as client:
            return client.get_secret(self.name, self._version).value or ""

    def write(self, text: str) -> None:
        with self._translated("Key Vault Secrets Officer"), self._client() as client:
            client.set_secret(self.name, text, content_type="application/json")

    def _client(self) -> SecretClient:
        if not self._made:  # when first used: making one looks at the environment
            self._made.append(self._credential())
        return SecretClient(self._vault, self._made[0], retry_total=2, **self._options)

    @contextmanager
    def _translated(self, role: str) -> Iterator[None]:
        name = f"{self._what} {self.name}"
        try:
            yield
            return
        except ResourceNotFoundError:
            verdict: Verdict = Misconfigured(f"the key vault has no {name}; look at its name and URL")
        except ClientAuthenticationError:
            verdict = NotPermitted(f"no token for the key vault of {name}; check the app's identity")
        except HttpResponseError as why:
            if why.status_code in (401, 403):
                text = f"the key vault refuses {name}: give this app's identity {role} on it "
                verdict = NotPermitted(text + "and look at the vault's firewall and whether it is enabled")
            else:
                verdict = Unreachable(f"the key vault answers {why.status_code} for {name}", RETRY_S)
        except AzureError as why:
            verdict = Unreachable(f"the key vault does not answer ({type(why).__name__})", RETRY_S)
        raise verdict
