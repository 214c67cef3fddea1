#!/bin/sh
# The browser tests need a Chromium on the PATH. Installs Debian's as root, otherwise says how.
set -eu
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
[ -n "${BRAINSEG_CHROMIUM:-}" ] && [ -x "$BRAINSEG_CHROMIUM" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium
    exit 0
fi
echo "The browser tests need Chromium: install the package 'chromium' (Debian: sudo apt-get install" >&2
echo "chromium; Ubuntu: sudo snap install chromium; macOS: brew install --cask google-chrome and set" >&2
echo "BRAINSEG_CHROMIUM to its program)." >&2
exit 1
