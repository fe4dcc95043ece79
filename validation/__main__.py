"""`python -m mudot.validation` is the `mudot` command."""

import sys

from mudot.validation.cli import main

sys.exit(main())
