"""What a folder says of itself is taken over; what it does not say is not invented."""

import pytest

from engine.errors import ManifestError
from engine.manifest.description import described, describes

CARD = b"""---
language: no
license: other
license_name: acme-community
pipeline_tag: text-classification
datasets: [snli, snli, eli5]
base_model:
  - google/bert
base_model_relation: finetune
model-index:
  - name: sentiment
    results:
      - dataset: {name: SST-2, type: sst2}
        metrics:
          - {type: accuracy, value: 0.91}
          - {type: accuracy, value: 0.99}
          - {type: f1, value: high}
          - {type: loss, value: .inf}
          - {value: 1}
      - metrics:
          - {type: accuracy, value: 0.5}
---
# Sentiment
"""


def test_a_model_card_is_read() -> None:
    assert described({"README.md": CARD}) == {
        "licence": "LicenseRef-acme-community",
        "task": "text-classification",
        "datasets": [{"name": "snli"}, {"name": "eli5"}],
        "lineage": [{"name": "google/bert", "relation": "finetune"}],
        "metrics": [{"name": "accuracy", "dataset": "SST-2", "value": 0.91}],
        "dependencies": [],
    }


@pytest.mark.parametrize(
    "card",
    [
        b"",
        b"# No front matter\n---\nlicense: mit\n---\n",
        b"---\nlicense: mit\n",
        b"---\n- license\n---\n",
        b"---\nlicense: {a: b}\ndatasets: {a: b}\nbase_model: ''\nmodel-index: [1, {results: [2]}, {}]\n---\n",
        b"---\n---\n",
    ],
)
def test_a_card_that_says_nothing_useful_says_nothing(card: bytes) -> None:
    assert described({"README.md": card}) == {"dependencies": []}


def test_a_card_from_windows_is_read() -> None:
    assert described({"README.md": b"---\r\nlicense: mit\r\n---\r\ntext"})["licence"] == "MIT"


def test_an_unknown_relation_to_the_base_is_called_derived() -> None:
    card = b"---\nbase_model: google/bert\nbase_model_relation: [cousin]\n---\n"
    assert described({"README.md": card})["lineage"] == [{"name": "google/bert", "relation": "derived"}]


@pytest.mark.parametrize("matter", [b"license: [mit", b"license: mit\n  bad: indent", b"a: " + b"[" * 2000])
def test_broken_front_matter_is_refused_because_its_licence_would_be_missed(matter: bytes) -> None:
    with pytest.raises(ManifestError, match="front matter") as caught:
        described({"README.md": b"---\n" + matter + b"\n---\n"})
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("configuration", "architecture"),
    [
        (b'{"architectures": ["BertModel"]}', "BertModel"),
        (b'{"architectures": ["A", "B"]}', "A, B"),
        (b'{"architectures": []}', None),
        (b'{"architectures": 3}', None),
        (b"[]", None),
        (b"{", None),
        (b"[" * 100_000, None),
    ],
)
def test_the_architecture_stands_in_the_configuration(configuration: bytes, architecture: str | None) -> None:
    assert described({"config.json": configuration}).get("architecture") == architecture


REQUIREMENTS = b"""
# comment
-r other.txt
--no-binary :all:
torch==2.13.0
Typing_Extensions == 4.1 ; python_version < "3.12"
numpy>=2
scipy
epoch==1!2.0+cpu --hash=sha256:00
transformers[torch,sentencepiece]==4.56.0
wild==1.*
package @ https://example.org/package.whl
./local.whl
torch==2.13.0
"""


def test_requirements_become_package_urls() -> None:
    found = described({"requirements.txt": REQUIREMENTS, "requirements-gpu.txt": b"cuda-python==12.6"})
    assert [each["purl"] for each in found["dependencies"]] == [  # type: ignore[union-attr, index, call-overload]
        "pkg:pypi/cuda-python@12.6",
        "pkg:pypi/epoch@1%212.0%2Bcpu",
        "pkg:pypi/numpy",
        "pkg:pypi/package",
        "pkg:pypi/scipy",
        "pkg:pypi/torch@2.13.0",
        "pkg:pypi/transformers@4.56.0",
        "pkg:pypi/typing-extensions@4.1",
        "pkg:pypi/wild",
    ]


def test_only_files_at_the_top_describe_the_folder() -> None:
    named = ["README.md", "config.json", "requirements.txt", "requirements-dev.txt"]
    assert all(describes(path) for path in named)
    assert not any(describes(f"sub/{path}") for path in named)
    assert not describes("model.safetensors")
