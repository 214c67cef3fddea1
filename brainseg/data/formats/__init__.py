"""One module a file format: bytes to (D, H, W) float32 raw values, limits first, typed refusals."""
