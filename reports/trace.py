"""The screen that shows what is in a trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rich.console

from replay.shell import table
from reports.numbers import share, size

DIGEST_SHOWN = 16
"""Hex digits of a digest that a screen shows; --json gives all."""


def screen(facts: Mapping[str, Any]) -> list[rich.console.RenderableType]:
    """The facts of ``replay.info.describe``: what was recorded, then its rows by group."""
    return [_heading(facts), *_notes(facts), _facts(facts), _rows(facts)]


def _heading(facts: Mapping[str, Any]) -> str:
    arguments = " ".join(facts["arguments"])
    return f"{facts['file']}: {facts['workload']} {arguments}".rstrip() + f" on {facts['architecture']}"


def _notes(facts: Mapping[str, Any]) -> list[str]:
    if facts["complete"]:
        return []
    if facts["status"] is not None:  # the guest's own end
        return [f"The recorded guest failed: {facts['reason']}."]
    why = f" ({facts['reason']})" if facts["reason"] else ""
    return [f"The recording was cut short: the guest had not finished{why}."]


def _facts(facts: Mapping[str, Any]) -> rich.console.RenderableType:
    tlb = facts["tlb"]
    lines = {
        "guest": f"{facts['vcpus']} vCPU, {size(facts['memory_bytes'])} of memory, seed {facts['seed']}",
        "recorder's TLB": tlb
        and f"{tlb['entries']} entries{' of page pairs' if tlb['pair'] else ''}, {tlb['wired']} wired,"
        f" {tlb['replacement']} replacement",
        "network": _network(facts["network"]),
        "instructions": f"{facts['instructions']:,}" if facts["instructions"] is not None else "",
        "rows": f"{facts['rows']:,} in {size(facts['bytes'])}, {facts['bytes_per_row']:.2f} bytes each",
        "pages": f"{facts['pages']:,}",
        "sensitive sites": f"{facts['sites']:,}",
        "services": ", ".join(service["name"] for service in facts["services"]),
        "marks": ", ".join(mark["name"] for mark in facts["marks"]),
        "image": facts["image_digest"][:DIGEST_SHOWN],
        "contents": facts["digest"][:DIGEST_SHOWN],
        "schema": f"{facts['schema']}, written by vmreplay ({facts['tool_version']})",
    }
    made = table("", "")
    made.show_header = False
    for name, value in lines.items():
        if value:
            made.add_row(name, value)
    return made


def _network(network: Mapping[str, Any] | None) -> str:
    if network is None or network["vms"] == 1:
        return ""
    return f"machine {network['vm']} of the {network['vms']} of session {network['session']}"


def _rows(facts: Mapping[str, Any]) -> rich.console.RenderableType:
    made = table("group", ">rows", ">share")
    for group, count in facts["rows_by_group"].items():
        recorded = group in facts["groups_recorded"]
        text = f"{count:,}" if recorded else "not recorded"
        made.add_row(group, text, share(count, facts["rows"]) if count else "")
    return made
