# Sourced by scripts/lab and scripts/test: set_up EXTRA makes .venv and installs memlab into it, once per change of pyproject.toml.

die() {
  echo "$1" >&2
  exit 1
}

find_python() {
  for name in python3.13 python3.12 python3.11 python3; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  die "memlab needs Python 3.11 or newer, and there is none on the PATH: install it from python.org or with your package manager."
}

set_up() {
  local extra=$1 venv=$root/.venv log=$root/.venv/setup.log stamp wanted python
  stamp=$venv/.installed$extra
  wanted=$(cksum <"$root/pyproject.toml")
  if [ -x "$venv/bin/memlab" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    return
  fi
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python) || exit 1
    "$python" -m venv "$venv" || die "Making $venv failed. On Debian and Ubuntu: apt install python3-venv; then try again."
  fi
  echo "Setting up $venv (once; PyTorch is a large download; pip writes to $log) ..." >&2
  "$venv/bin/python" -m pip install --disable-pip-version-check -e "$root$extra" >"$log" 2>&1 ||
    { tail -n 15 "$log" >&2; die "The installation failed; the whole of pip's output is in $log. Mend the cause and start this script again."; }
  echo "$wanted" >"$stamp"
}
