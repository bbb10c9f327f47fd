"""Opening a film with FFmpeg: this one file or pipe, of a known format, and nothing else.

FFmpeg reads formats that name other files and addresses (playlists, SDP, concatenations), and
takes a file's name for an address or for a pattern of names. None of that is a film.
"""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from edge.capture.pipe import Pipe, check_begins
from edge.errors import SourceError
from edge.paths import FILE_PROTOCOLS, ffmpeg_file
from edge.pyav import EXACT_TAGS, ArgumentError, open_options

MOST_PIXELS = 20_000_000
"""Pixels of a film's picture: more than 5K, less than 8K, whose decoder wants gigabytes."""
_FORMATS = (
    # films
    "mov", "matroska", "mpegts", "mpeg", "avi", "flv", "live_flv", "asf", "ogg", "mxf", "gxf",
    "wtv", "dv", "nut", "rm", "ivf", "dhav", "nsv", "nuv", "swf", "smjpeg", "lmlm4", "yop",
    "yuv4mpegpipe", "h261", "h263", "h264", "hevc", "vvc", "evc", "obu", "av1", "vc1",
    "vc1test", "m4v", "mpegvideo", "mjpeg", "mjpeg_2000", "mpjpeg", "cavsvideo", "avs2", "avs3",
    "dirac", "dnxhd", "ingenient", "pva", "ty", "cine", "gif", "apng",
    # sound, for which some commands have words of their own
    "mp3", "aac", "ac3", "eac3", "ac4", "dts", "dtshd", "truehd", "mlp", "wav", "w64", "aiff",
    "au", "caf", "flac", "wv", "ape", "tta", "tak", "amr", "mpc", "mpc8", "loas",
    # single pictures under a film's name
    "png_pipe", "jpeg_pipe", "jpegls_pipe", "j2k_pipe", "jpegxl_pipe", "jpegxl_anim", "webp_pipe",
    "bmp_pipe", "tiff_pipe", "gif_pipe", "ppm_pipe", "pgm_pipe", "pbm_pipe", "pam_pipe",
    "dpx_pipe", "exr_pipe", "sgi_pipe", "qoi_pipe", "hdr_pipe",
)  # fmt: skip
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"v=0", b"<?xml", b"<MPD", b"[playlist]", b"[Reference]")
_LIMITS = {"max_pixels": str(8 * MOST_PIXELS), "enable_drefs": "0"}
"""While a file is opened: larger pictures are refused by their size, not as damaged."""

_PROBE_FURTHER = {"probesize": str(1 << 26), "analyzeduration": "120000000"}
"""Bytes, and microseconds of the film, in which FFmpeg looks for what a track holds."""


def open_container(path: Path, wanted: str, *, probe_further: bool = False) -> InputContainer:
    """Open a file; what is none of these formats is told with what is `wanted` in its place.

    `probe_further` finds out about tracks that begin a minute late as well. Raises SourceError,
    FFmpegError or OSError.
    """
    options = {**FILE_PROTOCOLS, **_LIMITS, "format_whitelist": _formats(path)}
    options |= _PROBE_FURTHER if probe_further else {}
    try:
        container: InputContainer = av.open(
            ffmpeg_file(path), "r", **open_options(options), **EXACT_TAGS
        )
    except ArgumentError as error:  # FFmpeg knows the format, and it is none of these
        raise SourceError(_no_film(path, wanted)) from error
    return container


def _formats(path: Path) -> str:
    """Return the formats that may be read; `image2` reads a pattern of names as many files."""
    plain = not set(path.name) & set("%*?[{")
    return ",".join((*_FORMATS, "image2") if plain else _FORMATS)


def _no_film(path: Path, wanted: str) -> str:
    with path.open("rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t")
    if head.startswith(_PLAYLISTS):
        return (
            f"{path}: a list that names other files or addresses, not a film; give the film itself"
        )
    return f"{path}: not a video file; give {wanted}"


def open_stream(pipe: Pipe) -> InputContainer:
    """Open a film whose bytes come from a pipe; raises SourceError or FFmpegError."""
    check_begins(pipe)
    options = {**FILE_PROTOCOLS, **_LIMITS, "format_whitelist": ",".join(_FORMATS)}
    try:
        container: InputContainer = av.open(pipe, "r", **open_options(options), **EXACT_TAGS)
    except ArgumentError as error:
        raise SourceError(f"{pipe.path}: what comes is not a film; give a film") from error
    return container


def limit(stream: VideoStream, name: str) -> None:
    """Refuse pictures that are too large, now and where a stream grows; raises SourceError."""
    if stream.width * stream.height > MOST_PIXELS:
        raise SourceError(
            f"{name}: pictures of {stream.width}x{stream.height} pixels, and a film may have"
            f" {MOST_PIXELS // 10**6} million; scale it down, or set the camera to a smaller size"
        )
    stream.codec_context.options = {**stream.codec_context.options, "max_pixels": str(MOST_PIXELS)}
