"""The run directory: every path of it, its configuration, who owns it, and what happened.

It is the only link between a trainer and whoever looks on: the command line, the app, a report, on this machine or another.

    experiment.toml    the preset as given, verbatim
    config.json        every setting, resolved; never changed
    provenance.json    versions, device, precision, threads, N, D, floors, and one entry per attempt with what it changed
    state.json         the trainer's state, replaced atomically
    events.jsonl       append-only rows
    checkpoints/step-000500/
    log.txt            what the trainer printed
    STOP               whoever makes this file asks the trainer to save and leave
"""

import os
import secrets
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlab import config
from memlab.errors import ConfigError, RunError
from memlab.files import explained, read_json, write_atomic, write_json
from memlab.homedir import find_home
from memlab.rundir import events, state
from memlab.rundir.state import ACTIVE, State, Status


@dataclass(frozen=True)
class RunDir:
    """A run by its path. Nothing here changes a file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def word(self) -> str:
        """What to type to mean this run: its name where it lies in the home that is meant without saying, else its path."""
        return shlex.quote(self.name if self.path.absolute().parent == find_home() / "runs" else str(self.path))

    @property
    def config_path(self) -> Path:
        return self.path / "config.json"

    @property
    def provenance_path(self) -> Path:
        return self.path / "provenance.json"

    @property
    def state_path(self) -> Path:
        return self.path / "state.json"

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @property
    def stop_path(self) -> Path:
        return self.path / "STOP"

    def created(self) -> float:
        """When the run was made, seconds since the epoch."""
        return self.config_path.stat().st_mtime

    def original(self) -> config.Experiment:
        """The experiment as it was started. Raises RunError naming the file where it is corrupt."""
        try:
            return config.from_dict(_without_zero_budgets(read_json(self.config_path)))
        except ConfigError as error:
            raise RunError(f"{self.config_path} is not a configuration that this version understands: {error}") from None

    def experiment(self) -> config.Experiment:
        """The experiment as it stands: the original with the changes of every attempt applied in order."""
        experiment = self.original()
        try:
            for attempt in self.provenance().get("attempts", []):
                experiment = config.changed(experiment, attempt.get("changes", {}))
        except ConfigError as error:
            raise RunError(f"{self.provenance_path} changes a setting that this version does not understand: {error}") from None
        return experiment

    def provenance(self) -> dict[str, Any]:
        """How the run was obtained; empty before the trainer has written it."""
        if not self.provenance_path.exists():
            return {}
        table = read_json(self.provenance_path)
        attempts = table.get("attempts", []) if isinstance(table, dict) else None
        if not isinstance(attempts, list) or not all(map(_is_attempt, attempts)):
            raise RunError(f"{self.provenance_path} is not a run's provenance")
        return table

    def recorded(self) -> dict[str, Any]:
        """What the trainer has recorded of the run's data. Raises RunError where it has not come so far."""
        data = self.provenance().get("data")
        if not data:
            raise self.lack("not recorded its data")
        return data

    def state(self) -> State | None:
        """What the trainer last said of itself."""
        return state.read(self.state_path)

    def status(self) -> Status:
        """How the run stands, as a reader derives it. A directory without a state was never started: it counts as lost."""
        return self.standing()[1]

    def standing(self) -> tuple[State | None, Status]:
        """State and status of one moment. Who is gone has written the last word before: it is read again before a run counts as lost."""
        now = self.state()
        status = "lost" if now is None else state.derived(self.state_path, now)
        if status == "lost" and (last := self.state()) not in (None, now):
            return last, state.derived(self.state_path, last)
        return now, status

    def is_active(self) -> bool:
        return self.status() in ACTIVE

    def lack(self, what: str) -> RunError:
        """The error for something that the run does not have, `no checkpoint`: how far it is, or why that never came."""
        if not self.config_path.exists():
            return RunError(f"run '{self.name}' is not there any more: {self.path} was removed or moved")
        now, status = self.standing()
        if status in ACTIVE:
            return RunError(f"run '{self.name}' has {what} yet; `memlab watch {self.word}` shows how far it is")
        if status == "failed" and now.error:
            return RunError(f"run '{self.name}' has {what}: it failed: {now.error}")
        if status == "finished":
            return RunError(f"run '{self.name}' has {what} although it is finished; copy its directory whole from where it was trained")
        return RunError(f"run '{self.name}' has {what}: it is {status}; {self.way_on(status)}")

    def way_on(self, status: Status) -> str:
        """The command that trains on from the last checkpoint, and what it does to a run that nobody trains."""
        more, does = (" --steps N", "extends it") if status == "finished" else ("", "goes on with it")
        return f"`memlab resume {self.word}{more}` {does}"

    def events(self) -> list[events.Row]:
        """The settled rows of the event log."""
        return events.read(self.events_path)


def create(path: Path, toml: str, experiment: config.Experiment) -> RunDir:
    """Make a new run directory with its configuration, whole or not at all."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with explained(path, "making"):
        try:
            (aside / "checkpoints").mkdir(parents=True)
            write_atomic(aside / "experiment.toml", toml)
            write_json(aside / "config.json", config.to_dict(experiment))
            os.rename(aside, path)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    return RunDir(path)


def _without_zero_budgets(table: Any) -> Any:
    """A configuration as this version writes it: earlier ones wrote 0 for each budget that was not given."""
    train = table.get("train") if isinstance(table, dict) else None
    if not isinstance(train, dict) or all(train.get(name) is None for name in config.BUDGETS if train.get(name) != 0):
        return table
    return {**table, "train": {name: None if name in config.BUDGETS and value == 0 else value for name, value in train.items()}}


def _is_attempt(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("changes", {}), dict)
