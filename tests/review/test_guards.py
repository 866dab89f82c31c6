"""Attacks on the review server: none gets at anything, and none stops others from working."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from digitscan.review import decisions
from tests.review import made
from tests.review.served import Served, served

SECRET = "the inside of a file"
TRAVERSALS = [
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..%5c",
    "%c0%ae%c0%ae%c0%af",
    "..%00/",
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "secret.txt").write_text(SECRET)
    scans = [made.usual(f"{name}.png", path=folder / f"{name}.png") for name in "ab"]
    return made.run(folder / "out", scans)


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[Served]:
    with served(directory, patience=1.0) as server:
        yield server


def entries(directory: Path) -> int:
    with decisions.opened(directory) as store:
        return len(store.entries())


def works(server: Served) -> bool:
    return server.ask("/api/overview")[0] == 200


def test_what_the_page_asks_is_answered(server: Served) -> None:
    assert works(server)
    status, content, headers = server.raw("GET", "/", {})
    assert status == 200
    assert b"digitscan" in content
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
    assert "set-cookie" not in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "127.0.0.1@evil.example",
     "0.0.0.0:{port}",
     "localhost.evil.example:{port}", "[::1]:{port}", "127.0.0.1:{port}, evil.example", "", "2130706433"],
)  # fmt: skip
def test_a_name_bound_to_this_address_is_refused(server: Served, host: str) -> None:
    name = host.format(port=server.port)
    for path in ("/", "/static/screen.js", "/api/overview"):
        status, content, _ = server.raw(
            "GET", path, {**server.known(), "Host": name, "Origin": f"http://{name}"}
        )
        assert status in (400, 421)
        assert b"{" not in content


def test_two_hosts_are_refused(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n")
        assert raw.recv(100).split()[1] in (b"400", b"421")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://localhost:{port}",
        "",
    ],
)
def test_other_sites_are_refused(server: Served, directory: Path, origin: str) -> None:
    before = entries(directory)
    item = server.next()
    headers = {**server.known(), "Origin": origin.format(port=server.port)}
    sent = {"mode": "doubtful", "key": {k: item[k] for k in ("sha256", "page", "form", "field")}}
    body = json.dumps({**sent, "state": "value", "value": "1", "seen": 0}).encode()
    assert server.raw("POST", "/api/decide", headers, body)[0] == 403
    assert server.raw("GET", "/api/overview", headers)[0] == 403
    del headers["Origin"]
    assert server.raw("POST", "/api/decide", headers, body)[0] == 403
    assert server.raw("GET", "/api/overview", {**headers, "Sec-Fetch-Site": "cross-site"})[0] == 403
    assert server.raw("GET", "/api/overview", {**headers, "Sec-Fetch-Site": "same-site"})[0] == 403
    assert entries(directory) == before


@pytest.mark.parametrize(
    "shown", [None, "", "Bearer ", "Bearer x", "Basic {token}", "{token}", "Bearer {token}x"]
)
def test_nothing_is_told_or_taken_without_the_token(
    server: Served, directory: Path, shown: str | None
) -> None:
    before = entries(directory)
    headers = server.known()
    del headers["Authorization"]
    headers["Cookie"] = f"token={server.token}"
    if shown is not None:
        headers["Authorization"] = shown.format(token=server.token)
    asked = ["overview", "view", "sheet", "next", "skip", "decide", "undo", "carpet", "carpet/next", "", "x"]
    for path in [f"/api/{name}" for name in asked] + [f"/api/overview?token={server.token}"]:
        assert server.raw("GET", path, headers)[0] == 401
        assert server.raw("POST", path, headers, b'{"mode": "doubtful"}')[0] == 401
    assert entries(directory) == before


def test_forms_of_other_sites_are_no_json(server: Served) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert server.ask("/api/next", {"mode": "doubtful"}, Content_Type=kind)[0] == 415
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
        assert server.raw(method, "/api/next", server.known())[0] == 405


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_other_users_of_the_machine_get_nothing() -> None:
    program = """
