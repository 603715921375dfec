"""The task `zfish`: forecast the neurons of the simulated larva, and find how they are wired."""
