"""The static web page of the results."""
