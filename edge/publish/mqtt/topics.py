"""Names of topics: `<prefix>/v1/<site>/<device>/…`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.config.ids import ID_PATTERN, PREFIX_PATTERN
from edge.errors import UsageError

CONTRACT = "v1"
"""Version of the contract, a level of every topic; it changes only if a consumer would break."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one box."""

    prefix: str
    site: str
    device: str

    def __post_init__(self) -> None:
        """Refuse names that would not be one level each; raises UsageError."""
        if not re.fullmatch(PREFIX_PATTERN, self.prefix):
            raise UsageError(f"prefix {self.prefix!r}: use levels of a-z, 0-9, _ and -")
        for what, name in (("site", self.site), ("device", self.device)):
            _check(what, name)

    @property
    def root(self) -> str:
        """What all of this box's topics start with, without a trailing slash."""
        return f"{self.prefix}/{CONTRACT}/{self.site}/{self.device}"

    @property
    def state(self) -> str:
        """Retained: online, stopping, offline."""
        return f"{self.root}/state"

    @property
    def info(self) -> str:
        """Retained: what this box is and runs."""
        return f"{self.root}/info"

    @property
    def config_desired(self) -> str:
        """Retained, to the box: the configuration that it should have."""
        return f"{self.root}/config/desired"

    @property
    def config_reported(self) -> str:
        """Retained: the configuration in force, and what became of the desired one."""
        return f"{self.root}/config/reported"

    @property
    def config_schema(self) -> str:
        """Retained: the JSON Schema of the configuration."""
        return f"{self.root}/config/schema"

    @property
    def model_desired(self) -> str:
        """Retained, to the box: the bundle that it should use."""
        return f"{self.root}/model/desired"

    @property
    def model_reported(self) -> str:
        """Retained: the bundle in use, and what becomes of the desired one."""
        return f"{self.root}/model/reported"

    @property
    def health(self) -> str:
        """Retained, expires: the health of this box."""
        return f"{self.root}/health"

    def segments(self, job: str) -> str:
        """Retained: the labelled segments of a programme."""
        return f"{self.root}/segments/{_check('job', job)}"

    def homography(self, camera: str) -> str:
        """Each frame of a camera."""
        return f"{self.root}/cam/{_check('camera', camera)}/homography"

    def latest(self, camera: str) -> str:
        """Retained copy of a camera's last homography, once a second."""
        return f"{self.homography(camera)}/latest"

    def pose(self, camera: str) -> str:
        """Pose of a camera in each frame that gives one."""
        return f"{self.root}/cam/{_check('camera', camera)}/pose"

    def event(self, camera: str) -> str:
        """Events of a camera."""
        return f"{self.root}/cam/{_check('camera', camera)}/event"


@dataclass(frozen=True, slots=True)
class Address:
    """What a topic says of the message in it."""

    site: str
    device: str
    kind: str
    """`state`, `info`, `health`, `homography`, `latest`, `pose`, `event`, `segments`, or the
    rest of an unknown topic."""
    camera: str | None = None
    job: str | None = None
    """The programme, for `segments`."""


_KINDS = {
    "homography": "homography",
    "homography/latest": "latest",
    "pose": "pose",
    "event": "event",
}


def parse_topic(prefix: str, topic: str) -> Address | None:
    """Take a topic apart; None when it is not under `<prefix>/v1/<site>/<device>/`.

    Anybody may write to a broker: a topic whose names no box could have is none of ours.
    """
    head = f"{prefix}/{CONTRACT}/"
    site, _, rest = topic.removeprefix(head).partition("/")
    device, _, kind = rest.partition("/")
    if not topic.startswith(head) or not kind or not _are_names(site, device):
        return None
    if kind.startswith("cam/"):
        camera, _, of_camera = kind.removeprefix("cam/").partition("/")
        if not _are_names(camera):
            return None
        return Address(site, device, _KINDS.get(of_camera, of_camera), camera)
    if kind.startswith("segments/"):
        job = kind.removeprefix("segments/")
        return Address(site, device, "segments", job=job) if _are_names(job) else None
    return Address(site, device, kind)


def topic_filter(prefix: str, site: str | None, device: str | None, rest: str = "#") -> str:
    """Return the filter that matches a box's topics, or those of all boxes where a name is None."""
    return f"{prefix}/{CONTRACT}/{site or '+'}/{device or '+'}/{rest}"


def _are_names(*names: str) -> bool:
    return all(re.fullmatch(ID_PATTERN, name) for name in names)


def _check(what: str, name: str) -> str:
    if not re.fullmatch(ID_PATTERN, name):
        raise UsageError(f"{what} {name!r}: use a-z, 0-9, _ and -, at most 63, no other character")
    return name
