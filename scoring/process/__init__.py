"""What a worker or a driver measures or sets in its own process: memory, imports, threads, telemetry."""
