"""`charrnn sample --interactive`: by lines from a pipe, and on a screen with keys."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time

import pytest
from helpers import CLEAN, call_charrnn, own_signals, program, run_charrnn
from pages import until_no_more_than
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from sampling_models import make_model

from charrnn.cli.sample.interactive import HELP, has_screen
from charrnn.cli.sample.screen import Screen
from charrnn.config import SamplingConfig
from charrnn.sampling.sampler import generate
from charrnn.sampling.session import Session, first_word
from charrnn.text.vocabulary import Vocabulary

SETTINGS = ("--interactive", "--seed", 5, "--length", 40)


@pytest.fixture
def together(workplace):
    """Write together through a pipe: (text, talk) of some lines of input."""

    def run(*lines, options=(), status=0):
        stdin = "".join(f"{line}\n" for line in lines).encode()
        options = ("sample", *SETTINGS, *options)
        done = run_charrnn(*options, cwd=workplace, stdin=stdin, status=status)
        return done.out, done.err

    return run


def sampled(model, text, index=0, **options):

    config = SamplingConfig(**({"seed": 5, "length": 40} | options))
    return "".join(piece.text for piece in generate(model, text, config, indices=[index]))


# --- lines ----------------------------------------------------------------------------------------


def test_a_line_is_added_and_how_it_goes_on_is_shown_but_only_what_is_accepted_comes_out(
    together, tiny_model
):
    text, talk = together("def ")
    assert text == "def "
    assert "def |" + sampled(tiny_model, "def ", 1) in talk
    assert "|" + sampled(tiny_model, "") in talk  # before anything is typed


def test_an_empty_line_accepts_all_and_word_accepts_words(together, tiny_model):
    first = sampled(tiny_model, "def ", 1)
    assert together("def ", "")[0] == "def " + first
    words = first_word(first)
    words += first_word(first[len(words) :])
    assert together("def ", ":word", ":word")[0] == "def " + words
    assert together("def ", ":word 2")[0] == "def " + words


def test_many_words_go_on_into_the_next_suggestion(together, tiny_model):
    first = sampled(tiny_model, "def ", 1)
    second = sampled(tiny_model, "def " + first, 2)
    text, _ = together("def ", ":word 30")
    assert text.startswith("def " + first + second[:5])


def test_lines_newlines_and_colons(together):
    assert together(":line def", "  a", "::b ", ":line")[0] == "def\n  a:b \n"


def test_again_temperature_and_back(together, tiny_model):
    _, talk = together("def ", ":again", ":temp 0.2", ":back", ":back", ":show")
    shown = [found.partition("|")[2] for found in talk.split("def ")[1:]]
    again, cold = sampled(tiny_model, "def ", 2), sampled(tiny_model, "def ", 2, temperature=0.2)
    first = sampled(tiny_model, "def ", 1)
    expected = [first, again, cold, again, first]
    assert [s[:40] for s in shown[:5]] == expected
    assert first != again != cold


def test_the_text_is_saved(together, tmp_path):
    path = tmp_path / "story.txt"
    _, talk = together(f":line def\n:save {path}\nab\n:save {path}")
    assert path.read_text() == "def\nab"
    assert f"saved {path} (6 characters)" in talk
    _, talk = together("x", f":save {path}")
    assert "already exists" in talk
    assert f":save! {path} replaces it" in talk
    together("x", f":save! {path}")
    assert path.read_text() == "x"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (":nonsense", "unknown command :nonsense"),
        (":word many", "not a number of words"),
        (":word 0", "not a number of words"),
        (":temp", "not a temperature"),
        (":temp -1", "temp"),
        (":back", "no step to undo"),
        (":save", "needs a name"),
        (":save /nowhere/x", "/nowhere/x"),
        (":save ~nobody-of-this-name/x", "~nobody-of-this-name/x"),
        ("é\x1b", "é (U+00E9 LATIN SMALL LETTER E WITH ACUTE)"),
    ],
)
def test_what_cannot_be_done_is_told_and_the_text_stays(together, line, said):
    text, talk = together(line, "def ")
    assert said in talk
    assert text == "def "
    assert "\x1b" not in talk


def test_help_tells_every_command_and_quit_leaves(together):
    text, talk = together(":help", "ab", ":quit", "cd")
    assert text == "ab"
    assert HELP in talk
    names = re.findall(r"^:\w+", HELP, re.MULTILINE)
    assert len(names) == 8
    assert "unknown command" not in together(*names)[1]


def test_quiet_says_errors_only_and_does_everything(together, tiny_model):
    text, talk = together("def ", ":word", options=("-q",))
    assert text == "def " + first_word(sampled(tiny_model, "def ", 1))
    assert talk == ""
    assert "é" in together("é", options=("-q",))[1]


def test_it_goes_on_from_a_prime_and_obeys_the_other_options(together, tiny_model):
    options = ("--prompt", "def", "--temp", 0.3, "--stop", "e", "--top-k", 4)
    expected = sampled(tiny_model, "def", temperature=0.3, stop=("e",), top_k=4)
    assert together("", options=options)[0] == "def" + expected


def test_a_suggestion_has_200_characters_unless_a_length_is_given(workplace, tiny_model):
    done = run_charrnn("sample", "--interactive", "--seed", 5, cwd=workplace, stdin=b"\n")
    assert done.out == sampled(tiny_model, "", length=200)


def test_bytes_come_out_as_they_came_in(workplace):
    options = ("sample", "bytes", "-q", *SETTINGS)
    done = subprocess.run(
        program(*options), cwd=workplace, input=b"\xff\xc3\xa9\n", capture_output=True, check=True
    )
    assert done.stdout == b"\xff\xc3\xa9"


def test_a_closed_standard_input_is_told(capsys, monkeypatch, workplace, wording):
    monkeypatch.chdir(workplace)
    monkeypatch.setattr(sys, "stdin", None)
    wording(call_charrnn(capsys, "sample", "--interactive", status=2))


def test_ctrl_c_in_a_pipe_stops_the_writing_and_then_leaves_with_the_text(workplace):
    with subprocess.Popen(
        program("sample", "--interactive", "--length", 10**9, "--prompt", "def"),
        cwd=workplace,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
        preexec_fn=own_signals,
    ) as process:
        talk = b""
        while b"def|" not in talk:
            talk += os.read(process.stderr.fileno(), 4096)
        process.send_signal(signal.SIGINT)
        process.stdin.write(b":help\n")
        process.stdin.flush()
        while not talk.endswith(f"{HELP}\n".encode()):  # until it has stopped and read a line
            talk = (talk + os.read(process.stderr.fileno(), 4096))[-4096:]
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == (b"def", b"")
        assert process.returncode == 0


def test_a_ctrl_c_that_an_import_swallows_stops_the_writing_all_the_same(workplace):
    """Modules of C may ignore exceptions while they are imported; here the model's step does."""
    code = """
import contextlib, os, signal, sys
from charrnn.model import CharRNN
step, calls = CharRNN.step, []
def swallowing(*arguments, **options):
    calls.append(0)
    with contextlib.suppress(KeyboardInterrupt):
        if len(calls) == 5000:
            os.kill(os.getpid(), signal.SIGINT)
    return step(*arguments, **options)
CharRNN.step = swallowing
from charrnn.__main__ import main
main()
"""
    options = ("sample", "--interactive", "--length", "200000", "--prompt", "def", "--seed", "5")
    result = subprocess.run(
        [sys.executable, "-c", code, *options],
        cwd=workplace,
        env=CLEAN,
        input=b":quit\n",
        capture_output=True,
        preexec_fn=own_signals,
        check=True,
        timeout=100,
    )
    assert result.stdout == b"def"
    assert len(result.stderr) < 50_000


