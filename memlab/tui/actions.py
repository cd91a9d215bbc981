"""Every action of the lab, named once: bindings, footer, the keys in borders, help and palette are made from this table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding

# How keys are called on the screen, where that is not their own name.
_SHOWN = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "comma": ",",
    "full_stop": ".",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "escape": "esc",
}


@dataclass(frozen=True)
class Action:
    """Something that a user can do: `action_<id>` of the screens named here, or of the app where none is.

    keys are Textual's names, separated by commas, the first of them shown. label is the word beside the key, help a sentence for help and
    palette. The key stands in the border of the pane that has the id given here, else in the footer unless it is hidden; where the
    footer has little room, those that stay come before the others.
    """

    id: str
    keys: str
    label: str
    help: str
    screens: tuple[str, ...] = ()
    pane: str = ""
    hidden: bool = False
    stays: bool = False

    @property
    def method(self) -> str:
        """What Textual calls: `action_` and this."""
        return self.id.replace("-", "_")


_ASKING = ("attractor", "landscape")
_READING = (*_ASKING, "tokens")
_CURVES = ("live", "compare")

ACTIONS = (
    Action("new", "n", "new", "Put together a new run and start it", ("runs",)),
    Action("open", "enter", "open", "Open the run under the cursor", ("runs",)),
    Action("inspect", "i", "inspect", "Ask its stored patterns with any text", ("runs", "live")),
    Action("tokens", "t", "tokens", "Which passages it knows by heart, token by token", ("runs", "live")),
    Action("claims", "C", "claims", "What the paper claims, checked in numbers and on this run", ("runs", "live")),
    Action("stop", "s", "stop", "Ask the trainer to save and leave", ("runs", "live"), stays=True),
    Action("resume", "r", "resume", "Go on from the last checkpoint", ("runs", "live")),
    Action("mark", "space", "select", "Select the run, to see its curves together with others", ("runs",)),
    Action("filter", "slash", "filter", "Show only some runs: words, and key:value such as state:running or size:micro", ("runs",)),
    Action("sort", "o", "order", "Order by the next column", ("runs",)),
    Action("reverse", "O", "reverse", "Turn the order round", ("runs",), hidden=True),
    Action("remove", "x", "remove", "Remove the run with everything in it; asks first", ("runs",)),
    Action("copy-path", "y", "copy path", "Copy the path of the run", ("runs",)),
    Action("compare", "c", "compare", "Show the selected runs side by side: curves, figures, settings", ("runs",), stays=True),
    Action("sweeps", "w", "sweeps", "The heat maps of sweeps over model size and data", ("runs",)),
    Action("clear", "escape", "show all", "Take back the filter and the selection", ("runs",), hidden=True),
    Action("leave", "d,escape", "leave it running", "Back to the runs; the trainer goes on", ("live",), stays=True),
    Action("log", "y", "log", "Logarithmic or linear loss", _CURVES, pane="curves"),
    Action("axis", "x", "axis", "Next x axis: steps, tokens, seconds", _CURVES, pane="curves"),
    Action("figure", "m", "measured", "Losses, or what was measured while it trained: training beside held-out", _CURVES, pane="curves"),
    Action("smoother", "plus,equals_sign", "smoothing", "Smooth the training loss more", _CURVES, pane="curves"),
    Action("rougher", "minus", "smoothing", "Smooth the training loss less", _CURVES, pane="curves"),
    Action("cursor-left", "left", "cursor", "Move the cursor to the left; the values under it are shown", _CURVES, pane="curves"),
    Action("cursor-right", "right", "cursor", "Move the cursor to the right", _CURVES, pane="curves"),
    Action("zoom", "z", "zoom", "Zoom in around the cursor", _CURVES, pane="curves"),
    Action("whole", "Z,0", "whole", "Show the whole course again", _CURVES, pane="curves"),
    Action("pan-left", "left_square_bracket,shift+left", "pan", "Move the view to the left", _CURVES, pane="curves"),
    Action("pan-right", "right_square_bracket,shift+right", "pan", "Move the view to the right", _CURVES, pane="curves"),
    Action("checkpoints", "c", "checkpoints", "Mark the checkpoints, or not", ("live",), pane="curves"),
    Action("overlay", "o", "overlay", "Draw the selected runs over this one, or not", ("live",)),
    Action("pause", "p", "pause", "Hold the display still; training goes on", ("live",)),
    Action("start", "f5", "start", "Start the run as the form says, and open it", ("new-run",), stays=True),
    Action(
        "other-pane",
        "f4,v",
        "other pane",
        "Show the other pane, where there is room for one only",
        ("live", "new-run", "compare"),
        stays=True,
    ),
    Action("measure", "f6", "measure", "Count and measure again; fetch the text and cut it into tokens where need be", ("new-run",)),
    Action("save-preset", "f7,w", "save as preset", "Keep the form as a preset of your own", ("new-run",)),
    Action("copy-command", "f8,y", "copy", "Copy the command line that starts the same run", ("new-run",), pane="command"),
    Action("back", "escape", "back", "Back to the runs; nothing is started", ("new-run",), stays=True),
    Action("ask", "slash", "ask", "Type a text to ask with, or :train 17 or :validation 17 for a passage of the run", _READING),
    Action("close", "escape", "back", "Back to where this was opened from", (*_READING, "claims", "compare"), stays=True),
    Action("next-view", "f4,v", "view", "The next pane, where there is not room for all", ("attractor", "tokens", "claims"), stays=True),
    Action("beta", "b", "β", "Inverse temperature: 1, as in the paper, or chosen by perplexity", _ASKING),
    Action("more-steps", "plus,equals_sign", "steps", "Patterns and votes one step of retrieval further on", ("attractor",)),
    Action("fewer-steps", "minus", "steps", "Patterns and votes one step of retrieval back", ("attractor",)),
    Action("checkpoint", "c", "checkpoint", "Ask another checkpoint, for instance the untrained one", _READING),
    Action("training-passage", "t", "training", "Ask with the first passage of the training text", _ASKING),
    Action("held-out-passage", "h", "held-out", "Ask with the first passage of the held-out text", _ASKING),
    Action("previous-passage", "left_square_bracket", "passage", "The passage before", _ASKING),
    Action("next-passage", "right_square_bracket", "passage", "The passage after", _ASKING),
    Action("quantity", "e", "quantity", "Show distances, energies or patterns in play on the map", ("attractor",), pane="states"),
    Action("next-layer", "l", "layer", "The next layer, at the same position", ("attractor",), pane="states"),
    Action("show-passage", "enter", "whole passage", "Show the passage that the pattern comes from", ("attractor",), pane="nearest"),
    Action("training-list", "t", "training", "The passages of the training text, best memorised first", ("tokens",)),
    Action("held-out-list", "h", "held-out", "Held-out passages, the control", ("tokens",)),
    Action("previous-token", "left", "token", "The token before; what is known of it is shown", ("tokens",), pane="strip"),
    Action("next-token", "right", "token", "The next token", ("tokens",), pane="strip"),
    Action("token-attractor", "enter", "attractor", "What the state at this token retrieves", ("tokens",), pane="strip"),
    Action("landscape", "L", "landscape", "The energy around a text's state, and what attracts it", ("runs", "live", "attractor")),
    Action("attractor", "a", "attractor", "What this state retrieves, and where it lies in all layers", ("landscape",)),
    Action("show-marker", "enter", "card", "Show the card of what is selected, and its training passage", ("landscape",)),
    Action("other-side", "f4,v", "picture or words", "Picture or words, where there is room for one", ("landscape",), stays=True),
    Action("step-back", "left", "descent", "One step of the descent back", ("landscape",), pane="slice"),
    Action("step-on", "right", "descent", "One step of the descent further down", ("landscape",), pane="slice"),
    Action("previous-marker", "up,shift+tab,k", "select", "Select the fixed point or pattern before", ("landscape",), pane="slice"),
    Action("next-marker", "down,tab,j", "select", "Select the next fixed point or pattern", ("landscape",), pane="slice"),
    Action("slice-layer", "l", "layer", "The next layer, at the same position", ("landscape",), pane="slice"),
    Action("plane", "p", "plane", "Next plane: nearest patterns, principal axes, random", ("landscape",), pane="slice"),
    Action("warmer", "less_than_sign", "β", "Half the inverse temperature: basins merge", ("landscape",), pane="slice"),
    Action("colder", "greater_than_sign", "β", "Twice the inverse temperature: basins part", ("landscape",), pane="slice"),
    Action("nearer", "plus,equals_sign", "zoom", "Show half as far around the state", ("landscape",), pane="slice"),
    Action("wider", "minus", "zoom", "Show twice as far", ("landscape",), pane="slice"),
    Action("previous-position", "comma", "position", "The state at the position before", ("landscape",), pane="slice"),
    Action("next-position", "full_stop", "position", "The state at the next position", ("landscape",), pane="slice"),
    Action("read-on", "pagedown", "words", "Scroll the words beside the picture down", ("landscape",), hidden=True),
    Action("read-back", "pageup", "words", "Scroll the words beside the picture up", ("landscape",), hidden=True),
    Action("open-cell", "enter", "open", "Open the run of the cell under the cursor", ("sweep",), pane="sweep"),
    Action("sweep-shown", "e", "quantity", "Show losses, gap, memorised share, bits stored, E7's mean square", ("sweep",), pane="sweep"),
    Action("sweep-seed", "s", "seed", "Show the mean over seeds, or one seed after the other", ("sweep",), pane="sweep"),
    Action("choose-sweep", "o", "sweeps", "Choose another sweep of this home", ("sweep",)),
    Action("leave-sweep", "escape", "back", "Back to the runs; what is being trained goes on", ("sweep",), stays=True),
    Action("take-measures", "m", "measure", "Take the measures of the run that are missing; the same key stops", ("claims",)),
    Action("show-claim", "enter", "read", "Read the claim, where there is room for one pane only", ("claims",), pane="verdicts"),
    Action("palette", "colon,ctrl+p", "commands", "Search everything that can be done now", hidden=True),
    Action("theme", "f2", "theme", "Next theme: dark, light, high contrast", hidden=True),
    Action("help", "question_mark,f1", "help", "Show all keys"),
    Action("quit", "q,ctrl+c,ctrl+q", "quit", "Leave the lab; runs go on by themselves"),
)
BY_ID = {action.id: action for action in ACTIONS}


def of_screen(name: str) -> list[Action]:
    """The actions of one screen, without those of the whole app."""
    return [action for action in ACTIONS if name in action.screens]


def of_app() -> list[Action]:
    """The actions that every screen has."""
    return [action for action in ACTIONS if not action.screens]


def bindings(name: str = "") -> list[Binding]:
    """The bindings of a screen, or of the app; their ids let the user's keys take the place of ours."""
    found = of_screen(name) if name else of_app()
    return [Binding(action.keys, action.method, action.label, id=action.id, show=False) for action in found]


def shown_key(keys: str) -> str:
    """How the first of some keys is written on the screen."""
    first = keys.split(",")[0]
    modifier, _, key = first.rpartition("+")
    return (f"{modifier}+" if modifier else "") + _SHOWN.get(key, key)


def all_keys(mine: Mapping[str, str]) -> dict[str, str]:
    """The keys of every action, the user's own in place of ours."""
    return {action.id: mine.get(action.id, action.keys) for action in ACTIONS}


def in_border(labelled: Iterable[tuple[Action, str]], keys: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Key, label and method of actions in a row; those with the same label share it: `←→ cursor`."""
    groups: dict[str, tuple[str, str]] = {}
    for action, label in labelled:
        shown, method = groups.get(label, ("", action.method))
        groups[label] = (shown + shown_key(keys[action.id]), method)
    return [(shown, label, method) for label, (shown, method) in groups.items()]
