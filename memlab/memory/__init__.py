"""The associative memory in numbers: stored patterns, energies, exact search, retrieval, basins and slices. Tensors in, tensors out."""
