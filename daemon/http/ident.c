/* Peer identity: SO_PEERCRED on the Unix socket, sock_diag for TCP over loopback. */
#include "http/ident.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the kernel shows for a uid that has no place in our user namespace (its default value). */
#define OVERFLOW_UID 65534u

int ident_open(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
}

void ident_unix(int fd, struct http_peer *ret)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    memset(ret, 0, sizeof *ret);
    ret->is_unix = true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 || cred.uid == OVERFLOW_UID ||
        cred.uid == (uid_t)-1)
        return;
    ret->known = true;
    ret->uid = cred.uid;
    ret->pid = cred.pid;
}

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

/* The client's own socket: its source is our peer, its destination is us. False: not IP. */
static bool ask(struct question *q, const struct sockaddr_storage *peer,
                const struct sockaddr_storage *self)
{
    memset(q, 0, sizeof *q);
    q->head.nlmsg_len = sizeof *q;
    q->head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    q->head.nlmsg_flags = NLM_F_REQUEST;
    q->body.sdiag_family = (uint8_t)peer->ss_family;
    q->body.sdiag_protocol = IPPROTO_TCP;
    q->body.idiag_states = UINT32_MAX;
    q->body.id.idiag_cookie[0] = q->body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    if (peer->ss_family == AF_INET && self->ss_family == AF_INET) {
        const struct sockaddr_in *p = (const void *)peer, *s = (const void *)self;
        q->body.id.idiag_sport = p->sin_port;
        q->body.id.idiag_dport = s->sin_port;
        q->body.id.idiag_src[0] = p->sin_addr.s_addr;
        q->body.id.idiag_dst[0] = s->sin_addr.s_addr;
        return true;
    }
    if (peer->ss_family != AF_INET6 || self->ss_family != AF_INET6)
        return false;
    const struct sockaddr_in6 *p = (const void *)peer, *s = (const void *)self;
    q->body.id.idiag_sport = p->sin6_port;
    q->body.id.idiag_dport = s->sin6_port;
    memcpy(q->body.id.idiag_src, &p->sin6_addr, 16);
    memcpy(q->body.id.idiag_dst, &s->sin6_addr, 16);
    return true;
}

/* The kernel answers inside send(), so a read that would wait means there is no answer. Answers to
 * earlier questions (none are expected) are read past. */
static bool answer(int netlink_fd, uint32_t seq, struct inet_diag_msg *ret)
{
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } buf;
    for (int tries = 0; tries < 8; tries++) {
        ssize_t n = recv(netlink_fd, &buf, sizeof buf, MSG_DONTWAIT);
        if (n < 0)
            return false;
        if (!NLMSG_OK(&buf.head, (size_t)n) || buf.head.nlmsg_seq != seq)
            continue;
        if (buf.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            buf.head.nlmsg_len < NLMSG_LENGTH(sizeof *ret))
            return false;
        memcpy(ret, NLMSG_DATA(&buf.head), sizeof *ret);
        return true;
    }
    return false;
}

static bool still_established(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           info.tcpi_state == TCP_ESTABLISHED;
}

/* Four conditions, each with a real impostor behind it: the exact 4-tuple is answered; its socket
 * is ESTABLISHED and has an inode (a client that has closed reads as uid 0 without one); our own
 * end is still ESTABLISHED afterwards (after a reset another process may hold the same 4-tuple);
 * and the uid exists in our user namespace. */
void ident_tcp(int netlink_fd, int fd, struct http_peer *ret)
{
    static uint32_t seq;
    struct sockaddr_storage peer, self;
    socklen_t peer_len = sizeof peer, self_len = sizeof self;
    struct question q;
    struct inet_diag_msg m;
    memset(ret, 0, sizeof *ret);
    if (netlink_fd < 0 || getpeername(fd, (struct sockaddr *)&peer, &peer_len) != 0 ||
        getsockname(fd, (struct sockaddr *)&self, &self_len) != 0 || !ask(&q, &peer, &self))
        return;
    q.head.nlmsg_seq = ++seq;
    if (send(netlink_fd, &q, sizeof q, 0) != (ssize_t)sizeof q || !answer(netlink_fd, seq, &m))
        return;
    if (m.idiag_state != TCP_ESTABLISHED || m.idiag_inode == 0 || m.idiag_uid == OVERFLOW_UID)
        return;
    if (!still_established(fd))
        return;
    ret->known = true;
    ret->uid = m.idiag_uid;
}

bool ident_is_owner(const struct http_peer *peer, uid_t owner)
{
    return peer->known && (peer->uid == owner || (peer->uid == 0 && peer->is_unix));
}
