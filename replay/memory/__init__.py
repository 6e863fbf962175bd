"""The memory below the TLBs: caches, the nodes that hold the machine's pages, and where a monitor puts them."""
