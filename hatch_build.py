"""Build hook: a wheel carries the guest images, built from this tree's guest sources."""

from __future__ import annotations

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GuestImageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds ``tracegen/images`` before a wheel is packed; a source distribution carries sources only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Called by hatchling before it collects the wheel's files, also for an editable install."""
        if self.target_name != "wheel":
            return
        sys.path.insert(0, self.root)
        try:
            from tracegen.build import ship

            ship()
        finally:
            sys.path.remove(self.root)
