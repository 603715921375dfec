"""Tables, pictures and commands over result files."""
