"""The node's process: ``python -m otpy.runtime FD``; see `otpy.runtime.launch`."""

import sys

from otpy.runtime.launch import main

sys.exit(main(int(sys.argv[1])))
