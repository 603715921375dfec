"""What everything stands on and that knows no science: errors, files, the cache, plug-ins."""
