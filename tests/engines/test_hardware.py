"""What is read of the processor, from files of real boards."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.engines.hardware import _quota, read_cpu

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) N100
flags\t\t: fpu sse sse2 avx2 avx_vnni
processor\t: 1
model name\t: another
"""
PI5 = "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp\nCPU part\t: 0xd0b\n"
PI3 = "processor\t: 0\nFeatures\t: fp asimd crc32\n"


@pytest.mark.parametrize(
    ("text", "board", "name", "features", "int8_fast"),
    [
        (X86, None, "Intel(R) N100", ("AVX2", "AVX-VNNI"), True),
        (
            PI5,
            "Raspberry Pi 5 Model B Rev 1.0\0",
            "Raspberry Pi 5 Model B Rev 1.0",
            ("dotprod",),
            True,
        ),
        (PI3, "Raspberry Pi 3\0", "Raspberry Pi 3", (), False),
    ],
)
def test_read_cpu(
    tmp_path: Path,
    text: str,
    board: str | None,
    name: str,
    features: tuple[str, ...],
    int8_fast: bool,
) -> None:
    info, model = tmp_path / "cpuinfo", tmp_path / "model"
    info.write_text(text)
    if board is not None:
        model.write_text(board)
    cpu = read_cpu(info, model)
    assert (cpu.name, cpu.features, cpu.int8_fast) == (name, features, int8_fast)
    assert cpu.cores > 0


def test_unreadable_files_leave_it_unknown(tmp_path: Path) -> None:
    cpu = read_cpu(tmp_path / "none", tmp_path / "none either")
    assert cpu.name
    assert cpu.features == ()


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000\n", float("inf")), ("150000 100000\n", 1.5), ("", float("inf"))],
)
def test_container_quota(text: str, cores: float) -> None:
    assert _quota(text) == cores
