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

from replay.columns import Columns
from replay.jit import inline
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import CTX_MODE_SHIFT, INFO_FLAG_SHIFT, OFFSET_MASK, Arrival, Kind, Mode

PARAMETERS = (
    Parameter(
        "code_cache", 1 << 20, "instructions", 64, 1 << 40, "assumed",
        "translated instructions that a vCPU's code cache holds; emptied when full. No paper gives its size",
    ),
)  # fmt: skip

LINE_SHIFT, LINE_BYTES = 6, 64
LINES = 4096 >> LINE_SHIFT
INSTRUCTION_BYTES = {"mips64": 4}
"""Architecture -> bytes of each instruction; 1, the fewest, where they differ."""

LOOKED_UP = (1 << int(Arrival.RETURN)) | (1 << int(Arrival.INDIRECT))
NO_RUN = np.uint64(2**64 - 1)
ONE, SHIFT, IN_LINE = np.uint64(1), np.uint64(LINE_SHIFT), np.uint64(LINE_BYTES - 1)
OFFSET, FLAGS = np.uint16(OFFSET_MASK), np.uint16(INFO_FLAG_SHIFT)


class TranslationCache(NamedTuple):
    """The code caches of all vCPUs; lines are those that kernel code was fetched from."""

    page: np.ndarray  # u32 by page id: where its lines are in ``line``; 0 for a page without kernel code
    line: np.ndarray  # u32: number of a line + 1, 0 for one without kernel code
    length: np.ndarray  # u8[vcpus * lines * LINE_BYTES]: instructions translated from that byte on
    filled: np.ndarray  # u32[vcpus * lines]: filling of the cache that the lengths belong to
    filling: np.ndarray  # u32[vcpus]: number of the present filling, from 1
    held: np.ndarray  # i64[vcpus]: translated instructions
    run: np.ndarray  # u64[vcpus]: byte of ``length`` that the present run began at, or NO_RUN
    since: np.ndarray  # i64[vcpus]: instructions retired when it began
    base: np.ndarray  # u64[vcpus]: place that it began in
    lines: np.uint64
    bytes: np.uint64  # of an instruction, at least
    size: np.int64


def make_translation_cache(prepared: Prepared, settings: Mapping[str, Any]) -> TranslationCache:
    """Empty caches for the kernel code that the trace fetches."""
    vcpus = prepared.meta.vcpus
    page, line, lines = _kernel_lines(prepared.columns, prepared.pages.segment.size)
    return TranslationCache(
        page=page,
        line=line,
        length=np.zeros(vcpus * lines * LINE_BYTES, np.uint8),
        filled=np.zeros(vcpus * lines, np.uint32),
        filling=np.ones(vcpus, np.uint32),
        held=np.zeros(vcpus, np.int64),
        run=np.full(vcpus, NO_RUN, np.uint64),
        since=np.zeros(vcpus, np.int64),
        base=np.zeros(vcpus, np.uint64),
        lines=np.uint64(lines),
        bytes=np.uint64(INSTRUCTION_BYTES.get(prepared.meta.architecture, 1)),
        size=np.int64(settings["code_cache"]),
    )


def _kernel_lines(columns: Columns, pages: int) -> tuple[np.ndarray, np.ndarray, int]:
    """``page`` and ``line`` of TranslationCache, and the number of lines."""
    kernel = (columns.kind == Kind.FETCH) & (columns.ctx >> CTX_MODE_SHIFT != Mode.USER)
    fetched, line_in_page = columns.page[kernel], (columns.info[kernel] & OFFSET_MASK) >> LINE_SHIFT
    has_code = np.zeros(pages, bool)
    has_code[fetched] = True
    page = np.where(has_code, np.cumsum(has_code) * LINES, 0).astype(np.uint32)
    line = np.zeros((int(has_code.sum()) + 1) * LINES, np.uint32)
    line[page[fetched] + line_in_page] = 1
    lines = int(line.sum())
    line[line != 0] = np.arange(1, lines + 1)
    return page, line, lines


@inline
def fetch(cache, at, ref):
    """A fetch of kernel code begins a run; new instructions that the run before it had, to be translated."""
    new = end(cache, at)
    offset = np.uint64(ref.info & OFFSET)
    line = np.uint64(cache.line[np.uint64(cache.page[np.uint64(ref.page)]) + (offset >> SHIFT)])
    if line != 0:
        cache.run[at.vcpu] = ((at.vcpu * cache.lines + line - ONE) << SHIFT) + (offset & IN_LINE)
        cache.since[at.vcpu] = at.retired
        cache.base[at.vcpu] = at.base
    return new


@inline
def end(cache, at):
    """The present run of ``at.vcpu``, if there is one, ends; its new instructions, translated in ``cache.base``."""
    run = cache.run[at.vcpu]
    if run == NO_RUN:
        return np.int64(0)
    cache.run[at.vcpu] = NO_RUN
    room = np.int64((np.uint64(LINE_BYTES) - (run & IN_LINE) + cache.bytes - ONE) // cache.bytes)
    length = min(at.retired - cache.since[at.vcpu], room)
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
    page = np.uint64(cache.page[np.uint64(ref.page)])
    if page == 0:
        return False
    line = np.uint64(cache.line[page + (np.uint64(ref.info & OFFSET) >> SHIFT)])
    line += vcpu * cache.lines
    if line == vcpu * cache.lines or cache.filled[line - ONE] != cache.filling[vcpu]:
        return False
    _drop(cache, vcpu, line - ONE)
    return True


@inline
def _translate(cache, vcpu, run, length):
    """Translate the first ``length`` instructions of ``run``; how many of them were new."""
    line = run >> SHIFT
    if cache.filled[line] != cache.filling[vcpu]:
        _clear(cache, line)
        cache.filled[line] = cache.filling[vcpu]
    new = length - np.int64(cache.length[run])
    if new <= 0:
        return np.int64(0)
    if cache.held[vcpu] + new > cache.size:
        cache.filling[vcpu] += np.uint32(1)
        cache.held[vcpu] = 0
        _clear(cache, line)
        cache.filled[line] = cache.filling[vcpu]
        new = length
    cache.held[vcpu] += new
    cache.length[run] = length
    return new


@inline
def _clear(cache, line):
    for byte in range(line << SHIFT, (line + ONE) << SHIFT):
        cache.length[np.uint64(byte)] = 0


@inline
def _drop(cache, vcpu, line):
    for byte in range(line << SHIFT, (line + ONE) << SHIFT):
        cache.held[vcpu] -= np.int64(cache.length[np.uint64(byte)])
    _clear(cache, line)
    cache.filled[line] = 0
