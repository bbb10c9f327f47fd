"""Networks, rendered data, training, evaluation, the bundles that ship; needs the extra `train`."""

from __future__ import annotations

import edge  # noqa: F401 - before an engine is imported: it keeps engines from reporting
