"""Weights of an exported bundle back into a network that can learn on.

Export folds each normalization into the convolution before it. Here the folded weights go into the
convolutions, and normalizations are given the mean and deviation that they see on rendered views,
with the scale and offset that undo them: the network gives the same answers, and can be trained.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from edge.bundles import Bundle, load_bundle
from edge.errors import UsageError
from models.registration.network import STRIDE, RegistrationNet
from models.registration.views import ViewRenderer

SEED = 60_001
_BATCHES, _BATCH = 6, 8

Pair = tuple[nn.Conv2d, "nn.BatchNorm2d | None"]


def sport_of(folder: Path) -> str:
    """The sport of a bundle."""
    return load_bundle(folder).manifest.sport


def network_of(folder: Path) -> RegistrationNet:
    """The network of a bundle in evaluation mode, ready to be trained on.

    Raises UsageError when its graphs are not those of this network, BundleError for a bad bundle.
    """
    bundle = load_bundle(folder)
    net = RegistrationNet(pretrained=False).eval()
    height, width = bundle.manifest.input.height, bundle.manifest.input.width
    image = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    features = torch.zeros(1, 64, height // STRIDE, width // STRIDE)
    main = _pairs(net, lambda: net.keypoints(net.features(image)))
    dense = _pairs(net.dense, lambda: net.dense(features))
    for pairs, name in ((main, "model.onnx"), (dense, "dense.onnx")):
        _fill(pairs, _folded(bundle, name), f"{folder}/{name}")
    _measure(
        net, [p for p in main + dense if p[1] is not None], bundle.manifest.sport, width, height
    )
    return net


def _pairs(module: nn.Module, run) -> list[Pair]:  # type: ignore[no-untyped-def]
    """Convolutions in the order in which they run, each with the normalization that follows it."""
    found: list[Pair] = []

    def note(layer: nn.Module, *_: object) -> None:
        if isinstance(layer, nn.BatchNorm2d):
            found[-1] = (found[-1][0], layer)
        else:
            assert isinstance(layer, nn.Conv2d)
            found.append((layer, None))

    layers = [m for m in module.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    hooks = [m.register_forward_hook(note) for m in layers]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return found


def _folded(bundle: Bundle, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases of a graph's convolutions, in its order."""
    graph = onnx.load(bundle.path / name).graph
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    for node in graph.node:  # weights kept in half precision are cast where they are used
        if node.op_type == "Cast" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]].astype(np.float32)
    return [(values[n.input[1]], values[n.input[2]]) for n in graph.node if n.op_type == "Conv"]


def _fill(pairs: list[Pair], folded: list[tuple[np.ndarray, np.ndarray]], what: str) -> None:
    shapes = [tuple(conv.weight.shape) for conv, _ in pairs]
    if shapes != [w.shape for w, _ in folded]:
        raise UsageError(f"{what}: not a graph of this network: its convolutions are others")
    with torch.no_grad():
        for (conv, norm), (weight, bias) in zip(pairs, folded, strict=True):
            conv.weight.copy_(torch.from_numpy(weight.copy()))
            if norm is None:
                assert conv.bias is not None
                conv.bias.copy_(torch.from_numpy(bias.copy()))
                continue
            norm.weight.fill_(1.0)
            norm.bias.copy_(torch.from_numpy(bias.copy()))
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0 - norm.eps)


def _measure(net: RegistrationNet, pairs: list[Pair], sport: str, width: int, height: int) -> None:
    """Give the normalizations the statistics of rendered views, and undo them."""
    sums: dict[nn.Module, list[Tensor]] = {}

    def note(layer: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
        x = inputs[0].double()
        sums.setdefault(layer, []).append(torch.stack([x.mean((0, 2, 3)), (x * x).mean((0, 2, 3))]))

    norms = [norm for _, norm in pairs if norm is not None]
    hooks = [norm.register_forward_hook(note) for norm in norms]
    renderer = ViewRenderer(SEED, width, height, sport=sport, sizes=1)
    with torch.no_grad():
        for _ in range(_BATCHES):
            net(torch.from_numpy(renderer.batch(_BATCH).image))
        for hook in hooks:
            hook.remove()
        for norm in norms:
            mean, square = torch.stack(sums[norm]).mean(0).float()
            var = (square - mean**2).clamp_min(1e-6)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(var)
            norm.weight.copy_((var + norm.eps).sqrt())
            norm.bias.add_(mean)
