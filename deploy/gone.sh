#!/bin/sh
# Made by vigil install; vigil uninstall removes it.
# The checkout that the schedule leads to is gone, so no job runs and none can tell. This is started in the watchdog's
# place, each minute, from session-health/. It tells at the second time in a row, for `npm ci` takes node away for a moment,
# and again each 4 hours: on the desktop, and on stdout, which cron mails and systemd keeps in its journal.
root=$1
here=$(dirname "$0")

recent() { [ -n "$(find "$1" -mmin "-$2" 2>/dev/null)" ]; }

# Since when, over sleeps too, for the watchdog to tell when it is back: what is older than its last run is of another time.
last=$here/runs/watchdog.json
if [ ! -e "$here/gone.since" ] || { [ -e "$last" ] && [ -z "$(find "$here/gone.since" -newer "$last" 2>/dev/null)" ]; }; then
  : >"$here/gone.since"
fi

if ! recent "$here/gone.seen" 3; then
  rm -f "$here/gone.told"
  : >"$here/gone.seen"
  exit 1
fi
: >"$here/gone.seen"
if recent "$here/gone.told" 240; then exit 1; fi
: >"$here/gone.told"

case $root in
  "$HOME"/*) root="~${root#"$HOME"}" ;;
esac
title="Vigil is gone"
text="No login is looked after any more: what was in $root is not there, or its node_modules are not. Put it back (npm ci), or run bin/vigil install where it is now."
echo "$title. $text"
bus="/run/user/$(id -u)/bus"
if [ -S "$bus" ]; then
  DBUS_SESSION_BUS_ADDRESS="unix:path=$bus" LC_ALL=C.UTF-8 notify-send -u critical -a Vigil "$title" "$text"
elif [ -x /usr/bin/osascript ]; then
  /usr/bin/osascript -e 'on run argv' -e 'display notification (item 2 of argv) with title (item 1 of argv)' -e 'end run' "$title" "$text"
fi
exit 1
