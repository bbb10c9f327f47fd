"""`python -m edge.cli` is `touchline`."""

from __future__ import annotations

import sys

from edge.cli import main

sys.exit(main())
