"""What a worker or a driver does to its own process: memory, imports."""
