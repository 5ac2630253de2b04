/* Lines about commits: what is read of them, and what a stranger's words may do (nothing). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/commits.h"

#define SHA "0123456789abcdef0123456789abcdef01234567"

static struct commits *parse(const char *text)
{
    return commits_parse(text, strlen(text));
}

static void a_whole_line(void **state)
{
    struct commits *c = parse(SHA "\t42\t1700000000\tAda L\tfix: a b\tc\n");
    (void)state;
    assert_int_equal(c->n, 1);
    assert_string_equal(c->commit[0].sha, SHA);
    assert_int_equal(c->commit[0].position, 42);
    assert_int_equal(c->commit[0].committed_at_us, 1700000000000000);
    assert_string_equal(c->commit[0].author, "Ada L");
    assert_string_equal(c->commit[0].subject, "fix: a bc");
    commits_free(c);
}

static void what_is_not_known(void **state)
{
    struct commits *c = parse(SHA "\t\t\t\t\n" SHA "\n" SHA "\t-1\tx\n" SHA "\t1234567890123\t1\n");
    (void)state;
    assert_int_equal(c->n, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(c->commit[i].position, -1);
        assert_null(c->commit[i].author);
        assert_null(c->commit[i].subject);
    }
    assert_int_equal(c->commit[0].committed_at_us, 0);
    assert_int_equal(c->commit[2].committed_at_us, 0);
    commits_free(c);
}

static void lines_that_are_none(void **state)
{
    struct commits *c = parse("\n\t\t\nHEAD\t1\t1\ta\tb\n" SHA "x\t1\n../x\t1\n");
    (void)state;
    assert_int_equal(c->n, 0);
    commits_free(c);
}

static void hostile_words(void **state)
{
    struct commits *c = parse(SHA "\t1\t1\t\x1b[31mEve\x7f\t\xff\xfe\xe2\x82x\xc2\x9bok\n");
    (void)state;
    assert_string_equal(c->commit[0].author, "[31mEve");
    assert_string_equal(c->commit[0].subject, "xok");
    commits_free(c);
}

static void no_character_is_cut(void **state)
{
    char text[2000] = SHA "\t1\t1\ta\t";
    (void)state;
    for (int i = 0; i < 400; i++)
        strcat(text, "\xe2\x82\xac");
    struct commits *c = parse(text);
    assert_int_equal(strlen(c->commit[0].subject), 300);
    commits_free(c);
}

static void not_more_than_so_many(void **state)
{
    char *text = calloc(100, 60);
    (void)state;
    for (int i = 0; i < 100; i++)
        strcat(text, SHA "\n");
    struct commits *c = parse(text);
    assert_int_equal(c->n, 64);
    commits_free(c);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_line),        cmocka_unit_test(what_is_not_known),
        cmocka_unit_test(lines_that_are_none), cmocka_unit_test(hostile_words),
        cmocka_unit_test(no_character_is_cut), cmocka_unit_test(not_more_than_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
