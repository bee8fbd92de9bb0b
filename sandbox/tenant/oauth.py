"""The login door: tokens for secrets, certificates, federated assertions and refresh tokens, and their keys."""

from __future__ import annotations

import base64
import json
import time
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.tenant.state import App, Tenant

GRAPH_AUDIENCES = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
OPENID = frozenset({"openid", "profile", "email", "offline_access"})
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"


class Denied(Exception):
    """An OAuth error answer: error, AADSTS text, status."""

    def __init__(self, error: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.error, self.text, self.status = error, text, status


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """One key for every simulated tenant of this process: making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEY_ID = "tenant-key-1"


def mint(
    tenant: Tenant, app: App, audience: str, roles: list[str], *, user: str | None = None, scopes: str = "",
    proof: str = "1",
) -> str:  # fmt: skip
    """A signed access token. Real time, not the tenant's clock: the clients' own clocks are real. `proof`: how the app
    signed in, 1 by secret, 2 by certificate or another assertion (Entra docs: access-token-claims, appidacr)."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "aud": audience, "iss": issuer(tenant), "tid": tenant.id, "appid": app.client_id, "azp": app.client_id,
        "app_displayname": app.name, "iat": now, "nbf": now, "exp": now + tenant.options.token_life_s, "ver": "2.0",
    }  # fmt: skip
    if user:
        claims |= {"oid": user, "scp": scopes}
    else:
        claims |= {"oid": app.client_id, "roles": roles, "idtyp": "app", "appidacr": proof}
    token = jwt.encode(claims, signing_key(), algorithm="RS256", headers={"kid": KEY_ID})
    tenant.issued.append(token)
    return token


def issuer(tenant: Tenant) -> str:
    return f"{tenant.doors.login}/{tenant.id}/v2.0"


def read_token(tenant: Tenant, token: str, audiences: tuple[str, ...]) -> dict[str, Any]:
    """The claims of one of our tokens; jwt.PyJWTError when it is not valid for one of the audiences."""
    claims: dict[str, Any] = jwt.decode(
        token, signing_key().public_key(), algorithms=["RS256"], audience=list(audiences)
    )
    if claims.get("tid") != tenant.id:
        raise jwt.InvalidIssuerError("another tenant's token")
    return claims


async def openid_configuration(request: web.Request, tenant: Tenant) -> web.Response:
    base = f"https://{request.host}/{request.match_info['tenant']}"
    return web.json_response({
        "issuer": issuer(tenant),
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code"], "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"], "tenant_region_scope": None,
        "cloud_instance_name": request.host,
    })  # fmt: skip


async def keys(request: web.Request, tenant: Tenant) -> web.Response:
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key().public_key()))
    return web.json_response({"keys": [{**key, "kid": KEY_ID, "use": "sig", "alg": "RS256", "issuer": issuer(tenant)}]})


async def token(request: web.Request, tenant: Tenant) -> web.Response:
    form = {k: str(v) for k, v in (await request.post()).items()}
    try:
        return web.json_response(_grant(request, tenant, form))
    except Denied as no:
        body = {"error": no.error, "error_description": no.text, "error_codes": [int(no.text[6:].split(":")[0])]}
        return web.json_response(body, status=no.status)


