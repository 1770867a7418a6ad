"""Conditions as Cedar text, with no more parentheses than the grammar needs.

Cedar's own printer puts every operand into parentheses, which nobody reads with pleasure in a denial. Reading the
text again gives the same tree (https://docs.cedarpolicy.com/policies/syntax-grammar.html).
"""

import re
from typing import Final, TypeAlias

from cedarpy import pst

_IF, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY, _MEMBER = range(8)

_OPERATORS: Final[dict[str, tuple[str, int]]] = {
    "or": ("||", _OR),
    "and": ("&&", _AND),
    "eq": ("==", _RELATION),
    "not_eq": ("!=", _RELATION),
    "less": ("<", _RELATION),
    "less_eq": ("<=", _RELATION),
    "greater": (">", _RELATION),
    "greater_eq": (">=", _RELATION),
    "in": ("in", _RELATION),
    "add": ("+", _SUM),
    "sub": ("-", _SUM),
    "mul": ("*", _PRODUCT),
}
_METHODS: Final = {
    "contains": "contains",
    "contains_all": "containsAll",
    "contains_any": "containsAny",
    "get_tag": "getTag",
    "has_tag": "hasTag",
    "is_in_range": "isInRange",
    "offset": "offset",
    "duration_since": "durationSince",
    "decimal_less_than": "lessThan",
    "decimal_less_eq": "lessThanOrEqual",
    "decimal_greater": "greaterThan",
    "decimal_greater_eq": "greaterThanOrEqual",
    "is_empty": "isEmpty",
    "is_ipv4": "isIpv4",
    "is_ipv6": "isIpv6",
    "is_loopback": "isLoopback",
    "is_multicast": "isMulticast",
    "to_date": "toDate",
    "to_time": "toTime",
    "to_milliseconds": "toMilliseconds",
    "to_seconds": "toSeconds",
    "to_minutes": "toMinutes",
    "to_hours": "toHours",
    "to_days": "toDays",
}
_Leaf: TypeAlias = pst.Var | pst.Slot | pst.BoolLit | pst.LongLit | pst.StringLit | pst.EntityLit
_FUNCTIONS: Final = frozenset({"datetime", "decimal", "duration", "ip"})
_SPECIAL: Final = '"\\'
_NAME: Final = re.compile(r"(?!(?:true|false|if|then|else|in|like|has|is|__cedar)\Z)[A-Za-z_][A-Za-z0-9_]*")


def condition_text(expression: pst.Expr) -> str:
    """Write an expression as Cedar text, on one line."""
    return _write(expression, _IF)


def _write(node: pst.Expr, needed: int) -> str:
    """Write `node`, in parentheses if it binds less tightly than `needed`."""
    text, binds = _worded(node)
    return text if binds >= needed else f"({text})"


def _worded(node: pst.Expr) -> tuple[str, int]:
    """Return the text of a node and how tightly it binds."""
    match node:
        case pst.UnaryOp():
            return _unary(node)
        case pst.BinaryOp():
            return _binary(node)
        case pst.GetAttr() | pst.HasAttr() | pst.Like() | pst.Is():
            return _test(node)
        case pst.IfThenElse() | pst.Set() | pst.Record():
            return _compound(node)
        case _:
            return _leaf(node)


def _leaf(node: _Leaf) -> tuple[str, int]:
    match node:
        case pst.Var(name):
            return name, _MEMBER
        case pst.Slot(name):
            return f"?{name}", _MEMBER
        case pst.BoolLit(value):
            return str(value).lower(), _MEMBER
        case pst.LongLit(value):
            return str(value), _MEMBER if value >= 0 else _UNARY
        case pst.StringLit(value):
            return _quoted(value), _MEMBER
        case pst.EntityLit(value):
            return f"{value.type}::{_quoted(value.id)}", _MEMBER


def _test(node: pst.GetAttr | pst.HasAttr | pst.Like | pst.Is) -> tuple[str, int]:
    match node:
        case pst.GetAttr(base, attr):
            named = f".{attr}" if _NAME.fullmatch(attr) else f"[{_quoted(attr)}]"
            return _write(base, _MEMBER) + named, _MEMBER
        case pst.HasAttr(base, attrs):
            names = ".".join(attrs) if all(map(_NAME.fullmatch, attrs)) else _quoted(attrs[0])
            return f"{_write(base, _SUM)} has {names}", _RELATION
        case pst.Like(base, pattern):
            return f"{_write(base, _SUM)} like {_pattern(pattern)}", _RELATION
        case pst.Is(base, entity_type, within):
            place = "" if within is None else f" in {_write(within, _SUM)}"
            return f"{_write(base, _SUM)} is {entity_type}{place}", _RELATION


def _compound(node: pst.IfThenElse | pst.Set | pst.Record) -> tuple[str, int]:
    match node:
        case pst.IfThenElse(cond, then_expr, else_expr):
            return f"if {_write(cond, _IF)} then {_write(then_expr, _IF)} else {_write(else_expr, _IF)}", _IF
        case pst.Set(elements):
            return f"[{', '.join(_write(each, _IF) for each in elements)}]", _MEMBER
        case pst.Record(fields):
            inside = ", ".join(f"{_quoted(name)}: {_write(value, _IF)}" for name, value in fields.items())
            return f"{{{inside}}}", _MEMBER


def _unary(node: pst.UnaryOp) -> tuple[str, int]:
    if node.op in _FUNCTIONS:
        return f"{node.op}({_write(node.arg, _IF)})", _MEMBER
    if node.op in _METHODS:
        return f"{_write(node.arg, _MEMBER)}.{_METHODS[node.op]}()", _MEMBER
    sign = {"not": "!", "neg": "-"}[node.op]
    return f"{sign}{_write(node.arg, _MEMBER)}", _UNARY


def _binary(node: pst.BinaryOp) -> tuple[str, int]:
    if node.op in _METHODS:
        return f"{_write(node.left, _MEMBER)}.{_METHODS[node.op]}({_write(node.right, _IF)})", _MEMBER
    sign, binds = _OPERATORS[node.op]
    # Relations do not chain; the others associate to the left.
    left = binds + 1 if binds == _RELATION else binds
    return f"{_write(node.left, left)} {sign} {_write(node.right, binds + 1)}", binds


def _quoted(text: str) -> str:
    return f'"{_escaped(text, special=_SPECIAL)}"'


def _escaped(text: str, *, special: str) -> str:
    return "".join(
        f"\\{char}" if char in special else char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text
    )


def _pattern(pattern: tuple[pst.PatternElem, ...]) -> str:
    inside = "".join(
        "*" if isinstance(each, pst.Wildcard) else _escaped(each.value, special=f"{_SPECIAL}*") for each in pattern
    )
    return f'"{inside}"'
