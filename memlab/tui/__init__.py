"""The lab on the screen: a Textual app over the same functions that the command line calls.

    app.py        LabApp: themes, screens by name, palette, help; knows no run
    actions.py    every action once: id, keys, words; bindings, footer, borders, help and palette are made of it
    keys.py       the user's own keys
    settings.py   how the user last looked at things
    themes.py     colours by role
    background.py work away from the screen's thread; reader.py and artist.py do it for RUNS and LIVE
    screens/      one screen a file; LabScreen in screens/base.py is what they share
    widgets/      Lines (rows of text), Listing (a table with a cursor), KeyLine (the footer) and what shows one thing
    style.tcss    where the panes go

A new screen is one file and two lines:

1. `screens/tokens.py`: `class TokensScreen(LabScreen)` with `NAME = "tokens"` and `BINDINGS = actions.bindings(NAME)`;
   `compose_panes()` yields its panes. The footer comes by itself.
2. In `actions.py` its actions: `Action("show-card", "enter", "card", "Show …", screens=("tokens",), pane="passages")`. The screen does it
   in `action_show_card(self)`; `possible(self, id)` says whether it makes sense now (else its key does nothing and is shown nowhere).
   A pane whose id is the action's `pane` names the keys in its border.
3. In `app.py` one line in SCREENS. `self.lab.open("tokens", path)` shows it, with `path` given to its constructor.

What a screen holds to:

- Its thread waits for nothing: files are read, pictures drawn and processes started in `self.work(function, then)`, which calls
  `then(result)` back on the screen; a MemlabError becomes a notice.
- Text from data, directories and errors goes through `self.lab.safe(text)` and is shown as rich `Text`, never as markup.
  `self.lab.say(message)` shows a notice.
- Colours come by role, `self.lab.style("quiet")`, and nothing is said by colour alone.
- Under 60 columns a single pane, from 120 a grid: the screen has the class -narrow (under 60 columns), -slim (under 80), -medium or -wide
  (from 120), and -low under 20 rows.
"""
