"""Tasks: what a method is asked, what it is given, and what it is never shown."""
