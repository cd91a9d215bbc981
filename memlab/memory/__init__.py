"""The associative memory in numbers: stored patterns, energies, exact search, retrieval, basins and slices. Tensors in, tensors out.

Tensors may lie on the host or on CUDA; what decides is computed in float64, which MPS does not have.
"""
