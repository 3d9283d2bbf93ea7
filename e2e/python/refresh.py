"""An application on Requests-OAuthlib that refreshes by itself when a token has expired, and keeps what it gets."""

import base64
import hashlib
import json
import os
import sys

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain HTTP, on loopback

import requests
from oauthlib.common import generate_token
from oauthlib.oauth2 import InvalidGrantError
from requests_oauthlib import OAuth2Session

issuer, api = os.environ["ISSUER"], os.environ["API"]
client_id, secret = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
saved = []  # what a real application would store in its database

session = OAuth2Session(
    client_id,
    redirect_uri=os.environ["REDIRECT_URI"],
    scope=["chatbot:read"],
    auto_refresh_url=issuer + "/o/token/",
    auto_refresh_kwargs={"client_id": client_id, "client_secret": secret},
    token_updater=saved.append,
)
verifier = generate_token(64)
challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
url, _ = session.authorization_url(issuer + "/o/authorize/", code_challenge=challenge, code_challenge_method="S256")
print(url, flush=True)
answer = sys.stdin.readline().strip()
tokens = session.fetch_token(issuer + "/o/token/", authorization_response=answer, client_secret=secret, code_verifier=verifier)

for _ in range(3):  # three hours later
    session.token = {**session.token, "expires_in": -1, "expires_at": 1}
    me = session.get(api + "/api/me/")
    me.raise_for_status()

newest = session.token["refresh_token"]
requests.post(issuer + "/o/revoke_token/", data={"token": newest}, auth=(client_id, secret), timeout=30).raise_for_status()
refusal = None
try:
    session.refresh_token(issuer + "/o/token/", refresh_token=newest)
except InvalidGrantError as error:
    refusal = error.error
print(json.dumps({
    "tokens": {**tokens, "scope": " ".join(tokens["scope"])}, "me": me.json(), "saved": len(saved), "refusal": refusal,
    "rotated": len({tokens["refresh_token"], *(s["refresh_token"] for s in saved)}),
}))
