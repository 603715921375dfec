"""The task `zfish`: forecast the larva, and find how it is wired."""
