"""Inference engines behind one small protocol.

    engine = load_engine(path)                    # the fastest that works on this box, measured
    engine = load_engine(path, "openvino")        # by name
    outputs = engine.run({"image": image})        # arrays that the next run overwrites

Names are `engine` or `engine:device`: `onnxruntime`, `onnxruntime:cuda`, `onnxruntime:tensorrt`,
`openvino`, `openvino:gpu`, `openvino:npu`, `tflite`.
"""

from __future__ import annotations

from edge.engines.choice import EngineChoice, Measured, choose_engine, load_engine
from edge.engines.hardware import Cpu, read_cpu
from edge.engines.protocol import Engine, EngineOptions, TensorSpec
from edge.engines.registry import ENGINES, EngineKind, available_engines, load_named
from edge.engines.remembered import RememberedChoices, choice_key
from edge.engines.timing import Timing, time_in_turns

__all__ = [
    "ENGINES",
    "Cpu",
    "Engine",
    "EngineChoice",
    "EngineKind",
    "EngineOptions",
    "Measured",
    "RememberedChoices",
    "TensorSpec",
    "Timing",
    "available_engines",
    "choice_key",
    "choose_engine",
    "load_engine",
    "load_named",
    "read_cpu",
    "time_in_turns",
]
