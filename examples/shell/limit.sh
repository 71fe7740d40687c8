#!/bin/sh
# Sets a limit and waits for the answer, with Mosquitto's clients (apt install mosquitto-clients).
#
#   limit.sh STATION EVSE AMPS         e.g. limit.sh SIM001 1 10
#
# STATION is written as in the topics. Environment: BROKER (127.0.0.1), PORT (1883), TOPIC_ROOT
# (ocpp), CONTROLLER (me; your MQTT user name where the broker has users), PASSWORD.
# Prints the results. Exit code 0: done, 1: not done, 2: wrong usage.
set -eu

case $#${3:-} in
3*[!0-9.]* | 3 | [!3]*)
    sed -n 's/^# *\(limit.sh .*\)/usage: \1/p' "$0" >&2
    exit 2
    ;;
esac
station=${TOPIC_ROOT:-ocpp}/v1/cs/$1
me=${CONTROLLER:-me}
results=$station/$2/res/$me/limit
id=shell-$$-$(date +%s)

connection() {
    program=$1
    shift
    set -- -h "${BROKER:-127.0.0.1}" -p "${PORT:-1883}" "$@"
    [ -z "${PASSWORD:-}" ] || set -- -u "$me" -P "$PASSWORD" "$@"
    exec "$program" "$@"
}

folder=$(mktemp -d)
mkfifo "$folder/pipe"
connection mosquitto_sub -W 15 -q 1 -F '%t %p' -t "$results" -t "$station/availability" \
    >"$folder/pipe" &
listener=$!
trap 'kill "$listener" 2>/dev/null || true; rm -r "$folder"' EXIT

while read -r topic payload; do
    case $topic in
    "$station/availability")
        # Retained, so it comes first, and tells that we are subscribed: now we may ask.
        [ -n "${asked:-}" ] || (connection mosquitto_pub -q 1 \
            -t "$station/$2/cmd/$me/limit" -m "{\"id\":\"$id\",\"limitA\":$3}")
        asked=yes
        ;;
    "$results")
        case $payload in *"\"id\":\"$id\""*) ;; *) continue ;; esac
        printf '%s\n' "$payload"
        case $payload in
        *'"status":"done"'*) exit 0 ;;
        *'"final":true'*) exit 1 ;;
        esac
        ;;
    esac
done <"$folder/pipe"

echo "no answer: is there a station $1 on this broker, and does the bridge run?" >&2
exit 1
