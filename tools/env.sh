# Puts the pinned tools (forge, anvil, cast, slither, ...) first on PATH:  . tools/env.sh
if [ ! -d "$PWD/.tools/bin" ]; then
    echo "tools/env.sh: source this from the project's root, after make setup" >&2
else
    export PATH="$PWD/.tools/bin:$PATH"
fi
