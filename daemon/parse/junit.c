/* JUnit XML: pytest, lit, ctest, gtest, cargo-nextest, the CUTLASS profiler. A testcase is a check
 * row, named "classname.name". failure and error are failed; skipped is skipped, but for pytest's
 * xfail, which is what was expected; status notrun or disabled is skipped. lit writes XPASS as a
 * plain testcase: its JSON knows better.
 *
 * The document type is refused as a whole: no entity, external or not, is ever expanded. */
#include <expat.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

enum { XML_DEPTH_MAX = 64 };

struct suite {
    struct parse_in *in;
    XML_Parser xml;
    struct str name;
    enum result_status status;
    double seconds;
    int depth, case_depth; /* case_depth 0 = outside a testcase */
    int rc;
};

static const char *attribute(const XML_Char **atts, const char *name)
{
    for (; *atts; atts += 2)
        if (strcmp(atts[0], name) == 0)
            return atts[1];
    return NULL;
}

static void stop(struct suite *s, int rc)
{
    s->rc = rc;
    XML_StopParser(s->xml, XML_FALSE);
}

/* parse_bad and the rows name the line that expat is at. */
static void bad(struct suite *s, const char *what)
{
    s->in->text.line_no = (int64_t)XML_GetCurrentLineNumber(s->xml);
    stop(s, parse_bad(s->in, "%s", what));
}

static bool has_word(const char *s, const char *const words[], size_t n)
{
    for (size_t i = 0; s && i < n; i++)
        if (strcasecmp(s, words[i]) == 0)
            return true;
    return false;
}

static void begin_case(struct suite *s, const XML_Char **atts)
{
    static const char *const not_run[] = {"notrun", "disabled", "skipped", "suppressed"};
    static const char *const failed[] = {"fail", "failed"};
    const char *class = attribute(atts, "classname"), *name = attribute(atts, "name");
    const char *time = attribute(atts, "time"), *status = attribute(atts, "status");
    const char *result = attribute(atts, "result");
    str_clear(&s->name);
    if (class && *class && (!name || strcmp(class, name) != 0))
        str_addf(&s->name, "%s.", class);
    str_adds(&s->name, name ? name : "");
    s->case_depth = s->depth;
    s->status = RESULT_OK;
    if (has_word(status, not_run, ARRAY_LEN(not_run)) ||
        has_word(result, not_run, ARRAY_LEN(not_run)))
        s->status = RESULT_SKIPPED;
    else if (has_word(status, failed, ARRAY_LEN(failed)))
        s->status = RESULT_FAILED;
    s->seconds = -1;
    if (!name || !*name)
        bad(s, "a testcase has no name");
    else if (time && *time && !parse_number(time, strlen(time), &s->seconds))
        bad(s, "a testcase's time is not a number");
}

static void XMLCALL on_start(void *user, const XML_Char *element, const XML_Char **atts)
{
    struct suite *s = user;
    if (s->rc)
        return;
    if (++s->depth > XML_DEPTH_MAX) {
        bad(s, "nested deeper than 64 elements");
    } else if (s->depth == 1 && strcmp(element, "testsuites") != 0 &&
               strcmp(element, "testsuite") != 0) {
        bad(s, "the root is neither testsuites nor testsuite");
    } else if (strcmp(element, "testcase") == 0) {
        if (s->case_depth)
            bad(s, "a testcase within a testcase");
        else
            begin_case(s, atts);
    } else if (s->case_depth && s->depth == s->case_depth + 1) {
        const char *type = attribute(atts, "type");
        if (strcmp(element, "failure") == 0 || strcmp(element, "error") == 0)
            s->status = RESULT_FAILED;
        else if (strcmp(element, "skipped") == 0 && s->status == RESULT_OK &&
                 (!type || strcmp(type, "pytest.xfail") != 0))
            s->status = RESULT_SKIPPED;
    }
}

static void XMLCALL on_end(void *user, const XML_Char *element)
{
    struct suite *s = user;
    (void)element;
    if (s->rc)
        return;
    if (s->depth == s->case_depth) {
        s->case_depth = 0;
        s->in->text.line_no = (int64_t)XML_GetCurrentLineNumber(s->xml);
        int rc = parse_put_check(s->in, s->name.p, NULL, s->status, s->seconds);
        if (rc)
            stop(s, rc);
    }
    s->depth--;
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal;
    bad(user, "a document type is not taken");
}

static int xml_error(struct suite *s)
{
    if (s->rc)
        return s->rc;
    return err_set(s->in->err, E_BAD_REQUEST, "line %llu, column %llu: %s",
                   (unsigned long long)XML_GetCurrentLineNumber(s->xml),
                   (unsigned long long)XML_GetCurrentColumnNumber(s->xml) + 1,
                   XML_ErrorString(XML_GetErrorCode(s->xml)));
}

/* In one piece: expat reads a long token anew with each piece it comes in. */
static int read_xml(struct parse_in *in)
{
    struct suite s = {.in = in};
    if (in->text.len > INT_MAX)
        return err_set(in->err, E_TOO_LARGE, "line 1: more than 2 GiB");
    s.xml = XML_ParserCreate(NULL);
    if (!s.xml)
        return err_set(in->err, E_NO_MEMORY, "out of memory");
    XML_SetUserData(s.xml, &s);
    XML_SetElementHandler(s.xml, on_start, on_end);
    XML_SetStartDoctypeDeclHandler(s.xml, on_doctype);
    XML_SetParamEntityParsing(s.xml, XML_PARAM_ENTITY_PARSING_NEVER);
    int rc = 0;
    if (XML_Parse(s.xml, in->text.p, (int)in->text.len, XML_TRUE) != XML_STATUS_OK || s.rc)
        rc = xml_error(&s);
    XML_ParserFree(s.xml);
    str_done(&s.name);
    return rc;
}

bool junit_detect(const char *p, size_t len)
{
    size_t bom = len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    return parse_first(p + bom, len - bom) == '<' && parse_has(p, len, "<testsuite");
}

int junit_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                struct cail_err *err)
{
    return parse_with(read_xml, p, len, benchmark, out, err);
}
