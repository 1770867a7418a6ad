"""What a suite file may say, field by field.

`docs/formats/suite.md` tells it to people, `docs/formats/suite.schema.json` to editors.
"""

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, AwareDatetime, Discriminator, Field, JsonValue, Tag, TypeAdapter, model_validator

from engine.digest import JSON
from engine.policy.documents import Section
from engine.policy.model import EntityUid

MAX_MATRIX_CASES: Final = 10_000

_QUOTED: Final = re.compile(r'(?P<type>[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*)::(?P<id>"(?:[^"\\]|\\.)*")', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\", '"': '"', "'": "'"}


def read_uid(text: str) -> EntityUid:
    r"""Read the name of an entity, as people write it (`User::ada`) or as Cedar does (`User::"ada"`).

    Raises:
        ValueError: it is neither.
    """
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return EntityUid(quoted["type"], _unquoted(quoted["id"]))
    type_, separator, id_ = text.partition("::")
    if not (type_ and separator and id_) or id_.startswith('"'):
        raise ValueError("expected TYPE::ID, such as User::ada@acme.example")
    return EntityUid(type_, id_)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))  # what lading itself writes
    except ValueError:
        return _ESCAPE.sub(_unescaped, text[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code is not None:
        return chr(int(code, 16))
    if match[3] not in _ESCAPED:
        raise ValueError(f"found the escape {match[0]}, expected one that Cedar knows")
    return _ESCAPED[match[3]]


def _uid(text: str) -> str:
    read_uid(text)
    return text


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("expected a file below the folder of the suite")
    return text


Uid: TypeAlias = Annotated[str, AfterValidator(_uid)]
Sentence: TypeAlias = Annotated[str, Field(min_length=1)]
Percent: TypeAlias = Annotated[int, Field(ge=0, le=100)]
Changes: TypeAlias = dict[str, JsonValue]


class Asked(Section):
    """Who wants to do what to what; what is left out comes from the suite's defaults."""

    principal: Uid | None = Field(None, description='TYPE::ID or, as Cedar writes it, TYPE::"ID".')
    action: str | None = Field(None, description="The action's id, such as send.")
    resource: Uid | None = Field(None, description="As principal.")


class EntityForm(Section):
    """An entity, or what is different about one."""

    attrs: dict[str, JsonValue] = Field(
        default_factory=dict, description="Attributes in Cedar's JSON format. In a case, null takes one away."
    )
    parents: tuple[Uid, ...] | None = Field(
        None, description="All entities it is in. In a case, these replace the others."
    )


Differences: TypeAlias = dict[Uid, EntityForm | None]


class Case(Section):
    """One request and the answer it must get."""

    model_config = Section.model_config | {
        "json_schema_extra": {
            "if": {"properties": {"expect": {"const": "deny"}}},
            "then": {"required": ["because"], "properties": {"because": {"minItems": 1}}},
        }
    }

    name: Sentence = Field(description="A sentence that says what must hold; reports show it.")
    request: Asked = Asked()
    changes: Changes = Field(
        default_factory=dict,
        alias="with",
        description="Values to change by path: context.…, principal.ATTRIBUTE, resource.ATTRIBUTE; null takes one "
        "away. context.now sets the clock.",
    )
    entities: Differences = Field(
        default_factory=dict, description="Entities that are different, or more, in this case; null takes one away."
    )
    expect: Literal["permit", "deny"]
    because: tuple[str, ...] = Field(
        (), description="All that decides: policy ids, no-permit, or a failsafe. Required where deny is expected."
    )

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.expect == "deny" and not self.because:
            raise ValueError(f"{self.name!r} expects a denial, expected under 'because' what denies")
        return self


def _granted_by(value: Any) -> str:
    return "resources" if isinstance(value, Mapping) else "actions"


Granted: TypeAlias = Annotated[
    Annotated[tuple[str, ...], Tag("actions")] | Annotated[dict[Uid, tuple[str, ...]], Tag("resources")],
    Discriminator(_granted_by),
]


class Matrix(Section):
    """Everybody, every action, every resource, each with each: what is not listed as permitted must be denied."""

    name: Sentence = Field(description="A sentence that the names of its cases begin with.")
    principals: tuple[Uid, ...] = Field(
        (), description="Who is permitted nothing. Who is under permitted is asked too."
    )
    actions: tuple[str, ...] = Field(min_length=1, description="Every one is asked for.")
    resources: tuple[Uid, ...] = Field((), description="Every one is asked for; the default resource if left out.")
    changes: Changes = Field(default_factory=dict, alias="with", description="As in a case.")
    entities: Differences = Field(default_factory=dict, description="As in a case.")
    permitted: dict[Uid, Granted] = Field(
        default_factory=dict,
        description="By principal: the permitted actions, or by resource the permitted actions. All else is denied.",
    )
    because: tuple[str, ...] = Field((), description="All that decides each denial, where it is the same for all.")

    @model_validator(mode="after")
    def _closed(self) -> Self:
        principals = {*map(read_uid, self.principals), *map(read_uid, self.permitted)}
        if not principals:
            raise ValueError("names nobody, expected somebody under permitted or principals")
        if len(principals) * len(self.actions) * max(len(self.resources), 1) > MAX_MATRIX_CASES:
            raise ValueError(f"makes more than {MAX_MATRIX_CASES} cases, expected several smaller ones")
        listed = {*map(read_uid, self.resources)}
        for who, granted in self.permitted.items():
            rows = granted if isinstance(granted, dict) else {None: granted}
            for resource, actions in rows.items():
                if resource is not None and read_uid(resource) not in listed:
                    raise ValueError(f"permits {who} something on {resource}, which is not among its resources")
                for action in actions:
                    if action not in self.actions:
                        raise ValueError(f"permits {who} to {action}, which is not among its actions")
        return self


def _told_by(value: Any) -> str:
    return "here" if isinstance(value, Mapping) else "file"


WorldForm: TypeAlias = Annotated[
    Annotated[str, AfterValidator(_inside), Tag("file")] | Annotated[dict[Uid, EntityForm], Tag("here")],
    Discriminator(_told_by),
]


class Defaults(Section):
    """What every case starts from."""

    request: Asked = Asked()
    context: dict[str, JsonValue] = Field(
        default_factory=dict, description="Facts in Cedar's JSON format; never now, which the engine states."
    )


class Thresholds(Section):
    """How much is demanded of all suites of a folder together, in percent."""

    policies: Percent = Field(0, description="Policies that determine some answer.")
    atoms: Percent = Field(0, description="Conditions seen both true and false; checked with --coverage.")
    mutation: Percent = Field(0, description="Deliberate faults that some case notices; checked with --mutate.")


class Equivalent(Section):
    """A mutant that no case can kill, because it means the same."""

    policy: str = Field(min_length=1, description="The policy's id.")
    mutant: str = Field(
        pattern=r"^[a-z]+-[0-9a-f]{8}$",
        description="The mutant's id, as policy test --mutate names it; another change has another id.",
    )
    reason: Sentence = Field(description="Why no request can tell it from the policy.")


class SuiteFile(Section):
    """A suite of policy tests."""

    model_config = Section.model_config | {
        "json_schema_extra": {"anyOf": [{"required": ["cases"]}, {"required": ["matrix"]}]}
    }

    suite: Sentence = Field(description="The name that reports show.")
    now: AwareDatetime = Field(description="The clock, unless a case sets another. RFC 3339, with a time zone.")
    entities: WorldForm = Field(
        description="The world: a file of entities in Cedar's JSON format, as JSON or YAML, below the folder of this "
        "one; or the entities themselves, by name."
    )
    defaults: Defaults = Defaults()
    cases: tuple[Case, ...] = ()
    matrix: tuple[Matrix, ...] = ()
    thresholds: Thresholds = Thresholds()
    equivalents: tuple[Equivalent, ...] = ()

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.cases and not self.matrix:
            raise ValueError("asks nothing, expected cases or a matrix")
        return self


SUITE_FILE: Final = TypeAdapter(SuiteFile)


def suite_schema() -> dict[str, JSON]:
    """Return the JSON Schema of a suite file. Necessary, not sufficient: that names are known it cannot say."""
    schema = SUITE_FILE.json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "lading policy suite"}
