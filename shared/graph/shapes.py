"""A request's shape: its path with every id and name folded away, fit for counters and error texts. Pure."""

from __future__ import annotations

import re

# words of Graph's paths that are followed by an id; what is neither such a word nor plain letters is folded
_COLLECTIONS = frozenset({
    "users", "groups", "sites", "drives", "items", "messages", "mailFolders", "childFolders", "contacts",
    "contactFolders", "calendars", "calendarGroups", "events", "instances", "attachments", "extensions",
    "lists", "tasks", "checklistItems", "linkedResources", "columns", "contentTypes", "versions",
    "permissions", "teams", "channels", "chats", "replies", "plans", "buckets", "pages", "notebooks",
    "sections", "sectionGroups", "resources", "threads", "posts", "conversations", "mailboxes", "folders", "members",
    "subscriptions", "messageRules", "masterCategories", "termGroups", "sets", "terms",
})  # fmt: skip
_FUNCTIONS = frozenset({"delta", "getAllSites", "getAllMessages"})
_WORD = re.compile(r"\$?[A-Za-z]{1,32}")


def shape(path: str) -> str:
    """ "/users/8d1/messages/AAM/$value?x" -> "/users/{id}/messages/{id}/$value"; a link from Graph loses its host."""
    bare = re.sub(r"^https://[^/]*/(v1\.0|beta)", "", path).split("?", 1)[0]
    folded, before, named = [], "", False
    for segment in bare.strip("/").split("/"):
        word = segment.split("(", 1)[0]
        if named:  # inside root:/a/b:/content
            named = not segment.endswith(":")
        elif segment.endswith(":"):
            named = True
            folded.append((segment if segment == "root:" else "{id}:") + "/{path}")
        elif word in _FUNCTIONS or segment.startswith("$"):
            folded.append(word if _WORD.fullmatch(word) else "{id}")
        elif "(" in segment and word in _COLLECTIONS:  # users('ada'): a key in brackets
            folded.append(f"{word}/{{id}}")
        elif before in _COLLECTIONS or not _WORD.fullmatch(word):
            folded.append("{id}")
        else:
            folded.append(word)
        before = folded[-1] if folded else ""
    return "/" + "/".join(folded)
