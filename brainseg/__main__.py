"""``python -m brainseg VERB``."""

import sys

from brainseg.cli import main

if __name__ == "__main__":
    sys.exit(main())
