"""One request on its way: pause, slot, budget, token, wire; tried again while that can help. Knows no HTTP library."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.errors import Misconfigured, NotPermitted, Throttled, Unreachable
from shared.graph.budget import Budget
from shared.graph.pace import LONGEST_BACKOFF_S, Patience, Trouble, diagnose, slow_down_s
from shared.graph.scopes import Scopes, is_mailbox
from shared.graph.steps import Reply
from shared.ports import Clock, Scope

MOST_BODY_BYTES = 64 * 1024 * 1024  # of an answer that is read whole; more has to be a download
TELL_OTHERS_S = 5.0  # a SharePoint pause of this length is shared with the other instances


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, ready for the wire: its URL is checked. `again`: sending it twice does no harm."""

    method: str
    url: str = field(repr=False)
    shape: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    authorized: bool = True
    again: bool = True
    json: bool = True
    empty: bool = False
    blank: bool = True  # with a 200, too
    units: int = 0
    sharepoint: bool = False  # throttled with the tenant's other SharePoint requests
    host: str = ""  # the tenant's SharePoint host that the token has to be for; "": Graph
    parts: int = 1

    @property
    def name(self) -> str:
        return f"{self.method} {self.shape}"

    @property
    def written(self) -> int:
        return len(self.body) if self.body and self.method != "GET" else 0


class Broken(Exception):
    """The wire failed. `sent`: the request may have reached the service."""

    def __init__(self, text: str, *, sent: bool = True) -> None:
        super().__init__(text)
        self.sent = sent


