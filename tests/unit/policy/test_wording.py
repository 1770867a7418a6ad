"""Conditions as text: as short as the grammar allows, and the same tree when read again."""

from collections.abc import Iterator

import pytest
from cedarpy import policies_to_pst, pst

from engine.policy.bundle import PolicyBundle
from engine.policy.wording import condition_text


def read(text: str) -> pst.Expr:
    (policy,) = policies_to_pst(f"permit (principal, action, resource) when {{ {text} }};").static_policies.values()
    (clause,) = policy.clauses
    return clause.expr


@pytest.mark.parametrize(
    "text",
    [
        "context.now < context.agreement.expires",
        "principal.a || principal.b && principal.c",
        "(principal.a || principal.b) && (principal.c && principal.d)",
        "!principal.a",
        "!(principal.a && principal.b)",
        "!(!principal.a)",
        "1 - (2 - 3) * 4 == -5",
        "1 - 2 - 3 < -principal.n",
        "-(-9) < 1",
        "-9223372036854775808 < 9223372036854775807",
        "(1 < 2) == true",
        "(if principal.a then 1 else 2) + 3 == 4",
        "if principal.a then if principal.b then 1 < 2 else false else true",
        'principal in [Role::"a", Role::"b\\"c"]',
        'principal is Ns::User in Role::"a"',
        "principal is User",
        'principal["two words"]["if"] has "three more words"',
        "context has agreement",
        'principal.name like "a*\\*\\"\\\\"',
        '{"a": [1, {}], "true": principal.b} == context.c',
        'principal.tags.containsAll(["a"]) && principal.tags.containsAny([]) && principal.tags.isEmpty()',
        'principal.hasTag("a") && principal.getTag("a") == "b"',
        'ip("10.0.0.1").isInRange(ip("10.0.0.0/8")) || ip("::1").isLoopback() || ip("::1").isIpv6()',
        'decimal("1.5").lessThanOrEqual(decimal("2.5")) && decimal("1.5").greaterThan(decimal("0.5"))',
        'context.now.offset(duration("1h")).toDate() < datetime("2026-01-01")',
        "context.now.durationSince(context.past).toHours() > 3 && (-1).n == 1 && (!principal.a).b",
    ],
)
def test_text_that_is_read_and_written_stays_the_same(text: str) -> None:
    assert condition_text(read(text)) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("((context.a) && ((context.b)))", "context.a && context.b"),
        ("(1 + 2) + 3 == (4)", "1 + 2 + 3 == 4"),
        ('context["a"] has "b"', "context.a has b"),
        ('"\u202e\\n" == "\\u{e9}"', '"\\u{202e}\\u{a}" == "é"'),
    ],
)
def test_needless_parentheses_and_hidden_characters_go(text: str, written: str) -> None:
    assert condition_text(read(text)) == written
    assert condition_text(read(written)) == written


def test_a_has_over_several_names_is_written_as_cedar_reads_it() -> None:
    several = pst.HasAttr(pst.Var("context"), ("a", "b"))
    assert condition_text(several) == "context has a.b"


def test_a_slot_keeps_its_question_mark() -> None:
    assert condition_text(pst.BinaryOp("eq", pst.Var("principal"), pst.Slot("principal"))) == "principal == ?principal"


def test_every_condition_of_the_starter_policies_reads_again_as_itself(starter: PolicyBundle) -> None:
    expressions = list(_expressions(starter))
    assert len(expressions) > 30
    for expression in expressions:
        assert read(condition_text(expression)) == expression


def _expressions(bundle: PolicyBundle) -> Iterator[pst.Expr]:
    for policy in bundle.policies.values():
        for clause in policy.node.clauses:
            yield clause.expr