# --- the screen, without a terminal ---------------------------------------------------------------

WORDS = Vocabulary("char", [ord(c) for c in "\n abcd"])
MODEL = make_model(WORDS)
TAB, RIGHT, LEFT, UP, DOWN = "\t", "\x1b[C", "\x1b[D", "\x1b[A", "\x1b[B"
END, AGAIN, UNDO, SAVE, ENTER = "\x1b[F", "\x12", "\x1a", "\x13", "\r"
ERASE, ERASE_WORD, CTRL_C, CTRL_D, ESCAPE = "\x7f", "\x17", "\x03", "\x04", "\x1b"


class SmallOutput(DummyOutput):
    def get_size(self):
        return Size(rows=10, columns=40)


class Played:
    """A screen on which keys were typed, each when the suggestion before it was complete."""

    def __init__(self, *keys, text="", model=MODEL, leave=CTRL_C, **options):
        config = SamplingConfig(**({"seed": 5, "length": 40} | options))
        self.session = Session(model, config, text)
        self.states = []
        with create_pipe_input() as pipe, create_app_session(input=pipe, output=SmallOutput()):
            self.screen = Screen(self.session, keys=pipe, output=SmallOutput())
            self.pipe, self.obeyed = pipe, 0
            self.screen._app.key_processor.after_key_press += self.count
            player = threading.Thread(target=self.play, args=(keys, leave))
            player.start()
            try:
                self.screen.run()
            finally:
                player.join()

    def play(self, keys, leave):
        for key in keys:
            self.wait_for(lambda: self.session.stop is not None)
            self.states.append((self.session.text, self.session.suggestion))
            then = self.obeyed + (1 if key.startswith(ESCAPE) else len(key))
            self.pipe.send_text(key)
            self.wait_for(lambda then=then: self.obeyed >= then)
        self.wait_for(lambda: self.session.stop is not None)
        self.states.append((self.session.text, self.session.suggestion))
        self.message = self.screen._state()
        self.pipe.send_text(leave)

    def count(self, _):
        self.obeyed += 1

    def wait_for(self, condition):
        deadline = time.monotonic() + 30
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.002)


