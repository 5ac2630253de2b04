/* Causes of slowed clocks as telemetry names them. Private to peers.c and peers_say.c. */
#ifndef HTTP_PEERS_WORDS_H
#define HTTP_PEERS_WORDS_H

extern const char *const peer_causes[];

#endif
