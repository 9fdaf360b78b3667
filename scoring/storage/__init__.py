"""A path or a URL, one protocol: whole files, conditional writes, downloads, retries."""