import os, socket, sys
out, process, port, token = sys.argv[1:]
connection = socket.create_connection(("127.0.0.1", int(port)))
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.listdir(out)
folder = out + "/review/"
names = (folder + "decisions.sqlite", folder + "decisions.sqlite-wal", folder + ".lock", folder)
for path in (*names, f"/proc/{process}/environ", f"/proc/{process}/cmdline"):
    try:
        said = os.listdir(path) if path == folder else os.read(os.open(path, os.O_RDONLY), 1 << 20)
        print("got", token.encode() in said if path.startswith("/proc") else path)
    except PermissionError:
        print("refused")
connection.sendall(f"GET /api/overview HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n".encode())
print(connection.recv(12).decode())
"""
    with tempfile.TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        out = made.run(Path(public) / "out", [made.usual("a.png")])
        with served(out) as server:
            assert server.decide(server.next(), "value", "12")[0] == 200
            known = (str(out), str(server.process.pid), str(server.port), server.token)
            done = subprocess.run(
                [sys.executable, "-c", program, *known],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
    said = done.stdout.splitlines()
    assert said == ["refused"] * 5 + ["got False", "HTTP/1.1 401"], done.stderr


def test_what_is_kept_is_for_nobody_else(server: Served, directory: Path) -> None:
    assert works(server)
    folder = directory / decisions.FOLDER
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept = list(folder.iterdir())
    assert len(kept) >= 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


@pytest.mark.parametrize("up", TRAVERSALS)
def test_no_path_leads_out(server: Served, up: str) -> None:
    for target in ("secret.txt", "etc/passwd", "out/journal.sqlite", "review/decisions.sqlite"):
        for start in ("/static/", "/static/look.css/", "/", "/api/", "/api/view/"):
            status, content, _ = server.raw("GET", f"{start}{up * 3}{target}", server.known())
            assert status in (400, 404, 405)
            assert SECRET.encode() not in content
            assert b"root:" not in content
            assert b"SQLite" not in content
        for name in ("sha256", "form", "field", "of"):
            asked = {"sha256": "0" * 64, "page": "1", "form": "census", "field": "district", "of": "field"}
            query = "&".join(f"{k}={v}" for k, v in {**asked, name: up * 3 + target}.items())
            status, content, _ = server.raw("GET", f"/api/view?{query}", server.known())
            assert status in (400, 404)
            assert SECRET.encode() not in content


def test_a_link_in_the_place_of_a_scan_is_not_followed(tmp_path: Path) -> None:
    scan, secret = tmp_path / "a.png", tmp_path / "secret.png"
    out = made.run(tmp_path / "out", [made.usual("a.png", path=scan)])
    made.usual("secret.png", value="123", path=secret)
    with served(out) as server:
        item = server.next("audit")
        scan.unlink()
        scan.symlink_to(secret)
        for of in ("field", "page"):
            asked = {k: item[k] for k in ("sha256", "page", "form", "field")} | {"of": of}
            asked["field"] = "district"
            status, content = server.ask(f"/api/view?{urlencode(asked)}")
            assert status == (410 if of == "field" else 200)  # the page was kept: it has a doubtful field
            if of == "field":
                assert "cannot be shown" in content["told"]


def test_a_link_in_the_place_of_the_store_is_not_followed(tmp_path: Path) -> None:
    out = made.run(tmp_path / "out", [made.usual("a.png")])
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    (out / decisions.FOLDER).mkdir(mode=0o700)
    (out / decisions.FOLDER / decisions.NAME).symlink_to(victim)
    done = subprocess.run(
        [sys.executable, "-m", "digitscan", "review", str(out)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "cannot be opened" in done.stderr
    assert victim.read_bytes() == b""


@pytest.mark.parametrize("told", [True, False], ids=["told", "in chunks"])
def test_a_gigabyte_is_not_read(server: Served, told: bool) -> None:
    before = memory(server)
    head = "".join(f"{name}: {value}\r\n" for name, value in server.known().items())
    length = f"Content-Length: {1 << 30}" if told else "Transfer-Encoding: chunked"
    start = f"POST /api/next HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{head}{length}\r\n\r\n"
    block = b"x" * (1 << 16) if told else b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(start.encode())
        try:
            while sent < 1 << 30:
                raw.sendall(block)
                sent += len(block)
        except OSError:
            pass
    assert sent < 32 << 20
    assert memory(server) - before < 32 << 20
    assert works(server)


def memory(server: Served) -> int:
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_body_a_little_too_large_is_told_so(server: Served) -> None:
    assert server.ask("/api/next", {"mode": "x" * (1 << 16)})[0] == 413
    with suppress(ConnectionError):  # it may hang up before it has taken, and answered, all
        assert server.raw("GET", "/", {"X": "x" * (1 << 17)})[0] == 400
    assert works(server)


@pytest.mark.parametrize(
    "start",
    [b"", b"GET / HT", b"POST /api/next HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
     b"POST /api/next HTTP/1.1\r\n{}Content-Length: 100\r\n\r\n{"],
    ids=["nothing", "line", "headers", "body"],
)  # fmt: skip
def test_slow_clients_are_hung_up_on_and_keep_nobody_waiting(server: Served, start: bytes) -> None:
    known = {**server.known(), "Host": f"127.0.0.1:{server.port}"}
    head = "".join(f"{name}: {value}\r\n" for name, value in known.items()).encode()
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(50)]
    try:
        for raw in slow:
            raw.sendall(start.replace(b"{}", head))
        assert works(server)
        patient = time.monotonic()
        left = set(slow)
        while left and time.monotonic() - patient < 20:
            time.sleep(0.1)
            for raw in list(left):
                try:
                    raw.sendall(b"x" if start else b"")
                    raw.settimeout(0.001)
                    if raw.recv(1) == b"":
                        left.discard(raw)
                except TimeoutError:
                    pass
                except OSError:
                    left.discard(raw)
        assert not left
        assert works(server)
    finally:
        for raw in slow:
            raw.close()


@pytest.mark.parametrize(
    "sent",
    [
        {"value": "<script>"}, {"value": "7" * 41}, {"value": "7\n"}, {"value": "\u0663"}, {"value": ""},
        {"state": "open"},
        {"state": "blank"}, {"seen": -1}, {"seen": "0"}, {"mode": "carpet"}, {"more": 1}, {"key": {}},
        {"value": 7},
        {"value": "=1+1"}, {"key": None},
    ],
)  # fmt: skip
def test_answers_that_are_none_are_not_taken(
    server: Served, directory: Path, sent: dict[str, object]
) -> None:
    before, item = entries(directory), server.next()
    key = {k: item[k] for k in ("sha256", "page", "form", "field")}
    good = {"mode": "doubtful", "key": key, "state": "value", "value": "7", "seen": item["seen"]}
    assert server.ask("/api/decide", {**good, **sent})[0] == 400
    assert server.ask("/api/decide", {**good, "key": {**key, "field": "district"}})[0] == 404
    assert entries(directory) == before


@pytest.mark.parametrize("who", ["", "%20", "%0a", "x" * 81, "%ff", "a%00b", "%E2%80%AEevil"])
def test_nobody_is_nobody(server: Served, who: str) -> None:
    assert server.ask("/api/next", {"mode": "doubtful"}, X_Who=who)[0] == 400
    assert server.ask("/api/next", {"mode": "doubtful"}, X_Session=who)[0] == 400


def test_what_is_kept_cannot_be_rewritten(server: Served, directory: Path) -> None:
    assert server.decide(server.next(), "value", "12")[0] == 200
    assert server.ask("/api/undo", {"mode": "doubtful"})[0] == 200
    book = sqlite3.connect(directory / decisions.FOLDER / decisions.NAME)
    for change in ("UPDATE entries SET value = '13'", "DELETE FROM entries", "DELETE FROM undone"):
        with pytest.raises(sqlite3.IntegrityError, match="nothing is changed"), book:
            book.execute(change)
    book.close()


def test_what_cannot_be_stored_is_told(server: Served, directory: Path) -> None:
    item, before = server.next(), entries(directory)
    book = sqlite3.connect(directory / decisions.FOLDER / decisions.NAME)
    book.execute("BEGIN IMMEDIATE")
    status, answer = server.decide(item, "value", "12")
    book.close()
    assert (status, "Nothing was stored" in answer["told"]) == (503, True)
    assert entries(directory) == before
    assert server.decide(item, "value", "12")[0] == 200
