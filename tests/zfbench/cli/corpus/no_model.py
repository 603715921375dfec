print("[/red] no markup [bold]")
