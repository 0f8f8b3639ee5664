/* orproxy chat: one question, or a conversation, with one or several models at once. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "proxy/cli_parts.h"
#include "proxy/conf.h"
#include "proxy/mem.h"

typedef struct session {
    const cli_gateway *gateway;
    bool               colours_out, colours_err, reasoning;
    or_buf             models;                /* as given: "a,b" */
    or_str             model[CLI_MAX_MODELS]; /* of it; absent: the gateway's default */
    unsigned           num;
    int                fd[CLI_MAX_MODELS]; /* one for each; -1: closed */
    cli_answer         answer[CLI_MAX_MODELS];
    cli_history        history[CLI_MAX_MODELS];
    const char        *system;
    int64_t            spent;            /* pico-USD, what is known */
    unsigned           answers, unknown; /* how many, and how many of unknown cost */
} session;

enum {
    MAX_MODELS_TEXT = 4096,
    TURN_MS = 300 /* so late Ctrl-C is seen when it comes just before waiting */
};

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Without SA_RESTART: what waits is woken. */
static void catch_interrupt(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
}

/* ---- the gateway ---- */

static void hang_up(session *s)
{
    for (unsigned i = 0; i < CLI_MAX_MODELS; i++) {
        if (s->fd[i] >= 0) close(s->fd[i]);
        s->fd[i] = -1;
    }
}

/* On an idle connection nothing comes but its end. */
static bool is_idle(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    return fd >= 0 && poll(&p, 1, 0) == 0;
}

/* Have a connection for each model. 0, or an exit status. */
static int dial(session *s)
{
    bool good = true;
    for (unsigned i = 0; i < s->num; i++) good = good && is_idle(s->fd[i]);
    if (good) return 0;
    hang_up(s);
    return s->gateway->start(s->gateway->user, s->fd, s->num);
}

/* Nothing but white space. */
static bool is_blank(or_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr(" \t\r\n", s.ptr[i]) == NULL || s.ptr[i] == 0) return false;
    return true;
}

/* ---- the models ---- */

static bool set_models(session *s, or_str list)
{
    or_str rest, item;
    or_buf_clear(&s->models);
    or_buf_put_str(&s->models, list);
    if (s->models.err != OR_OK) {
        cli_say("the names of the models are longer than %d bytes", MAX_MODELS_TEXT);
        return false;
    }
    rest = or_buf_str(&s->models);
    s->num = 0;
    while (cli_next_item(&rest, &item)) {
        if (s->num == CLI_MAX_MODELS) {
            cli_say("more than %d models: ask fewer at once", CLI_MAX_MODELS);
            return false;
        }
        s->model[s->num++] = item;
    }
    if (s->num == 0) s->model[s->num++] = or_str_of(NULL, 0);
    return true;
}

/* A new conversation with each. */
static bool begin_histories(session *s)
{
    for (unsigned i = 0; i < CLI_MAX_MODELS; i++) {
        cli_history_cut(&s->history[i], 0);
        if (i < s->num && s->system != NULL &&
            !cli_history_add(&s->history[i], OR_ROLE_SYSTEM, or_str_z(s->system)))
            return false;
    }
    return true;
}

/* ---- a question ---- */

static bool write_body(const session *s, unsigned i, or_buf *body)
{
    or_chat_desc  d = {0};
    or_chat_fault fault = {0};
    d.model = s->model[i];
    d.msgs = s->history[i].msgs;
    d.num_msgs = s->history[i].num;
    d.stream = true;
    or_err e = or_chat_write(body, &d);
    if (e == OR_OK) return true;
    (void)or_chat_check(&d, &fault);
    cli_say("the question cannot be sent: %s%s%s", fault.field != NULL ? fault.field : "",
            fault.field != NULL ? ": " : "", or_err_text(e));
    return false;
}

/* Add the question to what each was told. False: to none of them. */
static bool add_question(session *s, or_str text)
{
    for (unsigned i = 0; i < s->num; i++) {
        if (cli_history_add(&s->history[i], OR_ROLE_USER, text)) continue;
        while (i > 0) cli_history_drop_last(&s->history[--i]);
        cli_say("the question needs more memory than limits.memory allows");
        return false;
    }
    return true;
}

