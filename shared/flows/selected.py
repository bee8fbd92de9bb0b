"""All versions that an order means, without anything of Microsoft 365: to find out beforehand what it will read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from shared.errors import Damaged
from shared.flows.house import House
from shared.flows.select import Frame, Progress, View, changed_since
from shared.kinds.kind import Into, Kind
from shared.model import Selection, Version


@dataclass(slots=True)
class Selected:
    """A walk that can stop behind any stretch: `progress` then tells where it stands. Folders come too, as their
    records are read. `wanted`: kinds of which nothing is read are left out."""

    house: House
    selection: Selection
    progress: Progress
    wanted: Callable[[Kind], bool]

    async def stretches(self) -> AsyncIterator[list[Version]]:
        """Versions with their parts; of one that the catalog can't tell whole nothing."""
        for name in self.selection.kinds:
            kind = self.house.kinds.get(name)
            if name in self.progress.kinds_done or kind is None:
                continue
            if self.wanted(kind):
                view = await View.of(self.house, kind, self.selection.owner, self.selection.at)
                async for some in self._items(view) if self.selection.items else self._tree(view):
                    yield await _whole(view, some)
            self.progress = Progress([*self.progress.kinds_done, name])

    async def _items(self, view: View) -> AsyncIterator[list[Version]]:
        items = self.selection.items
        while self.progress.items_done < len(items):
            version = await view.anywhere(items[self.progress.items_done])
            above = await view.ancestors(version) if version else []
            self.progress.items_done += 1
            if version:
                yield [*above, version]

    async def _tree(self, view: View) -> AsyncIterator[list[Version]]:
        if self.progress.stack is None:
            top = await view.anywhere(self.selection.folder) if self.selection.folder else None
            self.progress.stack = self._start(view, top)
            if top:
                yield [*await view.ancestors(top), top]
        stack = self.progress.stack
        while stack:
            frame = stack[-1]
            children = await view.children(frame)
            if not children and frame.opens:
                frame.opens, frame.after = "", ""  # what it opens is done; now its subfolders
            elif not children:
                stack.pop()
            else:
                some = _up_to_folder(children)
                frame.after = some[-1].item_id
                if some[-1].folderish:
                    stack.append(self._below(view, frame.root, some[-1]))
                yield await self._changed(view, some)

    def _start(self, view: View, top: Version | None) -> list[Frame]:
        if top:
            return [self._below(view, top.feed_id, top)]
        if self.selection.folder:
            return []  # another kind of the selection has it
        return [Frame(feed.id, "", self._into, "") for feed in reversed(view.roots())]

    def _below(self, view: View, root: str, folder: Version) -> Frame:
        return Frame(root, folder.item_id, self._into, "", view.opened_by(folder))

    @property
    def _into(self) -> Into:
        return Into(self.selection.owner, "")

    async def _changed(self, view: View, some: list[Version]) -> list[Version]:
        if self.selection.changed_since is None:
            return some
        return await changed_since(view, [v for v in some if not v.folderish]) + [v for v in some if v.folderish]


def _up_to_folder(children: list[Version]) -> list[Version]:
    first = next((n for n, child in enumerate(children) if child.folderish), len(children))
    return children[: first + 1]


async def _whole(view: View, versions: list[Version]) -> list[Version]:
    found = []
    for version in versions:
        try:
            found.append(await view.whole(version))
        except Damaged:
            continue  # whoever reads it will tell
    return found
