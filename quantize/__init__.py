"""INT8 for the networks that ship: calibration, quantization, comparison, and the accuracy gate.

    python -m quantize int8 BUNDLE          add INT8 graphs, if they pass the gate
    python -m quantize gate BUNDLE          repeat the gate, record what it measured
    python -m quantize compare BUNDLE       how far INT8 outputs are from FP32's
    python -m quantize sensitivity BUNDLE   which layers to blame

Needs the extra `quantize`; the box needs none of this.
"""

from __future__ import annotations

import edge  # noqa: F401 - before an engine is imported: it keeps engines from reporting