/* False: one of the questions cannot be written. */
static bool ask(session *s)
{
    or_buf body;
    bool   good = true;
    or_buf_init_growing(&body, &mem_allocator, 6 * (size_t)CLI_MAX_TEXT);
    for (unsigned i = 0; i < s->num && good; i++) {
        cli_answer *a = &s->answer[i];
        or_buf_clear(&body);
        if (!(good = write_body(s, i, &body))) break;
        memset(a, 0, sizeof *a);
        a->model = s->model[i];
        a->colours = s->colours_out;
        a->reasoning = s->reasoning;
        cli_answer_begin(a, s->fd[i], or_buf_str(&body));
    }
    or_buf_free(&body);
    return good;
}

/* Wait for any of the answers, and take what came. */
static void turn(session *s)
{
    struct pollfd p[CLI_MAX_MODELS];
    for (unsigned i = 0; i < s->num; i++) {
        const cli_answer *a = &s->answer[i];
        p[i].fd = a->x.over ? -1 : a->x.fd; /* poll passes over -1 */
        p[i].events = cli_exchange_wants(&a->x);
        p[i].revents = 0;
    }
    int n = interrupted ? -1 : poll(p, s->num, TURN_MS);
    for (unsigned i = 0; i < s->num; i++) {
        if (interrupted) cli_answer_interrupt(&s->answer[i]);
        if (n > 0 && p[i].revents != 0) cli_answer_step(&s->answer[i]);
    }
}

static void print_header(const session *s, unsigned i)
{
    char   mem[1024];
    or_buf out;
    if (s->num < 2) return;
    or_buf_init(&out, mem, sizeof mem);
    or_buf_put_z(&out, i > 0 ? "\n" : "");
    or_buf_put_z(&out, s->colours_out ? "\033[1m== " : "== ");
    cli_put_clean(&out, s->model[i], true);
    or_buf_put_z(&out, s->colours_out ? " ==\033[0m\n" : " ==\n");
    (void)cli_print(or_buf_str(&out));
}

static void print_end(session *s, const cli_answer *a)
{
    char   mem[1024];
    or_buf out;
    if (a->failure.len > 0)
        cli_say("%.*s: %.*s", (int)a->model.len, a->model.ptr != NULL ? a->model.ptr : "",
                (int)a->failure.len, a->failure.ptr);
    or_buf_init(&out, mem, sizeof mem);
    or_buf_put_z(&out, s->colours_err ? "\033[2m[" : "[");
    cli_answer_footer(a, &out);
    or_buf_put_z(&out, s->colours_err ? "]\033[0m\n" : "]\n");
    (void)fwrite(out.ptr, 1, out.len, stderr);
    s->answers++;
    if (a->usage.cost_set)
        s->spent = or_money_add(s->spent, a->usage.cost_pico_usd > 0 ? a->usage.cost_pico_usd : 0);
    else if (a->x.status == 200 || a->interrupted) /* a refusal costs nothing */
        s->unknown++;
}

/* Print what is there, in the order of the models: one is shown as it comes, those behind it
   when it is over. False: nobody reads it. */
static bool print_ready(session *s, unsigned *shown)
{
    bool good = true;
    while (good && *shown < s->num) {
        cli_answer *a = &s->answer[*shown];
        good = cli_print(or_buf_str(&a->pending));
        or_buf_clear(&a->pending);
        if (!a->x.over) return good;
        print_end(s, a);
        if (++*shown < s->num) print_header(s, *shown);
    }
    return good;
}

/* What is remembered: a question without any answer is not. */
static void remember(session *s, unsigned i)
{
    const cli_answer *a = &s->answer[i];
    if (a->text.len == 0 ||
        !cli_history_add(&s->history[i], OR_ROLE_ASSISTANT, or_buf_str(&a->text)))
        cli_history_drop_last(&s->history[i]);
}

