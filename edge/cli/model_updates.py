"""`touchline models pack|install|activate|rollback`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.bundles import (
    SUFFIX,
    Bundle,
    InstallRules,
    ModelStore,
    find_bundle,
    load_bundle,
    pack,
    read_private_key,
    read_public_key,
    sign,
)
from edge.cli.output import note
from edge.cli.parser import Subparsers
from edge.errors import BundleError, UsageError


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Add the option that names trusted keys."""
    parser.add_argument(
        "--key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="Ed25519 public key that may have signed it; may be given several times",
    )


def add_update_parsers(actions: Subparsers) -> None:
    """Add the commands."""
    packing = actions.add_parser("pack", help="sign a bundle and write it as one archive")
    packing.add_argument("bundle", metavar="SPORT|FOLDER", help="the bundle to pack")
    packing.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key")
    packing.add_argument("--out", type=Path, metavar=f"FILE{SUFFIX}", help="default: NAME-VERSION")
    packing.add_argument(
        "--golden",
        type=Path,
        metavar="FILE.jsonl",
        help="pictures with their true homographies to choose golden frames from; soccer's are "
        "rendered without",
    )
    packing.add_argument("--overwrite", action="store_true", help="replace an archive that exists")
    packing.set_defaults(func=_pack)

    installing = actions.add_parser(
        "install", help="check an archive, unpack it into the spare slot, and test it there"
    )
    installing.add_argument("archive", type=Path, metavar=f"FILE{SUFFIX}")
    add_keys(installing)
    installing.add_argument(
        "--unsigned", action="store_true", help="take it without a signature by a trusted key"
    )
    installing.add_argument(
        "--allow-downgrade", action="store_true", help="take one older than the one in use"
    )
    installing.add_argument("--activate", action="store_true", help="use it from the next start on")
    installing.set_defaults(func=_install)

    for name, func, text in (
        ("activate", _activate, "use the bundle in the spare slot from the next start on"),
        ("rollback", _rollback, "use the bundle before from the next start on"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("sport", metavar="SPORT")
        action.set_defaults(func=func)


def _pack(options: argparse.Namespace) -> int:
    from edge.box.model_updates.self_test import golden_frames  # noqa: PLC0415 - loads the engines
    from edge.box.outputs.output_check import Inputs, check_outputs  # noqa: PLC0415 - loads FFmpeg

    bundle = _named(options.bundle)
    name = f"{bundle.manifest.name}-{bundle.manifest.version}{SUFFIX}"
    out = options.out or Path(name)
    files = tuple(path for path in (options.key, options.golden) if path is not None)
    inputs = Inputs(files=files, whole_folders=(bundle.path,))
    check_outputs([out], inputs, overwrite=options.overwrite)
    private = read_private_key(options.key)
    golden = golden_frames(bundle, options.golden)
    manifest = bundle.manifest.model_copy(update={"golden": tuple(g.entry for g in golden)})
    signed = sign(manifest, private)
    pack(out, bundle, signed, {g.entry.name: g.data for g in golden})
    assert signed.signature is not None
    size_mb = out.stat().st_size / 1e6
    note(
        f"{out}: {bundle.label}, {len(golden)} golden frames, {size_mb:.1f} MB, "
        f"signed by key {signed.signature.key_id}"
    )
    return 0


def _install(options: argparse.Namespace) -> int:
    from edge.box.model_updates.install import install  # noqa: PLC0415 - loads the engines

    if not options.key and not options.unsigned:
        raise UsageError("whose signature is trusted? give --key FILE, or --unsigned for none")
    keys = None if options.unsigned else [read_public_key(path) for path in options.key]
    bundle = install(options.archive, InstallRules(keys, allow_downgrade=options.allow_downgrade))
    sport = bundle.manifest.sport
    note(f"{bundle.path}: {bundle.label} is whole and passed its self-test")
    if options.activate:
        return _activate(argparse.Namespace(sport=sport))
    note(f"use it with: touchline models activate {sport}")
    return 0


def _activate(options: argparse.Namespace) -> int:
    store = ModelStore(options.sport)
    bundle = store.activate(store.spare())
    note(f"{options.sport}: {bundle.label} from the next start on")
    return 0


def _rollback(options: argparse.Namespace) -> int:
    bundle = ModelStore(options.sport).rollback() or _shipped(options.sport)
    what = bundle.label if bundle is not None else "no bundle"
    note(f"{options.sport}: {what} from the next start on")
    return 0


def _shipped(sport: str) -> Bundle | None:
    try:
        return find_bundle(sport)
    except BundleError:
        return None


def _named(name: str) -> Bundle:
    return load_bundle(name) if Path(name).is_dir() else find_bundle(name)