def whole(text, index=0, **options):
    return sampled(MODEL, text, index, **options)


def test_keys_add_to_the_text_and_the_suggestion_follows():
    played = Played("a", "b", ENTER, "c")
    assert [text for text, _ in played.states] == ["", "a", "ab", "ab\n", "ab\nc"]
    last, session = played.states[-1][1], played.session
    assert session.draft.text + whole(session.draft.text, session.draft.index) == "ab\nc" + last


@pytest.mark.parametrize("key", [TAB, RIGHT])
def test_a_key_accepts_a_word(key):
    played = Played(key, key, text="ab")
    first = first_word(whole("ab"))
    assert played.states[1] == ("ab" + first, whole("ab")[len(first) :])
    second = first_word(whole("ab")[len(first) :])
    assert played.states[2][0] == "ab" + first + second


def test_end_accepts_all_and_the_next_suggestion_comes():
    played = Played(END, text="ab")
    assert played.states[-1] == ("ab" + whole("ab"), whole("ab" + whole("ab"), 1))


def test_another_suggestion_another_temperature_and_the_way_back():
    played = Played(AGAIN, UP, DOWN, DOWN, UNDO, LEFT, UNDO, UNDO, text="ab")
    suggestions = [suggestion for _, suggestion in played.states]
    warm, cold = (whole("ab", 1, temperature=t) for t in (0.9, 0.7))
    first, again = whole("ab"), whole("ab", 1)
    assert suggestions == [first, again, warm, again, cold, again, warm, again, first]
    assert len({first, again, warm, cold}) == 4


def test_the_temperature_stays_at_zero_or_above():
    assert Played(DOWN, DOWN, DOWN, temperature=0.15).session.temperature == 0


def test_characters_and_words_are_erased():
    assert Played(ERASE, text="ab cd").session.text == "ab c"
    assert Played(ERASE_WORD, text="ab cd").session.text == "ab "
    assert Played(ERASE, text="").session.text == ""


