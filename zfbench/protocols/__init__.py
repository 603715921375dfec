"""What the author of a plug-in implements: every attribute is declared, with its default where it has one."""
