"""Snapshots: a machine's whole state in a file, to go on from there as often as one likes.

The file is MAGIC, the number of a version, the length of a JSON header, the header, the parts that it lists, and a
digest of all that.  What a CPU's state looks like may change with any version of the program: one that has another
layout refuses the file.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from replay.errors import UserError, remedy
from tracegen import boot as boot_module
from tracegen import build
from tracegen.boot import Boot
from tracegen.cpu import state as S
from tracegen.machine import Machine
from tracegen.switch import Link

MAGIC = b"vmreplay snapshot\n"
VERSION = 1
HEAD = struct.Struct("<IQ")
DIGEST_BYTES = 32
AGAIN = "make it again with `tracegen snapshot`"
CODEC = "zstd"
KEPT = ("s", "r", "ids", "frames", "ram8")
"""Arrays of ``Core`` that are the machine's state; the others hold what is lowered, looked up or recorded anew."""


def layout(cpu: str) -> str:
    """Hex digest of what says how a machine is made and where everything is in its state."""
    modules = [boot_module, S, importlib.import_module(f"tracegen.{cpu.replace('-', '_')}.state")]
    texts = [Path(str(module.__file__)).read_bytes() for module in modules]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def save(path: Path, boot: Boot, machine: Machine, mark: int | None = None) -> int:
    """Write the state of ``machine``, which ``boot`` started, to ``path``; gives the file's bytes.

    ``mark`` is the mark that has just begun, if one has.  Raises UserError, also while packets are under way to or from
    the machine; the file is there whole or not at all.
    """
    if machine.card.busy:
        raise UserError("packets are under way on the network here; take the snapshot a little earlier or later")
    machine.forget_code()
    parts = {name: getattr(machine.core, name).tobytes() for name in KEPT}
    parts |= {"disk": machine.disk_image(), "console": machine.printed()}
    parts |= {"image": boot.image.data, "image_disk": boot.image.disk}
    codec = pa.Codec(CODEC, compression_level=1)
    packed = {name: codec.compress(data, asbytes=True) for name, data in parts.items()}
    header = {
        "boot": {field.name: getattr(boot, field.name) for field in fields(boot) if field.name != "image"},
        "layout": layout(boot.cpu),
        "mark": mark,
        "parts": [[name, len(parts[name]), len(packed[name])] for name in parts],
    }
    text = json.dumps(header, sort_keys=True).encode()
    body = b"".join((MAGIC, HEAD.pack(VERSION, len(text)), text, *packed.values()))
    try:
        build.replace(path, body + _digest(body))
    except OSError as error:
        raise UserError(f"{path}: cannot write: {remedy(error)}") from None
    return len(body) + DIGEST_BYTES


def load(path: Path) -> tuple[Boot, Machine, int | None]:
    """What booted, the machine where it was, and the mark that had just begun.  Raises UserError in one line."""
    header, parts = _read(path)
    image = build.Image(parts.pop("image"), parts.pop("image_disk"))
    given: dict[str, Any] = header["boot"]
    shaped = {"link": Link(*given["link"])} | {name: tuple(given[name]) for name in ("words", "options")}
    boot = Boot(image, **given | shaped)
    machine = boot.machine()
    machine.drive.put(parts.pop("disk"))
    machine.print_again(parts.pop("console"))
    for name, data in parts.items():
        getattr(machine.core, name)[:] = np.frombuffer(data, np.uint64)
    return boot, machine, header["mark"]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {remedy(error)}") from None
    if not raw.startswith(MAGIC):
        raise UserError(f"{path}: is no snapshot of a machine; {AGAIN}")
    if len(raw) < len(MAGIC) + HEAD.size + DIGEST_BYTES or _digest(raw[:-DIGEST_BYTES]) != raw[-DIGEST_BYTES:]:
        raise UserError(f"{path}: is a snapshot truncated or damaged; {AGAIN}")
    version, length = HEAD.unpack_from(raw, len(MAGIC))
    if version != VERSION:
        raise UserError(f"{path}: is a snapshot of version {version}, this program reads {VERSION}; {AGAIN}")
    at = len(MAGIC) + HEAD.size + length
    header = json.loads(raw[at - length : at])
    if header["layout"] != layout(header["boot"]["cpu"]):
        raise UserError(f"{path}: is a snapshot that another version of this program made; {AGAIN}")
    codec, parts = pa.Codec(CODEC), {}
    for name, size, packed in header["parts"]:
        parts[name] = codec.decompress(raw[at : at + packed], size, asbytes=True)
        at += packed
    return header, parts


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
