"""The HTTP API as a table: every route, who may use it, what it answers. Doors and OpenAPI are held to it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from shared.api.tokens import ADMIN, CROSS_OWNER, EXPORT, READ, RESTORE, ROLES

Method = Literal["GET", "POST", "PUT", "DELETE"]
# owner: the one in the path, if the caller reaches it. own: the act shows and starts only what the caller reaches.
# tenant: only callers who reach everyone. nobody: it is about nobody's data.
Reach = Literal["owner", "own", "tenant", "nobody"]
PREFIX = "/api"  # routePrefix in host.json

_OWNER = "owners/{owner}"
_ITEM = f"{_OWNER}/items/{{kind}}/{{feed}}/{{item}}/versions"


@dataclass(frozen=True, slots=True)
class Route:
    """`roles`: any one of them lets a caller in; none: open to everyone. `audited`: leaves a record of who asked."""

    name: str
    method: Method
    path: str
    summary: str
    roles: tuple[str, ...] = (READ,)
    query: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()  # query options that must be given
    body: str = ""  # its schema
    answer: str = ""  # schema of the good answer; "bytes" for content; or its media type
    status: int = 200
    audited: bool = True
    reach: Reach | None = None

    @property
    def bound(self) -> Reach:
        """Whom a caller of limited reach gets to see here. What says nothing is closed to them."""
        return self.reach or ("owner" if "owner" in self.params else "tenant")

    @property
    def template(self) -> str:
        return f"{PREFIX}/{self.path}"

    @property
    def params(self) -> tuple[str, ...]:
        return tuple(re.findall(r"{(\w+)}", self.path))


_PAGED = ("after", "limit")
SEARCH = ("q", "people", "text", "owner", "kind", "at", "changed_after", "changed_before", "min_bytes", "max_bytes")

ROUTES: tuple[Route, ...] = (
    Route("http_start_backup", "POST", "backups", "Back up now, whatever the schedule says", (ADMIN,),
          body="BackupOrder", answer="BackupStarted", status=202),
    Route("http_runs", "GET", "runs", "Backup runs, newest first", query=("owner", *_PAGED), answer="Runs",
          reach="own"),
    Route("http_run", "GET", "runs/{run}", "One run with its account", answer="Run", reach="own"),
    Route("http_owners", "GET", "owners", "Owners whose data is kept, or the one of a name",
          query=("name", *_PAGED), answer="Owners", reach="own"),
    Route("http_feeds", "GET", f"{_OWNER}/feeds", "Where the backup of one owner stands", query=("kind",),
          answer="Feeds"),
    Route("http_items", "GET", f"{_OWNER}/items", "Items of one owner and kind as of a moment",
          query=("kind", "feed", "folder", "at", *_PAGED), needs=("kind",), answer="Items"),
    Route("http_search", "GET", "search",
          "Find items by words of their names, people, dates, sizes and kinds, as of a moment",
          query=(*SEARCH, *_PAGED), answer="Hits", reach="own"),
    Route("http_versions", "GET", _ITEM, "All versions of one item, newest first", answer="Versions"),
    Route("http_record", "GET", f"{_ITEM}/{{version}}/record", "The record (JSON) of one version", answer="Record"),
    Route("http_part", "GET", f"{_ITEM}/{{version}}/parts/{{part}}", "The bytes of one part of a version",
          answer="bytes"),
    Route("http_start_restore", "POST", "restores", "Restore, or preview a restore", (RESTORE,),
          body="RestoreOrder", answer="Restore", status=202, reach="own"),
    Route("http_restores", "GET", "restores", "Restores, newest first", (READ, RESTORE), query=_PAGED,
          answer="Restores", reach="own"),
    Route("http_restore", "GET", "restores/{restore}", "How far a restore is", (READ, RESTORE), answer="Restore",
          audited=False, reach="own"),
    Route("http_restore_items", "GET", "restores/{restore}/items", "What became of each item of a restore",
          (READ, RESTORE), query=_PAGED, answer="Outcomes", reach="own"),
    Route("http_cancel_restore", "POST", "restores/{restore}/cancel", "Stop a restore after the items in work",
          (RESTORE,), answer="Restore", status=202, reach="own"),
    Route("http_approve_restore", "POST", "restores/{restore}/approve",
          "Let a restore go on that somebody else ordered", (RESTORE,), answer="Restore", status=202, reach="own"),
    Route("http_vault_health", "GET", "health/vault", "What the last verification found, and what is damaged",
          query=("limit",), answer="VaultHealth"),
    Route("http_start_verification", "POST", "verifications", "Verify the vault now", (ADMIN,),
          body="VerificationOrder", answer="Care", status=202),
    Route("http_care", "GET", "care/{care}", "How far a verification or an order to forget is", answer="Care",
          audited=False),
    Route("http_policy", "GET", "policy", "How long versions are kept, and every change of it, newest first",
          answer="Policy"),
    Route("http_put_policy", "PUT", "policy", "Ask for another policy: a longer one counts at once", (ADMIN,),
          body="PolicyOrder", answer="PolicyChange"),
    Route("http_approve_policy", "POST", "policy/{change}/approve", "A second person's word for a shorter policy",
          (ADMIN,), answer="PolicyChange"),
    Route("http_reject_policy", "POST", "policy/{change}/reject", "Take back a change that does not count yet",
          (ADMIN,), answer="PolicyChange"),
    Route("http_holds", "GET", "holds", "Whose versions nobody may forget", answer="Holds", reach="own"),
    Route("http_hold", "POST", "holds", "Hold all versions of an owner", (ADMIN,), body="HoldOrder", answer="Hold"),
    Route("http_lift_hold", "DELETE", "holds/{owner}", "Lift the hold of an owner; a second person has to ask, too",
          (ADMIN,), answer="Hold"),
    Route("http_forget", "POST", "forget", "Forget what no rule needs, or a person (a dry run by default)", (ADMIN,),
          body="ForgetOrder", answer="Care", status=202),
    Route("http_certificate", "GET", "certificates/{care}", "What was removed of a person, and what a hold kept",
          answer="Certificate"),
    Route("http_start_export", "POST", "exports", "Write what is kept into ZIPs", (EXPORT,), body="ExportOrder",
          answer="Export", status=202, reach="own"),
    Route("http_exports", "GET", "exports", "Exports, newest first", (READ, EXPORT), query=_PAGED,
          answer="Exports", reach="own"),
    Route("http_export", "GET", "exports/{export}", "How far an export is", (READ, EXPORT), answer="Export",
          audited=False, reach="own"),
    Route("http_export_volumes", "GET", "exports/{export}/volumes", "The ZIPs of an export", (READ, EXPORT),
          query=_PAGED, answer="Volumes", reach="own"),
    Route("http_export_volume", "GET", "exports/{export}/volumes/{volume}", "The bytes of one ZIP of an export",
          (EXPORT,), answer="bytes", reach="own"),
    Route("http_export_link", "GET", "exports/{export}/volumes/{volume}/link",
          "A URL that reads this ZIP for an hour, where the account can sign one", (EXPORT,), answer="Link",
          reach="own"),
    Route("http_start_drill", "POST", "drills", "Give some of what is kept back into the scratch place, and compare",
          (ADMIN,), answer="Care", status=202),
    Route("http_drills", "GET", "drills", "Restore drills, newest first", query=_PAGED, answer="Drills"),
    Route("http_drill", "GET", "drills/{drill}", "What a drill found: equal, differing and why", answer="Drill"),
    Route("http_drill_page", "GET", "drills/{drill}/page", "The same as a page to read and print", answer="text/html"),
    Route("http_coverage", "GET", "coverage", "How much of what exists is kept, the worst first",
          query=("owner", "standing", "limit"), answer="Coverage"),
    Route("http_coverage_page", "GET", "coverage.html", "The same as a page to read and print", answer="text/html"),
    Route("http_coverage_table", "GET", "coverage.csv", "The same as a table, all lines", answer="text/csv"),
    Route("http_cost", "GET", "cost", "What the backup costs in a month, measured and forecast, the dearest first",
          query=("month", "owner", "limit"), answer="Cost"),
    Route("http_cost_page", "GET", "cost.html", "The same as a page to read and print", query=("month",),
          answer="text/html"),
    Route("http_cost_table", "GET", "cost.csv", "The same as a table, all lines", query=("month",), answer="text/csv"),
    Route("http_lost", "GET", "lost", "Tickets that were given up, newest first", query=_PAGED, answer="LostTickets"),
    Route("http_doctor", "GET", "doctor", "What is wrong with the set-up, and what to do about it", (ADMIN,),
          answer="Doctor"),
    Route("http_health", "GET", "health", "Whether the app answers", (), answer="Health", audited=False,
          reach="nobody"),
    Route("http_openapi", "GET", "openapi.json", "This description", ROLES, answer="Document", audited=False,
          reach="nobody"),
)  # fmt: skip

BY_NAME = {route.name: route for route in ROUTES}
__all__ = ["BY_NAME", "CROSS_OWNER", "PREFIX", "ROUTES", "Method", "Route"]
