/* "<epoch>-<seq>", the id of a live event. Pure. */
#ifndef HTTP_EVENT_ID_H
#define HTTP_EVENT_ID_H

#include <stdbool.h>
#include <stdint.h>

/* false: of another process's epoch, or no id at all. */
bool event_id_read(const char *text, const char *epoch, uint64_t *ret_seq);

#endif
