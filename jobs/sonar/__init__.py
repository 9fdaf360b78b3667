"""The `sonar` command: request, study, table."""
