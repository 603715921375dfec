"""Writers of new programs, to be paired with any discoverer."""
