"""The nouns of a request to the simulated tenant: Call, Answer, Refusal, and the Routes that join them to handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.tenant.state import Tenant, User

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One request as a handler sees it, whether it came alone or as a part of a $batch."""

    method: str
    path: str  # raw, after /v1.0
    segments: tuple[str, ...]  # percent-decoded
    query: dict[str, str]
    headers: Mapping[str, str]  # looked up case-insensitively
    body: Any  # parsed JSON; bytes when it is not JSON; None when empty
    app: str
    roles: frozenset[str]
    tenant: Tenant
    base: str  # https://host:port the caller used
    signed_in: str | None = None  # user id of a delegated token, for /me
    body_size: int = 0
    sent_at: float = 0.0  # of the envelope, for a part of a $batch

    def prefer(self, name: str) -> str | None:
        """The value of one preference; several may share a header or come as several headers."""
        for piece in self.headers.get("Prefer", "").split(","):
            key, _, value = piece.strip().partition("=")
            if key.strip().lower() == name.lower():
                return value.strip().strip('"')
        return None

    def immutable_ids(self) -> bool:
        return (self.prefer("IdType") or "").lower() == "immutableid"

    @property
    def url(self) -> str:
        return f"{self.base}/v1.0{self.path}"

    def json(self) -> Json:
        """The body as an object; anything else is refused as Graph does."""
        if isinstance(self.body, dict):
            return self.body
        if self.body is None:
            raise Refusal(400, "BadRequest", "Empty Payload. JSON content expected.")
        raise Refusal(400, "BadRequest", "Unable to read JSON request payload.")

    def members(self, allowed: Iterable[str]) -> Json:
        """The body, refused when it has a member that is not in `allowed` (annotations with @ pass)."""
        body, known = self.json(), set(allowed)
        for key in body:
            if "@" not in key and key not in known:
                raise Refusal(400, "RequestBodyRead", f"The property '{key}' does not exist on the type at hand.")
        return body


@dataclass(slots=True)
class Answer:
    status: int = 200
    body: Json | list[Any] | bytes | AsyncIterator[bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An error answer in Graph's own shape."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str = "",
        *,
        inner: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.inner = status, code, message, inner
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request costs, and whose budget pays."""

    pool: str  # "mailbox" (per app and mailbox), "sharepoint" (resource units per app), "directory", "teams"
    key: str = ""
    cost: int = 1
    limit: int = 0  # of Teams: requests a second


Handler = Callable[..., Awaitable[Answer]]
Scope = Callable[[Call, dict[str, str]], Charge]


def mailbox_scope(call: Call, params: dict[str, str]) -> Charge:
    user = call.tenant.find_user(params["user"])
    return Charge("mailbox", user.id if user else params["user"])


def directory_scope(call: Call, params: dict[str, str]) -> Charge:
    return Charge("directory", cost=2)


def units(cost: int) -> Scope:
    """SharePoint resource units: 1 single item or delta with token, 2 lists and writes, 5 permissions."""
    return lambda call, params: Charge("sharepoint", cost=cost)


@dataclass(frozen=True, slots=True)
class Match:
    handler: Handler
    params: dict[str, str]
    roles: tuple[str, ...]
    scope: Scope
    query: frozenset[str] | None  # allowed query options; None: the handler checks for itself


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    pattern: tuple[str, ...]
    roles: tuple[str, ...]
    scope: Scope
    query: frozenset[str] | None
    handler: Handler

    def rank(self) -> tuple[bool, ...]:
        return tuple(p.startswith("{") for p in self.pattern)  # literal sorts before parameter

    def params(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        found = {}
        for want, have in zip(self.pattern, segments, strict=True):
            if want.startswith("{"):
                found[want[1:-1]] = have
            elif want != have:
                return None
        return found


Rewrite = Callable[[tuple[str, ...]], tuple[str, ...]]
Matcher = Callable[[str, tuple[str, ...]], Match | None]


class Routes:
    """`@routes("GET", "/users/{user}/messages", "Mail.Read", scope=mailbox_scope, query=("$top",))`.

    `routes.rewrites` hold functions that turn segments into segments before matching (path addressing such as
    root:/a/b:/content); `routes.matchers` hold functions asked before the patterns (they may raise a Refusal).
    """

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.rewrites: list[Rewrite] = []
        self.matchers: list[Matcher] = []
        self._alike: dict[tuple[int, str], list[Route]] = {}  # those that a path can be, by its length and beginning

    def __call__(
        self, method: str, path: str, *roles: str, scope: Scope, query: Iterable[str] | None = ()
    ) -> Callable[[Handler], Handler]:
        pattern = tuple(path.strip("/").split("/"))
        allowed = None if query is None else frozenset(query)

        def register(handler: Handler) -> Handler:
            self.routes.append(Route(method, pattern, roles, scope, allowed, handler))
            self._alike.clear()
            return handler

        return register

    def include(self, other: Routes) -> None:
        self.routes += other.routes
        self.rewrites += other.rewrites
        self.matchers += other.matchers
        self.routes.sort(key=Route.rank)
        self._alike.clear()

    def find(self, method: str, segments: tuple[str, ...]) -> Match:
        """The handler for a path; 404 for an unknown path, 405 for a known one that does not take the method."""
        segments = tuple(_plain_call(s) for s in segments)
        for rewrite in self.rewrites:
            segments = rewrite(segments)
        for matcher in self.matchers:
            if found := matcher(method, segments):
                return found
        allowed = set()
        for route in self._like(segments):
            params = route.params(segments)
            if params is not None and route.method == method:
                return Match(route.handler, params, route.roles, route.scope, route.query)
            if params is not None and not (
                segments[-1] in ("delta", "$value", "$batch") and route.pattern[-1][0] == "{"
            ):
                allowed.add(route.method)
        if allowed:
            raise Refusal(
                405, "Request_BadRequest", f"Specified HTTP method is not allowed for the request target: {method}."
            )
        raise Refusal(404, "BadRequest", f"Resource not found for the segment '{segments[-1] if segments else ''}'.")

    def _like(self, segments: tuple[str, ...]) -> list[Route]:
        key = len(segments), segments[0] if segments else ""
        if key not in self._alike:
            several = (route for route in self.routes if len(route.pattern) == len(segments))
            self._alike[key] = [r for r in several if r.pattern[0] == key[1] or r.pattern[0].startswith("{")]
        return self._alike[key]


def _plain_call(segment: str) -> str:
    """`delta()` and `microsoft.graph.delta` are other spellings of `delta`."""
    if segment.endswith("()"):
        segment = segment[:-2]
    for prefix in ("microsoft.graph.", "oneDrive."):
        if segment.startswith(prefix) and segment[len(prefix) :].isalpha() and segment[len(prefix)].islower():
            return segment[len(prefix) :]
    return segment


def the_user(call: Call, name: str) -> User:
    """The user behind an id or principal name, or Graph's 404."""
    user = call.tenant.find_user(name)
    if user is None:
        raise Refusal(
            404,
            "Request_ResourceNotFound",
            f"Resource '{name}' does not exist or one of its queried references is not present.",
        )
    return user
