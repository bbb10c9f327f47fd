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


def _arm(features: str, *cores: tuple[str, str], model_name: str = "") -> str:
    """Return /proc/cpuinfo of an Arm processor with cores of (implementer, part)."""
    named = f"model name\t: {model_name}\n" if model_name else ""
    return "\n".join(
        f"processor\t: {number}\n{named}BogoMIPS\t: 108.00\nFeatures\t: {features}\n"
        f"CPU implementer\t: {maker}\nCPU architecture: 8\nCPU variant\t: 0x4\n"
        f"CPU part\t: {part}\nCPU revision\t: 1\n"
        for number, (maker, part) in enumerate(cores)
    )


V8_2 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop"
RASPBERRY_PI_5 = _arm(f"{V8_2} asimddp", *4 * [("0x41", "0xd0b")])
JETSON_ORIN = _arm(
    f"{V8_2} asimddp uscat ilrcpc flagm paca pacg",
    *6 * [("0x41", "0xd42")],
    model_name="ARMv8 Processor rev 1 (v8l)",
)
GRAVITON_3 = _arm(
    f"{V8_2} jscvt fcma sha3 sm3 sm4 asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm ssbs paca "
    "pacg dcpodp svei8mm svebf16 i8mm bf16 dgh rng",
    *2 * [("0x41", "0xd40")],
)
RK3588 = _arm(f"{V8_2} asimddp", *4 * [("0x41", "0xd05")], *4 * [("0x41", "0xd0b")])
UNKNOWN_CORE = _arm(f"{V8_2} asimddp i8mm", ("0x41", "0xfff"))
QEMU_ON_X86 = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 167
model name\t: Intel(R) Xeon(R) Processor
flags\t\t: fpu vme sse2 avx2 avx_vnni avx512_bf16 avx512_vnni amx_bf16 amx_tile amx_int8
"""


@pytest.mark.parametrize(
    ("text", "board", "name", "features", "int8_fast"),
    [
        (
            RASPBERRY_PI_5,
            "Raspberry Pi 5 Model B Rev 1.0\0",
            "Raspberry Pi 5 Model B Rev 1.0 (Cortex-A76)",
            ("dotprod",),
            True,
        ),
        (
            JETSON_ORIN,
            "NVIDIA Jetson Orin Nano Developer Kit\0",
            "NVIDIA Jetson Orin Nano Developer Kit (Cortex-A78AE)",
            ("dotprod",),
            True,
        ),
        (JETSON_ORIN, None, "Cortex-A78AE", ("dotprod",), True),
        (GRAVITON_3, None, "Neoverse V1", ("dotprod", "i8mm", "BF16", "SVE"), True),
        (RK3588, None, "Cortex-A55 + Cortex-A76", ("dotprod",), True),
        (UNKNOWN_CORE, None, "Arm core 0xfff of implementer 0x41", ("dotprod", "i8mm"), True),
        (QEMU_ON_X86, None, "aarch64 processor", (), False),
        ("", None, "aarch64 processor", (), False),
    ],
)
def test_arm_processor_is_named_by_board_and_cores(
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
    cpu = read_cpu(info, model, "aarch64")
    assert (cpu.name, cpu.features, cpu.int8_fast) == (name, features, int8_fast)
    assert cpu.machine == "aarch64"


@pytest.mark.parametrize("machine", ["armv7l", "armv8l", "arm64"])
def test_every_arm_machine_leaves_the_host_of_an_emulator_out(tmp_path: Path, machine: str) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(QEMU_ON_X86)
    cpu = read_cpu(info, tmp_path / "none", machine)
    assert (cpu.name, cpu.features) == (f"{machine} processor", ())


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
