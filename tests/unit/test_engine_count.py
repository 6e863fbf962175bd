"""Count and price: settings, refusals, documents, files, and what the compiled kernel must not hold."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import models
from replay import document as results
from replay.compiler import KERNEL
from replay.count import count, make_engine, settle
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.kernel import count_rows
from replay.machine import Machine, load_machine
from replay.model import price as primitive
from replay.price import evaluate, price
from replay.primitives import primitives
from replay.trace.schema import Kind, ServiceClass


@pytest.fixture
def machine() -> Machine:
    """The machine of the Disco paper."""
    return load_machine("flash-1997")


@pytest.fixture
def script() -> Script:
    """A few hundred user pages, swept."""
    made = Script()
    for vpn in range(300):
        made.row(Kind.LOAD8, made.user(vpn), n=5)
    return made


def test_listing_models_loads_none() -> None:
    """The registry, the machines and the errors import neither numba nor polars nor pyarrow nor numpy."""
    code = (
        "import sys, models, replay.machine, replay.errors; models.entries(); replay.machine.machine_names();"
        "print([m for m in ('numba', 'polars', 'pyarrow', 'numpy') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize(("given", "meant"), [("nativ", "native"), ("dicso", "disco")])
def test_unknown_models_suggest_the_nearest(given: str, meant: str) -> None:
    """A mistyped model is answered with the nearest one."""
    with pytest.raises(UserError, match=f"unknown model '{given}'; did you mean '{meant}'"):
        models.load(given)


def test_unknown_parameters_suggest_the_nearest(script: Script, machine: Machine) -> None:
    """A mistyped parameter is answered with the nearest one."""
    with pytest.raises(UserError, match=r"did you mean 'tlb.entries'"):
        count(script.prepared(), models.load("native"), machine, {"tlb.entrys": 8})


def test_unknown_prices_suggest_the_nearest(machine: Machine) -> None:
    """A mistyped price is answered with the nearest one."""
    with pytest.raises(UserError, match="unknown price 'monitor_entri'; did you mean 'monitor_entry'"):
        primitives(machine, handmade_meta(), {"monitor_entri": 9})


def test_a_missing_primitive_is_one_clear_error(script: Script, machine: Machine) -> None:
    """A price set without a primitive that the model costs is refused by the primitive's name."""
    poorer = dataclasses.replace(machine, prices={k: v for k, v in machine.prices.items() if k != "tlb_write"})
    model = models.load("disco")
    counts = count(script.prepared(), model, poorer)

    with pytest.raises(UserError, match=r"costs 'tlb_write', which the price set does not price"):
        price(counts, model, poorer)


def test_models_refuse_what_a_trace_lacks(script: Script, machine: Machine) -> None:
    """A trace without translation events, without a refill template, or of another architecture is refused."""
    prepared, model = script.prepared(), models.load("native")
    lacks: list[tuple[dict[str, Any], str]] = [
        ({"groups": ("access", "crossing")}, "needs the trace's translation"),
        ({"refill": None}, "refill template"),
        ({"architecture": "vax"}, "takes traces of mips64, x86-64, not of vax"),
    ]
    for change, words in lacks:
        changed = prepared._replace(meta=dataclasses.replace(prepared.meta, **change))
        with pytest.raises(UserError, match=words):
            count(changed, model, machine)


def test_costs_add_up_with_bounds_and_the_weakest_source(machine: Machine) -> None:
    """A cost is the sum of its primitives, value and bounds apart; it is as weak as its weakest source."""
    prices = primitives(machine, handmade_meta())
    cost = primitive("monitor_entry") + 2 * primitive("page_allocation") + primitive("stall.@")

    value = evaluate(cost, ServiceClass.OTHER, prices, "test")

    parts = [(prices["monitor_entry"], 1), (prices["page_allocation"], 2), (prices["stall.other"], 1)]
    assert [sum(getattr(r, f) * n for r, n in parts) for f in ("value", "low", "high")] == [*value[:3]]
    assert ("assumed", ("page_allocation", "stall.other")) == (value.source, value.assumed)


def test_times_become_cycles_of_the_machine_s_clock(machine: Machine) -> None:
    """300 ns at 400 MHz are 120 cycles; a device-time unit of a 200-MHz recording is 2."""
    prices = primitives(machine, handmade_meta())

    assert (120, 2) == (round(prices["uncached_access"].value, 9), prices["device_unit"].value)


