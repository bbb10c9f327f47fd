"""The pipeline on this box, stage by stage and end to end, MQTT included.

    python -m benchmarks.pipeline [--clip FILE] [--seconds 20] [--json]

On a 1280x720 H.264 clip (rendered when none is given): each engine and precision, the stages one
after the other, `touchline run` over the file and at the file's own pace, its memory, the time to
its first homography, and the encoder's time against the processor's own INT8 peak. Figures of
different runs do not compare: a hypervisor moves its processors about. Ratios within one run do.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import paho.mqtt.client as mqtt
from onnx import TensorProto, helper, numpy_helper

from edge.bundles import Bundle, find_bundle
from edge.capture import render_clip
from edge.cli.bench import EngineRow, machine, measure_engines, measure_stages
from edge.engines import EngineOptions, load_named, time_in_turns
from quantize.prepare import simplify

PEAK_SIZE = 1024
"""Rows and columns of the matrix product that measures the INT8 peak."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sport", default="soccer")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--clip", type=Path, help="a video of your own")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the rendered clip")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    bundle = find_bundle(args.sport, args.bundle)
    with tempfile.TemporaryDirectory() as folder:
        clip = args.clip or Path(folder) / "clip.mp4"
        if args.clip is None:
            render_clip(clip, seconds=args.seconds, fps=60)
        results = measure(bundle, clip, args.rounds)
    if args.json:
        print(json.dumps(results, indent=2))
    else:
        show(results)
    return 0


def measure(bundle: Bundle, clip: Path, rounds: int) -> dict[str, Any]:
    """Run all measurements of a bundle over a clip."""
    threads = sorted({1, EngineOptions().thread_count()})
    engines, failures = measure_engines(bundle, None, threads, rounds)
    best = min(engines, key=lambda row: row.encoder_ms)
    stages, summary = measure_stages(bundle, best, str(clip), 0)
    return {
        "machine": {**machine(), "kernel": platform.release(), "load": os.getloadavg()[0]},
        "bundle": bundle.label,
        "engines": [asdict(row) for row in engines],
        "failures": failures,
        "ratios": ratios(engines),
        "floor": floor(bundle, best, rounds),
        "stages": [asdict(row) for row in stages],
        "sequential": summary,
        "run": run_box(bundle, clip, realtime=False),
        "run at its own pace": run_box(bundle, clip, realtime=True),
    }


def ratios(rows: list[EngineRow]) -> dict[str, float]:
    """Say how many times as fast INT8 is as FP32, by engine and threads."""
    times = {(row.engine, row.threads, row.precision): row.encoder_ms for row in rows}
    return {
        f"{engine}, {threads} threads": times[engine, threads, "fp32"] / ms
        for (engine, threads, precision), ms in times.items()
        if precision == "int8" and (engine, threads, "fp32") in times
    }


def floor(bundle: Bundle, best: EngineRow, rounds: int) -> dict[str, float]:
    """Compare the encoder's time with its multiplications at the processor's INT8 peak.

    And that peak with the one in FP32, both of a large matrix product: no network gains more by
    its multiplications.
    """
    macs = count_macs(bundle.file("encoder"))
    options = EngineOptions(threads=best.threads)
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            matrix_product(Path(folder) / f"peak.{name}.onnx", PEAK_SIZE, integer=name == "int8")
            for name in ("int8", "fp32")
        ]
        timings = time_in_turns([load_named(p, "onnxruntime", options) for p in paths], rounds)
    peak, full = (PEAK_SIZE**3 / min(timing.runs_ms) / 1e6 for timing in timings)
    floor_ms = macs / peak / 1e6
    return {
        "gmac": macs / 1e9,
        "peak_gmac_s": peak,
        "fp32_peak_gmac_s": full,
        "floor_ms": floor_ms,
        "times_the_floor": best.encoder_ms / floor_ms,
    }


