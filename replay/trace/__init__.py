"""The trace: its schema, its metadata, and the one Arrow file that holds them."""
