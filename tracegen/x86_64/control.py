"""Control and debug registers, and what drops translations."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind, Sensitive
from tracegen.cpu.recorder import event, mapped_page_id, put, sensitive
from tracegen.x86_64 import state as S
from tracegen.x86_64.delivery import selector_fault
from tracegen.x86_64.entries import FRAME, RESERVED
from tracegen.x86_64.interrupts import set_limit
from tracegen.x86_64.privilege import CHANGED, is_system, refuse
from tracegen.x86_64.state import Leave, Vector
from tracegen.x86_64.translation import forget_address, forget_translations, new_address_space

ON = int(Leave.ON)
MOV_FROM_CR, MOV_TO_CR, MOV_DR, LMSW, CLTS, SMSW, INVLPG, WBINVD = (
    np.uint64(k)
    for k in (
        Sensitive.MOV_FROM_CR,
        Sensitive.MOV_TO_CR,
        Sensitive.MOV_DR,
        Sensitive.LMSW,
        Sensitive.CLTS,
        Sensitive.SMSW,
        Sensitive.INVLPG,
        Sensitive.WBINVD,
    )
)
BASE_SWITCH, INVALIDATE_PAGE, INVALIDATE_ALL = (
    np.uint64(k) for k in (Kind.BASE_SWITCH, Kind.INVALIDATE_PAGE, Kind.INVALIDATE_ALL)
)
UD, NM = np.uint64(Vector.UD), np.uint64(Vector.NM)
CR0_PE, CR0_MP, CR0_EM, CR0_TS, CR0_ET, CR0_WP, CR0_CD, CR0_NW, CR0_PG = (
    np.uint64(1 << bit) for bit in (0, 1, 2, 3, 4, 16, 30, 29, 31)
)
CR0_FIXED = CR0_PE | CR0_PG
CR0_KNOWN = np.uint64(0xE005003F)
CR4_PAE, CR4_PGE, CR4_OSFXSR = np.uint64(1 << 5), np.uint64(1 << 7), np.uint64(1 << 9)
CR4_KNOWN = np.uint64(0x7FC)
"""TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT; DE, PSE, MCE, PCE and OSXMMEXCPT have no effect."""
CR8_KNOWN = np.uint64(15)
STATUS_WORD = np.uint64(0xF)
TABLE_ROOT, LEVEL_MASK = np.uint64(S.TABLE_IS | S.TABLE_LINKED | 3 << 8), np.uint64(0xF00 | S.TABLE_IS | S.TABLE_LINKED)
UNANNOUNCED = np.uint64(S.UNANNOUNCED_SPACE)
ZERO, ONE, TWO, THREE, FOUR, EIGHT, U12, U32, U63 = (np.uint64(n) for n in (0, 1, 2, 3, 4, 8, 12, 32, 63))
DEBUG = np.uint64(S.DEBUG)


@inline
def control_place(number):
    """Where a control register is; 0 for one that there is not."""
    if number == ZERO:
        place = S.CR0
    elif number == TWO:
        place = S.CR2
    elif number == THREE:
        place = S.CR3
    elif number == FOUR:
        place = S.CR4
    elif number == EIGHT:
        place = S.CR8
    else:
        place = 0
    return np.uint64(place)


@helper
def read_control(core, d, number):
    """MOV from a control register."""
    place = control_place(number)
    if place == ZERO:
        return selector_fault(core.s, UD, ZERO)
    if not is_system(core):
        return refuse(core)
    sensitive(core, MOV_FROM_CR, number, ZERO)
    core.r[d] = core.s[place]
    return ON


@inline
def allowed(number, value):
    """Whether a control register may hold a value; long mode with paging stays on."""
    if number == ZERO:
        fine = value & ~CR0_KNOWN == ZERO and value & CR0_FIXED == CR0_FIXED
        fine = fine and (value & CR0_NW == ZERO or value & CR0_CD != ZERO)
    elif number == THREE:
        fine = value & (RESERVED | np.uint64(0xFFF0000000000000)) == ZERO
    elif number == FOUR:
        fine = value & ~CR4_KNOWN == ZERO and value & CR4_PAE != ZERO
    elif number == EIGHT:
        fine = value & ~CR8_KNOWN == ZERO
    else:
        fine = True
    return fine


@inline
def space_of(core):
    """The address space whose tables CR3 names, as announced."""
    frame = (core.s[S.CR3] & FRAME) >> U12
    table = ZERO
    if frame < core.s[S.MEMORY_BYTES] >> U12:
        table = core.frames[frame * FOUR + np.uint64(S.FRAME_TABLE)]
    return table >> U32 if table & LEVEL_MASK == TABLE_ROOT else UNANNOUNCED + frame


@helper
def switch_base(core):
    """Follow CR3: translations that are not global are gone, and say so."""
    s = core.s
    new_address_space(core)
    s[S.SPACE] = space_of(core)
    event(core, BASE_SWITCH, ZERO, s[S.SPACE])


@helper
def write_control(core, number, value):
    """MOV to a control register."""
    s = core.s
    place = control_place(number)
    if place == ZERO:
        return selector_fault(s, UD, ZERO)
    if not is_system(core) or not allowed(number, value):
        return refuse(core)
    if number == ZERO:
        value |= CR0_ET
    changed = s[place] ^ value
    sensitive(core, MOV_TO_CR, number, CHANGED if changed else ZERO)
    s[place] = value
    if number == THREE:
        switch_base(core)
    elif number == ZERO and changed & CR0_WP:
        forget_translations(core)
    elif number == FOUR and changed & CR4_PGE:
        forget_translations(core)
        put(core, INVALIDATE_ALL, ZERO, ZERO)
    set_limit(s)
    return ON


@helper
def read_debug(core, d, number):
    """MOV from a debug register."""
    if number >= EIGHT:
        return selector_fault(core.s, UD, ZERO)
    if not is_system(core):
        return refuse(core)
    sensitive(core, MOV_DR, number, ZERO)
    core.r[d] = core.s[DEBUG + number]
    return ON


@helper
def write_debug(core, number, value):
    """MOV to a debug register: there are no breakpoints."""
    if number >= EIGHT:
        return selector_fault(core.s, UD, ZERO)
    if not is_system(core):
        return refuse(core)
    sensitive(core, MOV_DR, number, CHANGED if core.s[DEBUG + number] != value else ZERO)
    core.s[DEBUG + number] = value
    return ON


@helper
def read_status_word(core, d):
    """SMSW: the low bits of CR0, in every ring."""
    sensitive(core, SMSW, ZERO, ZERO)
    core.r[d] = core.s[S.CR0]
    return ON


@helper
def load_status_word(core, value):
    """LMSW: sets PE, MP, EM and TS; it cannot clear PE."""
    s = core.s
    if not is_system(core):
        return refuse(core)
    new = (s[S.CR0] & ~STATUS_WORD) | (value & STATUS_WORD) | CR0_PE
    sensitive(core, LMSW, ZERO, CHANGED if s[S.CR0] != new else ZERO)
    s[S.CR0] = new
    return ON


@helper
def clts(core):
    """CLTS."""
    s = core.s
    if not is_system(core):
        return refuse(core)
    sensitive(core, CLTS, ZERO, CHANGED if s[S.CR0] & CR0_TS else ZERO)
    s[S.CR0] &= ~CR0_TS
    return ON


@helper
def invlpg(core, va):
    """INVLPG."""
    if not is_system(core):
        return refuse(core)
    sensitive(core, INVLPG, ZERO, ZERO)
    page = mapped_page_id(core, va, va >> U63)
    event(core, INVALIDATE_PAGE, ZERO, page)
    forget_address(core, va)
    return ON


@helper
def wbinvd(core):
    """WBINVD, INVD: there are no caches to write back."""
    if not is_system(core):
        return refuse(core)
    sensitive(core, WBINVD, ZERO, ZERO)
    return ON


@inline
def float_unit(core):
    """An instruction of x87 or MMX, or a vector one, that this CPU lacks: #NM where CR0 asks for it, else #UD."""
    return selector_fault(core.s, NM if core.s[S.CR0] & (CR0_EM | CR0_TS) else UD, ZERO)
