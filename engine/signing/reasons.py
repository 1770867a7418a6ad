"""Putting what other people's libraries raise into one line that is safe to print."""

from pydantic import ValidationError


def brief(error: Exception) -> str:
    """Return why something failed, in printable ASCII, at most 300 characters.

    A validation error names its first field. Of other errors the first line counts: messages of Sigstore may carry
    a whole bundle, and a bundle may carry terminal escapes.
    """
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        text = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    else:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return printable(text)


def printable(text: str) -> str:
    """Return a stranger's text in printable ASCII, everything else as escapes, at most 300 characters."""
    return ascii(text)[1:-1][:300]