def _grant(request: web.Request, tenant: Tenant, form: dict[str, str]) -> dict[str, Any]:
    if request.match_info["tenant"] not in (tenant.id, tenant.domain, "common", "organizations"):
        raise Denied("invalid_request", f"AADSTS90002: Tenant '{request.match_info['tenant']}' not found.")
    if form.get("grant_type") == "refresh_token":
        return _refreshed(tenant, form)
    if form.get("grant_type") == DEVICE_CODE:
        return _device_signed_in(tenant, form)
    if form.get("grant_type") != "client_credentials":
        raise Denied("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
    app = tenant.apps.get(form.get("client_id", ""))
    if app is None:
        raise Denied("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
    proof = _prove(request, tenant, app, form)
    scope = form.get("scope", "")
    if not scope.endswith("/.default"):
        raise Denied("invalid_scope", "AADSTS1002012: The provided value for scope is not valid. Use /.default.")
    audience = scope.removesuffix("/.default").rstrip("/")
    if audience in (*GRAPH_AUDIENCES, tenant.doors.graph):
        roles, audience = sorted(app.roles), GRAPH_AUDIENCES[0]
    elif audience == sharepoint_of(tenant):
        roles = sorted(app.sharepoint_roles)
    elif audience in app.api_roles:
        roles = list(app.api_roles[audience])
    else:
        raise Denied("invalid_resource", f"AADSTS500011: The resource principal named {audience} was not found.")
    life = tenant.options.token_life_s
    return {
        "token_type": "Bearer",
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": mint(tenant, app, audience, roles, proof=proof),
    }


def sharepoint_of(tenant: Tenant) -> str:
    """The audience of tokens for SharePoint's own interface."""
    return f"https://{tenant.domain.split('.')[0]}.sharepoint.com"


def _prove(request: web.Request, tenant: Tenant, app: App, form: dict[str, str]) -> str:
    """How the app proved who it is: "1" by secret, "2" by an assertion."""
    if "client_assertion" in form:
        if form.get("client_assertion_type") != ASSERTION:
            raise Denied("invalid_request", "AADSTS900144: client_assertion_type is missing or wrong.")
        _check_assertion(request, tenant, app, form["client_assertion"])
        return "2"
    if app.secret is None or form.get("client_secret") != app.secret:
        raise Denied("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
    return "1"


def _check_assertion(request: web.Request, tenant: Tenant, app: App, assertion: str) -> None:
    """Signed by one of the app's certificates for this endpoint, or by an issuer the app federates with."""
    try:
        head, claims = jwt.get_unverified_header(assertion), jwt.decode(assertion, options={"verify_signature": False})
        for issuer_, subject, public in app.federated:
            if (claims.get("iss"), claims.get("sub")) == (issuer_, subject):
                key = serialization.load_pem_public_key(public)
                jwt.decode(assertion, key, algorithms=["RS256"], audience=EXCHANGE_AUDIENCE)  # type: ignore[arg-type]
                return
        for pem in app.certificates:
            certificate = x509.load_pem_x509_certificate(pem)
            if _thumbprints(certificate) & {str(head.get(name, "")).rstrip("=") for name in ("x5t", "x5t#S256")}:
                endpoint = f"https://{request.host}{request.path}"
                jwt.decode(
                    assertion, certificate.public_key(), algorithms=["RS256", "PS256"],  # type: ignore[arg-type]
                    audience=endpoint, issuer=app.client_id, options={"require": ["exp", "jti", "sub"]},
                )  # fmt: skip
                return
    except jwt.PyJWTError as why:
        raise Denied(
            "invalid_client", f"AADSTS700027: Client assertion failed signature validation: {why}", 401
        ) from why
    raise Denied("invalid_client", "AADSTS700027: The key used for the client assertion is not registered.", 401)


def _thumbprints(certificate: x509.Certificate) -> set[str]:
    prints = (certificate.fingerprint(hashes.SHA1()), certificate.fingerprint(hashes.SHA256()))
    return {base64.urlsafe_b64encode(p).decode().rstrip("=") for p in prints}


def _refreshed(tenant: Tenant, form: dict[str, str]) -> dict[str, Any]:
    """A delegated token, for third-party clients that sign in as a user."""
    found = tenant.refresh_tokens.get(form.get("refresh_token", ""))
    if found is None:
        raise Denied("invalid_grant", "AADSTS9002313: Invalid request. The refresh token is malformed or not valid.")
    user, scopes = found
    known = tenant.apps.get(form.get("client_id", ""))
    if known is not None and not known.scopes:
        raise Denied("invalid_client", "AADSTS7000218: The request must contain a client assertion or secret.", 401)
    client = known or App(form.get("client_id", ""), "delegated", frozenset())
    return _in_the_name_of(tenant, client, user, scopes, form["refresh_token"])


def _in_the_name_of(tenant: Tenant, client: App, user: str, scopes: frozenset[str], refresh: str) -> dict[str, Any]:
    """Of a public client every answer has a new refresh token; the one before stays good for its time."""
    scope = " ".join(sorted(scopes))
    if client.scopes:
        refresh = f"{tenant.ids.token('refresh', 60)}"
        tenant.refresh_tokens[refresh] = (user, scopes)
        tenant.issued.append(refresh)
    return {
        "token_type": "Bearer", "scope": scope, "expires_in": tenant.options.token_life_s,
        "access_token": mint(tenant, client, GRAPH_AUDIENCES[0], [], user=user, scopes=scope),
        "refresh_token": refresh,
    }  # fmt: skip


# --- device code: a person signs in elsewhere (Entra docs: v2-oauth2-device-code)


async def device_code(request: web.Request, tenant: Tenant) -> web.Response:
    form = {k: str(v) for k, v in (await request.post()).items()}
    app = tenant.apps.get(form.get("client_id", ""))
    if app is None or not app.scopes:
        text = "AADSTS7000218: The app is not a public client." if app else "AADSTS700016: Application was not found."
        return web.json_response({"error": "unauthorized_client", "error_description": text}, status=400)
    code, user_code = tenant.ids.token("device", 60), tenant.ids.token("code", 9).upper()
    asked = frozenset(one.rpartition("/")[2] for one in form.get("scope", "").split()) - OPENID
    tenant.device_codes[code] = {"client": app.client_id, "user_code": user_code, "scopes": asked & app.scopes}
    uri = "https://microsoft.com/devicelogin"
    return web.json_response({
        "device_code": code, "user_code": user_code, "verification_uri": uri, "expires_in": 900, "interval": 1,
        "message": f"To sign in, use a web browser to open the page {uri} and enter the code {user_code}.",
    })  # fmt: skip


def enter_code(tenant: Tenant, user_code: str, user: str) -> dict[str, Any]:
    """Somebody types the code in and agrees."""
    waiting = next(one for one in tenant.device_codes.values() if one["user_code"] == user_code)
    found = tenant.find_user(user)
    if found is None:
        raise KeyError(f"no user {user!r}")
    waiting["user"] = found.id
    return {}


def _device_signed_in(tenant: Tenant, form: dict[str, str]) -> dict[str, Any]:
    waiting = tenant.device_codes.get(form.get("device_code", ""))
    if waiting is None or waiting["client"] != form.get("client_id"):
        raise Denied("bad_verification_code", "AADSTS70000: The device code is not valid.")
    if "user" not in waiting:
        raise Denied("authorization_pending", "AADSTS70016: OAuth 2.0 device flow error. Authorization is pending.")
    del tenant.device_codes[form["device_code"]]
    app, user = tenant.apps[waiting["client"]], tenant.users[waiting["user"]]
    answer = _in_the_name_of(tenant, app, user.id, waiting["scopes"], "")
    now = int(time.time())
    claims = {
        "iss": issuer(tenant), "aud": app.client_id, "tid": tenant.id, "oid": user.id, "sub": user.id,
        "preferred_username": user.upn, "name": user.display_name, "iat": now, "nbf": now, "exp": now + 3600,
        "ver": "2.0",
    }  # fmt: skip
    head = {"kid": KEY_ID}
    return {**answer, "id_token": jwt.encode(claims, signing_key(), algorithm="RS256", headers=head)}


def federated_assertion(key: rsa.RSAPrivateKey, issuer_: str, subject: str) -> str:
    """What a managed identity would hand to msal."""
    now = int(time.time())
    claims = {"iss": issuer_, "sub": subject, "aud": EXCHANGE_AUDIENCE, "iat": now, "nbf": now, "exp": now + 3600}
    return jwt.encode(claims, key, algorithm="RS256")
