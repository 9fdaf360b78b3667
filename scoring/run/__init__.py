"""A run folder: its paths, record, manifest, predictions, fingerprint, lease and verification."""
