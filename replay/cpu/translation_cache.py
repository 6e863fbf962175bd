"""The code cache of a binary translator: kernel code runs from translations that are made where it first runs.

Code is translated on demand in *runs*: what a fetch row begins, a jump's target or a new line, and what follows it in
that line.  A run costs its instructions when it is first executed, or executed further than ever before; two runs that
overlap are translated twice, as a translator's blocks are.  How many instructions a run has is known when the next
fetch row begins another one, so its price is booked then, to the place that it ran in.

The cache of each vCPU holds so many translated instructions; a translation that finds no room empties it first.  A
store to a line of kernel code drops what was translated from it.  Returns and indirect jumps do not know where in the
cache their target is: they look it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.jit import helper, inline
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import INFO_FLAG_SHIFT, OFFSET_MASK, PAGE_BYTES, PAGE_SHIFT, Arrival

PARAMETERS = (
    Parameter(
        "code_cache", 1 << 20, "instructions", 64, 1 << 40, "assumed",
        "translated instructions that a vCPU's code cache holds; emptied when full. No paper gives its size",
    ),
)  # fmt: skip

LINE_SHIFT, LINE_BYTES = 6, 64
MAX_PAGES = 1 << 14
"""Kernel code beyond 64 MB runs untranslated: no kernel has it."""

INSTRUCTION_BYTES = {"mips64": 4}
"""Architecture -> bytes of each instruction; 1, the fewest, where they differ."""

LOOKED_UP = (1 << int(Arrival.RETURN)) | (1 << int(Arrival.INDIRECT))
NO_RUN = np.uint64(2**64 - 1)
ONE, SHIFT, IN_LINE = np.uint64(1), np.uint64(LINE_SHIFT), np.uint64(LINE_BYTES - 1)
OFFSET, FLAGS, PAGE = np.uint16(OFFSET_MASK), np.uint16(INFO_FLAG_SHIFT), np.uint64(PAGE_SHIFT)


class TranslationCache(NamedTuple):
    """The code caches of all vCPUs.  Pages of kernel code are numbered as they are first fetched from."""

    number: np.ndarray  # u32 by page id: number of the page of kernel code, from 1; 0 for others
    pages: np.ndarray  # u32[1]: pages numbered
    length: np.ndarray  # u8[vcpus * room for pages * PAGE_BYTES]: instructions translated from that byte on
    filled: np.ndarray  # u32 by line of these: filling of the cache that the lengths belong to
    filling: np.ndarray  # u32[vcpus]: number of the present filling, from 1
    held: np.ndarray  # i64[vcpus]: translated instructions
    run: np.ndarray  # u64[vcpus]: byte of ``length`` that the present run began at, or NO_RUN
    since: np.ndarray  # i64[vcpus]: instructions retired when it began
    base: np.ndarray  # u64[vcpus]: place that it began in
    most: np.uint64  # pages that there is room for
    bytes: np.uint64  # of an instruction, at least
    size: np.int64


def make_translation_cache(prepared: Prepared, settings: Mapping[str, Any]) -> TranslationCache:
    """Empty caches."""
    vcpus, pages = prepared.meta.vcpus, prepared.pages.segment.size
    most = min(pages, MAX_PAGES)
    return TranslationCache(
        number=np.zeros(pages, np.uint32),
        pages=np.zeros(1, np.uint32),
        length=np.zeros(vcpus * most * PAGE_BYTES, np.uint8),
        filled=np.zeros(vcpus * most * PAGE_BYTES // LINE_BYTES, np.uint32),
        filling=np.ones(vcpus, np.uint32),
        held=np.zeros(vcpus, np.int64),
        run=np.full(vcpus, NO_RUN, np.uint64),
        since=np.zeros(vcpus, np.int64),
        base=np.zeros(vcpus, np.uint64),
        most=np.uint64(most),
        bytes=np.uint64(INSTRUCTION_BYTES.get(prepared.meta.architecture, 1)),
        size=np.int64(settings["code_cache"]),
    )


@inline
def begin(cache, at, ref):
    """A fetch of kernel code begins a run; the one before it has ended."""
    number = np.uint64(cache.number[np.uint64(ref.page)])
    if number == 0 and cache.pages[0] < cache.most:
        cache.pages[0] += np.uint32(1)
        number = np.uint64(cache.pages[0])
        cache.number[np.uint64(ref.page)] = number
    if number != 0:
        cache.run[at.vcpu] = _byte(cache, at.vcpu, number, ref)
        cache.since[at.vcpu] = at.retired
        cache.base[at.vcpu] = at.base


@inline
def end(cache, at):
    """The present run of ``at.vcpu``, if there is one, ends; its new instructions, translated in ``cache.base``."""
    run = cache.run[at.vcpu]
    if run == NO_RUN:
        return np.int64(0)
    cache.run[at.vcpu] = NO_RUN
    room = np.int64((np.uint64(LINE_BYTES) - (run & IN_LINE) + cache.bytes - ONE) // cache.bytes)
    length = at.retired - cache.since[at.vcpu]
    length = room if room < length else length
    if cache.filled[run >> SHIFT] == cache.filling[at.vcpu] and length <= cache.length[run]:
        return np.int64(0)
    return _translate(cache, at.vcpu, run, length)


@inline
def looks_up(ref):
    """Whether a fetch was reached through a return or an indirect jump."""
    return (LOOKED_UP >> (ref.info >> FLAGS)) & 1 != 0


@inline
def store(cache, vcpu, ref):
    """A store drops what was translated from the line of kernel code that it changes; whether that was anything."""
    number = np.uint64(cache.number[np.uint64(ref.page)])
    return number != 0 and _drop(cache, vcpu, _byte(cache, vcpu, number, ref) >> SHIFT)


@inline
def _byte(cache, vcpu, number, ref):
    return ((vcpu * cache.most + number - ONE) << PAGE) + np.uint64(ref.info & OFFSET)


@helper
def _translate(cache, vcpu, run, length):
    """Translate the first ``length`` instructions of ``run``; how many of them were new."""
    line = run >> SHIFT
    _renew(cache, vcpu, line)
    new = length - np.int64(cache.length[run])
    if new > 0 and cache.held[vcpu] + new > cache.size:
        cache.filling[vcpu] += np.uint32(1)
        cache.held[vcpu] = 0
        _renew(cache, vcpu, line)
        new = length
    if new > 0:
        cache.held[vcpu] += new
        cache.length[run] = length
    return new if new > 0 else np.int64(0)


@inline
def _renew(cache, vcpu, line):
    """Forget the lengths of a line that belong to an earlier filling."""
    if cache.filled[line] != cache.filling[vcpu]:
        _clear(cache, line)
        cache.filled[line] = cache.filling[vcpu]


@helper
def _drop(cache, vcpu, line):
    """Drop what was translated from a line, whether that was anything."""
    if cache.filled[line] != cache.filling[vcpu]:
        return False
    dropped = _clear(cache, line)
    cache.held[vcpu] -= dropped
    return dropped != 0


@inline
def _clear(cache, line):
    """Forget the lengths of a line; their sum."""
    total = np.int64(0)
    for place in range(line << SHIFT, (line + ONE) << SHIFT):
        total += np.int64(cache.length[np.uint64(place)])
        cache.length[np.uint64(place)] = 0
    return total
