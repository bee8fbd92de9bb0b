"""Every path the tenant knows, gathered from its workloads."""

from __future__ import annotations

from sandbox.tenant import directory, drives
from sandbox.tenant.calls import Routes


def all_routes() -> Routes:
    routes = Routes()
    for module in (directory, drives):
        routes.include(module.routes)
    return routes
