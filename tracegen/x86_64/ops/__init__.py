"""What each micro-op of x86-64 does, as text: one table per class, from which ``tracegen.generate`` writes the loop."""
