"""A system with sign-in: its pool's tokens, its edge and its functions together."""

from __future__ import annotations

import http.client
import json
import shlex
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from console.desk import Desk
from functions import contract
from local import sign_in, state
from local.client import Api
from local.output import Output
from local.screen import Screen
from local.sign_in import SCOPES, SignInError
from local.system import System, system
from local.workspace import ROOT
from operations.__main__ import main
from tests.local.support import ORDER, SMALL


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "BUILD", tmp_path_factory.mktemp("build"))
        settings = {"auth": "cognito", "userPool.machineScopes": [*SCOPES, contract.ADMIN_SCOPE]}
        with system(overrides={**SMALL, **settings}, publish_state=True) as started:
            yield started


def token(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["token", "--raw", *arguments]) == 0
    return capsys.readouterr().out.strip()


def of(running: System, token: str) -> Api:
    return Api(running.url, token=lambda: token)


def test_printed_line_places_an_order_that_only_its_owner_sees(
    signed_in: System, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "--user", "ada"]) == 0
    adas, _, line = capsys.readouterr().out.splitlines()
    created = _curl(line)
    assert created[0] == 201
    path = f"/orders/{created[1]['id']}"
    assert of(signed_in, adas).request("GET", path).status == 200
    graces = token(capsys, "--user", "grace")
    assert of(signed_in, graces).request("GET", path).status == 404
    assert Api(signed_in.url).request("GET", path).status == 401
    machines = token(capsys)
    assert of(signed_in, machines).request("GET", path).status == 404
    admins = token(capsys, "--scope", contract.ADMIN_SCOPE)
    assert of(signed_in, admins).request("GET", path).status == 200


def test_three_lines_of_the_readme_lead_to_a_list_of_own_orders(
    signed_in: System, capsys: pytest.CaptureFixture[str]
) -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("### Signed in")[2]
    lines = section.partition("```sh\n")[2].partition("\n```")[0].replace("\\\n", "")
    first, place, listing = lines.splitlines()
    command = first.removeprefix("TOKEN=$(.venv/bin/python -m operations ").removesuffix(")")
    assert main(shlex.split(command)) == 0
    adas = capsys.readouterr().out.strip()

    def asked(line: str) -> tuple[int, Any]:
        here = line.replace("http://127.0.0.1:4566", signed_in.url)
        return _curl(here.replace("$TOKEN", adas))

    status, created = asked(place)
    assert status == 201
    status, shown = asked(listing)
    assert status == 200
    assert created["id"] in [order["id"] for order in shown["orders"]]
    others = of(signed_in, token(capsys, "--user", "mary")).request("GET", "/orders")
    assert (others.status, others.body["orders"]) == (200, [])


def _curl(line: str) -> tuple[int, Any]:
    """What `curl` would get for a line of `-i URL -H HEADER ...`, and perhaps `-d BODY`."""
    program, _, url, *options = shlex.split(line)
    assert program == "curl"
    pairs = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in pairs if option == "-H")
    body = dict(pairs).get("-d")
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.request("GET" if body is None else "POST", parts.path, body, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_machines_secret_alone_gets_its_token_from_the_emulator(signed_in: System) -> None:
    client = signed_in.outputs["machineClientId"]
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": signed_in.outputs["machineClientSecret"],
        "scope": contract.READ_SCOPE,
    }

    def asked(**changes: str) -> requests.Response:
        return requests.post(
            f"{signed_in.endpoint}/oauth2/token", data={**form, **changes}, timeout=30
        )

    given = asked().json()["access_token"]
    assert of(signed_in, given).request("GET", "/orders").status == 200
    wrong = asked(client_secret="x")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
    pages = asked(client_id=signed_in.outputs["pageClientId"], client_secret="")
    assert (pages.status_code, "access_token" in pages.json()) == (400, False)


