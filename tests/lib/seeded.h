/* Chance for tests, the same everywhere: splitmix64, and what is drawn from it. */
#ifndef TESTS_SEEDED_H
#define TESTS_SEEDED_H

#include <math.h>
#include <stdint.h>

static inline uint64_t seeded_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Within (0, 1), never an end. */
static inline double seeded_unit(uint64_t *state)
{
    return ((double)(seeded_next(state) >> 11) + 0.5) * 0x1p-53;
}

static inline uint64_t seeded_below(uint64_t *state, uint64_t n)
{
    return (uint64_t)(seeded_unit(state) * (double)n);
}

static inline double seeded_normal(uint64_t *state)
{
    double radius = sqrt(-2 * log(seeded_unit(state)));
    return radius * cos(2 * 3.14159265358979323846 * seeded_unit(state));
}

#endif
