"""What every plug-in has in common. A package, so that its test files may be called as those of the unit tests are."""
