"""`python -m sandbox.token [--app reader]`: a token for the API of `make run`, from the sandbox tenant's login."""

from __future__ import annotations

import argparse
import json
import sys

from sandbox.stack import RUN_HOME, get_token
from sandbox.talk import Refused, Silent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.token", description=__doc__)
    parser.add_argument("--app", default="operator", help="operator, reader, restore ... (what it may do differs)")
    told = parser.parse_args()
    try:
        tenant = json.loads((RUN_HOME / "tenant.json").read_text())
        print(get_token(tenant, told.app))
    except (OSError, Silent):
        print("token: the sandbox tenant is not running; start it with `make run`", file=sys.stderr)
        return 2
    except KeyError:
        print(f"token: there is no app {told.app!r}; there are {', '.join(tenant['apps'])}", file=sys.stderr)
        return 2
    except Refused as why:
        print(f"token: {why}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
