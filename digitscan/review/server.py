"""digitscan review: the screens in a browser, on this machine alone, over an output directory.

One thread does everything but the pictures, which another one cuts from the scans; what people decide is on
the disk before they are shown the next field.
"""

from __future__ import annotations

import asyncio
import difflib
import secrets
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import unquote

import uvicorn
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from digitscan.batch.journal import Journal
from digitscan.errors import OutputLocked, PageError, UsageError
from digitscan.records import PageResult
from digitscan.review import carpets, decisions, queue, report
from digitscan.review.crops import Cuttings, Scans
from digitscan.review.desk import Desk, FieldMode, OvertakenError, Reviewer
from digitscan.review.guards import Guard, Patient
from digitscan.review.queue import Key

STATIC = {
    "look.css": "text/css",
    "review.css": "text/css",
    "screen.js": "text/javascript",
    "review.js": "text/javascript",
}
_Value = TypeVar("_Value")


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Where(_Sent):
    sha256: Annotated[str, Field(max_length=64)]
    page: Annotated[int, Field(ge=0, le=1_000_000)]
    form: Annotated[str, Field(max_length=200)]
    field: Annotated[str, Field(max_length=200)]

    @property
    def key(self) -> Key:
        return Key(self.sha256, self.page, self.form, self.field)


class _Next(_Sent):
    mode: FieldMode


class _Skip(_Next):
    key: _Where


class _Decide(_Skip):
    state: Literal["value", "blank", "unreadable"]
    value: Annotated[str, Field(pattern=r"^[0-9]{0,40}$")]
    seen: Annotated[int, Field(ge=0)]


class _Odd(_Sent):
    id: Annotated[str, Field(max_length=16)]
    odd: Annotated[list[Annotated[int, Field(ge=0, lt=carpets.SIZE)]], Field(max_length=carpets.SIZE)]


class _Undo(_Sent):
    mode: Literal["doubtful", "audit", "keying", "carpet"]


class _Scanner:
    """Pictures cut in a thread of their own: what decodes them does not bear two at once."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._scans = Scans()

    async def cut(self, page: PageResult) -> Cuttings:
        """What is shown of a page; raises `PageError`."""
        return await self._run(lambda: self._scans.cuttings(page))

    async def sheet(self, glyphs: Sequence[tuple[PageResult, str, int]], columns: int) -> bytes:
        """As `Scans.sheet`."""
        return await self._run(lambda: self._scans.sheet(glyphs, columns))

    async def _run(self, work: Callable[[], _Value]) -> _Value:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def application(desk: Desk, scanner: _Scanner, token: str) -> Guard:
    """The screens, and what they ask for."""
    page = report.environment().get_template("review.html").render()
    files = {name: report.static(name) for name in STATIC}

    async def index(_: Request) -> Response:
        return HTMLResponse(page)

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        return Response(files[name], media_type=STATIC[name]) if name in files else _no(404, "Not found.")

    async def overview(_: Request, __: Reviewer) -> Response:
        return JSONResponse(desk.overview())

    async def next_field(request: Request, by: Reviewer) -> Response:
        sent = await _sent(request, _Next)
        return JSONResponse(desk.next(sent.mode, by))

    async def skip(request: Request, by: Reviewer) -> Response:
        sent = await _sent(request, _Skip)
        return JSONResponse(desk.skip(sent.mode, by, sent.key.key))

    async def decide(request: Request, by: Reviewer) -> Response:
        sent = await _sent(request, _Decide)
        if (sent.state == "value") is not bool(sent.value):
            return _no(400, "A value, and only that, has digits.")
        if long := desk.too_long(sent.key.key, sent.value):
            return _no(400, f"{long}: key what stands there.")
        try:
            entry = desk.decide(sent.mode, by, sent.key.key, sent.state, sent.value, sent.seen)
        except KeyError:
            return _no(404, "That field is not asked for here.")
        except OvertakenError:
            told = "Somebody has decided that field since it was shown: here is the next."
            return JSONResponse({"told": told, "next": desk.next(sent.mode, by)}, 409)
        return JSONResponse({"seen": entry.id, "next": desk.next(sent.mode, by)})

    async def undo(request: Request, by: Reviewer) -> Response:
        sent = await _sent(request, _Undo)
        if sent.mode == "carpet":
            return JSONResponse(await desk.next_carpet(by)) if desk.unroll(by) else _no(404, _NOTHING)
        before = desk.undo(sent.mode, by)
        return _no(404, _NOTHING) if before is None else JSONResponse(before)

    async def next_carpet(_: Request, by: Reviewer) -> Response:
        return JSONResponse(await desk.next_carpet(by))

    async def carpet(request: Request, by: Reviewer) -> Response:
        sent = await _sent(request, _Odd)
        found = desk.carpet(by, sent.id)
        if found is None or any(i >= len(found.glyphs) for i in sent.odd):
            return _no(404, "That carpet is not on this screen.")
        marked = desk.look_over(by, found, sent.odd)
        return JSONResponse({"marked": marked, "next": await desk.next_carpet(by)})

    async def sheet(request: Request, by: Reviewer) -> Response:
        found = desk.carpet(by, request.query_params.get("id", ""))
        if found is None:
            return _no(404, "That carpet is not on this screen.")
        return Response(await scanner.sheet(found.places, carpets.ACROSS), media_type="image/jpeg")

    async def view(request: Request, _: Reviewer) -> Response:
        asked = dict(request.query_params)
        of_page = asked.pop("of", "") == "page"
        key = _Where.model_validate({**asked, "page": int(asked.get("page", "x"))}).key
        picture = desk.kept_view(key, of_page)
        if not picture:
            page = desk.page(key)
            if page is None:
                return _no(404, "That field is not in the outputs.")
            cuttings = await scanner.cut(page)
            picture = cuttings.page if of_page else cuttings.fields.get(key.field, b"")
        return Response(picture, media_type="image/jpeg") if picture else _no(404, "There is no such field.")

    routes = [
        Route("/", index),
        Route("/static/{name}", static),
        Route("/api/overview", _for_people(overview)),
        Route("/api/view", _for_people(view)),
        Route("/api/sheet", _for_people(sheet)),
        Route("/api/next", _for_people(next_field), methods=["POST"]),
        Route("/api/skip", _for_people(skip), methods=["POST"]),
        Route("/api/decide", _for_people(decide), methods=["POST"]),
        Route("/api/undo", _for_people(undo), methods=["POST"]),
        Route("/api/carpet/next", _for_people(next_carpet), methods=["POST"]),
        Route("/api/carpet", _for_people(carpet), methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), token)


_NOTHING = "There is nothing of yours to undo here."


def _for_people(
    answer: Callable[[Request, Reviewer], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Answers to a person with a name; what is wrong with a request is told in one sentence."""

    async def answered(request: Request) -> Response:
        try:
            return await answer(request, _reviewer(request))
        except PageError as error:
            return _no(410, f"The scan cannot be shown: {error.reason}.")
        except sqlite3.Error as error:
            return _no(503, f"Nothing was stored ({error}): try again.")
        except (ValidationError, ValueError):
            return _no(400, "That was not understood.")

    return answered


