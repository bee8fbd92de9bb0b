"""The walker: drives a kind's acts, sends what they ask for and streams big bytes into the vault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from shared.errors import TryLater, Unreachable, Verdict
from shared.flows.house import House
from shared.flows.streams import Streams
from shared.graph.steps import (
    NO_ANSWER,
    Export,
    Fetch,
    Foretold,
    Import,
    Read,
    Refused,
    Reply,
    Step,
    Steps,
    Together,
    Upload,
    Whom,
)
from shared.model import Chunk, Part
from shared.ports import Graph, Pieces, Scope
from shared.quickxor import QuickXor

T = TypeVar("T")
TRIES_ON_MISMATCH = 2
FIRST_BYTES = 16  # of a download, told to the kind
TROUBLE = frozenset({500, 502, 503, 504})  # the service's own, not the item's


class Failing(Unreachable):
    """The service answered with nothing but its own trouble, for as long as one call is worth."""


@dataclass(frozen=True, slots=True)
class Loose:
    """Random access to bytes that were taken out of a kept part."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    async def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


class WouldWrite(Exception):
    """A preview reached the first request that changes something. `losses`: what the act knew by then."""

    def __init__(self, losses: tuple[str, ...] | None = None) -> None:
        super().__init__("would write")
        self.losses = losses


