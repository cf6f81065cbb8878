#!/usr/bin/env bash
# Tests leave nothing on the engine: no container, network or volume.
set -euo pipefail

# labelled LABEL: `kind id name`, a line each.
labelled() {
    docker ps -a --no-trunc --filter "label=$1" --format 'container {{.ID}} {{.Names}}'
    docker network ls --no-trunc --filter "label=$1" --format 'network {{.ID}} {{.Name}}'
    docker volume ls --filter "label=$1" --format 'volume {{.Name}} {{.Name}}'
}

pinacle_objects() { { labelled dev.pinacle.pod; labelled dev.pinacle.owner; labelled dev.pinacle.check; } | sort -u; }

remember_objects() { pinacle_objects >"$run_dir/objects"; }

# new_objects: those that were not there when the scenarios began.
new_objects() { pinacle_objects | comm -13 "$run_dir/objects" -; }

remove_object() {
    case $1 in
        container) docker rm -f -v "$2" ;;
        network) docker network rm "$2" ;;
        volume) docker volume rm -f "$2" ;;
    esac >/dev/null 2>&1 || note "could not remove $1 $2"
}

# of_owner OWNER: a pod's things and those of a check of a runtime, containers first: a network in use cannot go.
of_owner() { { labelled "dev.pinacle.owner=$1"; labelled "dev.pinacle.check=$1"; } | sort -u; }

# A test that was ended for taking too long cannot clean up, but its daemon's state directory is still there and
# names the owner on the labels.
remove_abandoned() {
    local file kind id name
    while read -r file; do
        while read -r kind id name; do
            note "a test that was ended left $kind $name"
            remove_object "$kind" "$id"
        done < <(of_owner "$(tr -d '[:space:]' <"$file")")
    done < <(find "$run_dir/tmp" -name owner -type f -size -2 2>/dev/null)
}

nothing_left_behind() {
    local left
    left=$(labelled "dev.pinacle.test=$run_id")
    [ ! -s "$run_dir/abandoned" ] || left+=$(printf '\n%s' "$(cat "$run_dir/abandoned")")
    [ ! -e "$run_dir/objects" ] || left+=$(printf '\n%s' "$(new_objects)")
    left=$(sed '/^$/d' <<<"$left")
    if [ -z "$left" ]; then
        note "nothing is left on the engine"
    elif [ -n "${SHARED_ENGINE:-}" ]; then
        note "appeared meanwhile on the shared engine:" "$left"
    else
        complain "left on the engine:" "$left"
    fi
}
