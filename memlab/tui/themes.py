"""Colours by role, so that one place decides how quiet, good or wrong looks in each theme."""

from textual.theme import Theme

# Text: quiet, good, busy, bad, accent. The rest: background, lines, row under the cursor.
ROLES = {
    "dark": {
        "text": "#d7dae0",
        "quiet": "#8b93a1",
        "good": "#98c379",
        "busy": "#61afef",
        "bad": "#e8798a",
        "accent": "#e5c07b",
        "background": "#16181d",
        "line": "#3a3f4b",
        "row": "#232a37",
    },
    "light": {
        "text": "#1f2328",
        "quiet": "#58606a",
        "good": "#116329",
        "busy": "#0757ba",
        "bad": "#b3261e",
        "accent": "#8a4600",
        "background": "#fcfcfa",
        "line": "#cfd4da",
        "row": "#dfe9f7",
    },
    "contrast": {
        "text": "#ffffff",
        "quiet": "#d8d8d8",
        "good": "#7dff7d",
        "busy": "#7fd4ff",
        "bad": "#ff9d9d",
        "accent": "#ffff55",
        "background": "#000000",
        "line": "#ffffff",
        "row": "#002a5c",
    },
}
NAMES = tuple(ROLES)

# The colours of `render.look` (256-colour numbers) in a brighter shade, where high contrast is wanted.
BRIGHTER = {"32": "75", "172": "214", "35": "84", "169": "213", "74": "159", "136": "222", "167": "217", "245": "253"}

TITLES = {"dark": "dark", "light": "light", "contrast": "high contrast"}


def theme(name: str) -> Theme:
    """A theme for Textual."""
    role = ROLES[name]
    return Theme(
        name=name,
        primary=role["busy"],
        secondary=role["quiet"],
        warning=role["accent"],
        error=role["bad"],
        success=role["good"],
        accent=role["accent"],
        foreground=role["text"],
        background=role["background"],
        surface=role["background"],
        panel=role["background"],
        boost=role["background"],
        dark=name != "light",
        variables={
            "line": role["line"],
            "quiet": role["quiet"],
            "row": role["row"],
            "scrollbar": role["line"],
            "scrollbar-background": role["background"],
            "scrollbar-hover": role["quiet"],
            "scrollbar-active": role["quiet"],
            "scrollbar-corner-color": role["background"],
            "scrollbar-background-hover": role["background"],
            "scrollbar-background-active": role["background"],
        },
    )
