"""The colours of a heat map: a ramp that rises evenly in lightness, in as many colours as the terminal has, and what shows on top of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# How many colours a terminal has. With 16 or none a heat map is drawn in characters.
Depth = Literal["true", "256", "16", "none"]

# Points of viridis, evenly spaced: lightness rises evenly, also in grey and to colour-blind eyes, and neither end is black or white.
# Source: Smith and van der Walt 2015, released under CC0.
_ANCHORS = ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725")

# Colours on the ramp. More cannot be told apart, and equal neighbours make a picture shorter.
STEPS = 64

# Of the colours that a 256-colour terminal has near the ramp, those that rise in lightness without a detour in hue.
_RAMP_256 = (53, 54, 24, 30, 36, 77, 113, 148, 184, 220)

# A contour line is thin and goes this far from the colour beneath it, to white on the dark half and to black on the light one.
_LINE_SHARE = 0.7

# The way of a descent: a warm hue that the ramp has nowhere, dark enough to show on its yellow end.
_PATH = "f4413c"

_BASIC = ("linux", "ansi", "cygwin", "vt")

# Björn Ottosson 2020, "A perceptual color space for image processing": linear sRGB to cone responses to Oklab.
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@dataclass(frozen=True)
class Paint:
    """The insides of SGR sequences for each number of `colors()`: as foreground, as background, and for text on it."""

    foreground: list[str]
    background: list[str]
    ink: list[str]


def depth_of(color: bool, environment: Mapping[str, str]) -> Depth:
    """How many colours a terminal with these variables has (COLORTERM, TERM); none where colour is not wanted."""
    if not color:
        return "none"
    kind = environment.get("TERM", "")
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit") or kind.endswith(("-direct", "-truecolor")):
        return "true"
    return "16" if kind.startswith(_BASIC) or kind.endswith("-16color") else "256"


def ramp(n: int) -> NDArray:
    """So many colours evenly along the ramp, from low to high, (n, 3) bytes of RGB."""
    return _bytes(_ramp(n))


@lru_cache(1)
def colors() -> NDArray:
    """Everything that is painted, (2·STEPS + 1, 3) bytes of RGB: the ramp from low to high, contour lines on each of it, the path."""
    ground = _ramp(STEPS)
    ends = np.where(ground[:, 0] < (ground[0, 0] + ground[-1, 0]) / 2, 1.0, 0.0)[:, None] * (1, 0, 0)
    return np.concatenate([_bytes(ground), _bytes(ground + (ends - ground) * _LINE_SHARE), _rgb((_PATH,))])


PATH = 2 * STEPS


def steps(fraction: NDArray) -> NDArray:
    """The number of the ramp's colour for each fraction in [0, 1]; -1 for NaN."""
    missing = np.isnan(fraction)
    return np.where(missing, -1, np.rint(np.where(missing, 0, fraction) * (STEPS - 1)).astype(int))


@lru_cache(2)
def paint(depth: Literal["true", "256"]) -> Paint:
    """The colours as this kind of terminal takes them."""
    if depth == "true":
        names = [f"2;{red};{green};{blue}" for red, green, blue in colors().tolist()]
        shown = colors()
    else:
        table = _table()
        wanted, chosen = _lab(colors()), np.array(_RAMP_256) - 16
        nearest = np.concatenate([chosen[_nearest(wanted[:STEPS], table[chosen])], _nearest(wanted[STEPS:], table)])
        names = [f"5;{16 + number}" for number in nearest.tolist()]
        shown = table[nearest]
    light, dark = ("38;2;255;255;255", "38;2;0;0;0") if depth == "true" else ("38;5;231", "38;5;16")
    ink = [dark if is_light else light for is_light in (_luminance(shown) > 0.18).tolist()]
    return Paint([f"38;{name}" for name in names], [f"48;{name}" for name in names], ink)


def contrast(one: NDArray, other: NDArray) -> NDArray:
    """How well two colours (bytes of RGB) can be told apart as text and ground: 1 not at all, 21 at best. Source: WCAG 2.1."""
    brighter, darker = np.maximum(_luminance(one), _luminance(other)), np.minimum(_luminance(one), _luminance(other))
    return (brighter + 0.05) / (darker + 0.05)


def rgb(number: int) -> tuple[int, int, int]:
    """The colour 16 to 255 of a 256-colour terminal."""
    return tuple(_table()[number - 16].tolist())


def _ramp(n: int) -> NDArray:
    anchors = _lab(_rgb(_ANCHORS))
    at = np.linspace(0, len(anchors) - 1, n)
    return np.stack([np.interp(at, np.arange(len(anchors)), channel) for channel in anchors.T], 1)


def _luminance(color: NDArray) -> NDArray:
    return _linear(color) @ np.array([0.2126, 0.7152, 0.0722])


def _table() -> NDArray:
    """The colours 16 to 255 of a 256-colour terminal: a cube of six levels, then greys."""
    levels = np.array([0, 95, 135, 175, 215, 255])
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    return np.concatenate([cube, np.repeat(np.arange(8, 248, 10), 3).reshape(-1, 3)])


def _nearest(wanted: NDArray, table: NDArray) -> NDArray:
    return np.square(wanted[:, None] - _lab(table)).sum(2).argmin(1)


def _rgb(names: tuple[str, ...]) -> NDArray:
    return np.array([tuple(bytes.fromhex(name)) for name in names])


def _linear(color: NDArray) -> NDArray:
    share = np.asarray(color) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _lab(color: NDArray) -> NDArray:
    return np.cbrt(_linear(color) @ _TO_CONES.T) @ _TO_LAB.T


def _bytes(lab: NDArray) -> NDArray:
    linear = np.clip((lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_CONES).T, 0, 1)
    share = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(share * 255).astype(int)