/* Ask all, print all. CLI_FAILED when an answer failed. */
static int question(session *s, or_str text)
{
    unsigned shown = 0;
    bool     good = true;
    int      status = dial(s);
    if (status != 0) return status;
    if (!add_question(s, text)) return CLI_FAILED;
    interrupted = 0;
    if (!ask(s)) {
        hang_up(s); /* what was asked already is given up */
        status = CLI_FAILED;
    } else {
        print_header(s, 0);
        while (good && (good = print_ready(s, &shown)) && shown < s->num) turn(s);
        if (!good) cli_say("cannot write to standard output");
    }
    for (unsigned i = 0; i < s->num; i++) {
        cli_answer *a = &s->answer[i];
        if (!a->x.keep || !a->x.over) hang_up(s);
        if (!good || !cli_answer_good(a)) status = CLI_FAILED;
        remember(s, i);
        cli_answer_end(a);
    }
    return status;
}

/* ---- the conversation ---- */

static void say_cost(const session *s)
{
    char   mem[256];
    or_buf out;
    or_buf_init(&out, mem, sizeof mem);
    or_buf_put_u64(&out, s->answers);
    or_buf_put_z(&out, s->answers == 1 ? " answer, " : " answers, ");
    cli_put_usd(&out, s->spent);
    if (s->unknown > 0) {
        or_buf_put_z(&out, ", and ");
        or_buf_put_u64(&out, s->unknown);
        or_buf_put_z(&out, " of unknown cost");
    }
    fprintf(stderr, "%.*s\n", (int)out.len, out.ptr);
}

static void change_models(session *s, or_str list)
{
    char   old[MAX_MODELS_TEXT];
    or_str was = or_buf_str(&s->models);
    if (list.len == 0) {
        fprintf(stderr, "%.*s\n", (int)was.len, was.len > 0 ? was.ptr : "");
        return;
    }
    if (was.len > 0) memcpy(old, was.ptr, was.len);
    if (!set_models(s, list)) (void)set_models(s, or_str_of(old, was.len));
    hang_up(s); /* it may be another number of connections */
    (void)begin_histories(s);
}

static void list_models(session *s, or_str search)
{
    bool keep = false;
    if (dial(s) != 0) return;
    (void)cli_models_list(s->fd[0], search, false, &keep);
    if (!keep) hang_up(s);
}

static const char conversation_help[] =
    "/new              begin a new conversation\n"
    "/model NAME,...   ask these from now on, in a new conversation; alone: who is asked\n"
    "/models [SEARCH]  what can be asked for\n"
    "/cost             what the answers have cost so far\n"
    "/quit             end; so does Ctrl-D\n"
    "A line that ends in \\ goes on in the next one. A space before / sends it as it is.\n";

/* False: the end. */
static bool obey(session *s, or_str line)
{
    static const char *const names[] = {"/new", "/model", "/models", "/cost", "/quit", "/help"};
    char                     word[32];
    size_t                   end = or_str_find(line, OR_STR(" "), 0);
    or_str                   rest = or_str_trim(or_str_of(line.ptr + end, line.len - end));
    const char              *nearest;
    snprintf(word, sizeof word, "%.*s", end < 31 ? (int)end : 31, line.ptr);
    if (strcmp(word, "/quit") == 0 || strcmp(word, "/exit") == 0) return false;
    if (strcmp(word, "/new") == 0)
        (void)begin_histories(s);
    else if (strcmp(word, "/model") == 0)
        change_models(s, rest);
    else if (strcmp(word, "/models") == 0)
        list_models(s, rest);
    else if (strcmp(word, "/cost") == 0)
        say_cost(s);
    else if (strcmp(word, "/help") == 0)
        fputs(conversation_help, stderr);
    else if ((nearest = conf_nearest(word, names, 6)) != NULL)
        cli_say("no command %s: did you mean %s?", word, nearest);
    else
        cli_say("no command %s: /help lists them; a space before / sends it as it is", word);
    return true;
}