@pytest.mark.parametrize("strange", ["é", "\x1b[200~cé\x1b[201~"])
def test_unknown_characters_are_refused_in_the_line_of_the_state(strange):
    played = Played(strange, text="ab")
    assert played.session.text == "ab"
    assert "é (U+00E9" in played.message
    played = Played(strange, "a", text="ab")
    assert played.session.text == "aba"
    assert "temperature" in played.message  # the next key takes the message away


def test_a_text_can_be_pasted():
    assert Played("\x1b[200~a\r\nb\rc\x1b[201~").session.text == "a\nb\nc"


@pytest.mark.parametrize("key", ["\x1b[15~", "\x02", "\x1bf"])
def test_keys_that_mean_nothing_do_nothing(key):
    played = Played(key, text="ab")
    assert played.states == [("ab", whole("ab"))] * 2


@pytest.mark.parametrize("leave", [CTRL_C, CTRL_D, ESCAPE])
def test_three_keys_leave_and_the_text_stays(leave):
    assert Played("a", leave=leave).session.text == "a"


def test_leaving_ends_the_writing():
    config = SamplingConfig(seed=5, length=10**12)
    session = Session(MODEL, config, "ab")
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=SmallOutput()):
        screen = Screen(session, keys=pipe, output=SmallOutput())
        threads = threading.active_count()
        timer = threading.Timer(0.3, lambda: pipe.send_text(CTRL_C))
        timer.start()
        screen.run()
    assert session.stop is None
    until_no_more_than(threads)


def test_typing_ends_the_writing_of_what_is_no_longer_wanted():
    config = SamplingConfig(seed=5, length=10**12)
    session = Session(MODEL, config, "ab")
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=SmallOutput()):
        screen = Screen(session, keys=pipe, output=SmallOutput())

        def play():
            for key in ("c", "d", CTRL_C):
                while not session.suggestion:
                    time.sleep(0.01)
                pipe.send_text(key)
                while key != CTRL_C and not session.text.endswith(key):
                    time.sleep(0.01)

        threading.Thread(target=play).start()
        screen.run()
    assert session.text == "abcd"
    assert session.suggestion
    shown = session.text + session.suggestion
    length = len(shown) - len(session.draft.text)
    assert shown == session.draft.text + whole(
        session.draft.text, session.draft.index, length=length
    )


def test_the_text_is_saved_under_a_name_that_is_asked_for(tmp_path, wording):
    path = tmp_path / "story.txt"
    played = Played(SAVE, str(path), ENTER, "a", text="ab")
    assert path.read_text() == "ab"
    assert played.session.text == "aba"
    played = Played(SAVE, str(path), ENTER, text="cd", leave=CTRL_C * 2)
    assert path.read_text() == "ab"
    wording(played.message)
    played = Played(SAVE, str(path), ENTER, ENTER, text="cd")
    assert path.read_text() == "cd"
    wording(played.message)


def test_saving_can_be_given_up(tmp_path):
    played = Played(SAVE, "name", CTRL_C, "a", text="ab")
    assert played.session.text == "aba"
    assert "needs a name" in Played(SAVE, ENTER, leave=CTRL_C * 2).message


def test_control_characters_are_shown_and_not_obeyed():
    model = make_model(Vocabulary("char", [7, 9, 10, 27, 97, 0x9B]))
    played = Played(text="\x1b\x07\ta", model=model, length=200)
    shown = [text for _, text in played.screen._shown()]
    assert shown[0] == "␛␇      a"
    assert not set("".join(shown)) & set("\x1b\x07\x9b\t")
    assert "␛" in shown[2]


# --- the screen, on a terminal --------------------------------------------------------------------


