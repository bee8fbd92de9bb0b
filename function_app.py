"""The function app: registers the doors of its role. Importing it does nothing else."""

import azure.functions as func

from functions import (
    backup,
    care,
    checkup,
    drill,
    export,
    http_backups,
    http_care,
    http_cost,
    http_coverage,
    http_doctor,
    http_drills,
    http_exports,
    http_items,
    http_operations,
    http_restores,
    http_search,
    plan,
    poison,
    restore,
)
from shared.settings import environment, role

BACKUP = (
    plan, backup, poison, checkup, export, http_backups, http_items, http_restores, http_care, http_coverage,
    http_cost, http_exports, http_doctor, http_drills, http_search, http_operations,
)  # fmt: skip
RESTORE = (restore, drill, checkup)
CARE = (care, checkup)
DOORS = {
    "all": tuple(dict.fromkeys((*BACKUP, *RESTORE, *CARE))),
    "backup": BACKUP,
    "restore": RESTORE,
    "care": CARE,
    # A role that does not exist gets the health check alone: it answers that the app is not set up, and nothing runs.
    "": (http_operations,),
}

app = func.FunctionApp()
for doors in DOORS[role(environment())]:
    app.register_functions(doors.bp)
