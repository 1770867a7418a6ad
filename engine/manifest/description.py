"""What a model folder says of itself: the Hugging Face card, the configuration, the Python requirements.

These files are written by people for people. What is understood is taken over, what is not is left alone; only a
card whose front matter is broken is refused, because its licence would be missed.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from engine.digest import JSON
from engine.errors import ManifestError
from engine.manifest.licences import from_card

_CARD: Final = "README.md"
_CONFIGURATION: Final = "config.json"
_REQUIREMENTS: Final = re.compile(r"requirements[^/]*\.txt")

_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_RELATIONS: Final = {"adapter": "adapter", "finetune": "finetune", "merge": "merge", "quantized": "quantized"}

# PEP 508, as far as a name and an exact version go.
_REQUIREMENT: Final = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^]]*\])?\s*"
    r"(?:===?\s*([A-Za-z0-9.!+_-]+)(?=[\s;]|$)|(?=[\s;#<>=!~@,(\\]|$))"
)


def describes(path: str) -> bool:
    """Say whether a file of this path is one that `described` reads."""
    return path in {_CARD, _CONFIGURATION} or _REQUIREMENTS.fullmatch(path) is not None


def described(files: Mapping[str, bytes]) -> dict[str, JSON]:
    """Return the manifest fields that a folder states itself, as JSON values.

    Args:
        files: the first chunk of each file that `describes` names.

    Raises:
        ManifestError: the card's front matter is not YAML.
    """
    found = _from_card(_front_matter(files.get(_CARD, b"")))
    architecture = _architecture(files.get(_CONFIGURATION, b""))
    if architecture:
        found["architecture"] = architecture
    requirements = (text for path, text in files.items() if _REQUIREMENTS.fullmatch(path))
    purls = sorted({purl for text in requirements for purl in _purls(text)})
    found["dependencies"] = [{"purl": purl} for purl in purls]
    return found


def _front_matter(card: bytes) -> Mapping[str, Any]:
    match = _FRONT_MATTER.match(card.decode("utf-8", "replace"))
    try:
        # Every scalar as text: YAML's own guesses would read the language `no` as false.
        matter = yaml.load(match[1], yaml.BaseLoader) if match else None  # noqa: S506 - makes text, lists, dicts only
    except (yaml.YAMLError, RecursionError) as error:
        raise ManifestError(
            f"the front matter of {_CARD} is not YAML: {' '.join(str(error).split())[:200]}",
            remedy="Mend it: the licence and the datasets are read from there.",
        ) from None
    return matter if isinstance(matter, Mapping) else {}


def _from_card(card: Mapping[str, Any]) -> dict[str, JSON]:
    found: dict[str, JSON] = {
        "licence": from_card(_texts(card.get("license")), next(iter(_texts(card.get("license_name"))), None)),
        "task": next(iter(_texts(card.get("pipeline_tag"))), None),
        "datasets": [{"name": name} for name in _texts(card.get("datasets"))],
        "lineage": [{"name": name, "relation": _relation(card)} for name in _texts(card.get("base_model"))],
        "metrics": list(_metrics(card.get("model-index"))),
    }
    return {key: value for key, value in found.items() if value}


def _relation(card: Mapping[str, Any]) -> str:
    stated = card.get("base_model_relation")
    return _RELATIONS.get(stated, "derived") if isinstance(stated, str) else "derived"


def _metrics(index: object) -> Iterator[dict[str, JSON]]:
    """Yield the results of a card's `model-index`, the first of each metric on each dataset."""
    seen: set[tuple[str, str]] = set()
    for model in _mappings(index):
        for result in _mappings(model.get("results")):
            dataset = next(iter(_mappings([result.get("dataset")])), {}).get("name")
            for metric in _mappings(result.get("metrics")):
                name, value = metric.get("type"), _number(metric.get("value"))
                if isinstance(name, str) and isinstance(dataset, str) and value is not None:
                    if (name, dataset) not in seen:
                        yield {"name": name, "dataset": dataset, "value": value}
                    seen.add((name, dataset))


def _architecture(configuration: bytes) -> str | None:
    try:
        parsed = json.loads(configuration)
    except (ValueError, RecursionError):
        return None
    return ", ".join(_texts(parsed.get("architectures"))) or None if isinstance(parsed, dict) else None


def _purls(requirements: bytes) -> Iterator[str]:
    for line in requirements.decode("utf-8", "replace").splitlines():
        match = _REQUIREMENT.match(line.strip())
        if match:
            name = re.sub(r"[-_.]+", "-", match[1]).lower()
            version = (match[2] or "").replace("!", "%21").replace("+", "%2B")
            yield f"pkg:pypi/{name}@{version}" if version else f"pkg:pypi/{name}"


def _texts(value: object) -> list[str]:
    """Return what a card may write as one text or as a list of them, each once."""
    items = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(item for item in items if isinstance(item, str) and item))


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
