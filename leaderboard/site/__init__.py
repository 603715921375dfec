"""The static page: self-contained HTML, made from committed results alone."""
