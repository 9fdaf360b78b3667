"""From encoded bytes to uint8 pixels: formats, decoding, resampling, and decoding in a process of its own."""
