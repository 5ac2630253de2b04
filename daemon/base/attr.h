/* Compiler attributes and the cleanup idiom. The only place for GNU extensions. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#define NODISCARD         __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define CLEANUP(f)        __attribute__((cleanup(f)))
#define NORETURN          __attribute__((noreturn))
#define FALLTHROUGH       __attribute__((fallthrough))
#define UNUSED            __attribute__((unused))

#define ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))

#endif
