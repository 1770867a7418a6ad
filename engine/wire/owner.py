"""Asking the owner of a workspace to perform an operation, and errors as they travel between the two.

    POST /v1/operations/<name>     {"token": <identity token>, "params": {…}}

answers with JSON lines: any number of `{"progress": …}`, then one `{"result": …}` or `{"error": …}`.
"""

import http.client
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from engine.errors import Interrupted, LadingError, OwnerBusy, Refused, UsageError
from engine.wire.problem import read_problem
from engine.wire.unix import UnixConnection

OPERATIONS: Final = "/v1/operations"
_OK: Final = 200
_ERROR_TYPE: Final = "urn:lading:error:"


def call_owner(
    path: Path, name: str, token: str | None, params: Mapping[str, Any], on_progress: Callable[[Any], None]
) -> Any:
    """Have the owner perform an operation. Going away before it answers cancels the operation.

    Args:
        path: of the owner's socket.
        name: of the operation, such as `artifact.pack`.
        token: the identity token of whoever asks.
        params: the operation's parameters, JSON values.
        on_progress: called with each progress report, from the calling thread.

    Raises:
        OwnerBusy: nobody answers at the socket.
        UsageError: the owner does not take it for an operation.
        Interrupted: the owner went away before it was done.
        LadingError: whatever the operation says, as the class the owner raised.
    """
    body = json.dumps({"token": token, "params": dict(params)}).encode()
    with closing(UnixConnection(path, timeout=None)) as connection:
        try:
            connection.connect()
        except OSError as error:
            raise OwnerBusy(
                f"the owner does not answer at {path}: {error.strerror}",
                remedy="Run the command again: it becomes the owner itself if there is none.",
            ) from None
        try:
            connection.request("POST", f"{OPERATIONS}/{name}", body, {"Content-Type": "application/json"})
            return _outcome(connection.getresponse(), on_progress)
        except (OSError, http.client.HTTPException, ValueError):
            raise _gone() from None


def _outcome(response: http.client.HTTPResponse, on_progress: Callable[[Any], None]) -> Any:
    if response.status != _OK:
        problem = read_problem(response.status, response.read())
        said = ": ".join(str(problem[part]) for part in ("title", "detail") if part in problem)
        raise UsageError(
            f"the owner did not begin ({response.status}): {said}",
            remedy=str(problem.get("remedy", "Use the lading command of the same release as the owner.")),
        )
    for line in response:
        message = json.loads(line)
        if "progress" in message:
            on_progress(message["progress"])
        elif "result" in message:
            return message["result"]
        else:
            raise read_error(message["error"])
    raise _gone()


def write_error(error: LadingError) -> dict[str, Any]:
    """Return an error as members of a problem document (RFC 9457), with remedy and exit code."""
    members: dict[str, Any] = {
        "type": f"{_ERROR_TYPE}{type(error).__name__}",
        "title": type(error).__name__,
        "detail": str(error),
        "remedy": error.remedy,
        "exit_code": error.exit_code,
    }
    if isinstance(error, Refused):
        members |= {"status": error.status, "problem": error.problem}
    return members


def read_error(members: Mapping[str, Any]) -> LadingError:
    """Return the error that `write_error` wrote; one of an unknown class becomes a `LadingError`."""
    name = str(members.get("type", "")).removeprefix(_ERROR_TYPE)
    found = _classes(LadingError).get(name, LadingError)
    detail, remedy = str(members.get("detail", "")), str(members.get("remedy", ""))
    if issubclass(found, Refused):
        status, problem = int(members.get("status", 0)), dict(members.get("problem", {}))
        return found(detail, remedy=remedy, status=status, problem=problem)
    return found(detail, remedy=remedy)


def _classes(base: type[LadingError]) -> dict[str, type[LadingError]]:
    found = {base.__name__: base}
    for derived in base.__subclasses__():
        found |= _classes(derived)
    return found


def _gone() -> Interrupted:
    return Interrupted(
        "the owner of the workspace stopped before it was done",
        remedy="Run the command again: what was finished is kept.",
    )
