"""What a model has memorised, one measure a file, found by its name.

A measure's file has a docstring that says what it is in a line and where it comes from, and

    def measure(material: Material) -> list[Figure]: ...

Training text and, as control, held-out text of the same kind are measured alike; each figure has its interval. `Material` holds what
measures share, computed once: excerpts, predictions, continuations. A measure that this material says nothing about (no canary was
planted) returns no figure. One that compares with `material.reference`, which may be None, says so: USES_REFERENCE = True.
"""
