"""A picture as an element of a page: ids of its own, words for who cannot see it, colours that follow the page's."""

import re
import xml.etree.ElementTree as ElementTree

from memlab.render.figure import FAINT, INK, QUIET
from memlab.render.safe import safe

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_DROPPED = {f"{_SVG}metadata", f"{_SVG}style"}  # the page has a style of its own, and this one would be for all of it

# What is drawn in shades of grey is drawn in those of the page.
_COLORS = {INK: "currentColor", QUIET: "var(--quiet)", FAINT: "var(--faint)"}


def inline(picture: bytes, name: str, title: str, description: str) -> str:
    """The `<svg>` of a picture of kind "inline". name: a word that no other picture of the page has, which its ids begin with."""
    root = ElementTree.fromstring(picture)
    for element in list(root.iter()):
        for child in [child for child in element if child.tag in _DROPPED]:
            element.remove(child)
        element.attrib.update({key: _own(key, value, name) for key, value in element.attrib.items()})
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-words"}
    for number, (tag, words) in enumerate((("title", title), ("words", description))):
        element = ElementTree.Element(f"{_SVG}{'desc' if tag == 'words' else tag}", id=f"{name}-{tag}")
        element.text = safe(words)
        root.insert(number, element)
    return _written(root)


def _own(key: str, value: str, name: str) -> str:
    """An attribute with the picture's own ids and the page's colours."""
    if key == "id":
        return f"{name}-{value}"
    if key == _LINK and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    value = re.sub(r"url\(#", f"url(#{name}-", value)
    return re.sub("|".join(_COLORS), lambda match: _COLORS[match[0]], value) if key == "style" else value


def _written(root: ElementTree.Element) -> str:
    """The element without the prefixes that only files need: a page knows what an svg is."""
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib = {key.replace(_LINK, "href"): value for key, value in element.attrib.items()}
    return ElementTree.tostring(root, encoding="unicode")
