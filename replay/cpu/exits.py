"""VM exits: which privileged instructions leave a guest that runs on virtualization hardware.

Instructions of some classes exit or not by the register that they name: a write of CR3 is counted where its base switch
is, one of CR8 goes to a shadow of the task priority, a write of a MIPS timer's Compare is a write of the local timer.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from replay.model import Cost, Model, price
from replay.prepare import Sites
from replay.trace.schema import Sensitive

MIPS_COMPARE = 11
CR0, CR3, CR4 = 0, 3, 4

EVENTS = {
    "interrupts injected": {"interrupt_exit": "external interrupts, injected"},
    "device emulation": {
        "io_exit": "instructions that read or write a port",
        "mmio_exit": "loads and stores to device registers",
    },
    "other exits": {
        "halt_exit": "waits for an interrupt",
        "cr_exit": "accesses to control and debug registers that the monitor keeps",
        "msr_exit": "accesses to model-specific registers",
    },
}
"""Counters by mechanism of the exits that any MMU leaves to the monitor."""


def costs(exit_: Cost) -> dict[str, Cost]:
    """What the exits of ``EVENTS`` cost where leaving the guest and entering it again costs ``exit_``."""
    return {
        "interrupt_exit": exit_ + price("event_injection") + price("exception_entry"),
        "io_exit": exit_ + price("device_emulation"),
        "mmio_exit": exit_ + price("device_emulation"),
        "halt_exit": exit_ + price("halt_emulation"),
        "cr_exit": exit_ + price("register_emulation"),
        "msr_exit": exit_ + price("register_emulation"),
    }


def naming(sites: Sites, registers: Mapping[Sensitive, tuple[int, ...]]) -> np.ndarray:
    """By site: whether its instruction is of a class in ``registers`` and names one of those listed; bool."""
    found = np.zeros(sites.klass.size, bool)
    for klass, numbers in registers.items():
        found |= (sites.klass == klass) & np.isin(sites.register, numbers)
    found[0] = False
    return found


def of_classes(sites: Sites, classes: tuple[Sensitive, ...]) -> np.ndarray:
    """By site: whether its instruction is of one of ``classes``; bool."""
    found: np.ndarray = np.isin(sites.klass, [int(klass) for klass in classes])
    found[0] = False
    return found


PASSED_THROUGH = (0x10, 0x81, 0x82, 0x84, 0x100, 0x101, 0x102, 0x174, 0x175, 0x176)
"""Low 16 bits of the model-specific registers that hardware switches with the guest: time-stamp counter, STAR, LSTAR,
SFMASK, FS and GS base and the other GS base, SYSENTER's."""

END_OF_INTERRUPT = 0x80B


def model_specific(sites: Sites, *, apic_virtual: bool) -> np.ndarray:
    """By site: whether its access to a model-specific register (of a MIPS guest: to its timer) exits; bool.

    With ``apic_virtual`` the hardware itself ends an interrupt in the local controller.
    """
    own = (*PASSED_THROUGH, END_OF_INTERRUPT) if apic_virtual else PASSED_THROUGH
    specific = of_classes(sites, (Sensitive.RDMSR, Sensitive.WRMSR)) & ~np.isin(sites.register, own)
    found: np.ndarray = specific | naming(sites, {Sensitive.MTC0: (MIPS_COMPARE,)})
    return found


def site_ticks(
    sites: Sites, model: Model, by_register: tuple[Sensitive, ...], control: np.ndarray, specific: np.ndarray
) -> np.ndarray:
    """By site: the counter of an instruction of the classes ``by_register``, of which the register decides; u8.

    ``control`` and ``specific``, bool by site, are those that exit as a control or a model-specific register's.  A
    write of CR3 ticks nothing, as its base switch does; other classes have the counter that nobody reads.
    """
    ticks = np.full(sites.klass.size, model.index(""), np.uint8)
    ticks[of_classes(sites, by_register)] = model.index("privileged")
    ticks[naming(sites, {Sensitive.MOV_TO_CR: (CR3,)})] = model.index("")
    ticks[control] = model.index("cr_exit")
    ticks[specific] = model.index("msr_exit")
    return ticks
