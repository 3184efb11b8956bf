"""Access tokens of a user pool: as a page gets them for somebody who signs in, and as a machine
gets its own.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-userpools-server-contract-reference.html
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from functions import contract
from local import aws
from local.client import Api
from local.errors import LocalRunError

if TYPE_CHECKING:
    from local.system import System

POOL_OUTPUT = "userPoolId"
PAGE_OUTPUT = "pageClientId"
MACHINE_OUTPUT = "machineClientId"

USER = "local"
"""Whom the run itself calls its API as, where it asks for somebody."""

AUTH: dict[str, dict[str, Any]] = {
    "none": {},
    "cognito": {
        "auth": "cognito",
        "limits": {"createPerMinute": 100_000, "readPerMinute": 100_000},
    },
}
"""The configuration of a run without sign-in, and of one with a pool of its own, whose callers are
counted and never stopped."""

SECONDS = 30.0
"""How long an answer of the sign-in pages may take."""

KEPT_SECONDS = 240.0
"""How long a token is used: the shortest that a pool can make is good for five minutes."""

SCOPES = (contract.READ_SCOPE, contract.WRITE_SCOPE)
"""What a token is for unless it is said: all that a customer needs."""

Send = Callable[[str, str, Mapping[str, str] | None], tuple[int, Mapping[str, str], bytes]]
"""Sends method, path and form to where a pool signs people in: status, headers, body."""


class SignInError(LocalRunError):
    """There is no token; the message says why."""


class Pool:
    """A user pool; `idp` is a boto3 client of it, `send` reaches its sign-in pages.

    `secret` is what the passwords of users are made of that are created here.
    """

    def __init__(self, idp: Any, send: Send, outputs: Mapping[str, Any], secret: str = "") -> None:
        self._idp, self._send, self._outputs = idp, send, outputs
        self._secret = secret.encode()
        self._id: str = outputs[POOL_OUTPUT]

    def token_of_user(self, name: str, scopes: Sequence[str] = SCOPES) -> str:
        """Of a user, who is created where there is none of the name: signed in as the browser of a
        page does it, authorization code and PKCE.
        """
        client = self._client(PAGE_OUTPUT)
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": client["ClientId"],
            "redirect_uri": client["CallbackURLs"][0],
            "scope": " ".join(scopes),
            "state": secrets.token_urlsafe(16),
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        status, headers, body = self._send("GET", f"/oauth2/authorize?{urlencode(asked)}", None)
        if status == 200:
            login = {**asked, "username": name, "password": self._password(name)}
            status, headers, body = self._send("POST", "/login", login)
        back = parse_qs(urlsplit(headers.get("location", "")).query)
        if status != 302 or "code" not in back or back.get("state") != [asked["state"]]:
            raise SignInError(f"no sign-in for {name}: {_words(back, body)}")
        return self._token(
            grant_type="authorization_code",
            client_id=asked["client_id"],
            redirect_uri=asked["redirect_uri"],
            code=back["code"][0],
            code_verifier=verifier,
        )

    def token_of_machine(self, scopes: Sequence[str] = SCOPES) -> str:
        """Of the client for machines: its client credentials, which are read from the pool."""
        client = self._client(MACHINE_OUTPUT)
        return self._token(
            grant_type="client_credentials",
            client_id=client["ClientId"],
            client_secret=client["ClientSecret"],
            scope=" ".join(scopes),
        )

    def _client(self, output: str) -> dict[str, Any]:
        client = self._outputs.get(output)
        if not isinstance(client, str):
            raise SignInError(f"the stack has no output {output}: no such client may sign in")
        found: dict[str, Any] = self._idp.describe_user_pool_client(
            UserPoolId=self._id, ClientId=client
        )["UserPoolClient"]
        return found

    def _password(self, name: str) -> str:
        """The password of the user, who is there afterwards; the same each time, so that whoever
        signs somebody in does not lock out another who does."""
        mail = {"Name": "email", "Value": f"{name}@example.com"}
        with contextlib.suppress(self._idp.exceptions.UsernameExistsException):
            self._idp.admin_create_user(
                UserPoolId=self._id,
                Username=name,
                UserAttributes=[mail, {"Name": "email_verified", "Value": "true"}],
                MessageAction="SUPPRESS",
            )
        # With some of each kind of characters, whatever the pool's policy asks for.
        password = f"{hmac.digest(self._secret, name.encode(), 'sha256').hex()}aA1!"
        self._idp.admin_set_user_password(
            UserPoolId=self._id, Username=name, Password=password, Permanent=True
        )
        return password

    def _token(self, **form: str) -> str:
        status, _, body = self._send("POST", "/oauth2/token", form)
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {}
        if status != 200 or not isinstance(answer, dict) or "access_token" not in answer:
            raise SignInError(f"no token: {_words({}, body)}")
        return str(answer["access_token"])


class Caller(NamedTuple):
    """Somebody who is signed in: who it is for the API, and a token that is still good."""

    subject: str
    token: Callable[[], str]


def caller(system: System, user: str) -> Caller:
    """A user of a run's pool."""
    pool = of_run(system.whereabouts())
    token = kept(lambda: pool.token_of_user(user))
    _, claims, _ = token().split(".")
    content = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
    return Caller(json.loads(content)["sub"], token)


