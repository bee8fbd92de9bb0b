"""The function app: registers the doors. Importing it does nothing else."""

import azure.functions as func

from functions import backup, http_backups, http_items, http_operations, http_restores, plan, poison, restore

app = func.FunctionApp()
for doors in (plan, backup, restore, poison, http_backups, http_items, http_restores, http_operations):
    app.register_functions(doors.bp)
