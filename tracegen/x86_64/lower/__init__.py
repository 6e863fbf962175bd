"""From x86-64 instructions to micro-ops."""
