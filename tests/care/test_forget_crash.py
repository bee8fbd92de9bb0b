"""Forgetting dies before or after any effect: nothing that counts is ever gone, and the rerun ends as if it had not."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from shared.catalog.nouns import CareRow
from shared.flows import care, forget, person
from shared.flows.house import House
from shared.flows.retention import Retention, Rule
from shared.ports import Message
from tests.care.diary import ANN, BIG, TENANT, Diary
from tests.crash.sweep import Point, points
from tests.rig import Probe, deliver, died

Start = Callable[[House], Awaitable[CareRow]]


async def _history() -> Diary:
    diary = Diary(Retention(Rule(5), min_days=0, grace_days=3, mass_share=2.0))
    big = [bytes([n]) * BIG for n in range(4)]
    await diary.commit(("a", big[0]), ("b", b"small"), ("c", big[1]))
    diary.days(4)
    await diary.commit(("a", big[2]), keep_content=("b",))
    diary.days(4)
    await diary.commit(("c", None), ("b", big[3]))
    diary.days(9)
    return diary


@dataclass(slots=True)
class Trial:
    """One play of some rounds, days apart, with at most one death."""

    diary: Diary
    start: Start
    all_goes: bool = False
    broken: list[str] = field(default_factory=list)
    deaths: int = 0

    async def play(self, probe: Probe) -> None:
        for _ in range(4):  # after a death some parts may wait for one more round
            self.diary.clock.advance(1)
            await self._round(probe)
            self.diary.days(4)

    async def _round(self, probe: Probe) -> None:
        house = self._next(probe)
        while True:
            try:
                await self.start(house)
                break
            except BaseException as why:
                house = await self._dead(why)
        await self._deliver(house)
        for _ in range(3):  # a row whose ticket was never sent: the next timer finds it
            self.diary.clock.advance(3600)
            await care.wake(self.diary.house())
            await self._deliver(self.diary.house())

    async def _deliver(self, house: House) -> None:
        while waiting := self.diary.queues.take():
            try:
                await deliver(None, house, waiting)  # type: ignore[arg-type]  # it asks the house only
            except BaseException as why:
                house = await self._dead(why)
                again = Message(waiting.message.id, waiting.message.text, waiting.message.dequeue_count + 1)
                self.diary.queues.put(waiting.queue, again, delay_s=600)

    def _next(self, probe: Probe) -> House:
        return self.diary.house(probe if not probe.dead else Probe())

    async def _dead(self, why: BaseException) -> House:
        if not died(why):
            raise why
        self.deaths += 1
        self.broken += await self.now()
        return self.diary.house(Probe())

    async def now(self) -> list[str]:
        """At any instant: what is shown now can be read in full, and what the rule promises is what it was."""
        moment = self.diary.clock._now
        try:
            shown = await self.diary.shown(moment)
        except Exception as why:
            return [f"what is shown can't be read: {type(why).__name__} {why}"]
        was = self.diary.was(moment)
        fine = shown.items() <= was.items() if self.all_goes else shown == was
        return [] if fine else [f"shown is {sorted(shown)}"]

    def end(self) -> tuple[list[str], list[tuple[str, str]]]:
        return sorted(self.diary.blobs.blobs), sorted(self.diary.version_rows())


async def _sweep(start: Start, *, all_goes: bool = False) -> tuple[int, list[str]]:
    begin = await _history()
    probe = Probe()
    whole = Trial(copy.deepcopy(begin), start, all_goes)
    await whole.play(probe)
    assert whole.broken == []
    wrong: list[str] = []
    tried: list[Point] = list(points(probe.trace))
    for point in tried:
        trial = Trial(copy.deepcopy(begin), start, all_goes)
        await trial.play(Probe(point.number, point.mode))
        if trial.broken or trial.end() != whole.end():
            (blobs, rows), (wanted_blobs, wanted_rows) = trial.end(), whole.end()
            differ = set(blobs) ^ set(wanted_blobs) | set(map(str, set(rows) ^ set(wanted_rows)))
            wrong.append(f"{point}: {trial.broken[:2]} {sorted(differ)[:3]}")
        row = await trial.diary.verify()
        if row.counts.get("damages", 0):
            wrong.append(f"{point}: damaged {[d.text for d in await trial.diary.house().catalog.damages()][:3]}")
    return len(tried), wrong


async def test_retention_that_dies_anywhere_ends_as_if_it_had_not() -> None:
    tried, wrong = await _sweep(lambda house: forget.start(house, by="a test", dry=False))
    assert tried > 100 and not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:10])


async def test_forgetting_a_person_that_dies_anywhere_ends_as_if_it_had_not() -> None:
    async def both(house: House) -> CareRow:
        if not await house.catalog.cares(TENANT, person.TASK):
            return await person.start(house, ANN, by="a test", dry=False)
        return await forget.start(house, by="a test", dry=False)

    tried, wrong = await _sweep(both, all_goes=True)
    assert tried > 50 and not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:10])
