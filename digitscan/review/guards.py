"""What stands between the review server and everybody else on the machine and in the browser.

The server listens on the loopback interface only; but other users of the machine can connect to that, and so
can pages of other sites in the same browser. Hence:

- Whoever asks for data shows the token that the server made at its start. It is in the address that the
  server prints, behind `#`, which browsers send nowhere, and travels in a header. There is no cookie:
  cookies go to every port of this machine, and on their own with forged requests; this header does neither,
  so it is the token against cross-site request forgery, too.
- `Host` must name this machine, else a foreign name was bound to its address (DNS rebinding); `Origin`, which
  writes must have, must be the server's own.
- Bodies are small, and a connection must get its request over with in time.
- Answers say that nothing else may be loaded, framed, sniffed, kept or run.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import MutableMapping
from typing import Any, ClassVar

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_BYTES = 1 << 16
"""Of a body: a carpet's marks are the longest, some hundred bytes."""
PATIENCE = 60.0
"""Seconds from the first byte of a request to the last of its answer; to cut a lot of pages takes longest."""
_HOST = re.compile(rb"(?:127\.0\.0\.1|localhost)(?::\d{1,5})?")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_HEADERS = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


class Refusal(Exception):  # noqa: N818 - reads as what happened
    """A request that is not served: status and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Guard:
    """Lets through what may come through, with its whole body; everything under /api/ wants the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = b"Bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        try:
            body = await self._admitted(scope, receive)
        except Refusal as no:
            answer = PlainTextResponse(no.reason, no.status, {"connection": "close"})
            await answer(scope, receive, send_safely)
            return

        async def received() -> Message:
            nonlocal body
            whole, body = body, b""
            return {"type": "http.request", "body": whole, "more_body": False}

        await self._app(scope, received, send_safely)

    async def _admitted(self, scope: Scope, receive: Receive) -> bytes:
        """The body of a request; raises `Refusal`."""
        names = [name for name, _ in scope["headers"]]
        headers: MutableMapping[bytes, bytes] = dict(scope["headers"])
        host, origin = headers.get(b"host", b""), headers.get(b"origin")
        if names.count(b"host") != 1 or not _HOST.fullmatch(host):
            raise Refusal(421, "This server is 127.0.0.1 and nothing else.")
        if scope["method"] not in ("GET", "POST"):
            raise Refusal(405, "GET and POST only.")
        own = b"http://" + host
        if origin not in (None, own) or (origin is None and scope["method"] == "POST"):
            raise Refusal(403, "Asked from another site.")
        if scope["path"].startswith("/api/"):
            if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
                raise Refusal(403, "Asked from another site.")
            if not hmac.compare_digest(headers.get(b"authorization", b""), self._token):
                raise Refusal(401, "Open the address that the server printed when it started.")
        return await _body(headers, receive) if scope["method"] == "POST" else b""


async def _body(headers: MutableMapping[bytes, bytes], receive: Receive) -> bytes:
    if headers.get(b"content-type") != b"application/json":
        raise Refusal(415, "JSON is expected.")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > MOST_BYTES:
        raise Refusal(413, "That is too much.")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "Cut short.")
        body.extend(message.get("body", b""))
        if len(body) > MOST_BYTES:
            raise Refusal(413, "That is too much.")
        if not message.get("more_body", False):
            return bytes(body)


class Patient(H11Protocol):
    """HTTP whose connections end where a request, or its answer, takes too long."""

    patience: ClassVar[float] = PATIENCE
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Begin to wait, unless that is so already."""
        if self._deadline is None:
            self._wait()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Wait no longer; the time that an idle connection is kept is counted elsewhere."""
        self._stop()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.patience, self.transport.abort)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
