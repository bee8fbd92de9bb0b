"""The function app: registers the doors of its role. Importing it does nothing else."""

import azure.functions as func

from functions import (
    backup,
    care,
    export,
    http_backups,
    http_care,
    http_exports,
    http_items,
    http_operations,
    http_restores,
    plan,
    poison,
    restore,
)
from shared.settings import environment, role

BACKUP = (
    plan, backup, poison, export, http_backups, http_items, http_restores, http_care, http_exports, http_operations,
)  # fmt: skip
RESTORE = (restore,)
CARE = (care,)
# A role that does not exist gets the health check alone: it answers that the app is not set up, and nothing runs.
DOORS = {"all": (*BACKUP, *RESTORE, *CARE), "backup": BACKUP, "restore": RESTORE, "care": CARE, "": (http_operations,)}

app = func.FunctionApp()
for doors in DOORS[role(environment())]:
    app.register_functions(doors.bp)
