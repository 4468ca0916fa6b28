#!/usr/bin/env bash
# Asks the real Google each thing that the sandbox only believes, and prints a table: fact, expected, answer, same?
# Never part of ./test.sh: it needs somebody's Google account. Use one that is there for tests.
#
#   LIVE_CREDENTIALS=./google-credentials.json LIVE_REFRESH_TOKEN=1//… tests/live.sh
#   LIVE_ACCESS_TOKEN=ya29.… tests/live.sh
#
#   LIVE_CREDENTIALS    the OAuth client's file, as calrelay takes it; with
#   LIVE_REFRESH_TOKEN  a refresh token of the account for that client, of the scope …/auth/calendar. (Google's OAuth
#                       playground makes one, with the client of the file under "Use your own OAuth credentials".)
#   LIVE_ACCESS_TOKEN   in place of both: an access token, of which an hour is enough
#   LIVE_API_URL        another API than https://www.googleapis.com/calendar/v3, such as a sandbox's
#   LIVE_ONLY           a word: only the facts that have it in their names
#
# It makes a calendar of its own and deletes it. Status events and birthdays have to be in the primary calendar: they are
# in the year 2031, and are deleted too, as is everything else where no calendar can be made. Nobody is mailed:
# sendUpdates is "none", and guests have addresses that are reserved for examples.
#
# The exit status is 0 when everything could be asked, whatever the answers, and 1 when it could not.
set -euo pipefail

if ! command -v python3 >/dev/null; then
    echo "live.sh: python3 is missing" >&2
    exit 1
fi
if [ -z "${LIVE_ACCESS_TOKEN:-}" ] && { [ -z "${LIVE_CREDENTIALS:-}" ] || [ -z "${LIVE_REFRESH_TOKEN:-}" ]; }; then
    echo "live.sh: set LIVE_ACCESS_TOKEN, or LIVE_CREDENTIALS and LIVE_REFRESH_TOKEN; the head of this file says more" >&2
    exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$(dirname "$0")/live/ask.py"
