"""The whole life of a connection on Authlib: discovery, code, ID token, userinfo, refresh, introspection, revocation.

KEY is a private JWK by which the client authenticates; otherwise it has a secret.
"""

import json
import os
import secrets
import sys

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain HTTP, on loopback

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url


issuer, api, client_id = os.environ["ISSUER"], os.environ["API"], os.environ["CLIENT_ID"]

metadata = OpenIDProviderMetadata(requests.get(get_well_known_url(issuer, external=True), timeout=30).json())
metadata.validate()  # every rule of RFC 8414 and OpenID Connect Discovery
assert metadata["issuer"] == issuer, metadata["issuer"]

options = {}
if os.environ.get("KEY"):
    key = json.loads(os.environ["KEY"])
    options = {
        "client_secret": JsonWebKey.import_key(key),
        "token_endpoint_auth_method": PrivateKeyJWT(metadata["token_endpoint"], alg=key["alg"]),
    }
    options["revocation_endpoint_auth_method"] = options["token_endpoint_auth_method"]
else:
    options = {"client_secret": os.environ["CLIENT_SECRET"], "token_endpoint_auth_method": "client_secret_basic"}
session = OAuth2Session(
    client_id,
    redirect_uri=os.environ["REDIRECT_URI"],
    scope="openid profile email chatbot:read",
    code_challenge_method="S256",
    token_endpoint=metadata["token_endpoint"],
    **options,
)
verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
print(url, flush=True)
answer = sys.stdin.readline().strip()
token = session.fetch_token(authorization_response=answer, state=state, code_verifier=verifier)

keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())


def id_token(token, nonce=None):
    claims = JsonWebToken(metadata["id_token_signing_alg_values_supported"]).decode(
        token["id_token"],
        keys,
        claims_cls=CodeIDToken,
        claims_options={"iss": {"value": issuer, "essential": True}, "aud": {"value": client_id, "essential": True}},
        claims_params={**({"nonce": nonce} if nonce else {}), "client_id": client_id, "access_token": token["access_token"]},
    )
    claims.validate()  # at_hash and nonce, too
    return claims


claims = id_token(token, nonce)
userinfo = session.get(metadata["userinfo_endpoint"])
userinfo.raise_for_status()
me = session.get(api + "/api/me/")
me.raise_for_status()

refreshed = dict(session.refresh_token(metadata["token_endpoint"]))  # with its newest refresh token
introspect = lambda: session.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"]).json()
alive = introspect()
session.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"], token_type_hint="refresh_token").raise_for_status()
dead = introspect()
refusal = None
try:
    session.refresh_token(metadata["token_endpoint"], refresh_token=refreshed["refresh_token"])
except OAuthError as error:
    refusal = error.error
print(json.dumps({
    "tokens": token, "me": me.json(), "claims": claims, "userinfo": userinfo.json(), "refreshedClaims": id_token(refreshed),
    "rotated": len({token["refresh_token"], refreshed["refresh_token"]}), "alive": alive, "dead": dead, "refusal": refusal,
}))
