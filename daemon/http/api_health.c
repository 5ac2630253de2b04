/* Is it there, is it well, which one is it. Exempt from waiting for a COMMIT: a daemon whose disk stalls
 * must still be able to say so. */
#include "http/api.h"

API_SERVE(api_healthz)
{
    (void)app, (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    str_adds(&reply->body, "{\"status\":\"ok\"}\n");
    return 0;
}
