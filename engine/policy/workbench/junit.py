"""How suites came out, as JUnit XML, which every build server shows."""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from engine.policy.workbench.suite import Outcome

# XML 1.0 knows no way to write these at all, not even escaped.
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(outcomes: Iterable[Outcome], shortfalls: Iterable[str]) -> bytes:
    """Return a report: a suite for each suite, a case for each case, and one of what is short of a threshold.

    Args:
        outcomes: every case, suite by suite.
        shortfalls: thresholds that were missed, a line each.
    """
    root = Element("testsuites")
    for name, cases in groupby(outcomes, key=lambda outcome: outcome.suite):
        _suite(root, name, [(each.case.name, None if each.passed else each) for each in cases])
    short = list(shortfalls)
    if short:
        _suite(root, "thresholds", [(line, line) for line in short])
    for total in ("tests", "failures"):
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
    indent(root)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _suite(root: Element, name: str, cases: list[tuple[str, Outcome | str | None]]) -> None:
    failed = sum(wrong is not None for _, wrong in cases)
    suite = SubElement(root, "testsuite", name=_text(name), tests=str(len(cases)), failures=str(failed), errors="0")
    for told, wrong in cases:
        case = SubElement(suite, "testcase", classname=_text(name), name=_text(told))
        if isinstance(wrong, str):
            SubElement(case, "failure", message=_text(wrong))
        elif wrong is not None:
            failure = SubElement(case, "failure", message=_text(f"expected {wrong.expected}, found {wrong.found}"))
            failure.text = _text("\n".join(condition.sentence for condition in wrong.decision.conditions))


def _text(text: str) -> str:
    """Return text that XML can hold; what it cannot is shown by its code point."""
    return _UNWRITABLE.sub(lambda match: f"\\u{{{ord(match[0]):x}}}", text)
