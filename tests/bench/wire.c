/* Both ends of `make bench`: an upstream that costs little, and clients of its streams.

       wire upstream PORT EVENTS INTERVAL_US [padded]
           Answers each POST alike: with a chat completion (EVENTS 0), or with a stream of that
           many events, INTERVAL_US apart, or as fast as they are taken (INTERVAL_US 0). They
           differ in their text; padded: also in `obfuscation`, as OpenAI's do.
       wire streams PORT CONNECTIONS SPACING_US MS EVENTS FILE
           Opens connections SPACING_US apart; each sends the request in FILE, reads the stream
           to its end and, until MS have passed, does so again. Says "open" and
           how many run when each has had its first event, and at the end one line of JSON.
       wire start PORT FILE COMMAND...
           How many ms from starting the command to its first answer to the request in FILE.

   A paced event carries the time of its sending, behind a '@' (found nowhere else in a stream):
   both ends are on one machine and have one clock. Neutral: nothing of or.h is in here. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_HEAD  = 2048,    /* of a request or an answer */
    MODELS    = 400,     /* in the list of models: about as many as OpenRouter has */
    MAX_WAIT  = 256,     /* events of one epoll_wait */
    STAMP     = 19,      /* digits of a time in ns */
    MAX_TIMES = 1 << 22, /* samples that are kept */
    PATIENCE  = 180      /* seconds beyond that: a run that hangs ends by itself */
};

static int  loop;
static char input[1 << 18];

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in a;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons((uint16_t)port);
    return a;
}

static void watch(int how, int fd, uint32_t events, void *user)
{
    struct epoll_event e;
    e.events = events;
    e.data.ptr = user;
    if (epoll_ctl(loop, how, fd, &e) != 0) die("epoll_ctl: %s", strerror(errno));
}

