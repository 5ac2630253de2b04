/* The job's output: one pipe, spliced into `log`, which is made at the first byte. Byte N of the
 * output is byte N of the file. Past the cap the middle is punched out: the first half of the cap
 * stays as the head, the newest half as the tail. What is missing is one range, the hole.
 *
 * Where the file system has no holes, what comes after the cap is dropped instead (the head stays,
 * there is no tail); what cannot be written (disk full) is dropped too, and the job runs on. */
#ifndef RUN_OUTPUT_H
#define RUN_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

struct output {
    int in;            /* read end of the pipe, O_NONBLOCK: a job can read from it, too */
    int log;           /* -1 until the first byte, and when it cannot be made */
    int64_t cap_bytes; /* 0 = none */
    int64_t bytes;     /* so far, dropped ones included */
    int64_t hole_from, hole_to;
    bool no_splice, no_holes;
};

/* Move what is there, at most one pipe's worth: bytes moved, 0 = nothing now, -1 = no writer is
 * left (or the pipe is broken). Never blocks on the pipe. */
int64_t output_pump(struct output *o);
/* Move what is in the pipe at this moment and no more: a stranger that holds the other end and
 * writes on must not keep us. */
void output_drain(struct output *o);
/* Make the file as long as the output was. */
void output_end(struct output *o);

#endif