def test_a_given_price_counts_as_exact(script: Script, machine: Machine) -> None:
    """A price that the user states replaces value and bounds and is marked as given."""
    model = models.load("native")
    document = price(count(script.prepared(), model, machine), model, machine, {"cpi": "3"})

    row = next(r for r in document["rows"] if r["counter"] == "instructions")

    assert (1500, 3, 4500, 4500, 4500, "given") == tuple(
        row[f] for f in ("count", "price", "cycles", "low", "high", "source")
    )


def test_overhead_stands_beside_native(script: Script, machine: Machine) -> None:
    """The document holds native cycles under the same parameters, and a ratio whose bounds enclose it."""
    prepared, native = script.prepared(), models.load("native")
    small = {"tlb.entries": 8, "l2tlb.entries": 64}
    document, _ = results.run(prepared, models.load("disco"), native, machine, small)
    bare, _ = results.run(prepared, native, native, machine, {"tlb.entries": 8})

    total = document["total"]

    assert bare["total"]["cycles"] == total["native"]
    assert total["cycles"] / total["native"] == total["overhead"]
    assert total["overhead_low"] < total["overhead"] < total["overhead_high"]
    assert (1.0, 1.0, 1.0) == tuple(bare["total"][k] for k in ("overhead", "overhead_low", "overhead_high"))


def test_assumptions_are_those_the_result_rests_on(script: Script, machine: Machine) -> None:
    """Assumed prices that were spent are listed with their bounds; those that were not are absent."""
    document, _ = results.run(script.prepared(), models.load("disco"), models.load("native"), machine)

    names = {item["name"] for item in document["assumptions"]}

    assert {"stall.other", "l2tlb_search", "clock"} <= names
    assert not {"vcpu_switch", "stall.page_copy"} & names


def test_results_come_back_as_saved(script: Script, machine: Machine, tmp_path: Path) -> None:
    """What ``save`` writes, ``load`` reads; nothing is left aside and a folder in use is refused."""
    outcome = results.outcome(script.prepared(), models.load("native"), models.load("native"), machine)
    folder = tmp_path / "out"
    results.save(str(folder), outcome)

    assert outcome.document == results.load(str(folder))
    assert sorted(results.FILES) == sorted(p.name for p in folder.iterdir())
    assert [folder] == list(tmp_path.iterdir())
    with pytest.raises(UserError, match="not empty"):
        results.save(str(folder), outcome)


def test_loading_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    """A folder that holds no results is named in the error."""
    with pytest.raises(UserError, match="No such file"):
        results.load(str(tmp_path))


def test_payload_belongs_to_one_row(machine: Machine) -> None:
    """A TLB write without payload maps nothing, whatever the row before it carried."""
    script = Script()
    script.row(Kind.ENTRY, script.user(9), payload=(0, 3 << 12 | 1, 5))
    script.row(Kind.TLB_WRITE, script.user(0), 4)

    assert 0 == count(script.prepared(), models.load("disco"), machine).total("page_allocation")


def test_slices_flush_the_tlb(machine: Machine) -> None:
    """With two virtual CPUs on a CPU, 10,000 instructions at a quantum of 1,000 make ten switches."""
    script = Script()
    for _ in range(100):
        script.row(Kind.LOAD8, script.user(0), n=100)
    model = models.load("disco")
    shared = count(script.prepared(), model, machine, {"vcpus_per_cpu": 2, "quantum": 1000})
    alone = count(script.prepared(), model, machine, {"quantum": 1000})

    assert (10, 0) == (shared.total("vcpu_switch"), alone.total("vcpu_switch"))
    assert 10 == shared.total("l2tlb_hit") - alone.total("l2tlb_hit")


@pytest.mark.parametrize("name", sorted(models.BUILT_IN))
def test_compiled_kernels_hold_no_reference_counting(name: str, script: Script) -> None:
    """The compiled kernel counts no references to arrays, which would make it forty times slower.

    A kernel loaded from the cache shows no code, so this one is compiled anew.
    """
    model, prepared = models.load(name), script.prepared()
    machine = load_machine(model.machine["mips64"])
    settings = settle(model, machine, prepared.meta, {})
    state = type(model.state(prepared, settings, make_engine(prepared, model, settings).counts)).__name__
    count(prepared, model, machine)
    signature = next(s for s in count_rows.signatures if str(s[0]).startswith(f"{state}("))
    fresh = type(count_rows)(count_rows.py_func, targetoptions=dict(count_rows.targetoptions), pipeline_class=KERNEL)
    fresh.compile(signature)

    assembly = fresh.inspect_llvm(signature)

    assert "count_rows" in assembly
    assert "NRT_incref" not in assembly