/* Append a line of the terminal. OR_DONE: the end of input. OR_NEED_MORE: Ctrl-C. */
static or_err read_line(or_buf *line)
{
    for (;;) {
        ssize_t n;
        if (or_buf_reserve(line, CLI_READ) != OR_OK) return line->err;
        n = read(STDIN_FILENO, line->ptr + line->len, CLI_READ);
        if (n < 0 && errno == EINTR) return OR_NEED_MORE;
        if (n <= 0) return OR_DONE;
        line->len += (size_t)n;
        if (line->ptr[line->len - 1] == '\n') return OR_OK;
    }
}

/* Lines until one does not end in a backslash. */
static or_err read_question(const session *s, or_buf *text)
{
    or_buf_clear(text);
    for (;;) {
        const char *prompt = text->len > 0 ? ".. " : "> ";
        fprintf(stderr, s->colours_err ? "\033[1m%s\033[0m" : "%s", prompt);
        interrupted = 0;
        or_err e = read_line(text);
        if (e != OR_OK) return e;
        text->len--; /* the line end */
        if (text->len == 0 || text->ptr[text->len - 1] != '\\') return OR_OK;
        text->ptr[text->len - 1] = '\n';
    }
}

static int converse(session *s)
{
    or_buf text;
    or_err e = OR_OK;
    int    status = CLI_OK;
    or_buf_init_growing(&text, &mem_allocator, CLI_MAX_TEXT);
    catch_interrupt();
    if (s->colours_err) fputs("/help lists commands, Ctrl-D ends\n", stderr);
    while (e != OR_DONE) {
        e = read_question(s, &text);
        or_str line = or_buf_str(&text);
        if (e == OR_DONE || e == OR_NEED_MORE) fputc('\n', stderr);
        if (e < 0) cli_say("the question is longer than %d bytes: begin anew", CLI_MAX_TEXT);
        if (e != OR_OK || is_blank(line)) continue;
        if (line.ptr[0] == '/') {
            if (!obey(s, line)) break;
        } else if (question(s, line) != CLI_OK) {
            status = CLI_FAILED;
        }
    }
    or_buf_free(&text);
    return status;
}

/* ---- the command ---- */

static bool from_stdin(const cli_command *c)
{
    return c->num_words == 0 || (c->num_words == 1 && strcmp(c->words[0], "-") == 0);
}

static int ask_once(session *s, const cli_command *c)
{
    or_buf text;
    int    status = CLI_FAILED;
    bool   good = true;
    or_buf_init_growing(&text, &mem_allocator, CLI_MAX_TEXT);
    if (from_stdin(c))
        good = cli_read_all(&text, "-");
    else
        cli_put_words(c, &text);
    if (good && is_blank(or_buf_str(&text))) {
        cli_say("chat: nothing to ask: give a text, see orproxy chat --help");
        status = CLI_USAGE;
    } else if (good) {
        catch_interrupt();
        status = question(s, or_buf_str(&text));
    }
    or_buf_free(&text);
    return status;
}

static void end_session(session *s)
{
    hang_up(s);
    for (unsigned i = 0; i < CLI_MAX_MODELS; i++) cli_history_free(&s->history[i]);
    or_buf_free(&s->models);
    mem_free(s, sizeof *s);
}

int cli_chat(const cli_command *c, const cli_gateway *g)
{
    session *s = mem_alloc(sizeof *s);
    int      status = CLI_FAILED;
    if (s == NULL) {
        cli_say("out of memory: limits.memory is too small");
        return CLI_FAILED;
    }
    for (unsigned i = 0; i < CLI_MAX_MODELS; i++) s->fd[i] = -1;
    s->gateway = g;
    s->system = c->system;
    s->colours_out = cli_colours(stdout);
    s->colours_err = cli_colours(stderr);
    s->reasoning = c->reasoning || s->colours_out;
    or_buf_init_growing(&s->models, &mem_allocator, MAX_MODELS_TEXT);
    if (set_models(s, or_str_z(c->model != NULL ? c->model : "")) && begin_histories(s)) {
        bool talk = c->num_words == 0 && isatty(STDIN_FILENO);
        status = talk ? converse(s) : ask_once(s, c);
    }
    end_session(s);
    return status;
}
