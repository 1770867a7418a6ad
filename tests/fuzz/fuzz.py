"""Fuzz one target, guided by coverage, until the time is up or something breaks.

    python -m tests.fuzz.fuzz TARGET CORPUS [option of libFuzzer …]

The corpus folder gets the genuine samples first. Needs Atheris (`tests/fuzz/requirements.txt`).
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["engine.audit", "engine.custody", "engine.digest", "engine.workspace"]):
    from tests.fuzz.targets import TARGETS

    target = TARGETS[sys.argv[1]]
    for sample in target.samples:
        assert target.accepted(sample)  # imports what it needs, and proves that it reads what is genuine


def main() -> None:
    """Fuzz; libFuzzer ends the process."""
    corpus, *options = sys.argv[2:]
    Path(corpus).mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(target.samples):
        (Path(corpus) / f"sample-{number}").write_bytes(sample)
    atheris.Setup([sys.argv[0], corpus, *options], lambda data: target.accepted(data) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
