/* Who is at the other end of a connection, asked once when it is accepted. */
#ifndef HTTP_IDENT_H
#define HTTP_IDENT_H

#include "http/http.h"

/* The netlink socket for sock_diag questions; -1 = not to be had (then TCP peers stay unknown). */
int ident_open(void);

/* Fills *ret; known stays false wherever any doubt is left. fd: the accepted connection. */
void ident_unix(int fd, struct http_peer *ret);
void ident_tcp(int netlink_fd, int fd, struct http_peer *ret);

/* Does `peer` act as the daemon's own user? Root does over the Unix socket; over TCP uid 0 is too
 * easily somebody else's (a forwarder). */
bool ident_is_owner(const struct http_peer *peer, uid_t owner);

#endif
