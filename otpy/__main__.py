"""``python -m otpy`` is ``otpy``."""

import sys

from otpy.cli import main

sys.exit(main())
