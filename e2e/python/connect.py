"""A third-party application on Authlib. It prints the authorization URL, reads the address to which the browser came back, and prints what it got.

What it is and whom it trusts comes from the environment.
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
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

issuer, api = os.environ["ISSUER"], os.environ["API"]

metadata = AuthorizationServerMetadata(
    requests.get(get_well_known_url(issuer, external=True), timeout=30).json()
)
metadata.validate()  # every rule of RFC 8414
assert metadata["issuer"] == issuer, metadata["issuer"]

session = OAuth2Session(
    os.environ["CLIENT_ID"],
    os.environ.get("CLIENT_SECRET") or None,
    token_endpoint_auth_method=os.environ["AUTH_METHOD"],
    redirect_uri=os.environ["REDIRECT_URI"],
    scope="chatbot:read session:read",
    code_challenge_method="S256",
)
verifier = secrets.token_urlsafe(48)
url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
print(url, flush=True)
answer = sys.stdin.readline().strip()

try:
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier
    )
except OAuthError as error:
    print(json.dumps({"error": error.error, "description": error.description}))
    sys.exit()

# Anybody can verify the access token, a JWT, with the published keys.
keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
claims = JsonWebToken(["ES256"]).decode(
    token["access_token"], keys, claims_options={"iss": {"value": issuer, "essential": True}}
)
claims.validate()
me = session.get(api + "/api/me/")
me.raise_for_status()
print(json.dumps({"tokens": token, "me": me.json(), "claims": claims}))
