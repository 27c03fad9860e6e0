"""A web application made with Flask and Authlib, as Authlib's documentation has it.

Prints the address it listens at. The first line of its standard input is JSON: the issuer and the applications that it is, by
name, as arguments of `OAuth.register`. Ends when its standard input does.
"""

import json
import logging
import os
import sys
import threading

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE
from flask import Flask, jsonify, redirect, request, session
from joserfc.jwk import ECKey, OctKey, RSAKey
from werkzeug.serving import make_server

settings = json.loads(sys.stdin.readline())
metadata_url = settings["issuer"] + "/.well-known/openid-configuration"
app = Flask(__name__)
app.secret_key = os.urandom(32)
oauth = OAuth(app)
tokens = {}  # by application; too large for a cookie


def register(name, arguments):
    """Registers an application. One that signs its assertions brings a key in place of the secret, and an algorithm."""
    arguments = dict(arguments)
    algorithm = arguments.pop("assertion_alg", None)
    method = arguments.get("client_kwargs", {}).get("token_endpoint_auth_method")
    if method == "private_key_jwt":
        kind = RSAKey if algorithm.startswith(("RS", "PS")) else ECKey
        arguments["client_secret"] = kind.import_key(arguments["client_secret"])
        arguments["client_auth_methods"] = [PrivateKeyJWT(alg=algorithm)]
    elif method == "client_secret_jwt":
        arguments["client_secret"] = OctKey.import_key(arguments["client_secret"])
        arguments["client_auth_methods"] = [ClientSecretJWT(alg=algorithm)]
    oauth.register(name, server_metadata_url=metadata_url, **arguments)


for name, arguments in settings["applications"].items():
    register(name, arguments)


def client(name):
    return getattr(oauth, name)


@app.get("/<name>/login")
def login(name):
    return client(name).authorize_redirect(request.base_url.replace("/login", "/callback"), **request.args)


@app.get("/<name>/callback")
def callback(name):
    """The end of the sign-in: `authorize_access_token` checks state and ID token (signature, issuer, nonce, at_hash)."""
    try:
        token = client(name).authorize_access_token()
    except OAuthError as error:
        return jsonify(error=error.error), 403
    session["user"] = token["userinfo"]["sub"]
    tokens[name] = token
    return redirect(f"/{name}/me")


@app.get("/<name>/me")
def me(name):
    """What the application knows: from the ID token, and from the userinfo endpoint."""
    token = tokens[name]
    return jsonify(user=session["user"], id_token=token["userinfo"], userinfo=client(name).userinfo(token=token))


@app.get("/<name>/tokens")
def current(name):
    return jsonify(tokens[name])


@app.post("/<name>/refresh")
def refresh(name):
    oauth_session, metadata = session_of(name)
    try:
        tokens[name] = oauth_session.refresh_token(metadata["token_endpoint"], tokens[name]["refresh_token"])
    except OAuthError as error:
        return jsonify(error=error.error), 403
    return jsonify(tokens[name])


@app.post("/<name>/introspect")
def introspect(name):
    oauth_session, metadata = session_of(name)
    answer = oauth_session.introspect_token(metadata["introspection_endpoint"], tokens[name]["access_token"])
    return jsonify(answer.json()), answer.status_code


@app.post("/<name>/revoke")
def revoke(name):
    oauth_session, metadata = session_of(name)
    answer = oauth_session.revoke_token(metadata["revocation_endpoint"], tokens[name]["refresh_token"], "refresh_token")
    return "", answer.status_code


@app.post("/<name>/own-token")
def own_token(name):
    """Client credentials."""
    oauth_session, metadata = session_of(name)
    return jsonify(oauth_session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials"))


@app.post("/<name>/device")
def device(name):
    oauth_session, metadata = session_of(name)
    form = {"client_id": oauth_session.client_id, "scope": oauth_session.scope}
    answer = oauth_session.request("POST", metadata["device_authorization_endpoint"], withhold_token=True, data=form)
    return jsonify(answer.json()), answer.status_code


@app.post("/<name>/device-token")
def device_token(name):
    oauth_session, metadata = session_of(name)
    device_code = request.form["device_code"]
    try:
        token = oauth_session.fetch_token(
            metadata["token_endpoint"], grant_type=DEVICE_CODE_GRANT_TYPE, device_code=device_code
        )
    except OAuthError as error:
        return jsonify(error=error.error), 403
    tokens[name] = token
    return jsonify(id_token=client(name).parse_id_token(token, nonce=None))


def session_of(name):
    """Authlib's session of the application, for what is not part of a sign-in, and the metadata of the server."""
    metadata = client(name).load_server_metadata()
    return client(name)._get_oauth_client(**metadata), metadata


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, app)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
