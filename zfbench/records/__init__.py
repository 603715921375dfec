"""Plain data that everything else passes around; nothing here imports machinery."""
