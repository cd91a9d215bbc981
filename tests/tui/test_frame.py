"""The frame around the screens: actions by key, from the palette and in help; the user's own keys; themes; what is remembered."""

import json
import os
import stat

import pytest
from fabricated_run import evaluated, fabricate, started
from playing import lab, played

from memlab.errors import ConfigError
from memlab.render import look
from memlab.tui import actions, keys, settings, themes
from memlab.tui.app import SCREENS, LabApp


@pytest.fixture
def home(tmp_path):
    fabricate(tmp_path / "runs" / "one", [started(), evaluated(0, 8.0, 8.1), evaluated(100, 0.5, 6.25)], step=100)
    return tmp_path


def test_every_action_is_named_once_and_done_by_its_screens():
    assert len(actions.BY_ID) == len(actions.ACTIONS)
    for action in actions.ACTIONS:
        for name in action.screens:
            assert name not in SCREENS or callable(getattr(SCREENS[name], f"action_{action.method}")), (action.id, name)
        assert action.screens or callable(getattr(LabApp, f"action_{action.method}")), action.id
        assert action.help[0].isupper()
        assert not action.help.endswith(".")


def test_no_key_means_two_things_on_a_screen(tmp_path):
    file = tmp_path / "keys.toml"
    file.write_text("")
    assert keys.read(file) == {}  # it would say which


@pytest.mark.parametrize("action", actions.ACTIONS, ids=lambda action: action.id)
def test_keys_are_plain_letters_signs_or_function_keys_at_first(action):
    first = action.keys.split(",")[0]
    assert "ctrl" not in first
    assert "alt" not in first


@played
async def test_help_shows_every_key_of_the_screen_and_where_they_can_be_changed(home):
    async with lab(home, (120, 60)) as player:
        await player.until("6.25")
        await player.press("question_mark")
        text = await player.until("EVERYWHERE")
        for action in (*actions.of_screen("runs"), *actions.of_app()):
            assert action.help[:60] in text
            assert actions.shown_key(action.keys) in text
        assert "keys.toml" in text
        await player.press("escape")
        await player.until("enter open", without=("EVERYWHERE",))


@played
async def test_the_palette_offers_what_is_possible_now_and_does_it(home):
    async with lab(home, (120, 40)) as player:
        await player.until("6.25", "enter open")
        await player.press("colon")
        text = await player.until("Search for commands", "open  (enter)", "remove  (x)")
        assert "stop  (s)" not in text, "it has finished"
        await player.press(*"show all keys"[:4])
        await player.pilot.pause()
        await player.press("escape")
        await player.pilot.pause()
        await player.press("colon")
        await player.until("Search for commands")
        await player.press(*"theme: li")
        await player.until("theme: light", without=("theme: dark",))
        await player.press("enter")
        await player.when(lambda: player.app.theme == "light")


@played
async def test_clicking_a_key_in_the_footer_does_the_same_as_pressing_it(home):
    async with lab(home, (120, 34)) as player:
        await player.until("6.25", "enter open")
        await player.pilot.click("KeyLine", offset=(player.lines[-1].index("help"), 0))
        await player.until("EVERYWHERE")


@played
async def test_the_users_keys_take_the_place_of_ours_everywhere(home):
    (home / "keys.toml").write_text('mark = "m"\nhelp = ["f9", "f1"]\n')
    async with lab(home, (120, 60)) as player:
        await player.until("6.25", "m select", "f9 help")
        await player.press("space")
        assert not player.app.marked
        await player.press("m")
        assert player.app.marked
        await player.press("f9")
        await player.until("EVERYWHERE", "f9 f1")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('stopp = "S"', "there is no action 'stopp'; did you mean 'stop'?"),
        ("stop = 3", 'stop is 3; write a key ("S") or several (["S", "f5"])'),
        ("stop = []", "stop is []"),
        ('stop = "s,t"', "stop is 's,t'"),
        ('stop = "x"', "the key 'x' would mean both"),
        ('leave = "q"', "the key 'q' would mean both leave and quit"),
        ("stop = ", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_of_keys_is_said(tmp_path, text, complaint):
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"keys\.toml") as caught:
        keys.read(file)
    assert complaint in str(caught.value)


@played
async def test_how_one_looks_is_remembered(home):
    async with lab(home) as player:
        await player.until("6.25")
        await player.press("f2", "o", "slash", *"one", "enter", "q")
    kept, notice = settings.read(home / "view.json")
    assert (kept.theme, kept.sort, kept.filter, notice) == ("light", "name", "one", "")
    async with lab(home) as player:
        await player.until("6.25", "/ one", "run▲")
        assert player.app.theme == "light"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"theme": 3}', '{"descending": "yes"}', '{"smoothing": null}', "[" * 100_000])