class Terminal:
    """A process on a terminal of 60 x 12 cells."""

    def __init__(self, *arguments, cwd, term="xterm-256color", stdout=None):
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (12, 60))
        self.process = subprocess.Popen(
            program(*arguments),
            cwd=cwd,
            stdin=theirs,
            stdout=stdout or theirs,
            stderr=theirs,
            env=CLEAN | {"TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1"},
            start_new_session=True,
            preexec_fn=own_signals,
        )
        os.close(theirs)
        self.seen = ""

    def type(self, keys):
        os.write(self.ours, keys.encode())

    def wait_for(self, text):
        """Read until this was shown."""
        deadline = time.monotonic() + 60
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.ours], [], [], 0.1)[0]:
                self.seen += os.read(self.ours, 65536).decode(errors="replace")

    def rest(self):
        """Read until it ends; its exit status, and what it showed."""
        try:
            while piece := os.read(self.ours, 65536):
                self.seen += piece.decode(errors="replace")
        except OSError:  # Linux's way of saying that the other end is closed
            pass
        os.close(self.ours)
        return self.process.wait(60), self.seen.replace("\r\n", "\n")


LEAVES = "\x1b[?1049l"
"""Back from the screen to the terminal as it was."""


@pytest.mark.parametrize("leave", [CTRL_C, ESCAPE])
def test_a_terminal_is_left_as_it_was_with_the_text_on_it(workplace, leave):
    terminal = Terminal("sample", *SETTINGS, "--prompt", "def", cwd=workplace)
    terminal.wait_for("3 characters")
    terminal.type("s" + leave)
    status, seen = terminal.rest()
    assert status == 0
    assert "Traceback" not in seen
    assert seen.rpartition(LEAVES)[2].endswith("defs\n")
    assert "\x1b[?1049h" in seen


def test_with_standard_output_elsewhere_the_screen_is_on_stderr_and_the_text_goes_there(
    workplace, tmp_path
):
    with (tmp_path / "out.txt").open("wb") as out:
        terminal = Terminal("sample", *SETTINGS, "--prompt", "def", cwd=workplace, stdout=out)
        terminal.wait_for("3 characters")
        terminal.type(CTRL_C)
        assert terminal.rest()[0] == 0
    assert (tmp_path / "out.txt").read_bytes() == b"def"


def test_a_dumb_terminal_is_talked_to_by_lines(workplace, tiny_model):
    terminal = Terminal("sample", *SETTINGS, cwd=workplace, term="dumb")
    terminal.wait_for("> ")
    terminal.type("def\n:quit\n")
    status, seen = terminal.rest()
    assert status == 0
    assert "def|" + sampled(tiny_model, "def", 1).replace("\t", " ")[:5] in seen
    assert seen.endswith("def\n")
    assert "\x1b" not in seen


def test_ctrl_c_leaves_a_dumb_terminal_with_the_text(workplace):
    terminal = Terminal("sample", *SETTINGS, "--prompt", "def", cwd=workplace, term="dumb")
    terminal.wait_for("\n> ")  # a suggestion may hold "> " too
    os.killpg(terminal.process.pid, signal.SIGINT)
    status, seen = terminal.rest()
    assert status == 0
    assert seen.endswith("def\n")
    assert "Traceback" not in seen


@pytest.mark.parametrize(
    ("term", "terminals", "expected"),
    [
        ("xterm", {"stdin", "stdout", "stderr"}, True),
        ("xterm", {"stdin", "stderr"}, True),
        ("xterm", {"stdin"}, False),
        ("xterm", {"stdout", "stderr"}, False),
        ("dumb", {"stdin", "stdout", "stderr"}, False),
        ("", {"stdin", "stdout", "stderr"}, False),
    ],
)
def test_a_screen_needs_a_terminal_that_reads_and_shows(monkeypatch, term, terminals, expected):
    monkeypatch.setenv("TERM", term)
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(getattr(sys, name), "isatty", lambda n=name: n in terminals)
    assert has_screen() == expected


def test_without_interactive_prompt_toolkit_is_not_imported(workplace):
    script = (
        "import sys; from charrnn.cli.app import app\n"
        "try: app(['sample', '-q', '-n', '5'])\n"
        "except SystemExit: pass\n"
        "assert 'prompt_toolkit' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", script], cwd=workplace, env=CLEAN, check=True, capture_output=True
    )
