"""Text of the log on a terminal: nothing in it moves the cursor, hides or reorders what is read."""


def safe(text: str) -> str:
    """Return the text with every character that does not print replaced by `?`."""
    return "".join(character if character.isprintable() else "?" for character in text)
