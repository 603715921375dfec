"""Programs of strangers in a box: processes, their confinement, and messages to them; knows no task."""
