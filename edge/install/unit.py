"""The service's files: systemd's unit, its user (sysusers.d) and its folders (tmpfiles.d). Pure.

Sources: systemd.service(5), systemd.exec(5), sysusers.d(5), tmpfiles.d(5).
"""

from __future__ import annotations

from pathlib import Path

from edge.no_telemetry import VARIABLES

USER = "touchline"
CONFIG_FOLDER = Path("/etc/touchline")
CONFIG_FILE = CONFIG_FOLDER / "touchline.yaml"
STATE_FOLDER = Path("/var/lib/touchline")
CACHE_FOLDER = Path("/var/cache/touchline")

_UNIT = """\
# Written by `touchline install`, and again by the next one: put changes into
# `systemctl edit touchline`.
[Unit]
Description=Touchline: registers the playing field and publishes it over MQTT
Wants=network-online.target
After=network-online.target time-sync.target mosquitto.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command} run --config {config}
User={user}
Group={user}
SupplementaryGroups=video
Restart=always
RestartSec=5
# fed by finished frames, or by attempts to reach a camera that is away; never by a timer
WatchdogSec=60
# a Jetson compiles its engines at the first start
TimeoutStartSec=15min
TimeoutStopSec=30
# the embedded broker outlives the signal, so that the box can say goodbye through it
KillMode=mixed
Environment=PYTHONUNBUFFERED=1 XDG_CACHE_HOME=%C
# no dependency reports to its maker
Environment={no_telemetry}
StateDirectory=touchline
StateDirectoryMode=0750
CacheDirectory=touchline
CacheDirectoryMode=0750
# remote configuration replaces the file
ReadWritePaths={config_folder}
UMask=0077

# a box that leaks, or that a stranger feeds, takes neither the system nor its neighbours along
MemoryMax=75%
TasksMax=512
LimitNOFILE=8192
# a core holds passwords
LimitCORE=0
# the kernel ends the largest process: a model on test and the embedded broker are started again
OOMPolicy=continue

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
# cameras and GPUs; on a Jetson: DevicePolicy=auto
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-drm rw
# @resources stays allowed: inference engines bind their threads to cores
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
# adjtimex is asked what the clock is worth, so ProtectClock cannot be set; no capability sets it
SystemCallFilter=adjtimex clock_adjtime
SystemCallErrorNumber=EPERM
SystemCallArchitectures=native
# MemoryDenyWriteExecute is left out: inference engines write the code that they run. ProtectProc
# and ProcSubset: the program that disciplines the clock is looked for, engines read /proc/cpuinfo.
# PrivateUsers: cameras and GPUs belong to groups of the system

[Install]
WantedBy=multi-user.target
"""

_CONFIG = """\
# The configuration of this box. All keys: docs/reference/configuration.md.
# Check it with: touchline config validate {config}
"""


def unit_text(command: Path) -> str:
    """Return the unit that runs `command`, the installed `touchline`."""
    return _UNIT.format(
        command=_escaped(command),
        config=CONFIG_FILE,
        config_folder=CONFIG_FOLDER,
        no_telemetry=" ".join(f"{name}={value}" for name, value in VARIABLES.items()),
        user=USER,
    )


def sysusers_text() -> str:
    """Return the declaration of the user that the service runs as."""
    return f'u {USER} - "Touchline" {STATE_FOLDER} /usr/sbin/nologin\n'


def tmpfiles_text() -> str:
    """Return the declaration of the service's folders.

    The configuration's is root's and the group's: tmpfiles refuses a file of root in a folder of
    another, and remote configuration needs to replace the file.
    """
    return (
        f"d {CONFIG_FOLDER} 0770 root {USER} -\n"
        f"z {CONFIG_FILE} 0640 root {USER} -\n"
        f"d {STATE_FOLDER} 0750 {USER} {USER} -\n"
    )


def config_head() -> str:
    """Return the comment that a new configuration begins with."""
    return _CONFIG.format(config=CONFIG_FILE)


def _escaped(command: Path) -> str:
    """Quote a path for ExecStart: `%` and `$` mean something there, as does a blank."""
    text = str(command).replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if " " in text else text
