"""Is this machine ready for training? Each check says what it found and, where something is wrong, what to do."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_TORCH = ((2, 11), (2, 14))
_LEAST_FREE = 2e9


def check_up(home: Path) -> list[dict[str, Any]]:
    """Rows of check, is (ok · warning · broken), found, advice."""
    return [
        _python(),
        _torch(),
        *(_package(name) for name in ("transformers", "tokenizers")),
        _device(),
        _home(home),
        _space(home),
        _logout(),
    ]


def _row(check: str, found: str, problem: str = "", advice: str = "") -> dict[str, Any]:
    return {"check": check, "is": problem or "ok", "found": found, "advice": advice}


def _python() -> dict[str, Any]:
    return _row("Python", f"{platform.python_version()} on {platform.platform()}")


def _torch() -> dict[str, Any]:
    found = _version("torch")
    if found is None:
        return _row("torch", "not installed", "broken", 'pip install "torch>=2.11,<2.14"')
    number = tuple(int(part) for part in found.split("+")[0].split(".")[:2])
    if not _TORCH[0] <= number < _TORCH[1]:
        return _row("torch", found, "warning", 'memlab is tested with torch 2.11 to 2.13: pip install "torch>=2.11,<2.14"')
    return _row("torch", found)


def _package(name: str) -> dict[str, Any]:
    found = _version(name)
    return _row(name, found) if found else _row(name, "not installed", "broken", f"pip install {name}")


def _device() -> dict[str, Any]:
    try:
        import torch
    except ImportError as error:
        return _row("device", f"torch cannot be imported: {error}", "broken", "install torch first")
    from memlab.training import device

    chosen = device.choose_device("auto")
    precision = device.probe_precision(chosen, 512)
    found = f"{chosen} ({device.name_of(chosen)}), {device.default_threads()} threads, {precision} (probed at width 512)"
    if chosen.type == "cpu" and torch.version.cuda and shutil.which("nvidia-smi"):
        advice = "there is an NVIDIA driver, but torch sees no GPU: is the driver as new as torch's CUDA needs?"
        return _row("device", found, "warning", advice)
    return _row("device", found)


def _home(home: Path) -> dict[str, Any]:
    nearest = _nearest(home)
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        return _row("home", str(home), "broken", f"{nearest} is not writable: choose another place with --home or MEMLAB_HOME")
    return _row("home", str(home))


def _space(home: Path) -> dict[str, Any]:
    free = shutil.disk_usage(_nearest(home)).free
    found = f"{free / 1e9:.1f} GB free"
    if free < _LEAST_FREE:
        return _row("disk", found, "warning", "checkpoints may not fit: `memlab prune`, or --home elsewhere")
    return _row("disk", found)


def _nearest(home: Path) -> Path:
    """The home, or the directory that it would be made in."""
    return next(path for path in (home, *home.parents) if path.exists())


def _logout() -> dict[str, Any]:
    """Does the system end a user's processes at log-out?"""
    if os.environ.get("SLURM_JOB_ID"):
        advice = (
            "Slurm ends everything with the job: run `memlab train` without --detach in the job script; "
            "on SIGTERM it saves, and `memlab resume` goes on"
        )
        return _row("log-out", f"inside Slurm job {os.environ['SLURM_JOB_ID']}", "warning", advice)
    if _kills_user_processes() and not _lingers():
        advice = (
            "logind ends your processes when you log out (KillUserProcesses=yes): `loginctl enable-linger` once, "
            "or start with `systemd-run --user --scope memlab train ...`"
        )
        return _row("log-out", "a detached run ends with your session", "warning", advice)
    return _row("log-out", "a detached run goes on")


def _kills_user_processes() -> bool:
    answer = _ask(
        "busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "KillUserProcesses"
    )
    return answer == "b true"


def _lingers() -> bool:
    return _ask("loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value") == "yes"


def _ask(*command: str) -> str:
    """What a command says; nothing where it is not there or does not answer."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
