"""From a setting's text to its value; ValueError says what would be right, never what was there. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")  # Storage docs: naming containers
_RESOURCE = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft\.Storage/storageAccounts/"
    r"[a-z0-9]{3,24}/?",
    re.IGNORECASE,
)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_SERVICE = re.compile(r"(?P<account>[a-z0-9-]+)\.(blob|queue|table|dfs)\.(?P<suffix>[a-z0-9.-]+)")

MOST_VERSIONS = 50_000  # of a file in a library (SharePoint limits)
PUBLIC_SUFFIX = "core.windows.net"
# The emulator's account and key are public (Storage docs: Azurite).
EMULATOR = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


class Secret:
    """Text that never shows by accident: only `reveal()` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: str
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(hidden)"

    __str__ = __repr__

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Secret does not change")

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not serialised")

    def __deepcopy__(self, _memo: object) -> Secret:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class ByConnectionString:
    text: Secret


@dataclass(frozen=True, slots=True)
class ByIdentity:
    """An account reached with an Entra identity. `account` and `suffix` give its endpoints in any cloud."""

    account: str
    suffix: str = PUBLIC_SUFFIX

    def url(self, service: str) -> str:
        return f"https://{self.account}.{service}.{self.suffix}"


Storage = ByConnectionString | ByIdentity


def text(value: str) -> str:
    return value


def guid(value: str) -> str:
    if not _GUID.fullmatch(value):
        raise ValueError("a GUID such as 11111111-2222-3333-4444-555555555555")
    return value.lower()


def path(value: str) -> str:
    if "\x00" in value:
        raise ValueError("the path of a file")
    return value


def https_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("an https:// URL")
    return value


def base_url(value: str) -> str:
    if urlsplit(value).query:
        raise ValueError("an https:// URL without query")
    return https_url(value).rstrip("/")


def resource_id(value: str) -> str:
    if not _RESOURCE.fullmatch(value):
        raise ValueError("a resource id that ends in /providers/Microsoft.Storage/storageAccounts/NAME")
    return value.rstrip("/")


def scope(value: str) -> str:
    if not value.endswith("/.default") or " " in value:
        raise ValueError("one scope that ends in /.default")
    return value


