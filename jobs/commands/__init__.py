"""What each command of `shardscore` takes, as options with their help; a module is imported when it is called."""
