/* ports/esp_idf against stubs of ESP-IDF's headers, with sockets that are the host's. "TLS" is
   plain text here: what is tested is that nothing connects without verification, and what
   becomes of each result. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <errno.h>

#include "ports/esp_idf.h"
#include "tests/loopback.h"
#include "tests/test.h"

/* ---- esp_tls, as far as the port sees it ---- */

struct esp_tls_last_error {
    int dummy;
};

struct esp_tls {
    int                       fd;
    struct esp_tls_last_error last;
};

static struct fake {
    int                  open;  /* connections */
    int                  steps; /* of a handshake before it is done; -1: it is refused */
    bool                 no_memory, no_handle;
    int                  code; /* of the refusal */
    int64_t              now_us;
    int                  block_sends, block_recvs, fail_recv, fail_send;
    ssize_t              available;
    size_t               sent_len;
    const esp_tls_cfg_t *config;
} fake;

esp_err_t esp_crt_bundle_attach(void *conf)
{
    (void)conf;
    return ESP_OK;
}

int64_t esp_timer_get_time(void)
{
    return fake.now_us;
}

void esp_fill_random(void *buf, size_t len)
{
    memset(buf, 0x5a, len);
}

esp_tls_t *esp_tls_init(void)
{
    if (fake.no_memory) return NULL;
    fake.open++;
    esp_tls_t *tls = calloc(1, sizeof *tls);
    if (tls == NULL) abort();
    tls->fd = -1;
    return tls;
}

int esp_tls_conn_destroy(esp_tls_t *tls)
{
    fake.open--;
    if (tls->fd >= 0) close(tls->fd);
    free(tls);
    return 0;
}

int esp_tls_conn_new_async(const char *host, int len, int port, const esp_tls_cfg_t *config,
                           esp_tls_t *tls)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fake.config = config;
    bool bundle = config->crt_bundle_attach == esp_crt_bundle_attach;
    if (bundle == (config->cacert_buf != NULL) || config->skip_common_name ||
        config->is_plain_tcp || config->common_name != NULL || config->use_global_ca_store ||
        !config->non_block || config->timeout_ms <= 0 ||
        strncmp(host, "localhost", (size_t)len) != 0 || len != 9)
        return -1;
    if (tls->fd < 0) {
        tls->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(tls->fd, (struct sockaddr *)&a, sizeof a) != 0) return -1;
    }
    if (fake.steps < 0) return -1;
    return fake.steps-- == 0 ? 1 : 0;
}

ssize_t esp_tls_conn_read(esp_tls_t *tls, void *buf, size_t len)
{
    if (fake.fail_recv != 0) return fake.fail_recv;
    if (fake.block_recvs > 0)
        return fake.block_recvs-- % 2 != 0 ? ESP_TLS_ERR_SSL_WANT_READ : ESP_TLS_ERR_SSL_WANT_WRITE;
    ssize_t n = recv(tls->fd, buf, len, MSG_DONTWAIT);
    return n < 0 && errno == EAGAIN ? ESP_TLS_ERR_SSL_WANT_READ : n;
}

ssize_t esp_tls_conn_write(esp_tls_t *tls, const void *buf, size_t len)
{
    fake.sent_len = len;
    if (fake.fail_send != 0) return fake.fail_send;
    if (fake.block_sends > 0)
        return fake.block_sends-- % 2 != 0 ? ESP_TLS_ERR_SSL_WANT_WRITE : ESP_TLS_ERR_SSL_WANT_READ;
    return send(tls->fd, buf, len, MSG_NOSIGNAL);
}

ssize_t esp_tls_get_bytes_avail(esp_tls_t *tls)
{
    (void)tls;
    return fake.available;
}

esp_err_t esp_tls_get_conn_sockfd(esp_tls_t *tls, int *fd)
{
    *fd = tls->fd;
    return ESP_OK;
}

esp_err_t esp_tls_get_error_handle(esp_tls_t *tls, esp_tls_error_handle_t *h)
{
    *h = &tls->last;
    return fake.no_handle ? ESP_FAIL : ESP_OK;
}

esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *code, int *flags)
{
    (void)h;
    *code = fake.code;
    *flags = 8;
    return 0x8006;
}

/* ---- the tests ---- */

static const char pem[] = "-----BEGIN CERTIFICATE-----\n...";

static or_err wait_of(void *user, bool write)
{
    return or_esp_idf_wait(user, write, 10000);
}

static or_err open_all(or_esp_idf *e, uint16_t port)
{
    or_err r = or_esp_idf_open(e, "localhost", port, NULL, 0, 1000);
    while (r == OR_OK && (r = or_esp_idf_step(e)) == OR_NEED_MORE) continue;
    return r;
}

