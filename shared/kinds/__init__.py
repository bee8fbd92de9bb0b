"""The extension point: one module per data type and one line here."""

from __future__ import annotations

from shared.kinds.files import Files
from shared.kinds.kind import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (Files(),)}
