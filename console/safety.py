"""Who may see and use the console: whoever has the token of the run, from its own pages.

The token is in the URL that the run prints, and from the first visit on in a cookie that other
sites are not sent with. Other names of this machine and other origins are refused, so that no web
page can reach it through the user's browser (DNS rebinding, cross-site requests).
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    # The pages' own scripts are inline, and Vue compiles its templates in the page.
    "content-security-policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'self'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
PARAMETER = "token"


class Safety:
    """An ASGI application in front of `application`, served at `port` of the loopback interface."""

    def __init__(self, application: ASGIApp, port: int) -> None:
        self._application = application
        self.token = secrets.token_urlsafe(24)
        # Cookies know no ports: a name of its own keeps the consoles of two runs apart.
        self._cookie = f"console-{port}"
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._application(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to whoever may not pass, a visitor with the token among them: the way in."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or host not in self._hosts:
            return PlainTextResponse("The console answers to its loopback address only.", 403)
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            return PlainTextResponse("The console answers no other site.", 403)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get(PARAMETER)
        if scope["type"] == "http" and given is not None and self._is_token(given):
            rest = urlencode([pair for pair in query if pair[0] != PARAMETER])
            # A path of two slashes would lead to another site.
            path = "/" + scope["path"].lstrip("/")
            way = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
            way.set_cookie(self._cookie, self.token, httponly=True, samesite="strict")
            return way
        if not self._is_token(_cookies(headers).get(self._cookie, "")):
            return PlainTextResponse(
                "This page belongs to a run: open the address that the run printed as Console.", 403
            )
        # A browser says where a request comes from; an address that is typed comes from nowhere.
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return PlainTextResponse("The console answers no other site.", 403)
        return None

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self.token.encode())


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        parsed = SimpleCookie("; ".join(headers.getlist("cookie")))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in parsed.items()}


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return sent
