/* Bisections: chains of comparisons (trial/bisect.h says what is asked next). One that runs is
 * known to the engine; its answers are rows, so a restart goes on. Loop thread, under the rules of
 * engine.h, but for bisection_doc. */
#ifndef ENGINE_BISECT_H
#define ENGINE_BISECT_H

#include "engine/engine.h"
#include "store/bisections.h"
#include "wire/bisection_request.h"

/* rq stays the caller's; pr: its one address, NULL = none. *ret is live. */
int engine_bisect(struct engine *e, const struct bisection_request *rq, const char *pr, uid_t uid,
                  struct bisection **ret, struct cail_err *err) NODISCARD;
/* Live, or ended and not stored yet; else NULL. */
struct bisection *engine_bisection(struct engine *e, int64_t id);
/* And the comparison that runs for it. b is running. */
int engine_bisection_cancel(struct engine *e, struct bisection *b, int64_t grace_ms,
                            struct cail_err *err) NODISCARD;

/* Of a live one on the loop thread, of a row on any. culprit: what is known of the commit, NULL =
 * nothing. whole: with steps and suspects. */
struct jw;
void bisection_doc(struct jw *w, const struct bisection *b, const struct commit_info *culprit,
                   bool whole);

/* --- for the engine itself --- */
/* c has just ended; it is still in memory. */
void bisect_comparison_ended(struct engine *e, const struct comparison *c);
void bisect_loaded(struct engine *e, struct bisection *b);
/* All is loaded: those without a comparison go on. */
void bisect_resume(struct engine *e);
void bisect_go_on(struct engine *e, int64_t id); /* EFFECT_BISECT */
void bisect_drop_all(struct engine *e);

#endif
