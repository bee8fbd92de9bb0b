"""A certificate with its private key out of Key Vault, read by identity when an app signs in."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient

from shared.errors import Misconfigured, NotPermitted, Unreachable

RETRY_S = 60.0


def loader(url: str, credential: Callable[[], TokenCredential], **options: Any) -> Callable[[], bytes]:
    """`url`: .../certificates/NAME or .../secrets/NAME, with or without a version. The key of a certificate is had by
    the secret of the same name (Key Vault docs: composition of a certificate). `options` go to the client."""
    parts = urlsplit(url)
    vault, (_, name, *version) = f"https://{parts.netloc}", parts.path.strip("/").split("/")
    made: list[TokenCredential] = []  # when first used: making one looks at the environment

    def load() -> bytes:
        if not made:
            made.append(credential())
        return _read(vault, name, version[0] if version else None, made[0], options)

    return load


def _read(vault: str, name: str, version: str | None, credential: TokenCredential, options: dict[str, Any]) -> bytes:
    """Blocks, hence in a thread. The SDK's texts are not passed on."""
    try:
        with SecretClient(vault, credential, retry_total=2, **options) as client:
            found = client.get_secret(name, version)
    except ResourceNotFoundError:
        raise Misconfigured(f"the key vault has no certificate {name}; look at its name and URL") from None
    except ClientAuthenticationError:
        raise NotPermitted(f"no token for the key vault of certificate {name}; check the app's identity") from None
    except HttpResponseError as why:
        if why.status_code in (401, 403):
            text = f"the key vault refuses certificate {name}: give this app's identity Key Vault Secrets User on it "
            raise NotPermitted(text + "and look at the vault's firewall and whether it is enabled") from None
        raise Unreachable(f"the key vault answers {why.status_code} for certificate {name}", RETRY_S) from None
    except AzureError as why:
        raise Unreachable(f"the key vault does not answer ({type(why).__name__})", RETRY_S) from None
    text = found.value or ""
    if "-----BEGIN" in text:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)  # application/x-pkcs12, without a password
    except (binascii.Error, ValueError):
        raise Misconfigured(f"what the key vault holds as {name} is no certificate with its key") from None