def test_scopes_of_a_token_are_those_that_were_asked_for(
    signed_in: System, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = of(signed_in, token(capsys, "--user", "ada", "--scope", contract.READ_SCOPE))
    refused = reader.create(ORDER)
    assert (refused.status, refused.body) == (403, {"message": "Forbidden"})
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert reader.get(str(uuid4())).status == 404


def test_forged_headers_place_an_order_of_nobody_else(
    signed_in: System, capsys: pytest.CaptureFixture[str]
) -> None:
    adas = token(capsys, "--user", "ada")
    lies = {"x-amzn-oidc-identity": "eve", "x-user": "eve", "sub": "eve"}
    order_id = of(signed_in, adas).create(ORDER, lies).body["id"]
    table = signed_in.outputs["ordersTableName"]
    item = signed_in.client("dynamodb").get_item(TableName=table, Key={"id": {"S": order_id}})
    owner = sign_in.caller(signed_in, "ada").subject
    assert item["Item"][contract.OWNER_ATTRIBUTE] == {"S": owner}


def test_same_key_of_two_callers_is_two_orders(
    signed_in: System, capsys: pytest.CaptureFixture[str]
) -> None:
    key = {"idempotency-key": uuid4().hex}
    users = [of(signed_in, token(capsys, "--user", name)) for name in ("ada", "grace")]
    first, second = (user.create(ORDER, key) for user in users)
    again = users[0].create(ORDER, key)
    assert [each.status for each in (first, second, again)] == [201] * 3
    assert first.body["id"] == again.body["id"] != second.body["id"]


def test_run_places_its_own_orders_signed_in(signed_in: System, tmp_path: Path) -> None:
    with (tmp_path / "screen").open("w") as said:
        screen = Screen(signed_in.stream, Output(said), "normal")
        screen.first_order(signed_in)
        screen.close()
    assert contract.CONFIRMED in (tmp_path / "screen").read_text()
    desk = Desk(signed_in)
    try:
        assert desk.call("POST", "/orders", ORDER).status == 201
        desk.load.start(3, 100)
        assert desk.load.wait().statuses == {"201": 3}
    finally:
        desk.close()


def test_drill_places_orders_of_a_machine_or_of_whom_a_token_names(
    signed_in: System, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = ["drill", "--stack", "local", "--orders", "3", "--patience", "30"]
    assert main(drill) == 0
    assert capsys.readouterr().out.startswith("3 CONFIRMED")
    adas = token(capsys, "--user", "ada-of-the-drill")
    monkeypatch.setenv("ACCESS_TOKEN", adas)
    assert main(drill) == 0
    listed = of(signed_in, adas).request("GET", "/orders").body["orders"]
    assert {each["customerName"] for each in listed} == {"Drill 0", "Drill 1", "Drill 2"}
    monkeypatch.setenv("ACCESS_TOKEN", "nonsense")
    assert main(drill) == 1
    assert "3 with 401" in capsys.readouterr().err


def test_keys_of_a_pool_lie_in_the_folder_that_ends_with_the_run(signed_in: System) -> None:
    sign_in.caller(signed_in, "ada")
    found = Path(signed_in._emulator._folder or "").rglob("*.pem")
    assert any(signed_in.outputs[sign_in.POOL_OUTPUT] in key.name for key in found)


class Provider(ThreadingHTTPServer):
    """An OpenID Connect provider, as far as a gateway asks it: discovery and keys."""

    daemon_threads = True

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        super().__init__(("127.0.0.1", 0), _Documents)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        key = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        self.documents = {
            "/.well-known/openid-configuration": {"jwks_uri": f"{self.issuer}/keys"},
            "/keys": {"keys": [{**key, "kid": "one", "use": "sig"}]},
        }
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def token(self, **claims: Any) -> str:
        """A token for an hour."""
        scope, end = " ".join(sign_in.SCOPES), int(time.time()) + 3600
        content = {"iss": self.issuer, "sub": "ada", "aud": "orders", "scope": scope, "exp": end}
        return jwt.encode({**content, **claims}, self.key, "RS256", {"kid": "one"})


class _Documents(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        body = json.dumps(self.server.documents[self.path]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.mark.long
def test_tokens_of_another_provider_are_taken(tmp_path: Path) -> None:
    with Provider() as provider:
        settings = {"auth": "jwt", "jwt.issuer": provider.issuer, "jwt.audience": ["orders"]}
        with system(overrides={**SMALL, **settings}) as running:
            assert of(running, provider.token()).create(ORDER).status == 201
            assert of(running, provider.token(aud="else")).create(ORDER).status == 401
            with pytest.raises(SignInError, match=provider.issuer):
                sign_in.api(running)
            with (tmp_path / "screen").open("w") as said:
                screen = Screen(running.stream, Output(said), "normal")
                screen.try_it(running)
                screen.first_order(running)
                screen.close()
            shown = (tmp_path / "screen").read_text()
            assert "authorization: Bearer TOKEN" in shown
            assert f"No first order: the tokens of this run come from {provider.issuer}" in shown
        provider.shutdown()
