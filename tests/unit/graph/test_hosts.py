"""No byte goes to a host that is not on the list, however its URL is dressed up."""

from __future__ import annotations

import pytest
from yarl import URL

from shared.errors import Misconfigured
from shared.graph.hosts import CLOUDS, OffList, allowed, cloud_of
from tests.unit.graph.hostile_urls import HOSTILE

PUBLIC = allowed("https://graph.microsoft.com/v1.0")
SANDBOX = allowed("https://127.0.0.1:8443/v1.0", ("127.0.0.1:9001", "files.gateway.example"))

GOOD = (
    "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=abc",
    "https://GRAPH.Microsoft.com/v1.0/me",
    "https://graph.microsoft.com:443/v1.0/me",
    "https://contoso-my.sharepoint.com/personal/a/_layouts/15/download.aspx?UniqueId=1&tempauth=v1.ey_-J",
    "https://contoso.sharepoint.com/sites/x/_api/v2.0/drive/items/1/uploadSession?guid='1'",
    "https://outlook.office.com/api/gv1.0/users('a@b')/messages('c')/AttachmentSessions('d')?authtoken=ey",
    "https://outlook.office365.com/api/import?token=x",
)

@pytest.mark.parametrize("url", GOOD)
def test_hosts_of_the_cloud_are_allowed_and_the_url_stays_what_it_was(url: str) -> None:
    assert PUBLIC.checked(url).lower() == url.lower()


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_urls_are_refused(url: str) -> None:
    with pytest.raises(OffList):
        PUBLIC.checked(url)


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_links_are_not_followed_with_our_token(url: str) -> None:
    assert not PUBLIC.is_graph(url)


@pytest.mark.parametrize("url", GOOD)
def test_the_library_that_sends_reads_the_same_host_as_the_check(url: str) -> None:
    clean = PUBLIC.checked(url)
    assert URL(clean, encoded=True).host == url.split("/")[2].lower().removesuffix(":443")


def test_only_graph_itself_gets_our_token() -> None:
    assert [PUBLIC.is_graph(url) for url in GOOD] == [True, True, True, False, False, False, False]


def test_a_read_of_a_link_goes_to_graph_or_nowhere() -> None:
    assert PUBLIC.graph_url("https://graph.microsoft.com/v1.0/users?$skiptoken=x").endswith("skiptoken=x")
    with pytest.raises(OffList):
        PUBLIC.graph_url("https://evil.sharepoint.com/v1.0/users?$skiptoken=x")


def test_configured_hosts_are_allowed_exactly_as_written() -> None:
    assert SANDBOX.checked("https://127.0.0.1:9001/d?x=1") == "https://127.0.0.1:9001/d?x=1"
    assert SANDBOX.checked("https://files.gateway.example/d")
    for url in ("https://127.0.0.1:9002/", "https://127.0.0.1/", "https://a.files.gateway.example/"):
        with pytest.raises(OffList):
            SANDBOX.checked(url)


@pytest.mark.parametrize("name", CLOUDS)
def test_each_cloud_has_its_own_list(name: str) -> None:
    cloud = CLOUDS[name]
    hosts = allowed(cloud.graph + "/v1.0")
    assert cloud_of(cloud.graph + "/v1.0") == name
    assert hosts.checked(f"https://contoso.{cloud.suffixes[0]}/x")
    for other in CLOUDS.values():
        if other.graph != cloud.graph:
            with pytest.raises(OffList):
                hosts.checked(other.graph + "/v1.0/me")
            with pytest.raises(OffList):
                hosts.checked(f"https://contoso.{other.suffixes[0]}/x")


def test_blanks_and_letters_beyond_ascii_in_a_link_are_encoded() -> None:
    assert (
        PUBLIC.checked("https://graph.microsoft.com/v1.0/a b?x=ü%20")
        == "https://graph.microsoft.com/v1.0/a%20b?x=%C3%BC%20"
    )


@pytest.mark.parametrize(
    "path", ("/users/../groups", "//evil.example/x", "/users/a\\b", "/users/a#b", "/users/a\nb", "/./x")
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(Misconfigured):
        PUBLIC.graph_url(path)


def test_a_path_extends_the_version_root() -> None:
    assert PUBLIC.graph_url("/users?$filter=a eq 'b'") == "https://graph.microsoft.com/v1.0/users?$filter=a%20eq%20'b'"


def test_the_refusal_names_the_host_and_nothing_secret() -> None:
    with pytest.raises(OffList) as caught:
        PUBLIC.checked("https://evil.example/download?tempauth=CANARY")
    assert "evil.example" in str(caught.value) and "CANARY" not in str(caught.value)


@pytest.mark.parametrize("base", ("http://graph.microsoft.com/v1.0", "graph.microsoft.com", "https://a@b/v1.0"))
def test_a_base_url_that_is_not_plain_https_is_refused(base: str) -> None:
    with pytest.raises(Misconfigured):
        allowed(base)


def test_the_tenants_own_sharepoint_hosts_are_named_and_no_other_gets_a_token() -> None:
    own = allowed("https://graph.microsoft.com/v1.0", (), ("contoso.sharepoint.com", "fab.sharepoint.com=127.0.0.1:9"))
    path = "/sites/a%20b/_api/web/lists(guid'1')/items(2)/AttachmentFiles('it%27%27s.txt')/$value"
    assert own.sharepoint_url("contoso.sharepoint.com", path) == f"https://contoso.sharepoint.com{path}"
    assert own.sharepoint_url("fab.sharepoint.com", "/x") == "https://127.0.0.1:9/x"
    for host, bad in (("evil.sharepoint.com", "/x"), ("contoso.sharepoint.com", "//evil.example/x"),
                      ("contoso.sharepoint.com", "/a/../b"), ("contoso.sharepoint.com", "x")):  # fmt: skip
        with pytest.raises(Misconfigured):
            own.sharepoint_url(host, bad)
    for name in ("contoso.example", "sharepoint.com", "a@b.sharepoint.com", "b.sharepoint.com.evil.example"):
        with pytest.raises(Misconfigured, match="M365_SHAREPOINT_HOSTS"):
            allowed("https://graph.microsoft.com/v1.0", (), (name,))
