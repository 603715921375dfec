"""Methods that search for programs; each differs from the others only in how it selects parents."""
