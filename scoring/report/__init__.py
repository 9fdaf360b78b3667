"""One page on a run, a model or a sonar study: `page` writes it, the rest are its parts."""
