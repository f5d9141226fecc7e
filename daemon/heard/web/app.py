"""Shell: the routes of the page, and what stands in every answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heard.web import views
from heard.web.audience import Audience, FullError
from heard.web.gate import COOKIE, COOKIE_S, Gate
from heard.web.stream import EventStream
from heard.wire.codec import Body, WireError, checked, take
from heard.wire.control import Code
from heard_client import (
    AsyncControl,
    ControlRefusedError,
    DaemonNotRunningError,
    HeardError,
    NoReplyError,
    Transcript,
)
from heard_client.cues import began
from heard_client.exports import render

STATIC = Path(str(files("heard.web"))) / "static"
MOST_BYTES = 4096
"""Of a request's body."""
MOST_WORDS = 200
"""Characters of a search."""
PAGE = 50
"""Turns of a search that are answered at a time."""
MOST_EXPORTED = 50_000
"""Turns in one download; more would take the server's memory."""
EXPORTS = 2
"""Downloads that are made at a time; others wait."""
MEDIA = {
    "srt": ("application/x-subrip", "srt"),
    "vtt": ("text/vtt", "vtt"),
    "text": ("text/plain", "txt"),
    "markdown": ("text/markdown", "md"),
    "json": ("application/json", "json"),
}
SECURITY = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Not "no-referrer": with that a browser gives its Origin as "null" in the login.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
STATUS = {
    Code.BAD_REQUEST: 400,
    Code.BAD_VALUE: 400,
    Code.UNKNOWN_SOURCE: 404,
    Code.UNKNOWN_OP: 501,
    Code.NOT_AVAILABLE: 503,
    Code.TOO_LARGE: 413,
}


class RefusedError(Exception):
    """A request is answered with this HTTP status and this sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def make_app(control: AsyncControl, gate: Gate, audience: Audience) -> Starlette:
    """Return the page's application."""
    routes = Routes(control, gate, audience)
    app = Starlette(
        routes=[
            Route("/", routes.page),
            Route("/login", routes.login, methods=["GET", "POST"]),
            Route("/events", routes.events),
            Route("/api/do", routes.do, methods=["POST"]),
            Route("/api/search", routes.search),
            Route("/export", routes.export),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            RefusedError: _refused,
            HeardError: _failed,
            WireError: _malformed,
        },
    )
    app.add_middleware(Door, gate=gate)
    return app