static void no_delay(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Up to `due`, or without end when it is 0. */
static int wait_until(struct epoll_event *events, uint64_t due)
{
    uint64_t        now = due > 0 ? now_ns() : 0, ns = due > now ? due - now : 0;
    struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    int             n = epoll_pwait2(loop, events, MAX_WAIT, due > 0 ? &t : NULL, NULL);
    if (n < 0 && errno != EINTR) die("epoll_pwait2: %s", strerror(errno));
    return n < 0 ? 0 : n;
}

/* ---- upstream */

typedef struct conn {
    int          fd;
    bool         in_body, answering; /* neither: in a head */
    size_t       head_len, body_left;
    const char  *answer;
    size_t       answer_len, sent;
    uint64_t     event, due; /* of a paced stream: the next one, and when */
    struct conn *next;
    char         head[MAX_HEAD];
} conn;

#define CHUNK_HEAD                                                                              \
    "{\"id\":\"chatcmpl-CkX1y2Z3a4B5c6D7e8F9g0H1i2J3k\",\"object\":\"chat.completion.chunk\","  \
    "\"created\":1790000001,\"model\":\"bench-1-2026-05-01\",\"service_tier\":\"default\","      \
    "\"system_fingerprint\":\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":"
#define USAGE                                                                                   \
    "\"usage\":{\"prompt_tokens\":211,\"completion_tokens\":64,\"total_tokens\":275,"            \
    "\"prompt_tokens_details\":{\"cached_tokens\":0},"                                          \
    "\"completion_tokens_details\":{\"reasoning_tokens\":0}}"

static const char stream_head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
static const char first_event[] =
    CHUNK_HEAD "{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}";
static const char word_event[] =
    CHUNK_HEAD "{\"content\":\"@%0*llu%s\"},\"finish_reason\":null}],\"usage\":null%s%.*s%s}";
static const char *const words[] = {
    " the", "Once", "\\n\\n", " a", " \\\"quoted\\\"", " understanding", ",", " of", "1", " Zürich",
    " gateways", ".", " \\u2014", " in", " between", "ly"};
static const char last_event[] = CHUNK_HEAD "{},\"finish_reason\":\"stop\"}]," USAGE "}";

static int      listener;
static uint64_t events_wanted, interval_ns;
static bool     padded;
static char     models[MODELS * 128 + 256], completion[2048];
static char    *bulk;       /* a whole stream, when it is not paced */
static size_t   bulk_len;
static conn    *first, **last = &first; /* paced streams; who is due first comes first */

static size_t put_text(char *to, const char *s)
{
    memcpy(to, s, strlen(s) + 1);
    return strlen(s);
}

/* An event as its own chunk, as servers send them. */
static size_t put_event(char *to, const char *json)
{
    return (size_t)sprintf(to, "%zx\r\ndata: %s\n\n\r\n", strlen(json) + 8, json);
}

/* Event `i` of a stream; `stamp` 0: none. */
static size_t put_word(char *to, uint64_t i, uint64_t stamp)
{
    char json[512];
    int  padding = padded ? 1 + (int)(i * 7 % 16) : 0;
    snprintf(json, sizeof json, word_event, STAMP, (unsigned long long)stamp, words[i * 5 % 16],
             padded ? ",\"obfuscation\":\"" : "", padding, &"kT3vQz8LmR1xYb5N"[i % 3],
             padded ? "\"" : "");
    return put_event(to, json);
}

/* The same with what comes in front of and behind it. */
static size_t put_turn(char *to, uint64_t i, uint64_t stamp)
{
    size_t n = 0;
    if (i == 0) {
        n = put_text(to, stream_head);
        n += put_event(to + n, first_event);
    }
    n += put_word(to + n, i, stamp);
    if (i + 1 == events_wanted) {
        n += put_event(to + n, last_event);
        n += put_event(to + n, "[DONE]");
        n += put_text(to + n, "0\r\n\r\n");
    }
    return n;
}

static void put_answer(char *to, const char *json)
{
    sprintf(to,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            "Content-Length: %zu\r\n\r\n%s", strlen(json), json);
}

static void make_answers(void)
{
    static char list[MODELS * 128];
    char   json[1024], text[513];
    size_t n = (size_t)sprintf(list, "{\"object\":\"list\",\"data\":[");
    for (int i = 0; i < MODELS; i++)
        n += (size_t)sprintf(list + n, "%s{\"id\":\"vendor-%d/model-%d\",\"object\":\"model\"}",
                             i > 0 ? "," : "", i % 20, i);
    put_text(list + n, "]}");
    put_answer(models, list);
    for (size_t i = 0; i < 512; i++) text[i] = "some words of an answer "[i % 24];
    text[512] = 0;
    snprintf(json, sizeof json,
             "{\"id\":\"chatcmpl-CkX1y2Z3a4B5c6D7e8F9g0H1i2J3k\",\"object\":\"chat.completion\","
             "\"created\":1790000001,\"model\":\"bench-1-2026-05-01\",\"choices\":[{\"index\":0,"
             "\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"logprobs\":null,"
             "\"finish_reason\":\"stop\"}]," USAGE "}", text);
    put_answer(completion, json);
    if (events_wanted == 0 || interval_ns > 0) return;
    bulk = malloc(events_wanted * 512 + 4096);
    if (bulk == NULL) die("no memory");
    for (uint64_t i = 0; i < events_wanted; i++) bulk_len += put_turn(bulk + bulk_len, i, 0);
}

static void hang_up(conn *c)
{
    for (conn **p = &first; *p != NULL; p = &(*p)->next)
        if (*p == c) {
            *p = c->next;
            if (last == &c->next) last = p;
            break;
        }
    close(c->fd);
    free(c);
}

/* Sends what the socket takes of an answer that was made beforehand. */
static void answer_more(conn *c)
{
    while (c->sent < c->answer_len) {
        ssize_t n = send(c->fd, c->answer + c->sent, c->answer_len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return watch(EPOLL_CTL_MOD, c->fd, EPOLLIN | EPOLLOUT, c);
        if (n < 0) return hang_up(c);
        c->sent += (size_t)n;
    }
    c->answering = false;
    if (bulk != NULL) watch(EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
}

/* The next event of a paced stream; a socket always has room for so little. */
static void answer_event(conn *c)
{
    char   text[2048];
    size_t n = put_turn(text, c->event++, now_ns());
    if (send(c->fd, text, n, MSG_NOSIGNAL) != (ssize_t)n) return hang_up(c);
    if (c->event == events_wanted) {
        c->answering = false;
        return;
    }
    c->due += interval_ns;
    c->next = NULL;
    *last = c;
    last = &c->next;
}

static void answer(conn *c)
{
    bool post = c->head[0] == 'P';
    c->in_body = false;
    c->head_len = c->sent = c->event = 0;
    c->answering = true;
    if (post && events_wanted > 0 && bulk == NULL) {
        c->due = now_ns();
        return answer_event(c);
    }
    c->answer = !post ? models : bulk != NULL ? bulk : completion;
    c->answer_len = post && bulk != NULL ? bulk_len : strlen(c->answer);
    answer_more(c);
}

/* Takes bytes of a head; returns how many. */
static size_t take_head(conn *c, const char *s, size_t n)
{
    size_t old = c->head_len, room = MAX_HEAD - 1 - old;
    memcpy(c->head + old, s, n < room ? n : room);
    c->head[c->head_len += n < room ? n : room] = 0;
    const char *end = strstr(c->head + (old > 3 ? old - 3 : 0), "\r\n\r\n");
    if (end == NULL && c->head_len == MAX_HEAD - 1) die("upstream: a head over %d", MAX_HEAD);
    if (end == NULL) return n;
    const char *length = strcasestr(c->head, "\r\nContent-Length:");
    if (length == NULL && c->head[0] == 'P') die("upstream: no Content-Length");
    c->body_left = length == NULL ? 0 : strtoul(length + 17, NULL, 10);
    c->in_body = true;
    return (size_t)(end + 4 - c->head) - old;
}

/* One request at a time: whoever sends more than one before the answer is not a proxy. */
static void hear(conn *c)
{
    ssize_t got = recv(c->fd, input, sizeof input, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return hang_up(c);
    if (c->answering) die("upstream: bytes before the answer has ended");
    size_t n = (size_t)got, used = c->in_body ? 0 : take_head(c, input, n);
    if (!c->in_body) return;
    if (n - used > c->body_left) die("upstream: more than one body");
    c->body_left -= n - used;
    if (c->body_left == 0) answer(c);
}

static void accept_all(void)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0 && errno == EAGAIN) return;
        conn *c = calloc(1, sizeof *c);
        if (fd < 0 || c == NULL) die("upstream: accept: %s", strerror(errno));
        no_delay(fd);
        c->fd = fd;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, c);
    }
}

