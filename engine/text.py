"""Text that somebody else wrote, made safe to show."""


def printable(text: str) -> str:
    r"""Return `text` with everything escaped that a terminal could obey or a reader not see: `\u{202e}`."""
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)