def count_macs(path: Path) -> int:
    """Count the multiply-accumulates of a graph's convolutions."""
    model = simplify(path)  # an exporter leaves shapes open that are constants in the end
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output)
    }
    weights = {t.name: list(t.dims) for t in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            total += math.prod(shapes[node.output[0]]) * math.prod(weights[node.input[1]][1:])
    return total


def matrix_product(path: Path, size: int, *, integer: bool) -> Path:
    """Write a matrix product of size x size, uint8 by int8 or in FP32."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (size, size)).astype(np.int8 if integer else np.float32)
    kinds = (TensorProto.UINT8, TensorProto.INT32) if integer else (TensorProto.FLOAT,) * 2
    x, y = (
        helper.make_tensor_value_info(name, kind, [size, size])
        for name, kind in zip("xy", kinds, strict=True)
    )
    node = helper.make_node("MatMulInteger" if integer else "MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "peak", [x], [y], [numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


class Subscriber:
    """Counts homographies from a broker that may not be there yet."""

    def __init__(self, port: int) -> None:
        self.first_s: float | None = None
        self.received = 0
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(
            "touchline/v1/+/+/cam/+/homography"
        )
        self._client.on_message = self._count
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._connect, args=(port,))
        self._thread.start()

    def close(self) -> None:
        """Leave the broker."""
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _connect(self, port: int) -> None:
        while not self._stop.wait(0.02):
            if self._connected(port):
                self._client.loop_start()
                return

    def _connected(self, port: int) -> bool:
        try:
            self._client.connect("127.0.0.1", port)
        except OSError:
            return False
        return True

    def _count(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.received += 1
        if self.first_s is None and b'"field_from_image":[' in message.payload.replace(b" ", b""):
            self.first_s = time.monotonic()


def run_box(bundle: Bundle, clip: Path, *, realtime: bool) -> dict[str, Any]:
    """Run `touchline run` over the clip with its embedded broker and a subscriber."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "edge.cli", "run", "--json", "--source", str(clip)]
    command += ["--bundle", str(bundle.path), "--sport", bundle.manifest.sport]
    command += ["--broker", f"embedded:{port}"] + (["--realtime"] if realtime else [])
    subscriber = Subscriber(port)
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        memory = Peak(process.pid)
        said = process.stdout.read()
    wall = time.monotonic() - start
    memory.close()
    subscriber.close()
    if process.returncode != 0:
        return {"failed": f"touchline run left with {process.returncode}"}
    account = json.loads(said)
    return {
        "fps": account["fps"],
        "wall_s": wall,
        "first_homography_s": subscriber.first_s and subscriber.first_s - start,
        "received": subscriber.received,
        "peak_mb": memory.mb,
        **{
            key: account[key]
            for key in ("captured", "processed", "dropped", "states", "latency_ms")
        },
    }


class Peak:
    """Watches the resident memory of a process, without its children (the embedded broker)."""

    def __init__(self, pid: int) -> None:
        self.mb = 0.0
        self._status = Path(f"/proc/{pid}/status")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            try:
                text = self._status.read_text()
            except OSError:
                return
            for line in text.splitlines():
                if line.startswith("VmHWM:"):
                    self.mb = max(self.mb, int(line.split()[1]) / 1000)


def show(results: dict[str, Any]) -> None:
    """Print the results as text."""
    box = results["machine"]
    features = ", ".join(box["features"])
    print(f"{box['cpu']}, {box['cores']:g} cores, {features}, load {box['load']:.1f}")
    print(", ".join(f"{name} {version}" for name, version in box["packages"].items()))
    print(f"\nbundle {results['bundle']}")
    print(f"{'engine':<14}{'':<6}{'threads':>8}{'encoder':>9}{'p95':>8}{'dense':>8}{'MB':>7}")
    for row in results["engines"]:
        print(
            f"{row['engine']:<14}{row['precision']:<6}{row['threads']:>8}{row['encoder_ms']:>9.2f}"
            f"{row['encoder_p95_ms']:>8.2f}{row['dense_ms']:>8.2f}{row['megabytes']:>7.1f}"
        )
    for name, ratio in results["ratios"].items():
        print(f"INT8 is {ratio:.2f} times as fast as FP32 ({name})")
    f = results["floor"]
    print(
        f"encoder: {f['gmac']:.2f} GMAC; INT8 peak here {f['peak_gmac_s']:.0f} GMAC/s, "
        f"{f['peak_gmac_s'] / f['fp32_peak_gmac_s']:.1f} times FP32's; floor "
        f"{f['floor_ms']:.1f} ms; the best engine takes {f['times_the_floor']:.1f} times that"
    )
    one = results["sequential"]
    print(f"\none thread, {one['engine']}: {one['frames']} frames, {one['fps']:.0f} fps")
    for row in results["stages"]:
        print(
            f"  {row['stage']:<12}{row['frames']:>6} frames{row['median_ms']:>8.2f} ms median"
            f"{row['p95_ms']:>8.2f} p95{row['per_frame_ms']:>8.2f} a frame"
        )
    for name in ("run", "run at its own pace"):
        print(f"\ntouchline {name}:")
        for key, value in results[name].items():
            print(f"  {key}: {value}")


if __name__ == "__main__":
    sys.exit(main())
