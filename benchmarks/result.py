"""What a benchmark hands to the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One figure.  ``least`` or ``most`` is the bound to reach, on the ratio to the peer where there is one.

    ``peer`` names what ran beside it in the same run and ``peer_value`` is the peer's figure in the same unit.
    """

    what: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    least: float | None = None
    most: float | None = None

    TOLERANCE = 0.05
    """Within this part of a bound counts as met."""

    @property
    def ratio(self) -> float | None:
        """The figure over its peer's, if it has one."""
        return None if self.peer_value is None else self.value / self.peer_value

    @property
    def met(self) -> bool | None:
        """Whether the bound is met, None without one."""
        judged = self.value if self.ratio is None else self.ratio
        if self.least is not None:
            return judged >= self.least * (1 - self.TOLERANCE)
        if self.most is not None:
            return judged <= self.most * (1 + self.TOLERANCE)
        return None
