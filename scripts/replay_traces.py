"""Replay recorded OTP traces through otpy.core and compare.

usage: replay_traces.py FILE...

The files have the format of tests/data/otp-traces/FORMAT.md. Exits with 1 if a trace differs.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.core.replay import Record, difference, scenarios

SHOWN = 5


def main() -> int:
    """Compare every scenario of the files named on the command line."""
    if len(sys.argv) == 1:
        print(__doc__, file=sys.stderr)
        return 2
    compared = [(r, difference(r)) for name in sys.argv[1:] for r in scenarios(Path(name))]
    different = [(recorded, entry) for recorded, entry in compared if entry is not None]
    for recorded, (expected, got) in different[:SHOWN]:
        print("\n".join(told(recorded["scenario"], expected, got)))
    print(f"{len(compared) - len(different)} of {len(compared)} traces equal")
    return 1 if different else 0


def told(scenario: Record, expected: Record, got: Record) -> Iterator[str]:
    """Yield in which entry a trace differs, and how."""
    step = got.get("step", expected.get("step", 0))
    yield f"{scenario['id']}: {scenario.get('note', '')}"
    yield f"  step {step}: {json.dumps(scenario['steps'][step - 1]) if step else 'boot'}"
    for field in sorted(expected.keys() | got.keys()):
        if expected.get(field) != got.get(field):
            yield f"    OTP  {field}: {json.dumps(expected.get(field))}"
            yield f"    otpy {field}: {json.dumps(got.get(field))}"


if __name__ == "__main__":
    sys.exit(main())
