"""A timeline's sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.segments.sound import RATE_HZ
from models.segments.library import Library
from models.segments.timeline import Piece, ProgrammeTimeline

Sound = NDArray[np.float32]


def mixed(library: Library, timeline: ProgrammeTimeline) -> Sound:
    """(n,) float32 at 16 kHz in -1..1 of the whole file."""
    rng = np.random.default_rng((timeline.seed, 5))
    offset = timeline.begin_s
    out = np.zeros(round((timeline.length_s - offset) * RATE_HZ), np.float32)
    for piece in timeline.sounds:
        start = round((piece.start_s - offset) * RATE_HZ)
        part = _piece(library, piece, timeline.encoding.speed, rng)
        skip = max(0, -start)
        part = part[skip : skip + max(0, len(out) - max(0, start))]
        out[max(0, start) : max(0, start) + len(part)] += part
    encoding = timeline.encoding
    if encoding.band_hz < 7900:
        out = _band(out, encoding.band_hz)
    if encoding.hiss_db > -80:
        block = rng.standard_normal(RATE_HZ * 7).astype(np.float32)
        block *= np.float32(10 ** (encoding.hiss_db / 20))
        out += np.resize(block, len(out))
    out *= np.float32(10 ** (encoding.gain_db / 20))
    return np.clip(out, -1, 1, out=out)


def _piece(library: Library, piece: Piece, speed: float, rng: np.random.Generator) -> Sound:
    count = round(piece.length_s * RATE_HZ)
    if piece.source < 0:
        made = _room(rng, count)
    else:
        kept = library.sound(piece.source)
        first = round(piece.in_s * RATE_HZ)
        need = int(count * speed) + 2
        if piece.loop:
            raw = kept.take(np.arange(first, first + need) % len(kept))
        else:
            raw = kept[first : first + need]
        made = raw.astype(np.float32) / np.float32(32768)
        if speed != 1 and len(made) > 2:
            places = np.arange(min(count, int((len(made) - 1) / speed)), dtype=np.float32)
            places *= np.float32(speed)
            index = places.astype(np.int32)
            part = places - index
            made = made[index] * (1 - part) + made[index + 1] * part
        made = made[:count]
    made *= np.float32(10 ** (piece.gain_db / 20))
    for length_s, end in ((piece.fade_in_s, False), (piece.fade_out_s, True)):
        n = min(len(made), round(length_s * RATE_HZ))
        if n > 1:
            ramp = np.linspace(0, 1, n, dtype=np.float32)
            if end:
                made[-n:] *= ramp[::-1]
            else:
                made[:n] *= ramp
    return made


def _room(rng: np.random.Generator, count: int) -> Sound:
    """Soft low noise, a few seconds of it repeated."""
    block = rng.standard_normal(RATE_HZ * 2 + 64).astype(np.float32)
    width = int(rng.integers(4, 40))
    soft = np.convolve(block, np.ones(width, np.float32) / width, "valid")[: RATE_HZ * 2]
    return np.resize(soft * np.float32(0.05 * width**0.5), count).astype(np.float32)


def _band(sound: Sound, upto_hz: float) -> Sound:
    """Nothing above a frequency; of 3.4 kHz, the telephone's, nothing below 300 Hz either."""
    block = RATE_HZ * 32
    out = np.empty_like(sound)
    for at in range(0, len(sound), block):
        part = sound[max(0, at - 400) : at + block + 400]
        spectrum = np.fft.rfft(part)
        hz = np.fft.rfftfreq(len(part), 1 / RATE_HZ)
        gain = np.clip((upto_hz * 1.05 - hz) / (upto_hz * 0.1), 0, 1)
        if upto_hz < 3500:
            gain *= np.clip((hz - 200) / 100, 0, 1)
        made = np.fft.irfft(spectrum * gain.astype(np.float32), len(part))
        begin = at - max(0, at - 400)
        stretch = out[at : at + block]
        stretch[:] = made[begin : begin + len(stretch)]
    return out
