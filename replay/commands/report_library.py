"""The library of the page's charts, put together once and kept in the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib

from replay.errors import UserError
from replay.folders import cache_folder
from replay.store import open_store
from reports.bundle import vega, vega_version

DIGEST_BYTES = 32


def library() -> str:
    """What ``reports.bundle.vega`` gives: kept, unless it is damaged or another version's."""
    store, name = open_store(str(cache_folder() / "vega")), f"{vega_version()}.js"
    with contextlib.suppress(UserError):  # a cache that cannot be used costs the time to make it
        kept = store.read(name) or b""
        script = kept[DIGEST_BYTES:]
        if kept[:DIGEST_BYTES] == hashlib.sha256(script).digest():
            return script.decode()
    made = vega().encode()
    with contextlib.suppress(UserError):
        store.write(name, hashlib.sha256(made).digest() + made)
    return made.decode()
