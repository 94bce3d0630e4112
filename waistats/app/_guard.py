"""What reaches the app: only loopback, only with the token, only of bounded size."""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Program = Callable[[Scope, Receive, Send], Awaitable[None]]

# the largest file that is taken, and what surrounds it in a request
LARGEST_FILE = 200 * 2**20
_AROUND = 2**20
_METHODS = ("GET", "HEAD", "POST")


class _TooLargeError(Exception):
    pass


class Guard:
    """Programs of the web server behind it see a request only where it may be answered.

    Parameters
    ----------
    program : callable
        The app, an ASGI program.
    token : str
        The first part of every path.
    port : int
        Where the app listens; part of the hosts that a request may name.
    largest : int
        The largest file that is taken, in bytes.
    scripts : sequence of str
        The scripts inside the page itself; no other runs there.

    Notes
    -----
    Another page in the browser can send requests to a local port, and a name that it
    owns can point to this machine. Therefore every request, of a websocket too, must
    name this host, come from this page where it says where it comes from, and know the
    token.
    """

    def __init__(
        self,
        program: Program,
        *,
        token: str,
        port: int,
        largest: int = LARGEST_FILE,
        scripts: Sequence[str] = (),
    ) -> None:
        self.program = program
        self.token = token.encode("ascii")
        self.hosts = [f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")]
        self.origins = [b"http://" + host for host in self.hosts]
        self.most = largest + _AROUND
        self.headers = _headers(port, scripts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.program(scope, receive, send)
            return
        refused = self.refused(scope)
        if refused is not None:
            await _refuse(scope, receive, send, *refused)
            return
        inner = dict(scope)
        rest = scope["path"][1 + len(self.token) :]
        if not rest:
            await _to(self.token.decode("ascii"), send)
            return
        inner["path"] = rest
        inner["raw_path"] = rest.encode("utf-8")
        if scope["type"] == "websocket":
            await self.program(inner, receive, send)
        else:
            await self._answer(inner, receive, send)

    def refused(self, scope: Scope) -> tuple[int, str] | None:
        """Return why a request is not answered, as a status and a sentence."""
        headers = list(scope["headers"])
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return 403, "This app answers at its own address only."
        for name, value in headers:
            if name == b"origin" and value.lower() not in self.origins:
                return 403, "This app answers its own page only."
        first = scope["path"].split("/", 2)[1:2]
        given = first[0].encode("utf-8", "replace") if first else b""
        if not hmac.compare_digest(given, self.token):
            return 403, (
                "The token is missing or wrong. Open the address that waistats app "
                "printed when it started."
            )
        if scope["type"] == "http":
            if scope["method"] not in _METHODS:
                return 405, "Method not allowed."
            for name, value in headers:
                if name == b"content-length" and not self._fits(value):
                    return 413, "The file is too large for the app."
        return None

    def _fits(self, length: bytes) -> bool:
        return length.isdigit() and int(length) <= self.most

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0
        begun = False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.most:
                raise _TooLargeError
            return message

        async def headed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = self._with_headers(message.get("headers", []))
            await send(message)

        try:
            await self.program(scope, counted, headed)
        except _TooLargeError:
            if not begun:
                text = "The file is too large for the app."
                await _refuse(scope, receive, send, 413, text)

    def _with_headers(self, given: Any) -> list[tuple[bytes, bytes]]:
        """Return headers with ours; what the app sets itself stays."""
        kept = [(bytes(name).lower(), bytes(value)) for name, value in given]
        named = {name for name, _ in kept}
        return kept + [pair for pair in self.headers if pair[0] not in named]


def _headers(port: int, scripts: Sequence[str]) -> list[tuple[bytes, bytes]]:
    hashes = "".join(f" 'sha256-{_hash(text)}'" for text in scripts)
    policy = "; ".join(
        (
            *("default-src 'none'", f"script-src 'self'{hashes}", "font-src 'self'"),
            *("style-src 'self' 'unsafe-inline'", "img-src 'self' data: blob:"),
            f"connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}",
            *("frame-src 'self'", "frame-ancestors 'self'", "form-action 'self'"),
            "base-uri 'none'",
        )
    )
    texts = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
        "cache-control": "no-store",
    }
    return [(name.encode(), value.encode()) for name, value in texts.items()]


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


async def _refuse(
    scope: Scope, receive: Receive, send: Send, status: int, text: str
) -> None:
    if scope["type"] == "websocket":
        # closed before it is accepted: the server answers 403
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    body = f"{text}\n".encode()
    head = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def _to(token: str, send: Send) -> None:
    head = [(b"location", f"/{token}/".encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 307, "headers": head})
    await send({"type": "http.response.body", "body": b""})
