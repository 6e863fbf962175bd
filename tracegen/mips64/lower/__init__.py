"""Lowering: machine instructions, decoded by capstone, to the micro-ops that the loop runs."""