class Stream(Protocol):
    """An answer whose body is still coming."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""

    async def read(self, most: int) -> bytes:
        """Up to `most` bytes as soon as there are any; b"" at the end. Raises Broken when the body breaks off."""


class Wire(Protocol):
    def open(self, ask: Ask, token: str) -> contextlib.AbstractAsyncContextManager[Stream]:
        """Send once; follows no redirect. Raises Broken."""


class Tokens(Protocol):
    async def token(self, stale: str = "") -> str:
        """A token for Graph; another one than `stale`, which Graph refused. Raises NotPermitted, Unreachable."""


@dataclass(slots=True)
class Counts:
    """What a client did, for the run report and the benchmarks."""

    requests: Counter[str] = field(default_factory=Counter)  # by "METHOD shape"; parts of envelopes on their own
    retries: int = 0
    throttles: int = 0
    waited_s: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0


class Line:
    def __init__(
        self,
        wire: Wire,
        tokens: Tokens,
        clock: Clock,
        budget: Budget | None,
        random: Callable[[], float],
        patience_s: float,
        sharepoint: Mapping[str, Tokens] | None = None,
    ) -> None:
        self._wire, self._tokens, self._budget = wire, tokens, budget
        self.sharepoint = sharepoint or {}
        self._patience_s, self._scopes = patience_s, Scopes()
        self.clock, self.random, self.counts = clock, random, Counts()

    def patience(self) -> Patience:
        return Patience(self._patience_s, self.random)

    async def ask(self, ask: Ask, scope: Scope) -> Reply:
        """The answer. Raises Throttled when the wait is too long for us, Unreachable when there is no answer, or when
        nobody can tell whether a request that must not be repeated was carried out."""
        patience = self.patience()
        while True:
            reply, trouble = await self._try(ask, scope, patience)
            if trouble is None:
                return _unless_refused(reply, ask)
            if not await self.persist(trouble, ask, scope, patience):
                return reply

    async def persist(self, trouble: Trouble, ask: Ask, scope: Scope, patience: Patience) -> bool:
        """Wait until it makes sense to try again. False: it never will, the failing reply is the answer."""
        if trouble.kind == "throttled":
            await self.pause(trouble, ask, scope, patience)
            return True
        text = f"{ask.name}: {trouble.text}"
        wait = patience.wait_s(trouble)
        if trouble.sent and not ask.again:
            raise Unreachable(
                f"{text}; it may have been carried out: look before sending it again", wait or LONGEST_BACKOFF_S
            )
        if wait is None or not patience.spend(wait):
            if trouble.kind == "failing":
                return False
            raise Unreachable(text, LONGEST_BACKOFF_S)
        self.counts.retries += 1
        self.counts.waited_s += wait
        await self.clock.sleep(wait)
        return True

    async def pause(self, trouble: Trouble, ask: Ask, scope: Scope, patience: Patience) -> None:
        """Nobody in the scope asks again before the service wants us to; the next try waits for its turn."""
        self.counts.throttles += 1
        wait = patience.wait_s(trouble)
        pause = max(trouble.wait_s or 0.0, LONGEST_BACKOFF_S) if wait is None else wait
        self._scopes.pause(scope, self._now(), pause, sharepoint=ask.sharepoint)
        if ask.sharepoint and self._budget is not None and pause >= TELL_OTHERS_S:
            await self._budget.pause(scope.tenant, pause)
        if wait is None:
            raise Throttled(f"{ask.name}: {trouble.text} again and again", pause)
        self.counts.retries += 1

    @contextlib.asynccontextmanager
    async def open(self, ask: Ask, scope: Scope, patience: Patience) -> AsyncIterator[Stream]:
        """One try, its slot held until the block ends. A refused token is renewed once. Raises Broken, Throttled."""
        slots = self._scopes.slots(scope)
        held = await self._turn(ask, scope, patience)
        try:
            tokens = self.sharepoint[ask.host] if ask.host else self._tokens
            token = await tokens.token() if ask.authorized else ""
            for last in (False, True):
                self._count(ask)
                async with self._wire.open(ask, token) as stream:
                    if stream.status != 401 or not ask.authorized or last:
                        yield stream
                        return
                token = await tokens.token(stale=token)
        finally:
            slots.give_back(held)

    async def read(self, stream: Stream) -> Reply:
        """The whole answer; one that is too large becomes a 413, so that it costs one item and not the worker."""
        pieces, size = [], 0
        while piece := await stream.read(1 << 20):
            size += len(piece)
            if size > MOST_BODY_BYTES:
                return Reply(413, b'{"error":{"code":"answerTooLarge"}}')
            pieces.append(piece)
        self.counts.bytes_in += size
        return Reply(stream.status, b"".join(pieces), stream.headers)

    def heed(self, headers: Mapping[str, str], ask: Ask, scope: Scope) -> None:
        """Slow down before the first 429 when the answer says that little is left."""
        if slow := slow_down_s(headers):
            self._scopes.pause(scope, self._now(), slow, sharepoint=ask.sharepoint)

    async def _try(self, ask: Ask, scope: Scope, patience: Patience) -> tuple[Reply, Trouble | None]:
        head = Reply(0)
        try:
            async with self.open(ask, scope, patience) as stream:
                head = Reply(stream.status, b"", stream.headers)
                reply = await self.read(stream)
        except Broken as why:
            if head.status not in (429, 503) or "retry-after" not in head.headers:
                return Reply(0), Trouble("broken", str(why), sent=why.sent)
            reply = head  # its body broke off, but what it asks for has arrived
        self.heed(reply.headers, ask, scope)
        return reply, diagnose(reply, self.clock.now(), json=ask.json, empty=ask.empty, blank=ask.blank)

    async def _turn(self, ask: Ask, scope: Scope, patience: Patience) -> int:
        """Wait until nothing speaks against sending, with the slots taken that it needs. How many: give them back."""
        slots, weight = self._scopes.slots(scope), ask.parts if is_mailbox(scope) else 1
        while True:
            wait = self._wait_s(ask, scope)
            if not wait:
                held = await slots.take(weight)
                try:
                    wait = self._wait_s(ask, scope) or await self._budgeted(ask, scope)
                    if not wait:
                        self._scopes.enter(scope, self._now(), parts=ask.parts, written=ask.written)
                        return held
                except BaseException:
                    slots.give_back(held)
                    raise
                slots.give_back(held)
            if not patience.spend(wait):
                raise Throttled(f"{ask.name}: the service or our budget asks us to wait", wait)
            wait += self.random() * min(1.0, wait / 10)  # those who wait together do not start together
            self.counts.waited_s += wait
            await self.clock.sleep(wait)

    def _wait_s(self, ask: Ask, scope: Scope) -> float:
        return self._scopes.wait_s(scope, self._now(), sharepoint=ask.sharepoint, parts=ask.parts, written=ask.written)

    async def _budgeted(self, ask: Ask, scope: Scope) -> float:
        """Take the units from the tenant's budget; seconds to wait when it is spent."""
        if not ask.units or self._budget is None:
            return 0.0
        try:
            await self._budget.spend(scope.tenant, ask.units, restoring=scope.restoring)
        except Throttled as why:
            return max(why.after_s, 0.1)
        return 0.0

    def _count(self, ask: Ask) -> None:
        self.counts.requests[ask.name] += 1
        self.counts.bytes_out += len(ask.body or b"")

    def _now(self) -> float:
        return self.clock.now().timestamp()


def _unless_refused(reply: Reply, ask: Ask) -> Reply:
    """A token that was just issued and is refused concerns every request, so it is no answer to this one."""
    if reply.status == 401 and ask.authorized and reply.says("InvalidAuthenticationToken"):
        raise NotPermitted(
            f"{ask.name}: Graph refuses a new token; check the tenant, the cloud and that the app is not disabled"
        )
    if reply.status == 413 and reply.says("answerTooLarge") and ask.parts > 1:
        raise Misconfigured(f"{ask.name}: the answer is larger than {MOST_BODY_BYTES} bytes")
    return reply
