"""Every path the tenant knows, gathered from its workloads."""

from __future__ import annotations

from functools import cache

from sandbox.tenant import (
    attachments,
    calendars,
    categories,
    channel_messages,
    channels,
    chats,
    contacts,
    conversations,
    directory,
    drives,
    event_attachments,
    event_delta,
    events,
    exchange_ids,
    group_calendar,
    group_delta,
    group_members,
    group_settings,
    group_writes,
    groups,
    inbox_rules,
    mail_folders,
    mailbox_settings,
    messages,
    migration,
    onenote,
    onenote_writes,
    photos,
    planner,
    planner_tasks,
    profiles,
    site_columns,
    site_drives,
    site_list_columns,
    site_list_items,
    site_lists,
    site_pages,
    sites,
    teams,
    todo,
    todo_children,
    todo_files,
    transfer,
    transitive_members,
)
from sandbox.tenant.calls import Routes

WORKLOADS = (
    directory, groups, group_delta, group_members, group_settings, group_writes, sites, site_columns,
    site_drives, site_lists,
    site_list_columns, site_list_items, site_pages, onenote, onenote_writes,
    mail_folders, messages, attachments, contacts, photos, drives, calendars,
    exchange_ids, events, event_delta, event_attachments, mailbox_settings, inbox_rules, categories, profiles,
    todo, todo_children, todo_files, transfer, transitive_members,
    planner, planner_tasks, conversations, group_calendar,
    teams, channels, channel_messages, migration, chats,
)  # fmt: skip


def all_routes() -> Routes:
    """The caller's own, who may add to them."""
    routes = Routes()
    routes.include(_joined())
    return routes


@cache
def _joined() -> Routes:
    routes = Routes()
    for module in WORKLOADS:
        routes.include(module.routes)
    return routes
