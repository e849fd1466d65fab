"""`python -m splatworld.cli` is `splatworld`."""

import sys

from splatworld.cli import main

sys.exit(main())
