"""A review server of its own for a test: the real command, in a process."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from digitscan.review.queue import Key

SESSION = "0123456789abcdef"


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    address: str
    """With the token."""
    who: str = "Ada"
    session: str = SESSION

    @property
    def port(self) -> int:
        port = urlsplit(self.address).port
        assert port
        return port

    @property
    def token(self) -> str:
        return urlsplit(self.address).fragment

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def known(self) -> dict[str, str]:
        """The headers of the real page."""
        return {
            "Authorization": f"Bearer {self.token}",
            "Origin": self.origin,
            "X-Who": quote(self.who),
            "X-Session": self.session,
            "Content-Type": "application/json",
        }

    def raw(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    def raw_and_kill(self, path: str, body: bytes) -> None:
        """Send a request, and kill the server while it is at work on it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as raw:
            known = {**self.known(), "Host": f"127.0.0.1:{self.port}", "Content-Length": str(len(body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in known.items())
            raw.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
            self.process.kill()
            self.process.wait()

    def ask(self, path: str, sent: Any = None, **other: str) -> tuple[int, Any]:
        """As the page asks; other: headers that are otherwise."""
        headers = {**self.known(), **{name.replace("_", "-"): value for name, value in other.items()}}
        body = None if sent is None else json.dumps(sent).encode()
        status, content, _ = self.raw("GET" if sent is None else "POST", path, headers, body)
        try:
            return status, json.loads(content)
        except ValueError:
            return status, content

    def next(self, mode: str = "doubtful") -> Any:
        return self.ask("/api/next", {"mode": mode})[1]["item"]

    def decide(self, item: Any, state: str, value: str = "", mode: str = "doubtful") -> tuple[int, Any]:
        key = {name: item[name] for name in Key._fields}
        sent = {"mode": mode, "key": key, "state": state, "value": value, "seen": item["seen"]}
        return self.ask("/api/decide", sent)

    def by(self, who: str) -> Served:
        """The same server, another person."""
        return Served(self.process, self.address, who, (who.encode().hex() + SESSION)[:16])


@contextmanager
def served(directory: Path, *options: str, patience: float = 60.0) -> Iterator[Served]:
    """`digitscan review`, till the end of the block."""
    program = (
        f"from digitscan.review.guards import Patient; Patient.patience = {patience};"
        "from digitscan.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, "review", str(directory), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert process.stdout and process.stderr
    line = process.stdout.readline()
    assert line.startswith("Open http://127.0.0.1:"), process.communicate()
    try:
        yield Served(process, line.split()[1])
        if process.poll() is None:  # else it was killed by the test
            process.terminate()
            out, said = process.communicate(timeout=30)
            assert (process.returncode, said) == (0, ""), said
            assert "report.html" in out
    finally:
        process.kill()
        process.communicate()
