"""What each micro-op does, as text: one table per class, from which ``tracegen.generate`` writes the loop."""