def names(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def words(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    def read(value: str) -> tuple[str, ...]:
        found = names(value)
        if not found or set(found) - set(allowed):
            raise ValueError(f"one or more of {', '.join(allowed)}")
        return found

    return read


def one_of(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(" or ".join(allowed))
        return value

    return read


def hosts(value: str) -> tuple[str, ...]:
    found = names(value)
    if not all(_HOST.fullmatch(host) for host in found):
        raise ValueError("host names (or name:port), comma separated, without https:// and path")
    return tuple(host.lower() for host in found)


def own_hosts(value: str) -> tuple[str, ...]:
    found = names(value)
    if not all(_HOST.fullmatch(part) for text in found for part in text.split("=", 1)):
        raise ValueError("host names such as contoso.sharepoint.com, comma separated, without https:// and path")
    return tuple(text.lower() for text in found)


def whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", value) or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return read


def versions(value: str) -> int:
    """How many versions besides the current one."""
    if value in ("current", "all"):
        return 0 if value == "current" else MOST_VERSIONS
    if not re.fullmatch(r"[0-9]{1,5}", value) or int(value) > MOST_VERSIONS:
        raise ValueError(f"current, all, or a number from 0 to {MOST_VERSIONS}")
    return int(value)


_RULE = re.compile(r"all:[0-9]{1,5}(,(daily|weekly|monthly|yearly):[0-9]{1,5})*")
RULE = "such as all:30,daily:30,weekly:12,monthly:24,yearly:7 (days, then points in time)"


def rule(value: str) -> str:
    """A rule of retention; flows/retention.py says what it means."""
    value = value.replace(" ", "")
    if not _RULE.fullmatch(value) or any(int(number) > 36_500 for number in re.findall(r"[0-9]+", value)):
        raise ValueError(RULE)
    return value


def rules(value: str) -> tuple[tuple[str, str], ...]:
    """`mail=RULE; files=RULE`."""
    pairs = [part.partition("=") for part in value.split(";") if part.strip()]
    if not pairs or not all(name.strip() and sign for name, sign, _ in pairs):
        raise ValueError(f"NAME=RULE; NAME=RULE, a rule {RULE}")
    return tuple((name.strip(), rule(text)) for name, _, text in pairs)


def owners(value: str) -> tuple[tuple[str, str], ...]:
    """Types and ids."""
    said = [text.strip().partition("-") for text in value.split(";") if text.strip()]
    types = [type_ for type_, _, _ in said]
    if not all(type_ in ("user", "group", "site") and id_ for type_, _, id_ in said) or len(set(types)) != len(types):
        raise ValueError("one owner of a type, as user-<object id>; group-<object id>; site-<site id>")
    return tuple((type_, id_) for type_, _, id_ in said)


FACTS = ("displayName", "mail", "userType", "accountEnabled", "visibility", "team", "webUrl", "archived")
_CONDITION = re.compile(r"\s*(\w+)\s*(!?=)\s*(.*?)\s*")


def groups(value: str) -> tuple[str, ...]:
    found = tuple(part.lower() for part in names(value))
    if not all(_GUID.fullmatch(part) for part in found):
        raise ValueError("object ids of groups, comma separated")
    return found


def conditions(value: str) -> tuple[tuple[str, bool, str], ...]:
    """`FACT=PATTERN; FACT!=PATTERN`."""
    read = [_CONDITION.fullmatch(part) for part in value.split(";") if part.strip()]
    known = [match for match in read if match and match[1] in FACTS]
    if not read or len(known) < len(read):
        raise ValueError(f"FACT=PATTERN; FACT!=PATTERN, each FACT one of {', '.join(FACTS)}")
    return tuple((match[1], match[2] == "=", match[3]) for match in known)


def departments(value: str) -> tuple[tuple[str, str], ...]:
    """`VALUE=GROUP; VALUE=*`."""
    pairs = [part.partition("=") for part in value.split(";") if part.strip()]
    known = [name.strip() and (to.strip() == "*" or _GUID.fullmatch(to.strip())) for name, _, to in pairs]
    if not known or not all(known):
        raise ValueError("VALUE=GROUP; VALUE=GROUP, each GROUP the id of a group or *")
    return tuple((name.strip(), to.strip().lower()) for name, _, to in pairs)


_CERTIFICATE = re.compile(r"https://[^/?#@]+/(certificates|secrets)/[A-Za-z0-9-]{1,127}(/[0-9a-f]{32})?/?")


def certificate_url(value: str) -> str:
    if not _CERTIFICATE.fullmatch(value):
        raise ValueError("the URL of a certificate in Key Vault: https://VAULT.vault.azure.net/certificates/NAME")
    return value.rstrip("/")


def secret_url(value: str) -> str:
    if not _CERTIFICATE.fullmatch(value) or "/secrets/" not in value or value.rstrip("/").count("/") != 4:
        raise ValueError("the URL of a secret in Key Vault: https://VAULT.vault.azure.net/secrets/NAME")
    return value.rstrip("/")


def tenants(value: str) -> tuple[dict[str, str], ...]:
    """A JSON list of objects whose members are settings."""
    wanted = 'a JSON list such as [{"M365_TENANT_ID": "...", "M365_BACKUP_CLIENT_ID": "...", ...}]'
    try:
        entries = json.loads(value)
    except ValueError:
        raise ValueError(wanted) from None
    if not isinstance(entries, list) or not entries:
        raise ValueError(wanted)
    for entry in entries:
        if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
            raise ValueError(wanted + ", all values texts")
    return tuple(entries)


def federated(value: str) -> str:
    if value == "system" or (value.startswith("file:") and len(value) > len("file:")):
        return value
    try:
        return guid(value)
    except ValueError:
        raise ValueError("system, the client id of a managed identity, or file:PATH") from None


def container(value: str) -> str:
    if not _CONTAINER.fullmatch(value):
        raise ValueError("a container name: 3-63 of a-z, 0-9 and single hyphens")
    return value


def account(value: str) -> str:
    if not _ACCOUNT.fullmatch(value):
        raise ValueError("the name of a storage account: 3-24 of a-z and 0-9")
    return value


def storage(value: str) -> Storage:
    if value.lower().rstrip(";") == "usedevelopmentstorage=true":
        return ByConnectionString(Secret(EMULATOR))
    if _ACCOUNT.fullmatch(value):
        return ByIdentity(value)
    found = _SERVICE.fullmatch(urlsplit(value).hostname or "") if value.startswith("https://") else None
    if found and urlsplit(value).path in ("", "/") and not urlsplit(value).query:
        return ByIdentity(found["account"], found["suffix"])
    members = {part.partition("=")[0].lower() for part in value.split(";") if "=" in part}
    if {"accountname", "accountkey"} <= members or "sharedaccesssignature" in members:
        return ByConnectionString(Secret(value))
    raise ValueError(
        "an account name, its URL (https://NAME.blob.core.windows.net), a connection string with AccountName and "
        "AccountKey or SharedAccessSignature, or UseDevelopmentStorage=true"
    )


_FIELDS = (
    ("second", 0, 59, ""),
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day", 1, 31, ""),
    ("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    ("weekday", 0, 6, "sun mon tue wed thu fri sat"),
)
_TERM = re.compile(r"(\*|(?P<low>\w+)(-(?P<high>\w+))?)(/(?P<step>[1-9][0-9]*))?")


def ncrontab(value: str) -> str:
    """Six fields (Functions docs: timer trigger, NCRONTAB expressions). Shape and ranges only; the host reads it."""
    fields = value.split()
    if len(fields) != len(_FIELDS):
        raise ValueError("six NCRONTAB fields: second minute hour day month weekday, such as 0 0 */6 * * *")
    for field, (what, low, high, spelled) in zip(fields, _FIELDS, strict=True):
        if not all(_term_fits(term, low, high, spelled.split()) for term in field.split(",")):
            raise ValueError(f"an NCRONTAB expression whose {what} is from {low} to {high}")
    return value


def _term_fits(term: str, low: int, high: int, spelled: list[str]) -> bool:
    found = _TERM.fullmatch(term)
    if not found:
        return False
    ends = [_number(end, low, spelled) for end in (found["low"], found["high"]) if end is not None]
    return all(low <= end <= high for end in ends) and ends == sorted(ends)


def _number(word: str, low: int, spelled: list[str]) -> int:
    short = word.lower()[:3]
    if short in spelled:
        return spelled.index(short) + low
    return int(word) if word.isdecimal() else -1
