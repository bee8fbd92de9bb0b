"""Shapes tell requests apart and hold nobody's id or name."""

from __future__ import annotations

import pytest

from shared.graph.shapes import shape


@pytest.mark.parametrize(
    ("path", "folded"),
    [
        ("/users/8d1-7/messages/AAMkAG/$value?x=1", "/users/{id}/messages/{id}/$value"),
        ("https://graph.microsoft.com/v1.0/users/delta?$deltatoken=SECRET", "/users/delta"),
        ("/users/a/mailFolders/inbox/messages/delta?$skiptoken=x", "/users/{id}/mailFolders/{id}/messages/delta"),
        ("/drives/b!x/root:/Salaries/Bob Miller.xlsx:/content", "/drives/{id}/root:/{path}/content"),
        ("/drives/b!x/items/01A:/Bob.txt:/createUploadSession", "/drives/{id}/items/{id}:/{path}/createUploadSession"),
        ("/drives/b/root/delta(token='SECRET')", "/drives/{id}/root/delta"),
        ("/sites/contoso.sharepoint.com,1,2/lists/5/items/3/fields", "/sites/{id}/lists/{id}/items/{id}/fields"),
        ("/users/bob/photo/$value", "/users/{id}/photo/$value"),
        ("/users('bob@contoso.example')/events", "/users/{id}/events"),
        ("/$batch", "/$batch"),
        ("/weird thing/x1", "/{id}/{id}"),
    ],
)
def test_ids_and_names_are_folded_away(path: str, folded: str) -> None:
    assert shape(path) == folded
