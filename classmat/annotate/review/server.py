"""The review's server: the application, and running it."""

import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.resources import files
from urllib.parse import quote

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ...matting.foreground import estimate_foreground
from ..live import REFINERS, LiveMatte
from ..project import Conflict, Project
from . import decisions, editing, photos
from .access import Guard, is_loopback, new_token
from .desk import Desk
from .pictures import Pictures

PORT = 8765
PATIENCE = 3  # seconds that requests have to end when the server is stopped

PAGES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    **{name: (name, "text/javascript; charset=utf-8") for name in ("page.js", "view.js", "brush.js", "server.js")},
}


def create_app(project: Project, *, reviewer: str, token: str | None = None) -> FastAPI:
    """Return the application that serves a project.

    Parameters
    ----------
    project : Project
    reviewer : str
        Who reviews, unless the page says another name.
    token : str, optional
        What requests must show. Without it the server answers to loopback names alone.
    """
    desk = Desk(project)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(title="classmat review", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.project, app.state.desk, app.state.pictures = project, desk, Pictures(project)
    app.state.reviewer = reviewer
    for module in (photos, decisions, editing):
        app.include_router(module.router)
    app.add_api_route("/{name}", _page, methods=["GET"])
    app.add_api_route("/", _front, methods=["GET"])
    app.add_exception_handler(Conflict, _told(409))
    app.add_exception_handler(ValueError, _told(422))
    app.add_exception_handler(TypeError, _told(422))
    app.add_exception_handler(OSError, _told(507))
    app.add_exception_handler(MemoryError, _told(507))
    app.add_exception_handler(RequestValidationError, _told_fields)
    app.add_exception_handler(HTTPException, _told_http)
    app.add_middleware(Guard, token=token)
    return app


def serve(
    folder: str | os.PathLike[str],
    *,
    reviewer: str,
    host: str = "127.0.0.1",
    port: int = PORT,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a project until somebody interrupts.

    Parameters
    ----------
    folder : path-like
        The project's.
    reviewer : str
    host : str
        Where to listen. Anything but a loopback address needs the token that is then part of the page's address.
    port : int
        0 takes any free one.
    ready : callable, optional
        Called with the page's address once there is something at it.

    Raises
    ------
    ProjectError
        If the folder is no project.
    OSError
        If nothing can listen there.
    """
    with Project.open(folder) as project, _listening(host, port) as listener:
        token = None if is_loopback(host) else new_token()
        app = create_app(project, reviewer=reviewer, token=token)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=PATIENCE
        )
        threading.Thread(target=warm_up, daemon=True).start()
        if ready is not None:
            ready(address(host, listener.getsockname()[1], token))
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            project.database.backup()


def warm_up() -> None:
    """Compile what the first stroke needs, so that it does not wait for it."""
    image = np.random.default_rng(0).random((40, 60, 3), np.float32)
    trimap = np.full((40, 60), 128, np.uint8)
    trimap[:, :5], trimap[:, 55:] = 0, 255
    alpha = np.full(trimap.shape, 0.5)
    estimate_foreground(image, alpha)
    for exact in (True, False):
        live = LiveMatte(image, trimap, alpha, exact=exact)
        live.paint((10, 20, 14, 24), np.zeros((4, 4), np.uint8))
    for method in REFINERS:
        live.refine((5, 10, 35, 50), np.ones((30, 40)), method=method)


def address(host: str, port: int, token: str | None) -> str:
    """Return the page's address.

    Examples
    --------
    >>> address("127.0.0.1", 8765, None), address("::1", 80, None)
    ('http://127.0.0.1:8765/', 'http://[::1]:80/')
    """
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    place = f"[{name}]" if ":" in name else name
    return f"http://{place}:{port}/" + (f"?token={quote(token)}" if token else "")


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise type(error)(f"cannot listen on {host}, port {port}: {error.strerror}.") from None
    with listener:
        yield listener


def _front() -> Response:
    return _page("")


def _page(name: str) -> Response:
    if name not in PAGES:
        return JSONResponse({"error": "There is no such page."}, 404)
    file, kind = PAGES[name]
    return Response(files(__package__).joinpath(file).read_bytes(), media_type=kind)


def _told(status: int) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": " ".join(str(error).split()) or type(error).__name__}, status)

    return answer


def _told_fields(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    return JSONResponse({"error": f"{where}: {first['msg']}."}, 422)


def _told_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code)
