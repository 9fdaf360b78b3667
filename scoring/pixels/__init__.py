"""Bytes to uint8: decoding, resampling, decoding in a process of its own."""
