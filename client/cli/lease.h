/* cail gpu exec: cards leased from the daemon for a command in the caller's own terminal.
 *
 * The lease is an ordinary job, a service that holds cards and does nothing but wait for this
 * process to end (tail --pid), so it is seen by `why` and `gpus` like any other, ends by itself
 * when we are killed, and goes on when the daemon is restarted. The first lines of its log tell us
 * the token by which the daemon knows the command's processes for its own, and where it runs: our
 * pid means nothing on another machine or in another pid namespace. */
#ifndef CLI_LEASE_H
#define CLI_LEASE_H

#include "cli.h"

/* The command's exit code; 75 with --now when the cards are not to be had; 130 by Ctrl-C before the
 * start. */
int lease_exec(struct cli *cli);

#endif
