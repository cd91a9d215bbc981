"""The theory in numbers: pure functions of plain values, with the formula, the units and the source in each docstring."""
