# shellcheck shell=bash
# Mirrors of upstreams and worktrees of them.