static void upstream(int port)
{
    struct sockaddr_in at = loopback(port);
    int                one = 1;
    make_answers();
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&at, sizeof at) != 0 || listen(listener, 4096) != 0)
        die("upstream: port %d: %s", port, strerror(errno));
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (;;) {
        struct epoll_event events[MAX_WAIT];
        int                n = wait_until(events, first != NULL ? first->due : 0);
        for (int i = 0; i < n; i++) {
            conn *c = events[i].data.ptr;
            if (c == NULL) accept_all();
            else if (events[i].events & EPOLLOUT) answer_more(c);
            else hear(c);
        }
        while (first != NULL && first->due <= now_ns()) {
            conn *c = first;
            first = c->next;
            if (first == NULL) last = &first;
            answer_event(c);
        }
    }
}

/* ---- streams */

enum { HEAD, SIZE, SIZE_LINE, DATA, DATA_END, TRAILER, TRAILER_LINE }; /* the next byte's place */

typedef struct stream {
    int      fd, place;
    size_t   head_len, chunk_left, done_matched;
    uint64_t sent_at, seen, stamp;
    int      digits; /* of a stamp, still to come */
    bool     open;   /* counted as such */
    char     head[MAX_HEAD];
} stream;

typedef struct times {
    uint32_t *ns;
    size_t    num;
} times;

static stream  *streams;
static unsigned num_streams, num_open, num_running;
static int      port_of_proxy;
static uint64_t stop_at, num_whole, num_events;
static char    *request;
static size_t   request_len;
static times    first_times, event_delays;

