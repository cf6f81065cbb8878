# Environment of the pod for login and interactive shells. Services come with theirs complete: it may override this one.
if [ -n "${PINACLE_ENV_READY:-}" ]; then
    unset PINACLE_ENV_READY
elif [ -r /etc/pinacle/env.sh ]; then
    . /etc/pinacle/env.sh
fi
