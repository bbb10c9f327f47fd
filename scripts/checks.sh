# The static checks, shared by scripts/check and scripts/test.
# shellcheck shell=bash

# static_checks FOLDER: run each check with the tools of an environment; the first failure ends the script.
static_checks() {
    local bin=$1/bin
    say "ruff check"
    "$bin/ruff" check --quiet . || die "ruff found the above; 'ruff check --fix' mends some of it"
    say "ruff format"
    "$bin/ruff" format --check --quiet . || die "not formatted: run 'ruff format'"
    say "mypy"
    "$bin/mypy" --no-error-summary || die "mypy found the above"
    say "lint-imports"
    "$bin/lint-imports" --no-cache >/dev/null || { "$bin/lint-imports" --no-cache; die "a layer is broken, see above"; }
    say "prose"
    "$bin/python" scripts/prose.py || die "scripts/prose.py found the above in the documentation"
}
