#!/bin/sh
# Prints the C compiler to build the native core with: find_compiler.sh VENV (or VENV/bin/python)
#
# Order: $CC if it works, cc, gcc, clang; else the `ziglang` wheel is installed into VENV and wrapped.
# Exit code 1 with the package to install when nothing works.
set -eu
venv=${1:?usage: find_compiler.sh VENV}
venv=${venv%/bin/python*} # its interpreter will do as well

works() {
    trial=$(mktemp -d) || return 1
    printf 'int main(void) { return 0; }\n' > "$trial/trial.c"
    # $1 unquoted on purpose: CC may carry options
    if $1 "$trial/trial.c" -o "$trial/trial" > /dev/null 2>&1; then found=0; else found=1; fi
    rm -rf "$trial"
    return $found
}

for compiler in ${CC:+"$CC"} cc gcc clang; do
    if command -v "${compiler%% *}" > /dev/null 2>&1 && works "$compiler"; then
        echo "$compiler"
        exit 0
    fi
done

# -mcpu=baseline: zig builds for the machine it runs on unless told; the core picks its level at run time.
wrapper="$venv/bin/zig-cc"
if "$venv/bin/python" -m pip install -q 'ziglang>=0.13,<0.17' >&2; then
    printf '#!/bin/sh\nexec "%s/bin/python" -m ziglang cc -mcpu=baseline "$@"\n' "$(cd "$venv" && pwd)" > "$wrapper"
    chmod +x "$wrapper"
    if works "$wrapper"; then
        (cd "$venv" && echo "$PWD/bin/zig-cc")
        exit 0
    fi
fi
echo "no C compiler found and the ziglang wheel could not be used: apt install gcc" >&2
exit 1
