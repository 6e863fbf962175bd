"""What ``--vm`` says: the settings of one machine of a session, its workload, and the workload's arguments."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from replay.errors import UserError, unknown
from tracegen.options import NAMES
from tracegen.sizes import MAX_SEED, parse_size


class Request(NamedTuple):
    """One machine as asked for: ``machine`` and ``kernel`` are what its settings say beside those of all."""

    workload: str
    words: list[str]
    machine: dict[str, Any]
    kernel: dict[str, str]
    background: bool


def _integer(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_SEED:
        raise UserError(f"setting {name} of --vm should be a whole number up to {MAX_SEED}, is {text!r}")
    return int(text)


def _size(name: str, text: str) -> int:
    return parse_size(f"setting {name} of --vm", text)


_MACHINE: Mapping[str, tuple[str, Callable[[str, str], int]]] = {
    "memory": ("memory_bytes", _size),
    "disk": ("disk_bytes", _size),
    "seed": ("seed", _integer),
    "vcpus": ("vcpus", _integer),
    "quantum": ("quantum", _integer),
}
"""Setting -> field of Boot, and how its value is read."""
BACKGROUND = "background"
SETTINGS = (*_MACHINE, *NAMES, BACKGROUND)


def parse(text: str) -> Request:
    """Read ``[SETTING=VALUE...] WORKLOAD [ARGUMENT...]``.  Raises UserError for settings that there are not."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"--vm {text!r}: {error}; close what is quoted") from None
    machine: dict[str, Any] = {}
    kernel: dict[str, str] = {}
    background = False
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        if name not in SETTINGS:
            raise unknown("setting of --vm", name, SETTINGS)
        if name in _MACHINE:
            field, read = _MACHINE[name]
            machine[field] = read(name, value)
        elif name in NAMES:
            kernel[name] = value
        elif value in ("yes", "no"):
            background = value == "yes"
        else:
            raise UserError(f"setting {name} of --vm should be yes or no, is {value!r}")
    if not words:
        raise UserError(f"--vm {text!r} names no workload; write for example --vm 'memory=128M radix keys=65536'")
    for word in words[1:]:
        if word.partition("=")[0] in SETTINGS and "=" in word:
            raise UserError(f"--vm {text!r}: settings of the machine stand before its workload; write {word} first")
    return Request(words[0], words[1:], machine, kernel, background)