static void note(times *t, uint64_t ns)
{
    if (t->ns == NULL && (t->ns = malloc(MAX_TIMES * sizeof *t->ns)) == NULL) die("no memory");
    if (t->num < MAX_TIMES) t->ns[t->num++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *name, times *t)
{
    if (t->num > 0) qsort(t->ns, t->num, sizeof *t->ns, by_size);
    printf(",\"%s_p50_us\":%.1f,\"%s_p99_us\":%.1f", name,
           t->num > 0 ? t->ns[t->num / 2] / 1000.0 : 0, name,
           t->num > 0 ? t->ns[t->num * 99 / 100] / 1000.0 : 0);
}

static void ask(stream *s)
{
    s->place = HEAD;
    s->head_len = s->seen = s->done_matched = 0;
    s->sent_at = now_ns();
    if (send(s->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len)
        die("streams: send: %s", strerror(errno));
}

static void start(stream *s)
{
    struct sockaddr_in to = loopback(port_of_proxy);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || connect(s->fd, (void *)&to, sizeof to) != 0)
        die("streams: connect: %s", strerror(errno));
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    no_delay(s->fd);
    watch(EPOLL_CTL_ADD, s->fd, EPOLLIN, s);
    num_running++;
    ask(s);
}

/* Text of the stream, without chunks. */
static void read_text(stream *s, const char *p, size_t n, uint64_t now)
{
    const char *end = p + n;
    while (p < end) {
        if (s->digits > 0) {
            s->stamp = s->stamp * 10 + (uint64_t)(*p++ - '0');
            if (--s->digits > 0) continue;
            if (s->stamp > 0) note(&event_delays, now - s->stamp);
            if (s->seen++ == 0) {
                note(&first_times, now - s->sent_at);
                if (!s->open) num_open++;
                s->open = true;
            }
            num_events++;
        } else if (s->seen < events_wanted) {
            p = memchr(p, '@', (size_t)(end - p));
            if (p == NULL) return;
            p++;
            s->digits = STAMP;
            s->stamp = 0;
        } else {
            if (*p == '@') die("streams: an event too many");
            if (*p == "[DONE]"[s->done_matched]) s->done_matched++;
            else if (s->done_matched < 6) s->done_matched = *p == '[';
            p++;
        }
    }
}

static void end_stream(stream *s, uint64_t now)
{
    if (s->seen != events_wanted || s->done_matched != 6)
        die("streams: one of %lu events ended early", (unsigned long)s->seen);
    num_whole++;
    if (now < stop_at) return ask(s);
    close(s->fd);
    num_running--;
}

static size_t read_head(stream *s, const char *p, size_t n)
{
    size_t old = s->head_len, room = MAX_HEAD - 1 - old;
    memcpy(s->head + old, p, n < room ? n : room);
    s->head[s->head_len += n < room ? n : room] = 0;
    const char *end = strstr(s->head, "\r\n\r\n");
    if (end == NULL && s->head_len == MAX_HEAD - 1) die("streams: a head over %d", MAX_HEAD);
    if (end == NULL) return n;
    if (memcmp(s->head, "HTTP/1.1 200 ", 13) != 0 ||
        strcasestr(s->head, "\r\nTransfer-Encoding: chunked\r\n") == NULL)
        die("streams: not a stream:\n%s", s->head);
    s->place = SIZE;
    s->chunk_left = 0;
    return (size_t)(end + 4 - s->head) - old;
}

static void read_stream(stream *s)
{
    ssize_t  got = recv(s->fd, input, sizeof input, 0);
    uint64_t now = now_ns();
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) die("streams: one was cut after %lu events", (unsigned long)s->seen);
    for (const char *p = input, *end = input + got; p < end;) {
        if (s->place == HEAD) {
            p += read_head(s, p, (size_t)(end - p));
            continue;
        }
        if (s->place == DATA) {
            size_t n = (size_t)(end - p) < s->chunk_left ? (size_t)(end - p) : s->chunk_left;
            read_text(s, p, n, now);
            p += n;
            s->chunk_left -= n;
            if (s->chunk_left == 0) s->place = DATA_END;
            continue;
        }
        char c = *p++;
        if (s->place == SIZE && c != '\r' && c != ';') {
            int digit = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
            if (digit < 0 || digit > 15) die("streams: a chunk without a size");
            s->chunk_left = s->chunk_left * 16 + (size_t)digit;
        } else if (s->place == SIZE) {
            s->place = SIZE_LINE;
        } else if (s->place == SIZE_LINE && c == '\n') {
            s->place = s->chunk_left > 0 ? DATA : TRAILER;
        } else if (s->place == DATA_END && c == '\n') {
            s->place = SIZE;
        } else if (s->place == TRAILER && c == '\n') {
            if (p != end) die("streams: bytes behind the end");
            end_stream(s, now);
            return;
        } else if (s->place == TRAILER && c != '\r') {
            s->place = TRAILER_LINE;
        } else if (s->place == TRAILER_LINE && c == '\n') {
            s->place = TRAILER;
        }
    }
}

