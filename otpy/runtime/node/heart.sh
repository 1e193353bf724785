# The guardian of a node, `otpy run --heart`: it starts the node again when that ended by a signal or
# an error. A shell, since all that it does is wait: it has a few hundred KiB, an interpreter of
# Python five MiB. That all of the old node is gone before the next one begins is the business of
# that one, which waits for it (otpy/runtime/node/lock.py).
#
# usage: sh heart.sh LOG NAME STARTER COMMAND...
#
# STARTER is - if somebody may read what this prints; else nobody does once the tree is up.
# COMMAND gets three more arguments: the pid of the guardian, how often it has started the node
# again, and how the node ended the last time. The node sends SIGUSR1 once its tree is up, and
# SIGUSR2 as soon as it ends in order: such an end, and one before it was ever up, is final.

log=$1 name=$2 starter=$3
shift 3
node='' pause='' up='' ready='' final='' ended='' restarts=0 delay=0
longest=30 forgotten_after=60

say() {
    now=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)
    { printf '%s @node.1 log WARNING otpy | %s\n' "$now" "$1" >>"$log"; } 2>/dev/null
    # Beside the guardian: a terminal that is stopped is not to hold it.
    printf 'otpy: %s: %s\n' "$name" "$1" >&2 &
}

forward() {
    [ -z "$node" ] || kill -s "$1" "$node" 2>/dev/null
    [ -z "$pause" ] || kill "$pause" 2>/dev/null
}

# A node that starts reads its file anyway, and would be ended by it.
hang_up() {
    if [ -n "$pause" ] || [ -n "$ready" ]; then forward HUP; fi
}

# A signal that is trapped interrupts wait(1): then the process is still there. A shell that reaped
# it in that very moment knows its status still.
await() {
    { wait "$1"; } 2>/dev/null # which would say "Killed"
    status=$?
    while kill -0 "$1" 2>/dev/null; do
        { wait "$1"; } 2>/dev/null
        status=$?
    done
    { wait "$1"; } 2>/dev/null
    again=$?
    [ "$again" = 127 ] || status=$again
}

how() {
    if [ "$1" -gt 128 ]; then
        ended="ended by SIG$(kill -l $(($1 - 128)))"
    else
        ended="ended with status $1"
    fi
}

is_up() {
    up=1 ready=1
    [ "$starter" = - ] || exec >/dev/null 2>&1
}

guard() {
    while :; do
        read -r began _ </proc/uptime
        "$@" "$$" "$restarts" "$ended" &
        node=$!
        [ -z "$final" ] || kill "$node" 2>/dev/null # it came just before
        await "$node"
        node='' ready=''
        if [ "$status" = 0 ] || [ -z "$up" ] || [ -n "$final" ]; then exit "$status"; fi
        how "$status"
        read -r now _ </proc/uptime
        if [ $((${now%.*} - ${began%.*})) -ge $forgotten_after ]; then delay=0; fi
        if [ "$delay" = 0 ]; then
            say "$ended; starting it again"
            delay=1
        else
            say "$ended; starting it again in $delay s"
            sleep "$delay" &
            pause=$!
            await "$pause"
            pause=''
            delay=$((delay * 2))
            if [ "$delay" -gt $longest ]; then delay=$longest; fi
        fi
        if [ -n "$final" ]; then exit 0; fi
        restarts=$((restarts + 1))
    done
}

trap '' PIPE
trap 'final=1; forward TERM' TERM
trap 'final=1; forward INT' INT
trap hang_up HUP
trap is_up USR1
trap 'final=1' USR2
guard "$@"
