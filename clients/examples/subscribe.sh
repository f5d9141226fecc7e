#!/usr/bin/env bash
# Print what is said, turn by turn, with bash, socat and od: nothing of heard, of ZeroMQ or of msgpack.
# It speaks ZMTP 3.0 itself (https://rfc.zeromq.org/spec/23/): greeting, READY, one subscription, then messages.
# usage: subscribe.sh [SOURCE]     (needs: apt install socat)
set -eu -o pipefail
socket=${HEARD_RUNTIME_DIR:-${XDG_RUNTIME_DIR:-/run}/heard}/transcripts
topic=transcript.final.${1:-}

# What is written: 64 bytes of greeting (version 3.0, mechanism NULL), the command READY of a SUB socket, and the
# subscription. Frames are: flags (4: command), length, content.
hello() {
    printf '\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL%048d' 0 | tr 0 '\0'
    sleep 0.2  # libzmq hangs up on who sends more before it has answered
    printf '\4\x19\5READY\13Socket-Type\0\0\0\3SUB'
    printf "\\0\\x$(printf %02x $((${#topic} + 1)))\\1%s" "$topic"
}

# What is read comes as one number a line, so that bash can hold bytes that are 0.
byte() { read -r REPLY; }
skip() { local n; for ((n = 0; n < $1; n++)); do byte; done; }
number() { local n value=0; for ((n = 0; n < $1; n++)); do byte; ((value = value * 256 + REPLY)) || :; done; REPLY=$value; }
text() {
    local n hex=''
    for ((n = 0; n < $1; n++)); do byte; printf -v hex '%s\\x%02x' "$hex" "$REPLY"; done
    printf -v REPLY '%b' "$hex"
}

# One value of msgpack (https://msgpack.org): what is text goes into REPLY, all else is passed over.
value() {
    local kind n count each=1
    byte; kind=$REPLY
    if ((kind < 0x80 || kind >= 0xe0)); then REPLY=''; return
    elif ((kind < 0x90)); then count=$((kind & 15)) each=2
    elif ((kind < 0xa0)); then count=$((kind & 15))
    elif ((kind < 0xc0)); then text $((kind & 31)); return
    else case $kind in
        192 | 194 | 195) REPLY=''; return ;;                              # nil, false, true
        196 | 197 | 198) number $((1 << (kind - 196))); skip "$REPLY"; REPLY=''; return ;;  # bytes
        202) skip 4; REPLY=''; return ;;                                  # float 32
        203) skip 8; REPLY=''; return ;;                                  # float 64
        204 | 205 | 206 | 207) skip $((1 << (kind - 204))); REPLY=''; return ;;  # unsigned
        208 | 209 | 210 | 211) skip $((1 << (kind - 208))); REPLY=''; return ;;  # signed
        217 | 218 | 219) number $((1 << (kind - 217))); text "$REPLY"; return ;;
        220 | 221) number $((2 << (kind - 220))); count=$REPLY ;;         # array
        222 | 223) number $((2 << (kind - 222))); count=$REPLY each=2 ;;  # map
        *) echo "subscribe.sh: not msgpack: $kind" >&2; exit 1 ;;
    esac; fi
    for ((n = 0; n < count * each; n++)); do value; done
    REPLY=''
}

# The body of a final: a map with `source` and `text` among its fields.
final() {
    local count n key source='' said=''
    byte
    case $REPLY in
        222) number 2; count=$REPLY ;;
        223) number 4; count=$REPLY ;;
        *) count=$((REPLY & 15)) ;;
    esac
    for ((n = 0; n < count; n++)); do
        value; key=$REPLY
        value
        case $key in source) source=$REPLY ;; text) said=$REPLY ;; esac
    done
    printf '%s: %s\n' "$source" "$said"
}

hello | socat -,ignoreeof "UNIX-CONNECT:$socket" | stdbuf -oL od -An -v -tu1 -w1 | {
    skip 64  # the daemon's greeting
    while byte; do
        flags=$REPLY
        if ((flags & 2)); then number 8; else number 1; fi
        if ((flags & 4)); then skip "$REPLY"      # a command: READY, or PING, which heard does not send
        elif ((flags & 1)); then skip "$REPLY"    # the topic; more follows
        else final
        fi
    done
}