static void read_request(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) die("%s: %s", path, strerror(errno));
    request = malloc(1 << 16);
    if (request == NULL) die("no memory");
    request_len = fread(request, 1, 1 << 16, f);
    fclose(f);
}

static int run_streams(unsigned number, uint64_t spacing_ns, unsigned ms)
{
    uint64_t began = now_ns(), started = 0;
    bool     said = false;
    stop_at = began + (uint64_t)ms * 1000000;
    num_streams = number;
    streams = calloc(number, sizeof *streams);
    if (streams == NULL) die("no memory");
    while (started < num_streams || num_running > 0) {
        struct epoll_event events[MAX_WAIT];
        uint64_t           due = started < num_streams ? began + started * spacing_ns : 0;
        int                n = wait_until(events, due);
        for (int i = 0; i < n; i++) read_stream(events[i].data.ptr);
        if (due > 0 && now_ns() >= due) start(&streams[started++]);
        if (num_open < num_streams || said) continue;
        said = true;
        printf("open %u\n", num_running);
        fflush(stdout);
    }
    double took = (double)(now_ns() - began) * 1e-9;
    printf("{\"streams\":%lu,\"events\":%lu,\"seconds\":%.3f", (unsigned long)num_whole,
           (unsigned long)num_events, took);
    print_times("first", &first_times);
    print_times("delay", &event_delays);
    puts("}");
    return 0;
}

/* ---- start */

static bool answers(int port)
{
    struct sockaddr_in to = loopback(port);
    int                fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t             got = 0;
    ssize_t            n = 0;
    if (connect(fd, (void *)&to, sizeof to) == 0) {
        if (send(fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len)
            die("start: send");
        while (got < 12 && (n = recv(fd, input + got, sizeof input - got, 0)) > 0) got += (size_t)n;
        if (got < 12 || memcmp(input, "HTTP/1.1 200", 12) != 0) die("start: a wrong answer");
    }
    close(fd);
    return got > 0;
}

static int run_start(int port, char **command)
{
    uint64_t began = now_ns();
    pid_t    child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) != NULL) execvp(command[0], command);
        _exit(127);
    }
    while (!answers(port)) {
        if (now_ns() - began > 30000000000) break;
        usleep(50);
    }
    double ms = (double)(now_ns() - began) * 1e-6;
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    if (ms > 30000) die("start: no answer");
    printf("%.2f\n", ms);
    return 0;
}

static unsigned number(const char *s)
{
    char         *end;
    unsigned long n = strtoul(s, &end, 10);
    if (*s == 0 || *end != 0 || n > 1000000000) die("wire: %s is no number", s);
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    loop = epoll_create1(0);
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "upstream") == 0) {
        padded = argc == 6;
        events_wanted = number(argv[3]);
        interval_ns = (uint64_t)number(argv[4]) * 1000;
        upstream((int)number(argv[2]));
    }
    if (argc == 8 && strcmp(argv[1], "streams") == 0) {
        port_of_proxy = (int)number(argv[2]);
        events_wanted = number(argv[6]);
        read_request(argv[7]);
        alarm(number(argv[5]) / 1000 + PATIENCE);
        return run_streams(number(argv[3]), (uint64_t)number(argv[4]) * 1000, number(argv[5]));
    }
    if (argc > 4 && strcmp(argv[1], "start") == 0) {
        read_request(argv[3]);
        return run_start((int)number(argv[2]), argv + 4);
    }
    die("wire upstream PORT EVENTS INTERVAL_US [padded]\n"
        "wire streams PORT CONNECTIONS SPACING_US MS EVENTS FILE\n"
        "wire start PORT FILE COMMAND...");
}
