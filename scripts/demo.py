"""Show the main job end to end: what `otpy demo` shows, on this checkout's own tree."""

import sys
from pathlib import Path

from otpy.cli import main

CONFIG = Path(__file__).parent.parent / "configs" / "counter.yaml"

sys.exit(main(["demo", str(CONFIG)]))
