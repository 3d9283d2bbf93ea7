"""A Django site whose people sign in with python-social-auth's OpenID Connect backend, on the address BASE.

The backend sends a nonce, and knows no PKCE.
"""

import json
import os
import urllib.request
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import include, path
from social_core.backends.open_id_connect import OpenIdConnectAuth


class Gatehouse(OpenIdConnectAuth):
    name = "gatehouse"
    OIDC_ENDPOINT = os.environ["ISSUER"]
    DEFAULT_SCOPE = ["openid", "profile", "email", "offline_access", "chatbot:read"]


def home(request):
    account = request.user.social_auth.get()
    first = account.access_token
    account.refresh_token(load_strategy())
    call = urllib.request.Request(os.environ["API"] + "/api/me/", headers={"Authorization": "Bearer " + account.access_token})
    with urllib.request.urlopen(call, timeout=30) as response:
        me = json.load(response)
    user = {"sub": account.uid, "email": request.user.email, "name": request.user.get_full_name()}
    return JsonResponse({"user": user, "me": me, "refreshed": account.access_token != first})


settings.configure(
    SECRET_KEY="of this test",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "social_django"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    AUTHENTICATION_BACKENDS=[__name__ + ".Gatehouse"],
    SOCIAL_AUTH_GATEHOUSE_KEY=os.environ["CLIENT_ID"],
    SOCIAL_AUTH_GATEHOUSE_SECRET=os.environ["CLIENT_SECRET"],
    SOCIAL_AUTH_LOGIN_REDIRECT_URL="/home/",
)


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


django.setup()
from social_django.utils import load_strategy  # noqa: E402, it reads the settings
urlpatterns = [path("", include("social_django.urls", namespace="social")), path("home/", home)]
call_command("migrate", verbosity=0)
address = urlsplit(os.environ["BASE"])
make_server(address.hostname, address.port, get_wsgi_application(), handler_class=Quiet).serve_forever()
