"""The two parts of a run's text: what it is trained on, and what is held out from it as the control."""

from typing import Literal

Part = Literal["training", "validation"]
PARTS: tuple[Part, Part] = ("training", "validation")
AnyPart = Literal["given", "training", "validation"]  # or a text that somebody gave
