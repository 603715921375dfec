"""Tools without science that everything else builds on: errors, files, the cache, plug-ins."""
