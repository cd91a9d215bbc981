"""memlab: a terminal lab in which one watches a transformer memorise."""

__version__ = "0.1.0"
