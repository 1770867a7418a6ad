"""What the gateway's applications do alike: how long a body says it is, and refusals as problem details."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import ClientConnectionError, web

from engine.errors import InputError
from engine.wire.problem import MEDIA_TYPE, Problem, ProblemError

_LOG: Final = logging.getLogger("lading.wire")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def content_length(request: web.Request, limit: int) -> int:
    """Return how many bytes a body has, before any of it is read.

    Raises:
        ProblemError: 411 if it does not say, 413 if that is more than `limit`, 415 if it is compressed.
    """
    size = request.content_length
    if size is None and (request.body_exists or request.method == "PUT"):
        raise ProblemError(411, "A body must say how long it is", codes=("length-required",))
    if (size or 0) > limit:
        raise ProblemError(413, "Too large", f"found {size} bytes, expected at most {limit}", codes=("too-large",))
    if "Content-Encoding" in request.headers:
        raise ProblemError(415, "Bodies are not compressed here", codes=("content-encoding",))
    return size or 0


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with problem details; what nobody foresaw is logged, and named to the other side only."""
    try:
        return await handler(request)
    except ProblemError as error:
        return _refusal(request, error.problem)
    except InputError as error:
        return _refusal(
            request,
            Problem(
                status=400,
                title="Not what was expected",
                detail=str(error),
                codes=("unreadable",),
                remedy=error.remedy,
            ),
        )
    except web.HTTPException as error:
        return _refusal(request, Problem(status=error.status, title=error.reason))
    except (ConnectionError, ClientConnectionError):
        return _refusal(request, Problem(status=400, title="The client went away"))  # and does not hear it
    except Exception:  # noqa: BLE001 - it is logged whole, and the other side gets an answer
        instance = f"urn:lading:occurrence:{secrets.token_hex(8)}"
        _LOG.exception("%s %s failed: %s", request.method, request.path, instance)
        return _refusal(
            request,
            Problem(
                status=500,
                title="This gateway failed",
                codes=("internal",),
                instance=instance,
                remedy="Try again later; should it stay, tell the organization that runs it.",
            ),
        )


def _refusal(request: web.Request, problem: Problem) -> web.Response:
    response = web.Response(status=problem.status, body=problem.body(), headers={"Content-Type": MEDIA_TYPE})
    if not request.content.is_eof():
        response.force_close()  # whoever is refused need not send the rest
    return response