static void test_exchange(void)
{
    or_esp_idf e;
    loopback   peer;
    char       mem[256], b;
    or_buf     text;
    or_buf_init(&text, mem, sizeof mem);
    loopback_start(&peer, LOOPBACK_SERVE);
    fake.steps = 2;
    CHECK_ERR(or_esp_idf_open(&e, "localhost", peer.port, NULL, 0, 1000), OR_OK, "open");
    CHECK_ERR(or_esp_idf_wait(&e, true, 0), OR_ERR_IO, "there is no socket yet");
    exchange x = {or_esp_idf_io(&e), wait_of, &e};
    CHECK(x.io.recv(x.io.user, &b, 1) == 0 && x.io.send(x.io.user, "x", 1) == 0, "not yet");
    CHECK_ERR(or_esp_idf_step(&e), OR_NEED_MORE, "step");
    CHECK_ERR(or_esp_idf_step(&e), OR_NEED_MORE, "step");
    CHECK_ERR(or_esp_idf_step(&e), OR_OK, "step");
    CHECK_ERR(or_esp_idf_step(&e), OR_OK, "asked again");
    CHECK(fake.config->timeout_ms == 1000, "the time that esp_tls may wait");
    CHECK(x.io.recv(x.io.user, &b, 1) == 0, "nothing yet");
    CHECK_ERR(or_esp_idf_wait(&e, false, 1), OR_ERR_TIMEOUT, "nothing comes");
    CHECK_ERR(or_esp_idf_wait(&e, true, 1), OR_OK, "writable");
    fake.available = 1;
    CHECK_ERR(or_esp_idf_wait(&e, false, 1), OR_OK, "decrypted bytes are waiting");
    fake.available = 0;
    fake.block_recvs = 4;
    fake.block_sends = 4;
    CHECK_ERR(exchange_ask(&x, &text), OR_OK, "exchange");
    CHECK(fake.sent_len <= 2048, "at most one record");
    CHECK_STR(or_buf_str(&text), OR_STR(EXCHANGE_TEXT), "text");
    loopback_end(&peer);
    CHECK_ERR(peer.served, OR_OK, "the peer's view");
    CHECK(exchange_recv(&x, &b, 1) == OR_ERR_TRUNCATED, "the end, however it came");
    CHECK(x.io.recv(x.io.user, &b, 1) == OR_ERR_TRUNCATED, "which stays");
    CHECK(x.io.send(x.io.user, "x", 1) == OR_ERR_TRUNCATED, "for sending, too");
    or_esp_idf_close(&e);
    CHECK(fake.open == 0, "closed");
    CHECK(x.io.recv(x.io.user, &b, 1) == OR_ERR_CLOSED, "receive after close");
    CHECK(x.io.send(x.io.user, "x", 1) == OR_ERR_CLOSED, "send after close");
    CHECK_ERR(wait_of(&e, false), OR_ERR_IO, "wait after close");
    CHECK_ERR(or_esp_idf_step(&e), OR_ERR_CLOSED, "step after close");
    or_esp_idf_close(&e);
    CHECK(fake.open == 0, "twice does no harm");
}

static void test_open(void)
{
    or_esp_idf e;
    char       name[255], b;
    uint16_t   port;
    int        listener = loopback_listen(&port, true);
    memset(name, 'a', sizeof name - 1);
    name[254] = 0;
    CHECK_ERR(or_esp_idf_open(&e, "", port, NULL, 0, 1000), OR_ERR_ARG, "no host");
    CHECK_ERR(or_esp_idf_open(&e, name, port, NULL, 0, 1000), OR_ERR_ARG, "254 bytes");
    CHECK_ERR(or_esp_idf_step(&e), OR_ERR_ARG, "of no use");
    or_io io = or_esp_idf_io(&e);
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_ARG && io.send(io.user, "x", 1) == OR_ERR_ARG,
          "of no use");
    name[253] = 0;
    CHECK_ERR(or_esp_idf_open(&e, name, port, NULL, 0, 1000), OR_OK, "253 bytes");
    or_esp_idf_close(&e);
    CHECK_ERR(or_esp_idf_open(&e, "localhost", port, pem, sizeof pem - 1, 1000), OR_ERR_ARG,
              "no NUL");
    CHECK_ERR(or_esp_idf_open(&e, "localhost", port, pem, 0, 1000), OR_ERR_ARG, "empty");
    fake.no_memory = true;
    CHECK_ERR(or_esp_idf_open(&e, "localhost", port, NULL, 0, 1000), OR_ERR_MEMORY, "no memory");
    fake.no_memory = false;
    CHECK(fake.open == 0, "nothing to close");

    fake.steps = 0;
    CHECK_ERR(or_esp_idf_open(&e, "localhost", port, pem, sizeof pem, 1000), OR_OK, "an authority");
    CHECK_ERR(or_esp_idf_step(&e), OR_OK, "connected");
    CHECK((const void *)fake.config->cacert_buf == pem && fake.config->cacert_bytes == sizeof pem,
          "it");
    or_esp_idf_close(&e);
    CHECK_ERR(or_esp_idf_open(&e, "localhost", port, NULL, 0, UINT32_MAX), OR_OK, "very patient");
    CHECK(e.config.timeout_ms == INT32_MAX, "as long as esp_tls can");
    or_esp_idf_close(&e);
    CHECK_ERR(or_esp_idf_open(&e, "localhost", port, NULL, 0, 0), OR_OK, "impatient");
    CHECK(e.config.timeout_ms == 1, "0 would be for ever");
    or_esp_idf_close(&e);
    close(listener);
}

