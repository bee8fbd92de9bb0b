"""`python -m tools.holdfast`: look at what is kept, restore and export it, from a terminal. Python alone suffices.

    export HOLDFAST_URL=https://YOUR-APP.azurewebsites.net        # the token comes from `az login`, see --help
    python -m tools.holdfast status
    python -m tools.holdfast ls ann@contoso.example mail Inbox --at 2026-03-01T12:00:00Z
    python -m tools.holdfast restore ann@contoso.example --kind mail --path Inbox --since 2026-03-01T12:00:00Z

OWNER is a user principal name, a group's mail, a site's address, an id, or a key as `owners` shows it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.holdfast import commands
from tools.holdfast.api import TOKEN_COMMAND, Trouble, from_environment

_ENVIRONMENT = f"""\
environment:
  HOLDFAST_URL            the function app: the backup app for looking, the restore app for restoring
  HOLDFAST_TOKEN          an access token; without it HOLDFAST_TOKEN_COMMAND prints one, by default
                          {TOKEN_COMMAND.format(audience="$HOLDFAST_AUDIENCE")}
  HOLDFAST_AUDIENCE       what the token is for (default api://holdfast)
  HOLDFAST_CA_FILE        certificates to trust besides the system's
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="holdfast", description=__doc__, epilog=_ENVIRONMENT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--url", default="", help="instead of HOLDFAST_URL")
    words = top.add_subparsers(dest="word", required=True, metavar="COMMAND")

    def word(name: str, help: str) -> argparse.ArgumentParser:
        made = words.add_parser(name, help=help, description=getattr(commands, name).__doc__ or help)
        made.set_defaults(run=getattr(commands, name))
        return made

    word("status", "whether all is well")
    word("owners", "whose data is kept").add_argument("match", nargs="?", default="", help="only names that hold this")
    it = word("cost", "what the backup costs, this month or another, and what it will")
    it.add_argument("month", nargs="?", default="", help="such as 2026-03")
    it.add_argument("--limit", type=int, default=20, help="so many of the dearest owners")
    it = word("backup", "back up now")
    it.add_argument("owner", nargs="*", help="none: everyone")
    it.add_argument("--wait", action="store_true", help="until the runs named here are over")
    it = word("runs", "the newest backup runs")
    it.add_argument("owner", nargs="?", default="")
    it.add_argument("--limit", type=int, default=20)
    it = word("ls", "what is kept of an owner")
    it.add_argument("owner")
    it.add_argument("kind", nargs="?", default="", help="mail, files ... (none: where each kind stands)")
    it.add_argument("path", nargs="?", default="", help="a folder; a slash inside a name is written %%2F")
    _moment(it)
    it = word("get", "save one item")
    it.add_argument("owner")
    it.add_argument("kind")
    it.add_argument("path")
    it.add_argument("--to", type=Path, default=Path(), help="folder (default: here)")
    _moment(it)
    _restore(word("restore", "give back: preview, question, restore"))
    word("cancel", "stop a restore").add_argument("restore")
    it = word("export", "bring a selection here as ZIPs of ordinary files")
    _selection(it)
    it.add_argument("--to", type=Path, required=True, help="folder for the ZIPs")
    it.add_argument("--mail", choices=("eml", "mbox", "maildir"), default="", help="how messages are written")
    it.add_argument("--records", action="store_true", help="Graph's JSON of each item, too")
    it.add_argument("--reason", default="", help="noted in the manifest: who asked why")
    return top


def _restore(it: argparse.ArgumentParser) -> None:
    _selection(it)
    it.add_argument("--since", default="", help="only what was deleted or changed after this moment, as it was then")
    it.add_argument("--to-owner", default="", help="somebody else's mailbox, drive ... (needs the cross-owner role)")
    it.add_argument("--folder", default="Restored", help="'original', or a folder made for it (default: Restored)")
    it.add_argument("--notify", action="store_true", help="also what makes Microsoft 365 notify people, such as posts")
    it.add_argument("--mode", choices=("skip", "create", "replace"), default="skip", help="what exists is left alone, "
                    "gets a second one beside it, or is replaced")  # fmt: skip
    it.add_argument("--preview", action="store_true", help="only look")
    it.add_argument("--no-preview", action="store_true")
    it.add_argument("--yes", action="store_true", help="don't ask")


def _selection(it: argparse.ArgumentParser) -> None:
    it.add_argument("owner")
    it.add_argument("--kind", action="append", required=True, help="mail, files ...; may be repeated")
    it.add_argument("--path", default="", help="only this folder or item")
    it.add_argument("--item", action="append", default=[], help="only this item id; may be repeated")
    _moment(it)


def _moment(it: argparse.ArgumentParser) -> None:
    it.add_argument("--at", default="", help="as of this moment (2026-03-01T12:00:00Z; default: now)")


def main(arguments: list[str] | None = None) -> int:
    told = parser().parse_args(arguments)
    try:
        status: int = told.run(from_environment(told.url), told)
        return status
    except Trouble as why:
        print(f"holdfast: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nholdfast: stopped looking; what was ordered goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