def test_damaged_settings_are_set_back_with_a_notice(tmp_path, damage):
    file = tmp_path / "view.json"
    file.write_text(damage)
    kept, notice = settings.read(file)
    assert kept == settings.Settings()
    assert "view.json" in notice


@played
async def test_the_notice_about_damaged_settings_is_shown_and_settings_of_another_version_do_no_harm(home):
    (home / "view.json").write_text('{"theme": 3}')
    async with lab(home) as player:
        await player.until("6.25", "The view settings are set back")
    (home / "view.json").write_text('{"theme": "neon", "axis": "epochs", "smoothing": 7.5, "sort": "beauty", "unheard of": 1}')
    async with lab(home) as player:
        await player.until("6.25")
        await player.press("o", "enter")
        await player.until("steps · raw")


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.isdir("/proc/sys"), reason="nothing is read-only for this user")
@played
async def test_where_nothing_can_be_written_the_app_works_and_says_so_once(home):
    place = home / "file"
    place.write_text("not a folder")
    app = LabApp(home, keys_path=home / "keys.toml", settings_path=place / "view.json")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        from playing import Player

        player = Player(app, pilot)
        await player.until("6.25")
        await player.press("f2")
        await player.until("How you look at things is not")
        assert app.theme == "light"
    assert stat.S_ISREG(place.stat().st_mode)


@pytest.mark.parametrize("name", themes.NAMES)
def test_text_of_every_role_is_readable_in_every_theme(name):
    """WCAG 2: a contrast of 4.5 for text, 7 where high contrast is promised."""
    roles = themes.ROLES[name]
    for role in ("text", "quiet", "good", "busy", "bad", "accent"):
        for ground in ("background", "row"):
            assert contrast(roles[role], roles[ground]) >= (7 if name == "contrast" else 4.5), (role, ground)


def test_curves_stand_out_in_high_contrast_and_keep_their_colours_apart():
    from rich.color import Color

    shades = [Color.parse(f"color({themes.BRIGHTER[str(number)]})").get_truecolor().hex for number in look.PALETTE]
    assert len(set(shades)) == len(look.PALETTE)
    assert all(contrast(shade, themes.ROLES["contrast"]["background"]) >= 7 for shade in shades)


def contrast(one, other):
    """The contrast ratio of WCAG 2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color):
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@played
async def test_seven_bits_are_enough_when_they_are_asked_for(home):
    async with lab(home, (120, 34), ascii=True) as player:
        await player.until("6.25")
        drawn = filtered(player)
        assert drawn.isascii()
        assert "+ finished" in drawn.replace("  ", " ")
        for key in ("enter", "left", "question_mark"):
            await player.press(key)
            await player.pilot.pause(0.3)
            assert filtered(player).isascii(), key


def filtered(player):
    """What reaches the terminal, as text."""
    from textual.color import Color

    lines = []
    for strip in player.app.screen._compositor.render_strips():
        segments = list(strip)
        for one in player.app.get_line_filters():
            segments = one.apply(segments, Color(0, 0, 0))
        lines.append("".join(segment.text for segment in segments))
    return "\n".join(lines)


@played
async def test_a_change_of_theme_changes_every_word_at_once(home):
    def colors():
        strips = player.app.screen._compositor.render_strips()
        return {segment.style.color.name for strip in strips for segment in strip if segment.text.strip() and segment.style.color}

    async with lab(home, (120, 34)) as player:
        await player.until("6.25", "floor")
        for key, words in (("", "enter open"), ("enter", "d back"), ("d", "enter open"), ("n", "f5 start")):
            if key:
                await player.press(key)
            await player.until(words)
            for name in ("light", "contrast", "dark"):
                await player.press("f2")
                others = {color for other in themes.NAMES if other != name for color in themes.ROLES[other].values()}
                await player.when(lambda others=others: not colors() & (others - set(themes.ROLES[player.app.theme].values())), name)
                assert themes.ROLES[name]["quiet"] in colors()


def test_the_settings_file_is_json_and_whole(tmp_path):
    settings.write(tmp_path / "new" / "view.json", settings.Settings(theme="light"))
    assert json.loads((tmp_path / "new" / "view.json").read_text())["theme"] == "light"
