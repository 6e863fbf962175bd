"""What an architecture adds to a machine: see ``tracegen.mips64.machine`` and ``tracegen.x86_64.machine``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from tracegen.cpu.block import Block
from tracegen.cpu.state import Core, Views


class Architecture(ABC):
    """A kind of vCPU, its code and its page tables."""

    CPU: ClassVar[str]
    """Its name on the command line and in a trace's metadata."""
    WORD: ClassVar[str]
    """numpy's type of a 64-bit word in the guest's byte order."""
    MOST_MEMORY: ClassVar[int]
    """Bytes of the largest RAM."""
    KEPT_PAGES: ClassVar[int]
    """Pages at the end of RAM that the machine fills: the image lies below."""
    ARGUMENTS: ClassVar[tuple[int, int]]
    """The first two argument registers."""

    @abstractmethod
    def _new_core(self) -> tuple[Core, Views]:
        """The arrays of a machine with ``memory_bytes`` of RAM."""

    @abstractmethod
    def _power_on(self) -> None:
        """What the machine has of its own, and memory."""

    @abstractmethod
    def _reset(self, seed: int) -> None:
        """A vCPU's own registers at power-on, all zero so far."""

    @abstractmethod
    def _load_loop(self, traced: bool) -> Callable[[Any, Any], None]:
        """The compiled loop, recording or not."""

    @abstractmethod
    def _block_at(self, physical: int, left: int) -> Block:
        """The block of code at a physical address, of at most ``left`` instructions; without micro-ops if none fits."""

    @abstractmethod
    def _enter(self, physical: int, at: int) -> int:
        """Note that the block of a physical address starts at micro-op ``at``; gives the frame whose code it is."""

    @abstractmethod
    def forget_page(self, frame: int) -> None:
        """Drop the code lowered from a physical page."""

    @abstractmethod
    def tell_tables(self, core: Core, first: int) -> int:
        """Write rows of the page tables in the physical pages from ``first`` on; gives the page to go on from."""

    def tell_tlb(self, core: Core, base: int) -> None:  # noqa: B027 - a CPU may have none
        """Write rows of what the TLB holds of the vCPU whose words begin at ``base``."""

    def asid(self, base: int) -> int:  # noqa: ARG002 - a CPU may have no tags
        """The hardware's tag of the space that is current there."""
        return 0

    def generator_seed(self) -> int:
        """The seed that a machine would start with whose generator is where this one's is now."""
        return 0

    def _check_after_run(self) -> None:  # noqa: B027 - a CPU may lack nothing
        """Raise UserError if the guest asked for something that this machine does not have."""
