"""The interfaces that authors of plug-ins implement, each optional attribute with its default."""
