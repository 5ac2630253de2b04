#include "git.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

#define GIT_WORDS_MAX 40
#define GIT_OUT_MAX   ((size_t)16 << 20)

void git_settle(void)
{
    /* git rev-parse --local-env-vars, and what makes it ask other programs. */
    static const char *const away[] = {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CONFIG",
        "GIT_OBJECT_DIRECTORY",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_REPLACE_REF_BASE",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_COMMON_DIR",
        "GIT_EXTERNAL_DIFF",
        "GIT_QUARANTINE_PATH",
    };
    for (size_t i = 0; i < sizeof away / sizeof away[0]; i++)
        unsetenv(away[i]);
    setenv("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh", 1); /* not ext::, which runs the URL */
    setenv("GIT_PAGER", "cat", 1);
}

static _Noreturn void become(const char *const words[], enum git_words how, int out)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0 && how == GIT_QUIET)
        dup2(null, STDERR_FILENO);
    dup2(out >= 0 ? out : STDERR_FILENO, STDOUT_FILENO);
    execvp("git", (char *const *)(uintptr_t)(const void *)words);
    _exit(errno == ENOENT ? 127 : 126);
}

static void collect(int fd, struct cail_buf *out)
{
    char piece[16384];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        if (out->len + (size_t)n <= GIT_OUT_MAX)
            cail_buf_add(out, piece, (size_t)n);
    }
}

int git_run(const char *dir, enum git_words how, struct cail_buf *out, const char *const argv[])
{
    const char *words[GIT_WORDS_MAX] = {"git"};
    size_t n = 1;
    int pipe_fd[2] = {-1, -1}, status;
    if (dir != NULL) {
        words[n++] = "-C";
        words[n++] = dir;
    }
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (n + 1 >= GIT_WORDS_MAX)
            abort();
        words[n++] = argv[i];
    }
    if (out != NULL && pipe2(pipe_fd, O_CLOEXEC) != 0)
        return EXIT_UNREACHABLE;
    pid_t pid = fork();
    if (pid == 0)
        become(words, how, pipe_fd[1]);
    if (pipe_fd[1] >= 0)
        close(pipe_fd[1]);
    if (out != NULL && pid > 0)
        collect(pipe_fd[0], out);
    if (pipe_fd[0] >= 0)
        close(pipe_fd[0]);
    if (pid < 0)
        return EXIT_UNREACHABLE;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return EXIT_UNREACHABLE;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        cli_say("git is not installed (apt install git)");
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_UNREACHABLE;
}

char *git_line(const char *dir, const char *const argv[])
{
    struct cail_buf out = CAIL_BUF_INIT;
    int code = git_run(dir, GIT_QUIET, &out, argv);
    char *text = cli_take(&out);
    text[strcspn(text, "\n")] = '\0';
    if (code == 0 && text[0] != '\0')
        return text;
    free(text);
    return NULL;
}
