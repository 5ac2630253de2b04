#include "trial/bisect.h"

#include <stdlib.h>

#include "base/mem.h"

struct line {
    int32_t n, good, bad;
    bool *passed; /* could not be measured */
    int32_t n_passed;
    bool ends;   /* they were seen to differ */
    bool beside; /* bad was seen to differ from good itself */
    bool equal;  /* the same two were seen to be equal */
    int unsure;  /* times the question that stands was not answered */
};

static void take(struct line *l, const struct bisect_step *s)
{
    if (s->answer == BISECT_UNSURE) {
        l->unsure++;
        return;
    }
    l->unsure = 0;
    switch (s->answer) {
    case BISECT_FAILED:
        l->n_passed += !l->passed[s->at];
        l->passed[s->at] = true;
        break;
    case BISECT_BAD:
        l->ends |= s->at == l->n - 1;
        l->bad = s->at;
        l->beside = s->good == l->good;
        break;
    case BISECT_GOOD:
        if (s->at == l->bad) {
            l->equal = true;
        } else {
            l->good = s->at;
            l->beside = false;
        }
        break;
    case BISECT_UNSURE:
    case BISECT_ANSWER_COUNT:
        break;
    }
}

/* The commit nearest to the middle that was not passed by; good itself: there is none. */
static int32_t middle(const struct line *l)
{
    int32_t mid = l->good + (l->bad - l->good) / 2;
    for (int32_t away = 0; away < l->bad - l->good; away++) {
        if (mid + away < l->bad && !l->passed[mid + away])
            return mid + away;
        if (mid - away > l->good && !l->passed[mid - away])
            return mid - away;
    }
    return l->good;
}

static void stop(struct bisect_next *ret, const char *why)
{
    ret->action = BISECT_STOP;
    ret->why = why;
}

static void ask(const struct line *l, struct bisect_next *ret, int32_t at)
{
    ret->action = BISECT_ASK;
    ret->at = at;
    ret->again = l->unsure > 0;
    for (int32_t wide = l->bad - l->good; wide > 1; wide = (wide + 1) / 2)
        ret->left++;
}

static void found(struct bisect_next *ret, const char *why)
{
    ret->action = BISECT_FOUND;
    ret->why = why;
}

static void decide(const struct line *l, struct bisect_next *ret)
{
    if (l->equal)
        stop(ret, l->ends ? "it is slower than a commit further back, but not than its own "
                            "neighbour: several small steps, or noise"
                          : "the two ends do not differ");
    else if (l->unsure > 1)
        stop(ret, "a comparison stayed inconclusive, with more rounds too");
    else if (l->passed[l->n - 1] && !l->ends)
        stop(ret, "the two ends could not be measured");
    else if (!l->ends)
        ask(l, ret, l->n - 1);
    else if (l->bad - l->good == 1 && l->beside)
        found(ret, NULL);
    else if (l->bad - l->good == 1 && l->passed[l->bad])
        found(ret, "it could not be measured beside its own neighbour");
    else if (l->bad - l->good == 1)
        ask(l, ret, l->bad);
    else if (l->n_passed >= BISECT_FAILED_MAX)
        stop(ret, "too many commits could not be measured");
    else if (middle(l) == l->good)
        stop(ret, "the commits between could not be measured");
    else
        ask(l, ret, middle(l));
}

void bisect_next(int32_t n, const struct bisect_step *step, size_t n_steps, struct bisect_next *ret)
{
    struct line l = {.n = n, .bad = n - 1};
    *ret = (struct bisect_next){.bad = n - 1};
    l.passed = mem_array((size_t)n, sizeof *l.passed);
    for (int32_t i = 0; i < n; i++)
        l.passed[i] = false;
    for (size_t i = 0; i < n_steps && !ret->why; i++) {
        if (step[i].good < l.good || step[i].at <= step[i].good || step[i].at > l.bad)
            stop(ret, "its steps do not follow one another");
        else
            take(&l, &step[i]);
    }
    ret->good = l.good;
    ret->bad = l.bad;
    if (!ret->why)
        decide(&l, ret);
    free(l.passed);
}

enum bisect_answer bisect_answer_of(int verdict)
{
    switch (verdict) {
    case VERDICT_REGRESSION:
        return BISECT_BAD;
    case VERDICT_IMPROVEMENT:
    case VERDICT_CHANGED_SMALL:
    case VERDICT_SAME:
        return BISECT_GOOD;
    case VERDICT_INCONCLUSIVE:
        return BISECT_UNSURE;
    default:
        return BISECT_FAILED;
    }
}