def _reviewer(request: Request) -> Reviewer:
    """Who asks; raises `ValueError`."""
    who = " ".join(unquote(request.headers.get("x-who", ""), errors="strict").split())
    session = request.headers.get("x-session", "")
    if not (0 < len(who) <= 80 and who.isprintable() and session.isalnum() and 8 <= len(session) <= 64):
        raise ValueError("no name, or no session")
    return Reviewer(who, session)


_Model = TypeVar("_Model", bound=_Sent)


async def _sent(request: Request, model: type[_Model]) -> _Model:
    return model.model_validate_json(await request.body())


def _no(status: int, reason: str) -> Response:
    return JSONResponse({"told": reason}, status)


def serve(
    directory: Path,
    ready: Callable[[str], None],
    *,
    port: int = 0,
    sample: int = 300,
    seed: int = 1,
    double: Iterable[str] = (),
    single: Iterable[str] = (),
) -> None:
    """Serve an output directory until interrupted, then write its report anew.

    Args:
        directory: of a finished run.
        ready: is told the address, with the token, which nobody else may see.
        port: 0 for one that is free.
        sample: number of accepted fields to audit.
        seed: of the choice of these.
        double: fields, or columns such as `person[].age`, that two people are to key from now on.
        single: those that no longer are.

    Raises:
        UsageError: no finished run, the port is taken, or a field is not known.
        OutputLocked: another server has the directory.
        DigitscanError: the disk failed.
    """
    with (
        queue.opened(directory) as book,
        decisions.opened(directory) as store,
        _alone(directory),
        _listening(port) as listener,
        ThreadPoolExecutor(1) as threads,
    ):
        _name_doubled(book, store, double, single)
        scanner = _Scanner(threads)
        desk = Desk(directory, book, store, scanner.cut, sample=sample, seed=seed)
        token = secrets.token_urlsafe(32)
        config = uvicorn.Config(
            application(desk, scanner, token),
            http=Patient,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
        ready(f"http://127.0.0.1:{listener.getsockname()[1]}/#{token}")
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _name_doubled(
    book: Journal, store: decisions.Store, double: Iterable[str], single: Iterable[str]
) -> None:
    """Keep which fields two people key, and which no longer; raises `UsageError` for unknown names."""
    wanted = {**dict.fromkeys(double, True), **dict.fromkeys(single, False)}
    if not wanted:
        return
    names = {name for item in queue.fields(book) for name in (item.column, item.reading.field)}
    for name in wanted:
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), 1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise UsageError(f"{name}: no field of this run has that name{hint}")
    for name, two in wanted.items():
        store.double(name, two)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    lock = FileLock(directory / decisions.FOLDER / ".lock", blocking=False, mode=0o600)
    try:
        with lock:
            yield
    except Timeout:
        raise OutputLocked(f"{directory}: another `digitscan review` serves this directory") from None


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """A socket on the loopback interface."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError as error:
            raise UsageError(
                f"port {port}: cannot be used ({error.strerror}): choose another --port"
            ) from None
        yield listener
