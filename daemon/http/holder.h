/* Who has a port, for the sentence in the error. */
#ifndef HTTP_HOLDER_H
#define HTTP_HOLDER_H

#define HOLDER_LEN 96

/* "pid 4711 (nginx)"; "a process of uid 1001" where /proc hides it; "another process" at worst.
 * Reads all of /proc: for start-up alone. */
void holder_of_port(int port, char out[HOLDER_LEN]);

#endif
