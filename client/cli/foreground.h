/* A command of the user's in the user's own terminal, in a process group of its own, by the rules
 * of a shell's foreground job: it gets the terminal and with it Ctrl-C; signals that reach us
 * instead are passed on; when it is stopped we stop too, so that the shell above shows its prompt.
 *
 * Behind a pipe (`... | less`) the terminal stays with our own group, where the others of the
 * pipeline need it, until the command reads from it.
 *
 * What the command leaves behind stays below us (we are its subreaper), so that the end of a lease
 * reaches also what an interactive shell put into other groups. If we are killed, it gets a HUP. */
#ifndef CLI_FOREGROUND_H
#define CLI_FOREGROUND_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

struct foreground {
    int signals;     /* signalfd; readable = call foreground_signals */
    sigset_t before; /* the mask that the command gets back */
    pid_t pid;       /* and process group; 0 = not started */
    int tty;         /* the controlling terminal, -1 = none */
    bool has_tty;    /* it is the command's while that runs */
    bool has_modes;
    struct termios modes; /* the terminal's, from before the command */
    bool ended;
    int status; /* waitpid's, once ended */
};

/* Signals become readable in f->signals from here on. */
void foreground_init(struct foreground *f);
void foreground_done(struct foreground *f);
/* The next signal that is waiting, 0 = none; for the time before there is a command. */
int foreground_signal(struct foreground *f);
/* What Ctrl-Z does, where it is read from a signalfd. Returns when continued. */
void foreground_suspend(void);
/* False: no process to be had. argv ends with NULL; a command that cannot be executed ends with 126
 * or 127, as in a shell. */
bool foreground_start(struct foreground *f, const char *const *argv);
/* Passes on what is waiting and looks after the command: f->ended. */
void foreground_signals(struct foreground *f);
/* Sleep until there is a signal, at most so long. */
void foreground_wait(const struct foreground *f, int timeout_ms);
/* TERM to the command and everything below it, KILL after grace_ms. Returns when nothing is left,
 * or what is left cannot be killed. */
void foreground_end(struct foreground *f, int64_t grace_ms);
/* Processes below us that still run. */
size_t foreground_left(void);
int foreground_exit(const struct foreground *f); /* its exit code, 128+n for signal n */

#endif