static void test_refused(void)
{
    or_esp_idf e;
    uint16_t   port;
    int        listener = loopback_listen(&port, true);
    fake.steps = -1;
    fake.code = -0x2700;
    CHECK_ERR(open_all(&e, port), OR_ERR_IO, "refused");
    CHECK(fake.open == 0 && e.tls_flags == 8 && e.tls_error == -0x2700, "closed, and why");
    CHECK_ERR(or_esp_idf_step(&e), OR_ERR_IO, "stays so");
    fake.code = 0;
    CHECK_ERR(open_all(&e, port), OR_ERR_IO, "not connected");
    CHECK(e.tls_error == 0x8006, "esp_tls's own code");
    fake.no_handle = true;
    CHECK_ERR(open_all(&e, port), OR_ERR_IO, "no handle");
    CHECK(e.tls_error == 0, "then there is none");
    fake.no_handle = false;
    close(listener);
}

static void test_timeout(void)
{
    or_esp_idf e;
    uint16_t   port;
    int        listener = loopback_listen(&port, true);
    fake.steps = 100;
    fake.now_us = (int64_t)UINT32_MAX * 1000; /* the last millisecond before it wraps */
    CHECK_ERR(or_esp_idf_open(&e, "localhost", port, NULL, 0, 1000), OR_OK, "open");
    fake.now_us += 999000;
    CHECK_ERR(or_esp_idf_step(&e), OR_NEED_MORE, "999 ms");
    fake.now_us += 1000;
    CHECK_ERR(or_esp_idf_step(&e), OR_ERR_TIMEOUT, "1000 ms");
    CHECK_ERR(or_esp_idf_step(&e), OR_ERR_TIMEOUT, "stays so");
    CHECK(fake.open == 0, "closed");
    close(listener);
}

static void test_send_again(void)
{
    static char big[5000];
    or_esp_idf  e;
    loopback    peer;
    char        b[8];
    loopback_start(&peer, LOOPBACK_ECHO);
    fake.steps = 0;
    CHECK_ERR(open_all(&e, peer.port), OR_OK, "open");
    exchange x = {or_esp_idf_io(&e), wait_of, &e};
    fake.block_sends = 2;
    CHECK(x.io.send(x.io.user, "abcd", 4) == 0, "not now");
    CHECK(x.io.send(x.io.user, "abcdef", 6) == 0 && fake.sent_len == 4, "the same length again");
    CHECK(x.io.send(x.io.user, "abc", 3) == OR_ERR_ARG, "fewer");
    CHECK(x.io.send(x.io.user, "abcdef", 6) == 4, "taken");
    CHECK(x.io.send(x.io.user, "e", 1) == 1, "after that all is as before");
    CHECK(exchange_recv(&x, b, 1) == 1 && b[0] == 'a', "echo");
    CHECK(x.io.send(x.io.user, big, sizeof big) == 2048, "one record");
    fake.fail_send = -0x4e;
    CHECK(x.io.send(x.io.user, "x", 1) == OR_ERR_IO && e.tls_error == -0x4e, "send fails");
    fake.fail_send = 0;
    CHECK(x.io.send(x.io.user, "x", 1) == OR_ERR_IO, "stays so");
    CHECK(x.io.recv(x.io.user, b, 1) == OR_ERR_IO, "for receiving, too");
    or_esp_idf_close(&e);
    loopback_end(&peer);

    loopback_start(&peer, LOOPBACK_ECHO);
    fake.steps = 0;
    CHECK_ERR(open_all(&e, peer.port), OR_OK, "open");
    fake.fail_recv = -0x7180;
    CHECK(x.io.recv(x.io.user, b, 1) == OR_ERR_IO && e.tls_error == -0x7180, "receive fails");
    fake.fail_recv = 0;
    CHECK(x.io.recv(x.io.user, b, 1) == OR_ERR_IO, "stays so");
    or_esp_idf_close(&e);
    loopback_end(&peer);
}

int main(void)
{
    or_esp_idf    e = {0};
    or_io         io = or_esp_idf_io(&e);
    unsigned char a[4] = {0};
    char          b;
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_CLOSED, "receive from a zeroed one");
    CHECK(io.send(io.user, "x", 1) == OR_ERR_CLOSED, "send to a zeroed one");
    CHECK_ERR(or_esp_idf_random(a, sizeof a), OR_OK, "random");
    CHECK(a[0] == 0x5a && a[3] == 0x5a, "all of it");
    fake.now_us = 4294967297000;
    CHECK(or_esp_idf_now_ms() == 1, "wraps");
    test_exchange();
    test_open();
    test_refused();
    test_timeout();
    test_send_again();
    TEST_MAIN_END("test_esp_idf");
}