class Walk:
    """One worker's way through a lane: the graph under one identity, one throttling scope, one vault.

    `dry`: a preview. Reads go out; the first step that would write ends its act with `WouldWrite`.
    `restoring`: no act is told of the service's own trouble, which it might take for a refusal of what it gives back;
    it ends with `Failing` and is played again later.
    """

    def __init__(
        self, house: House, graph: Graph, scope: Scope, *, dry: bool = False,
        restoring: bool = False, whom: Callable[[Whom], Awaitable[Reply]] | None = None,
    ) -> None:  # fmt: skip
        self._house, self._graph, self._scope, self._dry, self._whom = house, graph, scope, dry, whom
        self._restoring = restoring
        self._half_loaded: set[str] = set()
        self._streams = Streams(house, graph, scope)

    async def play(self, act: Steps[T]) -> T:
        """Drive one act to its end. Verdicts pass through; `Refused` comes from an act that needed a refused reply."""
        try:
            step = next(act)
            while True:
                step = act.send(await self._answer(step))
        except StopIteration as done:
            result: T = done.value
            return result
        except Refused as why:
            raise _unusable(why) from None
        finally:
            act.close()

    async def play_all(self, acts: Sequence[Steps[T]]) -> list[T | Exception]:
        """Drive several acts in step, so that their small reads ride together in $batch. An act that fails leaves its
        exception in its place; the others go on."""
        results: list[T | Exception] = [RuntimeError("act did not end")] * len(acts)
        asked: dict[int, Step] = {}

        def advance(i: int, reply: Reply | None) -> None:
            try:
                asked[i] = next(acts[i]) if reply is None else acts[i].send(reply)
            except StopIteration as done:
                results[i] = done.value
            except Exception as why:  # one bad item never sinks its page: the caller makes it a record
                results[i] = _unusable(why) if isinstance(why, Refused) else why

        for i in range(len(acts)):
            advance(i, None)
        while asked:
            # several items ride in one export, so that those who want one wait for the others
            wave = {i: step for i, step in asked.items() if not isinstance(step, Export)} or asked
            asked = {i: step for i, step in asked.items() if i not in wave}
            for i, answer in await self._answer_wave(wave):
                if isinstance(answer, Exception):
                    acts[i].close()
                    results[i] = answer
                else:
                    advance(i, answer)
        return results

    async def _answer_wave(self, wave: dict[int, Step]) -> list[tuple[int, Reply | Exception]]:
        small = [i for i, step in wave.items() if step.batchable and type(step) is Step]
        exports = {i: step for i, step in wave.items() if isinstance(step, Export)}
        answers: list[tuple[int, Reply | Exception]] = []

        async def one(i: int) -> None:
            answers.append((i, await _or_verdict(self._answer(wave[i]))))

        async def many() -> None:
            try:
                replies = await self._graph.send_all([wave[i] for i in small], self._scope)
                answers.extend((i, self._failing(reply) or reply) for i, reply in zip(small, replies, strict=True))
            except Verdict as why:
                answers.extend((i, why) for i in small)

        async def streams() -> None:
            answers.extend((await self._streams.export(exports)).items())

        async with asyncio.TaskGroup() as tasks:
            if exports:
                tasks.create_task(streams())
            if small:
                tasks.create_task(many())
            for i in wave.keys() - set(small) - exports.keys():
                tasks.create_task(one(i))
        return sorted(answers, key=lambda answer: answer[0])

    async def _answer(self, step: Step) -> Reply:
        reply = await self._asked(step)
        if why := self._failing(reply):
            raise why
        return reply

    def _failing(self, reply: Reply) -> Unreachable | None:
        trouble = next((one for one in (reply, *reply.parts) if one.status in TROUBLE), None)
        if trouble is None or not self._restoring:
            return None
        if trouble.body == NO_ANSWER:
            return Unreachable("one of several requests got no answer; it may have been carried out")
        return Failing(f"Graph answered {trouble.status} {trouble.code} again and again".replace("  ", " "))

    async def _asked(self, step: Step) -> Reply:
        if self._dry and not step.reads:
            raise WouldWrite(step.losses if isinstance(step, Foretold) else None)
        match step:
            case Foretold():
                return Reply(200)
            case Fetch():
                return await self._fetch(step)
            case Upload():
                try:
                    return await self._graph.upload(step, self._scope, self._pieces(step.source))
                except Refused as why:  # the session is gone: the kind starts over
                    return why.reply
            case Export():
                [(_, answer)] = (await self._streams.export({0: step})).items()
                if isinstance(answer, Verdict):
                    raise answer
                return answer
            case Import():
                return await self._streams.put(step)
            case Together():
                return Reply(200, parts=tuple(await self._graph.send_all(step.steps, self._scope)))
            case Whom():
                if self._whom is None:
                    raise RuntimeError("only a restore knows who stands for whom")
                return await self._whom(step)
            case Read():
                return Reply(200, b"".join([block async for block in self._house.vault.stream(step.part)]))
            case _:
                return await self._graph.send(step, self._scope)

    def _pieces(self, source: Part | bytes) -> Pieces:
        return Loose(source) if isinstance(source, bytes) else self._house.vault.pieces(source)

    # -- big bytes

    async def _fetch(self, step: Fetch) -> Reply:
        """Download into the vault. Bytes that contradict what the service says of them are read once more (a cut or
        mixed-up answer); if they contradict it again, the service's figures are wrong and the kind is told so."""
        try:
            for _ in range(TRIES_ON_MISMATCH):
                first = bytearray()
                got, mismatch = await self._stream(step, first)
                if not mismatch:
                    break
                await self._forget_half_loaded(step.resume_key)
        except Refused as why:
            return why.reply
        headers = {"holdfast-begins": first.hex()} | ({"holdfast-mismatch": mismatch} if mismatch else {})
        return Reply(200, headers=headers, part=got) if isinstance(got, Part) else Reply(200, got, headers)

    async def _stream(self, step: Fetch, first: bytearray) -> tuple[Part | bytes, str]:
        vault, catalog, key = self._house.vault, self._house.catalog, step.resume_key
        there = await catalog.progress(key) if key and (step.size or 0) > vault.chunk_bytes else []
        check = QuickXor() if step.quick_xor else None

        def begin(block: bytes) -> None:
            first.extend(block[: FIRST_BYTES - len(first)])

        async def note(n: int, chunk: Chunk) -> None:
            self._half_loaded.add(key)
            await catalog.put_progress(key, n, chunk)

        async def source(offset: int) -> AsyncIterator[bytes]:
            async with aclosing(self._graph.download(step, self._scope, offset)) as blocks:  # frees its slot at once
                async for block in blocks:
                    yield block

        got = await vault.keep(
            source,
            resumed=there,
            taps=[begin, check.update] if check else [begin],
            on_chunk=note if key else None,
            alone=step.alone,
        )
        size = got.size if isinstance(got, Part) else len(got)
        if step.size is not None and size != step.size:
            return got, "size"
        if check and check.digest_base64() != step.quick_xor:
            return got, "hash"
        return got, ""

    async def _forget_half_loaded(self, key: str) -> None:
        if key:
            await self._house.catalog.clear_progress(key)
            self._half_loaded.discard(key)

    async def tidy(self) -> None:
        """After the page that points at them is committed: the notes on half-loaded parts are not needed any more."""
        for key in sorted(self._half_loaded):
            await self._forget_half_loaded(key)


def _unusable(why: Refused) -> Exception:
    """An answer of success without what it should hold is none: it says nothing about the item or the place."""
    return Unreachable(f"{why}, but not with what was asked for") if why.reply.ok else why


async def _or_verdict(answer: object) -> Reply | Exception:
    try:
        return await answer  # type: ignore[misc, no-any-return]  # a coroutine of Reply
    except (Verdict, Refused, WouldWrite) as why:
        return why


def outage(results: Sequence[object]) -> TryLater | None:
    """The reason to stop and come back when the trouble is not the items': a throttle that outlasts our patience, or
    no item of several that could be reached."""
    late = [r for r in results if isinstance(r, TryLater)]
    if late and (len(late) == len(results) > 1 or any(type(r).__name__ == "Throttled" for r in late)):
        return max(late, key=lambda r: r.after_s)
    return None
