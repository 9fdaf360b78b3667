"""The `score` command: options, request, the images' job, sonar beside it."""
