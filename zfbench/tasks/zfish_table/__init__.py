"""The task `zfish-table`: search a finite space of programs in which everything was evaluated beforehand."""
