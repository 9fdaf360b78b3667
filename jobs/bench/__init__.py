"""The `bench` command: every engine and precision measured on this machine, and estimates of runs."""