def api(system: System, user: str = USER) -> Api:
    """A client of a run's API: of this user's where it asks for somebody.

    Raises `SignInError` where only another's provider has tokens.
    """
    trusted = issuers(system)
    if not trusted:
        return Api(system.url)
    if POOL_OUTPUT not in (system.home or system).outputs:
        raise SignInError(f"the tokens of this run come from {', '.join(trusted)}")
    pool = of_run(system.whereabouts())
    return Api(system.url, token=kept(lambda: pool.token_of_user(user)))


def kept(get: Callable[[], str]) -> Callable[[], str]:
    """Of tokens that `get` gets, the same for as long as one is surely good for."""
    lock, token, until = threading.Lock(), "", 0.0

    def fresh() -> str:
        nonlocal token, until
        with lock:
            if time.monotonic() >= until:
                token, until = get(), time.monotonic() + KEPT_SECONDS
            return token

    return fresh


def issuers(system: System) -> list[str]:
    """Whose tokens the API of a run takes; nobody's where everybody may call it."""
    authorizers = (system.api or {}).get("authorizers") or {}
    return sorted({each["issuer"] for each in authorizers.values()})


def of_run(run: Mapping[str, Any]) -> Pool:
    """The user pool of a local run, or of its home region, as `local.state` tells of it."""
    home = run.get("home", run)
    where = run["endpoint"], home["region"], run["credentials"]
    idp = aws.client("cognito-idp", *where)
    return Pool(idp, sending(*where), home["outputs"], run["credentials"]["aws_secret_access_key"])


def sending(url: str, region: str = "", credentials: Mapping[str, str] | None = None) -> Send:
    """Sends to `url`; with `credentials` signed, as the emulator asks for. Follows no redirect."""
    # Most of what this module is imported for needs none of it.
    from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
    from botocore.credentials import Credentials  # type: ignore[import-untyped]
    from botocore.httpsession import URLLib3Session  # type: ignore[import-untyped]

    session = URLLib3Session(timeout=SECONDS)

    def send(
        method: str, path: str, form: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        kind = {} if form is None else {"content-type": "application/x-www-form-urlencoded"}
        request = AWSRequest(method, url + path, kind, urlencode(form or {}).encode())
        if credentials is not None:
            keys = Credentials(
                credentials["aws_access_key_id"], credentials["aws_secret_access_key"]
            )
            SigV4Auth(keys, "cognito-idp", region).add_auth(request)
        answer = session.send(request.prepare())
        fields = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status_code, fields, answer.content

    return send


def _words(back: Mapping[str, list[str]], body: bytes) -> str:
    """Why there is none, in OAuth's words, which stand in a redirect or in JSON."""
    try:
        told = {name: values[0] for name, values in back.items()} or json.loads(body)
        error, description = told["error"], told.get("error_description")
    except (ValueError, KeyError, TypeError):
        return "the pool gives no reason"
    return f"{error} ({description})" if description else str(error)
