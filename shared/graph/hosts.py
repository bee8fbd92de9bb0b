"""Which hosts we talk to, per cloud: every URL that a server hands us passes here before a byte is sent. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from shared.errors import Misconfigured

MOST_CHARACTERS = 16_384  # signed download URLs are long, but not that long
_URL = re.compile(r"https://([^/?]*)([/?].*)?", re.IGNORECASE)
_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_AUTHORITY = re.compile(rf"((?:{_LABEL}\.)*{_LABEL}|\[[0-9a-f:.]+\])(?::(\d{{1,5}}))?")
_LONGEST_HOST = 253 + len(":65535")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of Microsoft's clouds. `suffixes`: any host below them may hand out or take bytes; `hosts`: exactly these."""

    graph: str
    login: str
    hosts: frozenset[str]
    suffixes: tuple[str, ...]
    exchange_audience: str  # what a managed identity's token must be made for to sign us in


# Graph and login roots: Graph docs: deployments. Bytes: "Microsoft 365 URLs and IP address ranges", one page per cloud.
# Audiences: Entra docs: workload identity federation.
CLOUDS: dict[str, Cloud] = {
    "public": Cloud(
        "https://graph.microsoft.com", "https://login.microsoftonline.com",
        frozenset({"outlook.office.com", "outlook.office365.com"}), ("sharepoint.com",),
        "api://AzureADTokenExchange",
    ),
    "usgov": Cloud(
        "https://graph.microsoft.us", "https://login.microsoftonline.us",
        frozenset({"outlook.office365.us"}), ("sharepoint.us",),
        "api://AzureADTokenExchangeUSGov",
    ),
    "usgov-dod": Cloud(
        "https://dod-graph.microsoft.us", "https://login.microsoftonline.us",
        frozenset({"outlook-dod.office365.us", "webmail.apps.mil"}), ("sharepoint-mil.us",),
        "api://AzureADTokenExchangeUSGov",
    ),
    "china": Cloud(
        "https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn",
        frozenset({"partner.outlook.cn"}), ("sharepoint.cn",),
        "api://AzureADTokenExchangeChina",
    ),
}  # fmt: skip


class OffList(Misconfigured):
    """A URL leads somewhere we do not go. `host` is cut and escaped: it came from outside."""

    def __init__(self, why: str, host: str) -> None:
        self.host = ascii(host[:80]).strip("'\"")
        super().__init__(
            f"a URL handed out by the service is refused: {why} (host {self.host!r}); "
            "if this host is Microsoft's, add it to the extra Graph hosts"
        )


@dataclass(frozen=True, slots=True)
class Hosts:
    """The list for one tenant: Graph itself, and the hosts that give and take bytes on signed URLs."""

    base_url: str
    graph: tuple[str, int]
    extra: frozenset[tuple[str, int]]
    hosts: frozenset[str]
    suffixes: tuple[str, ...]
    sharepoint: Mapping[str, str] = field(default_factory=dict)  # the tenant's own -> where they listen

    def checked(self, url: str) -> str:
        """The URL, fit to be sent as it is; `OffList` unless it leads to Graph or to a host of the list."""
        place, clean = _taken_apart(url)
        host, port = place
        listed = host in self.hosts or any(host.endswith("." + suffix) for suffix in self.suffixes)
        if place != self.graph and place not in self.extra and not (listed and port == 443):
            raise OffList("its host is not on the list of this cloud", host)
        return clean

    def is_graph(self, url: str) -> bool:
        """Whether the URL leads to Graph itself: nothing else ever gets our Authorization."""
        try:
            return _taken_apart(url)[0] == self.graph
        except OffList:
            return False

    def graph_url(self, path: str) -> str:
        """A step's path below Graph's version root, or a link that Graph gave us; Graph's own host either way."""
        if not path.startswith("/"):
            place, clean = _taken_apart(path)
            if place != self.graph:
                raise OffList("only Graph itself may be asked with our token", place[0])
            return clean
        return self.base_url + _plain_path(path)

    def sharepoint_url(self, host: str, path: str) -> str:
        """A step's path on one of the tenant's own SharePoint hosts: a token is made for each of them and goes to no
        other."""
        if host not in self.sharepoint:
            raise OffList("it is none of the tenant's own SharePoint hosts", host)
        return self.sharepoint[host] + _plain_path(path)


def cloud_of(graph_url: str) -> str:
    """The cloud that a Graph URL belongs to; "public" when it is nobody's (a gateway, a simulated tenant)."""
    host = graph_url.lower().removeprefix("https://").split("/", 1)[0]
    return next((name for name, cloud in CLOUDS.items() if cloud.graph == f"https://{host}"), "public")


def allowed(base_url: str, extra: tuple[str, ...] = (), sharepoint: tuple[str, ...] = ()) -> Hosts:
    """The list from settings. `extra` names hosts ("host" or "host:port") that are allowed as they are written;
    `sharepoint` the tenant's own SharePoint hosts ("host", for tests "host=where:port")."""
    known = CLOUDS[cloud_of(base_url)]
    try:
        place, base = _taken_apart(base_url)
        more = frozenset(_taken_apart("https://" + host.strip())[0] for host in extra)
    except OffList as why:
        text = f"Graph's base URL or an extra host is not usable: {why.host!r}; use https://HOST/v1.0, HOST, HOST:PORT"
        raise Misconfigured(text) from None
    return Hosts(base.rstrip("/"), place, more, known.hosts, known.suffixes, _own(sharepoint, known))


def _own(sharepoint: tuple[str, ...], known: Cloud) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in sharepoint:
        name, _, where = text.strip().lower().partition("=")
        if not any(name.endswith("." + suffix) for suffix in known.suffixes) or not _AUTHORITY.fullmatch(name):
            raise Misconfigured(f"M365_SHAREPOINT_HOSTS: {name[:80]!a} is no SharePoint host of this cloud")
        found[name] = "https://" + (where or name)
    return found


def _plain_path(path: str) -> str:
    segments = path.split("?", 1)[0].split("/")
    odd = not path.isprintable() or {"\\", "#"} & set(path) or {".", ".."} & set(segments)
    if not path.startswith("/") or path.startswith("//") or odd:
        raise Misconfigured("a request path holds characters that have no place in one; an id was not encoded")
    return quote(path, safe=_ASCII)


def _taken_apart(url: str) -> tuple[tuple[str, int], str]:
    """Host and port, and the URL with what is not ASCII encoded. Refuses what two parsers could read differently."""
    if len(url) > MOST_CHARACTERS:
        raise OffList("it is too long", "")
    if not url.isprintable() or "\\" in url or "#" in url:
        raise OffList("it holds a control character, a backslash or a fragment", "")
    match = _URL.fullmatch(url)
    if match is None:
        raise OffList("it is not https", url.split(":", 1)[0])
    authority = match[1].lower()
    if "@" in authority:
        raise OffList("it names a user", authority)
    place = _AUTHORITY.fullmatch(authority) if authority.isascii() and len(authority) <= _LONGEST_HOST else None
    if place is None or any(label.startswith("xn--") for label in authority.split(".")):
        raise OffList("its host is not a plain name", authority)
    port = int(place[2] or 443)
    return (place[1], port), "https://" + authority + quote(match[2] or "", safe=_ASCII)
