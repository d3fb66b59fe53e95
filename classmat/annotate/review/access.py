"""Who may talk to the server: this machine's browser, from our own page, or whoever has the token."""

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "classmat_review"

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def new_token() -> str:
    """Return a secret that nobody guesses: 192 random bits, to be put into an address."""
    return secrets.token_urlsafe(24)


def cookie_name(token: str) -> str:
    """Return the name of the cookie with a token: browsers share cookies between the ports of a machine.

    >>> cookie_name("a") == cookie_name("b")
    False
    """
    return f"{COOKIE}_{hashlib.sha256(token.encode()).hexdigest()[:8]}"


class Guard:
    """The outermost layer of the server: refuses what is not from the page, and adds headers that say so.

    Without a token, requests must name the server as this machine does (a web page whose name was made to lead to
    127.0.0.1 does not). With one they must show it: in the address once, then as a cookie that the page's scripts
    cannot read. Either way, requests that a browser marks as coming from another site are refused.

    Parameters
    ----------
    app : ASGI application
    token : str, optional
    """

    def __init__(self, app: Application, token: str | None = None) -> None:
        self.app, self.token = app, token
        self.cookie = cookie_name(token or "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        is_front = scope["path"] == "/" and scope["method"] == "GET"
        refusal = self._stranger(headers, is_front) or self._without_token(headers)
        if refusal is None:
            await self.app(scope, receive, self._with_headers(send))
        elif is_front and self._shows_token(scope) and self._stranger(headers, is_front) is None:
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(self._with_headers(send), 303, "", {"location": "/", "set-cookie": cookie})
        else:
            await _answer(self._with_headers(send), 403, refusal)

    def _stranger(self, headers: dict[str, str], is_front: bool) -> str | None:
        """Return why a request is another site's doing, or None."""
        host = headers.get("host", "")
        if self.token is None and not is_loopback(_name_of(host)):
            return "This server answers to localhost alone."
        if "origin" in headers and headers["origin"] not in (f"http://{host}", f"https://{host}"):
            return "This request comes from another site."
        site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode", "")
        if site not in ("none", "same-origin") and not (is_front and mode == "navigate"):
            return "This request comes from another site."
        return None

    def _without_token(self, headers: dict[str, str]) -> str | None:
        if self.token is None:
            return None
        shown = [headers.get("authorization", "").removeprefix("Bearer ")]
        # By hand: other services of this machine send their cookies along, and not all are as the standard wants them.
        pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        shown += [value for name, _, value in pairs if name == self.cookie]
        if any(self._is_token(text) for text in shown):
            return None
        return "Open the address with the token that the command showed."

    def _shows_token(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return any(self._is_token(text) for text in given)

    def _is_token(self, text: str) -> bool:
        return self.token is not None and secrets.compare_digest(text.encode(), self.token.encode())

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message.get("headers", [])}
                more = {"cache-control": "no-store", **_HEADERS}
                added = [(name.encode(), text.encode()) for name, text in more.items() if name.encode() not in own]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        return sending


def _name_of(host: str) -> str:
    """Return the name or address in a Host header.

    >>> _name_of("[::1]:80"), _name_of("localhost:80"), _name_of("[::1].evil.example")
    ('::1', 'localhost', '')
    """
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::\d+)?", host)
    return (found[1] or found[2] or "") if found else ""


async def _answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    fields = {"content-type": "text/plain; charset=utf-8", **(headers or {})}
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": text.encode()})