class Door:
    """ASGI middleware: asks the gate, and puts into every answer what keeps browsers safe."""

    def __init__(self, app: ASGIApp, gate: Gate, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._gate = gate
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def safe_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                headers.update(SECURITY)
                headers.setdefault(
                    "cache-control", "no-cache" if scope["path"].startswith("/static/") else "no-store"
                )
                message = {**message, "headers": headers.raw}
            await send(message)

        path = scope["path"]
        headers = Headers(scope=scope)
        refusal = self._gate.refuses(scope["method"], path, headers, self._clock())
        if refusal is None:
            await self._app(scope, receive, safe_send)
        elif refusal.status == 401 and path == "/":
            await RedirectResponse("/login", 303)(scope, receive, safe_send)
        else:
            await JSONResponse({"error": refusal.reason}, refusal.status)(scope, receive, safe_send)


class Routes:
    """What the page asks for."""

    def __init__(self, control: AsyncControl, gate: Gate, audience: Audience) -> None:
        self._control = control
        self._gate = gate
        self._audience = audience
        self._exporting = asyncio.Semaphore(EXPORTS)

    async def page(self, _request: Request) -> Response:
        """Return the page."""
        return FileResponse(STATIC / "index.html")

    async def login(self, request: Request) -> Response:
        """Ask for the token, or take it and remember the browser."""
        if not self._gate.token:
            return RedirectResponse("/", 303)
        if request.method != "POST":
            return FileResponse(STATIC / "login.html")
        form = parse_qs((await _body(request)).decode(errors="replace"))
        if not self._gate.is_token(form.get("token", [""])[0].strip()):
            return FileResponse(STATIC / "login-again.html", 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            self._gate.cookie(time.time()),
            max_age=COOKIE_S,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    async def events(self, _request: Request) -> EventStream | Response:
        """All that happens, for as long as the page is open."""
        try:
            return EventStream(self._audience)
        except FullError as error:
            raise RefusedError(503, str(error)) from None

    async def do(self, request: Request) -> Response:
        """Mute a source, unmute it, end its turn, open its session anew, or set its mix."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            # What a form of another site can send is none.
            raise RefusedError(415, "send application/json")
        asked = _json(await _body(request))
        source = take(asked, "source", str)
        match take(asked, "what", str):
            case "mute":
                result: object = await self._control.mute(source)
            case "unmute":
                result = await self._control.unmute(source)
            case "end-turn":
                result = await self._control.end_turn(source)
            case "reconnect":
                result = await self._control.reconnect(source)
            case "mix":
                result = await self._control.set(source, "denoise.mix", take(asked, "mix", float))
            case what:
                can = "mute, unmute, end-turn, reconnect or mix"
                raise RefusedError(400, f"what: {what[:40]!r}: must be {can}")
        return JSONResponse({"result": result})

    async def search(self, request: Request) -> Response:
        """Find what was said with all of these words in it, the newest first."""
        words = request.query_params.get("words", "").strip()
        if not words:
            raise RefusedError(400, "words: say what to look for")
        if len(words) > MOST_WORDS:
            raise RefusedError(400, f"words: at most {MOST_WORDS} characters")
        found = await self._control.search(
            words,
            PAGE,
            source=request.query_params.get("source") or None,
            cursor=request.query_params.get("cursor") or None,
        )
        turns = [views.transcript(each) for each in found.transcripts if isinstance(each, Transcript)]
        return JSONResponse({"turns": turns, "next": found.next if found.more else None})

    async def export(self, request: Request) -> Response:
        """Make a file of what was said in a span of time."""
        query = request.query_params
        form = query.get("format", "srt")
        if form not in MEDIA:
            raise RefusedError(400, f"format: {form[:40]!r}: must be one of {', '.join(MEDIA)}")
        since, until = _moment(query.get("since"), "since"), _moment(query.get("until"), "until")
        async with self._exporting:
            bodies = await self._history(since, until, query.get("source") or None)
            started = min(map(began, bodies), default=0.0) if since is None else since
            text = await asyncio.to_thread(render, bodies, form, started)
        media, suffix = MEDIA[form]
        day = datetime.fromtimestamp(started if bodies or since is not None else time.time(), UTC)
        disposition = f'attachment; filename="heard-{day:%Y-%m-%d-%H%M}.{suffix}"'
        # A lone surrogate in what was said must not fail the file.
        data = text.encode(errors="replace")
        return Response(data, media_type=media, headers={"content-disposition": disposition})

    async def _history(self, since: float | None, until: float | None, source: str | None) -> list[Body]:
        """Return what the journal has of that time, page by page."""
        bodies: list[Body] = []
        cursor: str | None = None
        while True:
            page = await self._control.history(
                since=since, until=until, source=source, run="*", revised=True, cursor=cursor
            )
            bodies += [message.body for message in page.transcripts]
            if len(bodies) > MOST_EXPORTED:
                text = (
                    f"that is more than {MOST_EXPORTED} turns: name a shorter time, or use `heardctl history`"
                )
                raise RefusedError(413, text)
            cursor = page.next
            if not page.more or cursor is None:
                return bodies


async def _body(request: Request) -> bytes:
    """Return a request's body.

    Raises:
        RefusedError: it is larger than any that the page sends.
    """
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            raise RefusedError(413, f"a request has at most {MOST_BYTES} bytes")
    return data


def _json(data: bytes) -> Body:
    try:
        return checked(json.loads(data), "body", dict)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body must be a JSON object") from None


def _moment(text: str | None, name: str) -> float | None:
    if not text:
        return None
    try:
        moment = float(text)
        datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        raise RefusedError(400, f"{name}: must be UTC in Unix seconds") from None
    return moment


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError), "that is what it is registered for"
    return JSONResponse({"error": str(error)}, error.status)


async def _malformed(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _failed(_request: Request, error: Exception) -> Response:
    """Answer what the daemon, or its absence, says."""
    match error:
        case ControlRefusedError():
            status = STATUS.get(error.code, 502)
        case DaemonNotRunningError():
            status = 503
        case NoReplyError():
            status = 504
        case _:
            status = 502
    return JSONResponse({"error": str(error)}, status)
