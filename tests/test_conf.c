/* Settings: every key can be said, every mistake has its words, every limit its edges. */
#define _GNU_SOURCE /* mkstemp, setenv */
#define OR_IMPLEMENTATION
#include "or.h"

#include <unistd.h>

#include "proxy/conf.h"
#include "tests/test.h"

/* >> a heap that fails ------------------------------------------------- */

/* The linker gives us the calls (see the Makefile). The one with this number fails, and all
   behind it; 0: none does. */
static unsigned long fail_from, num_calls;

static bool fails(void)
{
    return ++num_calls >= fail_from && fail_from != 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t num, size_t size)
{
    return fails() ? NULL : __real_calloc(num, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return fails() ? NULL : __real_realloc(ptr, size);
}

/* >> helpers ---------------------------------------------------------- */

static conf *fresh(void)
{
    conf *c = conf_new();
    if (c == NULL) abort();
    return c;
}

/* A file with this text; path has room for 32 bytes. */
static void make_file(char *path, const char *text, size_t size)
{
    strcpy(path, "/tmp/test_conf_XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size) abort();
    close(fd);
}

/* The error without the path of the file. */
static const char *without_path(const conf_error *e, const char *path)
{
    size_t n = strlen(path);
    return strncmp(e->text, path, n) == 0 ? e->text + n : e->text;
}

/* Read a file with this text and, if `finish`, what the whole says; the error in error[]. */
static char error[512];

static bool read_bytes(conf *c, const char *text, size_t size, bool finish)
{
    char       path[32];
    conf_error e = {""};
    make_file(path, text, size);
    bool good = conf_read_file(c, path, &e) && (!finish || conf_finish(c, &e));
    unlink(path);
    snprintf(error, sizeof error, "%s", without_path(&e, path));
    return good;
}

static bool read_text(conf *c, const char *text, bool finish)
{
    return read_bytes(c, text, strlen(text), finish);
}

static bool is(const char *text, const char *want)
{
    return text != NULL && strcmp(text, want) == 0;
}

static bool str_is(or_str text, const char *want)
{
    return or_str_eq(text, or_str_z(want));
}

/* >> one setting ------------------------------------------------------ */

static const char *const good[] = {
    "heartbeat=5s", "heartbeat=10ms", "heartbeat=1d", "refresh=0", "refresh=0s", "refresh=never",
    "refresh=10ms", "refresh=24h", "log=text", "log=json", "open=yes", "open=false",
    "listen=127.0.0.1:1", "state=/x", "catalog=m.json", "ca=/x/y z", "default_model=acme/big",
    "auto_models=a/b, c/d", "decisions=/x", "unknown_price=refuse", "unknown_price=ceiling",
    "unknown_price=allow", "on_unsupported=drop", "on_unsupported=warn", "on_unsupported=reject",
    "provider x.kind=anthropic", "provider x.kind=gemini",
    "price_ceiling_prompt=1.5", "price_ceiling_completion=0",
    "management_key=env:TEST_CONF_SECRET", "provider_preferences={}",
    "provider_preferences={\"order\":[\"a\"],\"zdr\":true,\"sort\":{\"by\":\"price\"}}",
    "ledger=full", "ledger=totals", "ledger_sync=each", "ledger_sync=10ms", "ledger_sync=1d",
    "ledger_days=0", "ledger_days=36500", "on_hangup=cancel", "on_hangup=drain", "prepaid=auto",
    "prepaid=yes", "prepaid=no", "default_max_tokens=1", "default_max_tokens=1000000000",
    "alert_webhook=https://h/x?y", "limits.ledger=4M", "limits.ledger=4095M",
    "limits.accounts=100", "limits.accounts=1000000", "timeout.hangup=1ms",
    "organization.limit=0", "organization.limit=1000000", "organization.limit=0.000000000001",
    "organization.limit_reset=weekly", "organization.include_byok_in_limit=no",
    "key k.limit=5", "key k.limit_reset=daily", "key k.limit_reset=none",
    "key k.requests_per_minute=1", "key k.requests_per_minute=1000000",
    "key k.tokens_per_minute=1000000000", "key k.max_concurrent=1",
    "key k.free_requests_per_day=50", "key k.role=management", "key k.role=inference",
    "key k.tags=a, b", "key k.preset=p", "app a.match=Open WebUI, x*", "app a.limit=1",
    "user u.match=*", "user u.max_concurrent=2",
    "limits.head=256", "limits.head=1M", "limits.body=1", "limits.body=1G", "limits.answer=1024",
    "limits.connections=1", "limits.connections=100000", "limits.memory=256k",
    "limits.generations=0", "limits.generations=100000", "limits.decisions=4k",
    "limits.decisions=1024M", "timeout.connect=1ms", "timeout.first_token=1d",
    "timeout.between_bytes=1s", "timeout.total=1s", "timeout.client=1s", "timeout.drain=1s",
    "provider x.kind=openai", "provider x.kind=openrouter", "provider x.kind=ollama",
    "provider x.kind=azure", "provider x.kind=demo", "provider x.base_url=http://h/v1",
    "provider x.key=env:TEST_CONF_SECRET", "provider x.name=Some One", "provider x.ca=/x",
    "provider x.data_collection=allow", "provider x.data_collection=deny", "provider x.zdr=yes",
    "provider x.zdr=no", "provider x.quantization=fp8", "provider x.quantization=unknown",
    "provider x.region=eu", "provider x.weight=1", "provider x.weight=65535",
    "provider x.any_model=yes", "provider x.list=no", "provider A-z_0.9.kind=demo",
    "endpoint x a/b-1.5.upstream_model=b", "endpoint x a/b.tag=x/fast", "endpoint x a/b.prompt=0",
    "endpoint x a/b.prompt=0.000001", "endpoint x a/b.completion=1000000",
    "endpoint x a/b.input_cache_read=1e-1", "endpoint x a/b.input_cache_write=1",
    "endpoint x a/b.internal_reasoning=1", "endpoint x a/b.image=0.000000000001",
    "endpoint x a/b.request=1", "endpoint x a/b.discount=0", "endpoint x a/b.discount=1",
    "endpoint x a/b.context_length=1", "endpoint x a/b.context_length=1000000000",
    "endpoint x a/b.max_completion_tokens=4096",
    "endpoint x a/b.supported_parameters=tools,temperature", "endpoint x a/b.input_modalities=text",
    "endpoint x a/b.output_modalities=embeddings", "endpoint x a/b.data_collection=deny",
    "endpoint x a/b.zdr=yes", "endpoint x a/b.quantization=int4", "endpoint x a/b.region=us",
    "endpoint x a/b.weight=7", "key k.key=env:TEST_CONF_SECRET", "key k.disabled=yes",
    "key k.expires_at=2027-01-31", "key k.expires_at=2028-02-29T23:59:59Z", "key k.models=a/*",
    "key k.providers=x,y", "key k.max_cost_per_request=0", "key k.max_cost_per_request=0.25",
    "key k.max_tokens_per_request=1", "key k.max_tokens_per_request=1000000000",
    "aliases.gpt-4.1=a/b", "preset p.model=a/b", "preset p.models=a/b,c/d",
    "preset p.provider={\"zdr\":true}", "preset p.system=Be \"terse\".",
    "preset p.parameters={\"temperature\":0.2}",
};

static void test_good(void)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        conf      *c = fresh();
        conf_error e = {""};
        CHECK(conf_set(c, good[i], &e), good[i]);
        CHECK_STR(or_str_z(e.text), OR_STR(""), good[i]);
        conf_drop(c);
    }
}

#define DURATION_USE "use a duration such as 500ms, 30s or 5m, up to 1d"
#define PRICE_USE \
    "use USD for a million tokens, such as 0.59, with at most 6 decimals, up to 1000000"
#define DOLLAR_USE "use USD, such as 0.05, with at most 12 decimals, up to 1000000"
#define TIME_USE "use a day or a time in UTC, such as 2027-01-31 or 2027-01-31T12:00:00Z"
#define LATER_USE "this version does not do that yet: remove the line"

/* What is said after "--set NAME: ", NAME being all before the '='. */
static const struct {
    const char *assignment, *want;
} bad[] = {
    {"hartbeat=5s", "unknown key \"hartbeat\": did you mean \"heartbeat\"?"},
    {"zzz=1", "unknown key \"zzz\""},
    {"limit.body=1M", "unknown section \"limit\": did you mean \"limits\"?"},
    {"provder x.kind=demo", "unknown section \"provder\": did you mean \"provider NAME\"?"},
    {"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
     "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh=1",
     "unknown key \"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
     "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh\""},
    {"wholly other.kind=demo", "unknown section \"wholly\""},
    {"limits x.body=1", "too many words: use [limits]"},
    {"provider x y.kind=demo", "too many words: use [provider NAME]"},
    {"endpoint x y z.tag=1", "too many words: use [endpoint PROVIDER MODEL]"},
    {"provider.kind=openai", "a provider needs a name: [provider NAME]"},
    {"endpoint x.tag=1", "an endpoint needs a provider and a model: [endpoint PROVIDER MODEL]"},
    {"key.disabled=no", "a key needs a name: [key NAME]"},
    {"preset.model=a", "a preset needs a name: [preset NAME]"},
    {"provider x/y.kind=demo", "\"x/y\" is not a name: use up to 64 letters, digits and - _ ."},
    {"body=1M", "unknown key \"body\" here: it belongs under [limits]"},
    {"models=a", "unknown key \"models\" here: it belongs under [key NAME] or [preset NAME]"},
    {"limits.heartbeat=1s",
     "unknown key \"heartbeat\" here: it belongs under the top, above all sections"},
    {"timeout.conect=1s", "unknown key \"conect\": did you mean \"connect\"?"},
    {"endpoint x y.promt=1", "unknown key \"promt\": did you mean \"prompt\"?"},
    {"heartbeat=", "heartbeat has no value"},
    {"aliases.=x", "a name is missing in front of the ="},
    {"aliases.x=x", "alias \"x\" stands for itself"},
    {"heartbeat=9ms", "heartbeat is \"9ms\": " DURATION_USE},
    {"heartbeat=86400001ms", "heartbeat is \"86400001ms\": " DURATION_USE},
    {"heartbeat=5", "heartbeat is \"5\": " DURATION_USE},
    {"heartbeat=-5s", "heartbeat is \"-5s\": " DURATION_USE},
    {"timeout.total=0ms", "total is \"0ms\": " DURATION_USE},
    {"refresh=9ms", "refresh is \"9ms\": use a duration such as 30m or 1h, up to 1d, or never"},
    {"limits.head=255",
     "head is \"255\": use a size such as 512k or 20M, from 256 to 1048576 bytes"},
    {"limits.head=1048577",
     "head is \"1048577\": use a size such as 512k or 20M, from 256 to 1048576 bytes"},
    {"limits.head=18446744073709551615k",
     "head is \"18446744073709551615k\": use a size such as 512k or 20M, from 256 to 1048576 "
     "bytes"},
    {"limits.connections=0", "connections is \"0\": use a number from 1 to 100000"},
    {"limits.connections=100001", "connections is \"100001\": use a number from 1 to 100000"},
    {"limits.connections=1k", "connections is \"1k\": use a number from 1 to 100000"},
    {"limits.generations=100001", "generations is \"100001\": use a number from 0 to 100000"},
    {"open=maybe", "open is \"maybe\": use yes or no"},
    {"log=xml", "log is \"xml\": use text or json"},
    {"unknown_price=0", "unknown_price is \"0\": use refuse, ceiling or allow"},
    {"price_ceiling_prompt=-1", "price_ceiling_prompt is \"-1\": " PRICE_USE},
    {"auto_models=a,,b",
     "auto_models has an empty entry: write names with commas between, such as a, b"},
    {"auto_models=a,",
     "auto_models has an empty entry: write names with commas between, such as a, b"},
    {"preset p.models=,a",
     "models has an empty entry: write names with commas between, such as a, b"},
    {"provider x.key=sk-or-v1-abc", "a key is not written here: use env:NAME or file:PATH"},
    {"key x.key=sk-or-v1-abc", "a key is not written here: use env:NAME or file:PATH"},
    {"management_key=abc", "a key is not written here: use env:NAME or file:PATH"},
    {"provider x.key=env:NO_SUCH_VARIABLE_HERE",
     "environment variable NO_SUCH_VARIABLE_HERE is not set"},
    {"provider x.key=file:/no/such/file",
     "cannot read /no/such/file: No such file or directory"},
    {"provider x.key=file:/", "cannot read /: Is a directory"},
    {"provider x.kind=opnai",
     "kind is \"opnai\": use openai, openrouter, ollama, azure, anthropic, gemini or demo"},
    {"on_unsupported=ignore", "on_unsupported is \"ignore\": use drop, warn or reject"},
    {"on_unsuported=drop", "unknown key \"on_unsuported\": did you mean \"on_unsupported\"?"},
    {"provider x.data_collection=yes", "data_collection is \"yes\": use allow or deny"},
    {"provider x.zdr=2", "zdr is \"2\": use yes or no"},
    {"provider x.quantization=q4",
     "quantization is \"q4\": use int4, int8, fp4, mxfp4, nvfp4, fp6, fp8, mxfp8, fp16, bf16, "
     "fp32 or unknown"},
    {"provider x.weight=0", "weight is \"0\": use a number from 1 to 65535"},
    {"provider x.weight=65536", "weight is \"65536\": use a number from 1 to 65535"},
    {"endpoint x y.prompt=0.0000001", "prompt is \"0.0000001\": " PRICE_USE},
    {"endpoint x y.prompt=1000000.000001", "prompt is \"1000000.000001\": " PRICE_USE},
    {"endpoint x y.prompt=$1", "prompt is \"$1\": " PRICE_USE},
    {"endpoint x y.image=0.0000000000001", "image is \"0.0000000000001\": " DOLLAR_USE},
    {"endpoint x y.discount=1.000000001",
     "discount is \"1.000000001\": use a share from 0 to 1, such as 0.25"},
    {"endpoint x y.context_length=0", "context_length is \"0\": use a number from 1 to 1000000000"},
    {"endpoint x y.context_length=1000000001",
     "context_length is \"1000000001\": use a number from 1 to 1000000000"},
    {"endpoint x y.supported_parameters=tools,temprature",
     "unknown parameter \"temprature\": did you mean \"temperature\"?"},
    {"endpoint x y.supported_parameters=zzzzzz", "unknown parameter \"zzzzzz\""},
    {"endpoint x y.input_modalities=text,smell",
     "input_modalities has \"smell\": use text, image, file, audio, video, embeddings or rerank"},
    {"key k.expires_at=2027-02-29", "expires_at is \"2027-02-29\": " TIME_USE},
    {"key k.expires_at=2027-01-31T12:00:00", "expires_at is \"2027-01-31T12:00:00\": " TIME_USE},
    {"key k.expires_at=2027-01-31T24:00:00Z", "expires_at is \"2027-01-31T24:00:00Z\": " TIME_USE},
    {"key k.expires_at=tomorrow", "expires_at is \"tomorrow\": " TIME_USE},
    {"key k.max_cost_per_request=-1", "max_cost_per_request is \"-1\": " DOLLAR_USE},
    {"key k.max_tokens_per_request=0",
     "max_tokens_per_request is \"0\": use a number from 1 to 1000000000"},
    {"log_content=yes", "log_content: " LATER_USE},
    {"provider_preferences=price",
     "provider_preferences is not JSON at byte 1: malformed JSON"},
    {"provider_preferences=[]",
     "provider_preferences is not a JSON object: use {\"name\":value, ...}"},
    {"provider_preferences={\"order\":1}", "provider_preferences: \"order\" has the wrong type"},
    {"provider_preferences={\"max_price\":{\"prompt\":-1}}",
     "provider_preferences: \"max_price\" is negative or too large"},
    {"provider_preferences={\"data_colection\":\"deny\"}",
     "provider_preferences has an unknown member \"data_colection\": did you mean "
     "\"data_collection\"?"},
    {"preset p.provider={\"xyzxyz\":1}", "provider has an unknown member \"xyzxyz\""},
    {"preset p.parameters={\"max_tokens\":\"many\"}",
     "parameters: \"max_tokens\" has the wrong type"},
    {"preset p.parameters={\"model\":\"a\"}",
     "parameters: \"model\" cannot be among them: it has a line of its own here"},
    {"preset p.parameters={\"seed\":1,\"stream\":true}",
     "parameters: \"stream\" cannot be among them"},
    {"preset p.parameters=7", "parameters is not a JSON object: use {\"name\":value, ...}"},
    {"preset p.parameters={\"a\":1,}", "parameters is not JSON at byte 8: malformed JSON"},
    {"preset p.system=a\x07"
     "b", "a control character (byte 0x07): this should be UTF-8 text"},
    {"preset p.system=a\xC3(", "byte 0xc3 is not UTF-8 text"},
    {"ledger=x", "ledger is \"x\": use full or totals"},
    {"ledger_sync=9ms", "ledger_sync is \"9ms\": use each, or a duration such as 5s or 15m, up to 1d"},
    {"ledger_sync=0s", "ledger_sync is \"0s\": use each, or a duration such as 5s or 15m, up to 1d"},
    {"ledger_sync=25h",
     "ledger_sync is \"25h\": use each, or a duration such as 5s or 15m, up to 1d"},
    {"ledger_days=36501", "ledger_days is \"36501\": use a number from 0 to 36500"},
    {"limits.ledger=4194303",
     "ledger is \"4194303\": use a size such as 512k or 20M, from 4194304 to 4294967295 bytes"},
    {"limits.accounts=99", "accounts is \"99\": use a number from 100 to 1000000"},
    {"on_hangup=stop", "on_hangup is \"stop\": use cancel or drain"},
    {"prepaid=maybe", "prepaid is \"maybe\": use auto, yes or no"},
    {"default_max_tokens=0", "default_max_tokens is \"0\": use a number from 1 to 1000000000"},
    {"key k.limit=-1",
     "limit is \"-1\": use USD, such as 0.05, with at most 12 decimals, up to 1000000"},
    {"key k.limit=1000000.01",
     "limit is \"1000000.01\": use USD, such as 0.05, with at most 12 decimals, up to 1000000"},
    {"key k.limit=0.0000000000001", "limit is \"0.0000000000001\": use USD, such as 0.05, with at "
     "most 12 decimals, up to 1000000"},
    {"key k.limit_reset=hourly", "limit_reset is \"hourly\": use daily, weekly, monthly or none"},
    {"key k.requests_per_minute=0",
     "requests_per_minute is \"0\": use a number from 1 to 1000000"},
    {"key k.max_concurrent=1000001", "max_concurrent is \"1000001\": use a number from 1 to 1000000"},
    {"key k.role=x", "role is \"x\": use inference or management"},
    {"app a.match=x,", "match has an empty entry: write names with commas between, such as a, b"},
    {"app.limit=1", "an app needs a name: [app NAME]"},
    {"organization x.limit=1", "too many words: use [organization]"},
    {"preset p.system=\xED\xA0\x80", "byte 0xed is not UTF-8 text"},
};

static void test_bad(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        conf       *c = fresh();
        conf_error  e = {""};
        char        want[1024];
        const char *text = bad[i].assignment;
        CHECK(!conf_set(c, text, &e), text);
        snprintf(want, sizeof want, "--set %.*s: %s", (int)strcspn(text, "="), text, bad[i].want);
        CHECK_STR(or_str_z(e.text), or_str_z(want), text);
        conf_drop(c);
    }
    conf      *c = fresh();
    conf_error e;
    CHECK(!conf_set(c, "heartbeat", &e), "no =");
    CHECK_STR(or_str_z(e.text), OR_STR("--set: \"heartbeat\" is not section.key=value"), "no =");
    conf_drop(c);
}

/* >> files ------------------------------------------------------------ */

#define ONE "[provider a]\nbase_url=http://h/v1\n"

static const struct {
    const char *text, *want; /* "" when it is accepted */
} files[] = {
    {ONE, ""},
    {"# nothing\n\n" ONE, ""},
    {"\xEF\xBB\xBFheartbeat=1s\r\n[limits]\r\nbody = 1M # small\r\n" ONE, ""},
    {"[provider a]\nbase_url = http://h/v1#x\n", ":1: provider a: \"http://h/v1#x\" is not an "
     "http or https URL: use e.g. https://host/v1"},
    {"[provider openrouter]", ""},
    {"[  provider\ta  ]\nbase_url=http://h\n", ""},
    {"", "no provider: set OPENROUTER_API_KEY, give --upstream URL, or try --demo"},
    {"x\n", ":1: \"x\" is neither key = value nor [section]"},
    {"=x\n", ":1: unknown key \"\""},
    {"[]\n", ":1: a section needs a name, such as [limits]"},
    {"=\n", ":1: unknown key \"\""},
    {"[aliases]\n=a\n", ":2: a name is missing in front of the ="},
    {"[aliases]\na=\n", ":2: a has no value"},
    {"state=\n", ":1: state has no value"},
    {"state= # none\n", ":1: state has no value"},
    {"\n\nbody = 1M\n", ":3: unknown key \"body\" here: it belongs under [limits]"},
    {"[limits\n", ":1: \"[limits\" has no closing bracket"},
    {"[limts]\n", ":1: unknown section \"limts\": did you mean \"limits\"?"},
    {"[provider ]\n", ":1: a provider needs a name: [provider NAME]"},
    {"heartbeat=1s\n\nheartbeat=2s\n", ":3: heartbeat was given in line 1 already"},
    {"[limits]\nbody=1\n[timeout]\n[limits]\n", ":4: section [limits] was given in line 1 already"},
    {"[aliases]\n[aliases]\n", ":2: section [aliases] was given in line 1 already"},
    {"[provider a]\n[provider A]\n", ":2: section [provider A] was given in line 1 already"},
    {"[endpoint a m]\n[key m]\n[endpoint  A m]\n",
     ":3: section [endpoint  A m] was given in line 1 already"},
    {"[key a]\n[key b]\n[key a]\n", ":3: section [key a] was given in line 1 already"},
    {"[preset a]\n[preset a]\n", ":2: section [preset a] was given in line 1 already"},
    {"[aliases]\na=b\na=c\n", ":3: alias \"a\" is given twice"},
    {"[endpoint gruk m]\n[provider groq]\n",
     ":1: endpoint \"m\" of provider \"gruk\", which is not configured: did you mean \"groq\"?"},
    {"[endpoint other m]\n[provider groq]\n",
     ":1: endpoint \"m\" of provider \"other\", which is not configured: add [provider other]"},
    {"[endpoint groq m]\nprompt=1\n[provider groq]\n", ""},
    {"[provider mine]\n", ":1: provider mine has no base_url, e.g. https://host/v1"},
    {"[provider azure]\n", ":1: provider azure has no base_url, e.g. "
     "https://RESOURCE.openai.azure.com"},
    {"[provider groq]\nkind=anthropic\n",
     ":1: provider groq has no base_url, e.g. https://host/v1"}, /* its key is not Anthropic's */
    {"[provider a]\nkind=gemini\nbase_url=http://h/v1beta?x=1\n", ":1: provider a: "
     "\"http://h/v1beta?x=1\" has a query: only ?api-version=... of kind azure can be there"},
    {"[provider azure]\nbase_url=https://r/openai/deployments/d?api-version=2024-10-21\n", ""},
    {"[provider azure]\nbase_url=https://r/?version=1\n", ":1: provider azure: "
     "\"https://r/?version=1\" has a query: only ?api-version=... of kind azure can be there"},
    {"[provider a]\nbase_url=http://h/v1?api-version=1\n", ":1: provider a: "
     "\"http://h/v1?api-version=1\" has a query: only ?api-version=... of kind azure can be there"},
    {"[provider a]\nbase_url=ftp://h\n",
     ":1: provider a: \"ftp://h\" is not an http or https URL: use e.g. https://host/v1"},
    {"[provider a]\nkind=demo\n", ""},
    {ONE "[key k]\n", ":3: key k has no key: add key = env:NAME or file:PATH"},
    {ONE "[key k]\nkey=env:TEST_CONF_SECRET\n[key l]\nkey=env:TEST_CONF_SECRET\n",
     ":5: keys k and l are the same secret: each client needs one of its own"},
    {"management_key=env:TEST_CONF_SECRET\n" ONE "[key k]\nkey=env:TEST_CONF_SECRET\n",
     ":4: key k is the management_key: clients need one of their own"},
    {"unknown_price=ceiling\nprice_ceiling_prompt=0\n" ONE,
     "unknown_price = ceiling needs price_ceiling_prompt and price_ceiling_completion, in USD for "
     "a million tokens"},
    {"unknown_price=ceiling\nprice_ceiling_prompt=1\nprice_ceiling_completion=2\n" ONE, ""},
    {ONE "[key k]\nkey=env:TEST_CONF_SECRET\nlimit=1\n", ":3: key k: limit needs a folder to keep "
     "what was spent over a restart: add state = FOLDER at the top"},
    {"state=/x\n" ONE "[key k]\nkey=env:TEST_CONF_SECRET\nlimit=1\n", ""},
    {"state=/x\n" ONE "[key k]\nkey=env:TEST_CONF_SECRET\nlimit_reset=daily\n",
     ":4: key k: limit_reset goes with a limit: add limit = USD"},
    {ONE "[organization]\nlimit=1\n", ":3: organization: limit needs a folder to keep what was spent "
     "over a restart: add state = FOLDER at the top"},
    {ONE "[app a]\nlimit=1\n", ":3: app a: limit needs a folder to keep what was spent over a "
     "restart: add state = FOLDER at the top"},
    {ONE "[user u]\nrequests_per_minute=1\n", ""},
    {ONE "[app a]\n[app b]\n[app a]\n", ":5: section [app a] was given in line 3 already"},
    {ONE "[key k]\nkey=env:TEST_CONF_SECRET\npreset=q\n", ":3: key k: there is no [preset q]"},
    {"ledger=totals\nledger_sync=each\n" ONE, "ledger_sync = each goes with ledger = full: with "
     "totals give the time between two lines, such as 15m"},
    {"prepaid=yes\n" ONE, "prepaid needs a folder to keep credits in: add state = FOLDER"},
    {"alert_webhook=ftp://h\n" ONE, "alert_webhook is \"ftp://h\": use an http or https URL"},
};

static void test_files(void)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        conf *c = fresh();
        bool  read = read_text(c, files[i].text, true);
        CHECK(read == (files[i].want[0] == 0), files[i].text);
        CHECK_STR(or_str_z(error), or_str_z(files[i].want), files[i].text);
        conf_drop(c);
    }
    conf      *c = fresh();
    conf_error e;
    CHECK(!conf_read_file(c, "/no/such", &e), "no file");
    CHECK_STR(or_str_z(e.text), OR_STR("/no/such: No such file or directory"), "no file");
    CHECK(!conf_read_file(c, "/", &e), "folder");
    CHECK_STR(or_str_z(e.text), OR_STR("/: Is a directory"), "folder");
    conf_drop(c);
}

static void test_top(void)
{
    conf *c = fresh();
    CHECK(c->heartbeat == 5000 && c->refresh == 3600000 && !c->open && !c->log_json, "defaults");
    CHECK(c->limits.generations == 200 && c->limits.decisions == 1048576, "defaults");
    CHECK(c->unknown_price == CONF_PRICE_REFUSE && !c->has_management_key, "defaults");
    CHECK(c->on_unsupported == CONF_UNSUPPORTED_WARN, "defaults");
    CHECK(read_text(c,
                    "listen = 127.0.0.1:1\nlisten=[::1]:2\nopen = true\nlog=json\nrefresh=0s\n"
                    "ca = /x y/z # why\ndefault_model=\"q\"\nauto_models= a/b ,c/d\n"
                    "price_ceiling_prompt=0.15\nunknown_price=allow\nstate=/s\n"
                    "on_unsupported=reject\n"
                    "provider_preferences = {\"sort\":\"price\"}\n"
                    "management_key=env:TEST_CONF_SECRET\n"
                    "[limits]\nbody=3k\n[timeout]\ntotal = 2h\n[aliases]\ngpt-4.1 = a/b\n" ONE,
                    true), error);
    CHECK(c->num_listen == 2 && is(c->listen[1], "[::1]:2"), "listen");
    CHECK(c->open && c->log_json && c->refresh == 0, "flags");
    CHECK(c->on_unsupported == CONF_UNSUPPORTED_REJECT, "choice");
    CHECK(c->limits.body == 3072 && c->timeout.total == 7200000, "numbers");
    CHECK(is(c->ca, "/x y/z") && is(c->default_model, "\"q\"") && is(c->state, "/s"), "texts");
    CHECK(c->num_auto_models == 2 && str_is(c->auto_models[0], "a/b") &&
          str_is(c->auto_models[1], "c/d"), "list");
    CHECK(c->ceiling_prompt == 150000 && c->unknown_price == CONF_PRICE_ALLOW, "price");
    CHECK(str_is(c->provider_preferences, "{\"sort\":\"price\"}"), "preferences");
    CHECK(c->num_aliases == 1 && str_is(c->aliases[0].name, "gpt-4.1") &&
          str_is(c->aliases[0].model, "a/b"), "alias");
    /* SHA-256 of "sk-test", so that other parts may compute it with any tool. */
    static const uint8_t hash[4] = {0xf3, 0xab, 0xf2, 0xa6};
    CHECK(c->has_management_key && memcmp(c->management_hash, hash, 4) == 0, "hash");
    conf_drop(c);
}

static void test_providers(void)
{
    conf *c = fresh();
    CHECK(read_text(c,
                    "[provider OpenRouter]\nkey=env:TEST_CONF_SECRET\nkey=env:TEST_CONF_SECRET\n"
                    "[provider attic]\nkind=ollama\nbase_url=http://10.0.0.2:11434/v1/\nname=Attic\n"
                    "data_collection=deny\nzdr=yes\nquantization=fp8\nregion=eu\nweight=3\n"
                    "list=no\nany_model=yes\n"
                    "[provider work]\nbase_url=https://API.groq.com/openai/v1/chat/completions\n"
                    "[provider other]\nbase_url=https://h/\n[provider mistral]\n"
                    "[provider google]\n[provider ollama]\n[provider sim]\nkind=demo\n"
                    "[provider az]\nkind=azure\nbase_url=https://r/openai/v1\n",
                    true), error);
    const conf_provider *p = c->providers;
    CHECK(c->num_providers == 9 && is(p[0].name, "openrouter"), "slug is lower case");
    CHECK(is(p[0].title, "OpenRouter") && p[0].kind == PROVIDER_OPENROUTER, "well known");
    CHECK(is(p[0].base_url, "https://openrouter.ai/api/v1") && p[0].list, "well known");
    CHECK(p[0].num_keys == 2 && is(p[0].keys[1], "sk-test"), "keys");
    CHECK(is(p[1].base_url, "http://10.0.0.2:11434") && is(p[1].title, "Attic"), "attic");
    CHECK(p[1].facts->no_ids && !p[1].list && p[1].any_model, "attic's facts by kind");
    CHECK(p[1].collects_data == OR_NO && p[1].zdr == OR_YES && p[1].weight == 3 &&
          p[1].quantization == OR_QUANT_FP8 && is(p[1].region, "eu"), "attic's privacy");
    CHECK(is(p[2].facts->name, "groq") && is(p[2].title, "work"), "facts by address");
    CHECK(is(p[2].base_url, "https://API.groq.com/openai/v1"), "tidied");
    CHECK(is(p[3].facts->name, "") && is(p[3].base_url, "https://h"), "unknown one");
    CHECK(p[4].facts->strict && p[4].facts->any_choice, "mistral");
    CHECK(p[5].kind == PROVIDER_GEMINI && is(p[5].title, "Google"), "google");
    CHECK(is(p[6].base_url, "http://127.0.0.1:11434"), "ollama has no /v1");
    CHECK(p[7].base_url == NULL && p[7].facts->kind == PROVIDER_DEMO, "demo");
    CHECK(is(p[8].facts->name, "azure"), "azure by kind");
    CHECK(c->num_listen == 1 && is(c->listen[0], "127.0.0.1:8787"), "where it listens");
    conf_clear_providers(c);
    CHECK(c->num_providers == 0 && c->num_endpoints == 0, "cleared");
    conf_drop(c);
}

#define GOOGLE "https://generativelanguage.googleapis.com"

/* Addresses as people paste them (G56): a section's name, kind ("" for none) and base_url; then
   the kind, row and base_url that come of them. */
static const struct {
    const char   *name, *kind, *url;
    provider_kind want;
    const char   *row, *base_url;
} pasted[] = {
    {"anthropic", "", "", PROVIDER_ANTHROPIC, "anthropic", "https://api.anthropic.com"},
    {"anthropic", "", "https://api.anthropic.com/v1", PROVIDER_ANTHROPIC, "anthropic",
     "https://api.anthropic.com"},
    {"anthropic", "", "https://api.anthropic.com/v1//", PROVIDER_ANTHROPIC, "anthropic",
     "https://api.anthropic.com"},
    {"x", "anthropic", "http://h:1/v1/messages", PROVIDER_ANTHROPIC, "anthropic", "http://h:1"},
    {"x", "anthropic", "http://h/v1/messages/count_tokens/", PROVIDER_ANTHROPIC, "anthropic",
     "http://h"},
    {"x", "anthropic", "http://h/v1/models", PROVIDER_ANTHROPIC, "anthropic", "http://h"},
    {"x", "anthropic", "http://h/v1/chat/completions", PROVIDER_ANTHROPIC, "anthropic",
     "http://h"},
    {"x", "anthropic", "https://gw/v1/acct/anthropic", PROVIDER_ANTHROPIC, "anthropic",
     "https://gw/v1/acct/anthropic"},
    {"x", "anthropic", "https://api.deepseek.com/anthropic/", PROVIDER_ANTHROPIC, "anthropic",
     "https://api.deepseek.com/anthropic"},
    {"claude", "", "https://API.anthropic.com/v1", PROVIDER_ANTHROPIC, "anthropic",
     "https://API.anthropic.com"},
    {"claude", "anthropic", "", PROVIDER_ANTHROPIC, "anthropic", "https://api.anthropic.com"},
    {"anthropic", "openai", "", PROVIDER_OPENAI, "anthropic-openai",
     "https://api.anthropic.com/v1"},
    {"claude", "openai", "https://api.anthropic.com/v1/", PROVIDER_OPENAI, "anthropic-openai",
     "https://api.anthropic.com/v1"},
    {"google", "", "", PROVIDER_GEMINI, "google", GOOGLE},
    {"gemini", "", "", PROVIDER_GEMINI, "gemini", GOOGLE},
    {"gemini", "", GOOGLE "/v1beta", PROVIDER_GEMINI, "gemini", GOOGLE},
    {"gemini", "", GOOGLE "/v1beta/", PROVIDER_GEMINI, "gemini", GOOGLE},
    {"x", "gemini", "http://h/v1", PROVIDER_GEMINI, "gemini", "http://h"},
    {"x", "gemini", "http://h/v1beta/models", PROVIDER_GEMINI, "gemini", "http://h"},
    {"x", "gemini", "http://h/v1beta/openai", PROVIDER_GEMINI, "gemini", "http://h"},
    {"x", "gemini", "http://h/sub/v1beta/models/g-2:generateContent", PROVIDER_GEMINI, "gemini",
     "http://h/sub"},
    {"x", "", GOOGLE "/v1beta/models/g-2:streamGenerateContent?alt=sse&key=sk-no", PROVIDER_GEMINI,
     "google", GOOGLE},
    {"google", "", GOOGLE "/v1beta/openai/", PROVIDER_OPENAI, "google-openai",
     GOOGLE "/v1beta/openai"},
    {"google", "openai", "", PROVIDER_OPENAI, "google-openai", GOOGLE "/v1beta/openai"},
    {"gemini", "openai", "", PROVIDER_OPENAI, "google-openai", GOOGLE "/v1beta/openai"},
    {"gemini", "", "https://gw/google/v1beta/openai", PROVIDER_OPENAI, "google-openai",
     "https://gw/google/v1beta/openai"},
    {"x", "", GOOGLE "/v1beta/openai/chat/completions", PROVIDER_OPENAI, "google-openai",
     GOOGLE "/v1beta/openai"},
    {"azure", "", "https://r.openai.azure.com/", PROVIDER_AZURE, "azure",
     "https://r.openai.azure.com"},
    {"azure", "", "https://r/openai/deployments/d/chat/completions?api-version=2025-01-01",
     PROVIDER_AZURE, "azure", "https://r/openai/deployments/d?api-version=2025-01-01"},
    {"azure", "", "https://r/openai/v1/chat/completions", PROVIDER_AZURE, "azure",
     "https://r/openai/v1"},
    {"attic", "ollama", "http://h:11434/v1/chat/completions", PROVIDER_OLLAMA, "ollama",
     "http://h:11434"},
    {"x", "", "http://h/v1/chat/completions", PROVIDER_OPENAI, "", "http://h/v1"},
};

static void test_pasted(void)
{
    for (size_t i = 0; i < sizeof pasted / sizeof pasted[0]; i++) {
        char  text[512], name[200];
        conf *c = fresh();
        snprintf(text, sizeof text, "[provider %s]\n%s%s\n%s%s\n", pasted[i].name,
                 pasted[i].kind[0] != 0 ? "kind=" : "", pasted[i].kind,
                 pasted[i].url[0] != 0 ? "base_url=" : "", pasted[i].url);
        snprintf(name, sizeof name, "%s %s %s", pasted[i].name, pasted[i].kind, pasted[i].url);
        CHECK(read_text(c, text, true), error);
        const conf_provider *p = &c->providers[0];
        CHECK(p->kind == pasted[i].want && is(p->facts->name, pasted[i].row), name);
        CHECK_STR(or_str_z(p->base_url), or_str_z(pasted[i].base_url), name);
        conf_drop(c);
    }
    conf *c = fresh();
    CHECK(read_text(c, "[provider google]\nkind=openai\n", true), error);
    CHECK(is(c->providers[0].title, "Google"), "it has its name whatever is spoken");
    conf_drop(c);
}

static void test_endpoints(void)
{
    conf *c = fresh();
    CHECK(read_text(c,
                    "[endpoint B acme/big]\nupstream_model=big-2\ntag=b/fast\nprompt=0.59\n"
                    "completion=0.000001\nimage=0.001\nrequest=0\ndiscount=0.25\n"
                    "context_length=131072\nmax_completion_tokens=4096\ninternal_reasoning=1\n"
                    "supported_parameters=tools, seed\ninput_modalities=text,image\n"
                    "output_modalities=text\nzdr=no\nquantization=int4\nweight=9\nregion=us\n"
                    "[provider a]\nbase_url=http://h\n"
                    "[provider b]\nbase_url=http://h\nname=Bee\nzdr=yes\ndata_collection=deny\n"
                    "quantization=fp8\nregion=eu\nweight=2\n[endpoint b other]\n",
                    true), error);
    const or_endpoint *e = &c->endpoints[0].offer;
    CHECK(c->num_endpoints == 2 && str_is(e->model, "acme/big") && str_is(e->provider, "b"), "who");
    CHECK(str_is(e->provider_name, "Bee") && str_is(e->tag, "b/fast") &&
          str_is(e->upstream_model, "big-2") && e->target == 1, "names");
    CHECK(e->prices.base.pico[OR_PRICE_PROMPT] == 590000 &&
          e->prices.base.pico[OR_PRICE_COMPLETION] == 1 &&
          e->prices.base.pico[OR_PRICE_IMAGE] == 1000000000, "prices");
    CHECK(e->prices.base.known == (1u << OR_PRICE_PROMPT | 1u << OR_PRICE_COMPLETION |
                                   1u << OR_PRICE_IMAGE | 1u << OR_PRICE_REQUEST |
                                   1u << OR_PRICE_INTERNAL_REASONING), "which are known");
    CHECK(e->prices.discount_ppb == 250000000, "discount");
    CHECK(e->context_length == 131072 && e->max_completion_tokens == 4096, "sizes");
    CHECK(e->parameters_known && e->parameters == (or_param_bit(OR_STR("tools")) |
                                                   or_param_bit(OR_STR("seed"))), "parameters");
    CHECK(e->input_modalities == (OR_MODALITY_TEXT | OR_MODALITY_IMAGE) &&
          e->output_modalities == OR_MODALITY_TEXT, "modalities");
    CHECK(e->zdr == OR_NO && e->quantization == OR_QUANT_INT4 && e->weight == 9 &&
          str_is(e->region, "us") && e->collects_data == OR_NO, "said, and from the provider");
    e = &c->endpoints[1].offer;
    CHECK(str_is(e->tag, "b") && str_is(e->upstream_model, "other"), "default names");
    CHECK(e->zdr == OR_YES && e->quantization == OR_QUANT_FP8 && e->weight == 2 &&
          str_is(e->region, "eu"), "from the provider");
    CHECK(e->prices.base.known == 0 && !e->parameters_known, "nothing is known");
    conf_drop(c);
}

static void test_keys_and_presets(void)
{
    conf *c = fresh();
    CHECK(read_text(c, ONE
                    "[key k]\nkey=env:TEST_CONF_SECRET\nexpires_at=2027-01-31T12:00:01Z\n"
                    "models=a/*, b\nproviders=x\nmax_cost_per_request=0.25\n"
                    "max_tokens_per_request=100\ndisabled=yes\n"
                    "[key l]\nkey=env:TEST_CONF_OTHER\n[preset p]\nmodel=a/b\n"
                    "models=c/d,e\"f\nprovider={\"zdr\":true}\nsystem=S\nparameters={\"seed\":1}\n"
                    "[preset q]\n",
                    true), error);
    const conf_key *k = &c->keys[0];
    CHECK(c->num_keys == 2 && is(k->name, "k") && k->disabled, "key");
    CHECK(k->expires_at == 1801396801, "expires_at");
    CHECK(is(k->label, "...") && strlen(k->id) == 64, "id and label");
    CHECK(k->limits.limit_pico_usd == -1 && !k->limits.leave_byok_out, "no limit of money");
    CHECK(k->num_models == 2 && str_is(k->models[0], "a/*") && k->num_providers == 1, "lists");
    CHECK(k->max_cost_pico_usd == 250000000000 && k->max_tokens == 100, "limits");
    CHECK(c->keys[1].max_cost_pico_usd == -1 && c->keys[1].expires_at == 0, "no limits");
    const conf_preset *p = conf_find_preset(c, OR_STR("p"));
    CHECK(p != NULL && is(p->model, "a/b") && is(p->system, "S"), "preset");
    CHECK(p != NULL && str_is(p->models, "[\"c/d\",\"e\\\"f\"]"), "models as JSON");
    CHECK(p != NULL && str_is(p->provider, "{\"zdr\":true}") &&
          str_is(p->parameters, "{\"seed\":1}"), "JSON");
    CHECK(conf_find_preset(c, OR_STR("q")) != NULL && !conf_find_preset(c, OR_STR("P")), "others");
    conf_drop(c);
}

static void test_limits(void)
{
    char  label[CONF_MAX_LABEL];
    conf *c = fresh();
    CHECK(read_text(c, "state=/x\nledger=totals\n" ONE
                    "[organization]\nlimit=20\nlimit_reset=monthly\n"
                    "[key k]\nkey=env:TEST_CONF_SECRET\nlimit=0.000000000001\nlimit_reset=weekly\n"
                    "include_byok_in_limit=no\nrequests_per_minute=5\ntokens_per_minute=6\n"
                    "max_concurrent=7\nfree_requests_per_day=8\nrole=management\ntags=x,y\n"
                    "[app Home]\nlimit=1\n[app Other]\nmatch=a*,b\n[user u]\nmatch=*\n",
                    true), error);
    const conf_limits *l = &c->keys[0].limits;
    CHECK(l->limit_pico_usd == 1 && l->limit_reset == OR_WINDOW_WEEKLY && l->leave_byok_out, "money");
    CHECK(l->requests_per_minute == 5 && l->tokens_per_minute == 6 && l->max_concurrent == 7 &&
          l->free_requests_per_day == 8, "rates");
    CHECK(c->keys[0].management && c->keys[0].num_tags == 2, "role and tags");
    CHECK(c->organization.limit_pico_usd == 20000000000000 &&
          c->organization.limit_reset == OR_WINDOW_MONTHLY, "organization");
    CHECK(c->num_apps == 2 && c->num_users == 1, "scopes");
    CHECK(c->apps[0].num_match == 1 && str_is(c->apps[0].match[0], "Home"), "its name is its pattern");
    CHECK(c->apps[1].num_match == 2 && c->apps[1].limits.limit_pico_usd == -1, "patterns");
    CHECK(c->ledger_totals && c->ledger_sync == 15 * 60 * 1000, "the time between two totals");
    CHECK(c->ledger_days == 400 && c->default_max_tokens == 8192 && c->prepaid == OR_UNKNOWN, "defaults");
    conf_drop(c);
    conf_label(OR_STR("sk-or-v1-0e61234567890123456789012345671c9"), label);
    CHECK(is(label, "sk-or-v1-0e6...1c9"), label);
    conf_label(OR_STR("0123456789012345678901234567890"), label);
    CHECK(is(label, "..."), "31 bytes: what is shown of a short one would be too much of it");
}

static void test_times(void)
{
    static const struct {
        const char *text;
        int64_t     want;
    } times[] = {{"1970-01-02", 86400}, {"2000-02-29", 951782400}, {"2000-03-01", 951868800},
                 {"2100-03-01", 4107542400}, {"9999-12-31T23:59:59Z", 253402300799},
                 {"2026-12-31T00:00:00Z", 1798675200}};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        conf      *c = fresh();
        conf_error e = {""};
        CHECK(conf_set_value(c, "key k", "expires_at", times[i].text, "", &e), e.text);
        CHECK(c->num_keys == 1 && c->keys[0].expires_at == times[i].want, times[i].text);
        conf_drop(c);
    }
}

/* >> command line over file ------------------------------------------- */

static void test_set_over_file(void)
{
    conf      *c = fresh();
    conf_error e = {""};
    CHECK(read_text(c, "listen=1.1.1.1:1\n[aliases]\na=b\n[provider openai]\n"
                       "key=env:TEST_CONF_SECRET\n[endpoint openai gpt-4.1]\nprompt=1\n", false),
          error);
    CHECK(conf_set(c, "listen=2.2.2.2:2", &e) && conf_set(c, "listen=3.3.3.3:3", &e), e.text);
    CHECK(c->num_listen == 2 && is(c->listen[0], "2.2.2.2:2"), "lists are replaced, then grow");
    CHECK(conf_set(c, "provider openai.key=env:TEST_CONF_OTHER", &e), e.text);
    CHECK(c->providers[0].num_keys == 1 && is(c->providers[0].keys[0], "sk-other"), "key");
    CHECK(conf_set(c, "endpoint openai gpt-4.1.prompt=2", &e), e.text);
    CHECK(c->num_endpoints == 1 &&
          c->endpoints[0].offer.prices.base.pico[OR_PRICE_PROMPT] == 2000000, "the same endpoint");
    CHECK(conf_set(c, "aliases.a=c", &e) && conf_set(c, "aliases.a.1=d", &e), e.text);
    CHECK(c->num_aliases == 2 && str_is(c->aliases[0].model, "c") &&
          str_is(c->aliases[1].name, "a.1"), "aliases");
    CHECK(conf_finish(c, &e), e.text);
    conf_drop(c);
}

/* >> a reload --------------------------------------------------------- */

static void test_reload(void)
{
    conf *old = fresh(), *new = fresh();
    CHECK(read_text(old, "default_model=old\n[provider a]\nbase_url=http://old\n", true), error);
    CHECK(read_text(new, "default_model=new\n[provider a]\nbase_url=http://new\n", true), error);
    CHECK(conf_now() == NULL, "none yet");
    conf_use(old);
    conf_drop(old); /* the use keeps it */
    conf *request = conf_hold(old);
    conf_use(new);
    conf_drop(new);
    CHECK(conf_now() == new && is(conf_now()->default_model, "new"), "in force");
    CHECK(is(request->default_model, "old") && is(request->providers[0].base_url, "http://old"),
          "a request in work stays with its settings");
    conf_drop(request);
    conf_use(new); /* the same again */
    CHECK(is(conf_now()->default_model, "new"), "the same");
    conf_use(NULL);
    CHECK(conf_now() == NULL, "none");
    conf_drop(NULL);
}

/* >> limits and hostile files ----------------------------------------- */

/* n sections by that format; its last error in error[]. */
static bool read_many(unsigned n, const char *format)
{
    size_t size = 64 * (size_t)n + 64;
    char  *text = malloc(size), *at = text;
    conf  *c = fresh();
    if (text == NULL) abort();
    at += sprintf(at, "[provider a0]\nkind=demo\n");
    for (unsigned i = 1; i <= n; i++) at += sprintf(at, format, i, i);
    bool read = read_bytes(c, text, (size_t)(at - text), false);
    free(text);
    conf_drop(c);
    return read;
}

static void test_numbers_of(void)
{
    CHECK(read_many(CONF_MAX_PROVIDERS - 2, "[provider a%u]\n"), error);
    CHECK(read_many(CONF_MAX_PROVIDERS - 1, "[provider a%u]\n"), error);
    CHECK(!read_many(CONF_MAX_PROVIDERS, "[provider a%u]\n"), "providers");
    CHECK_STR(or_str_z(error), OR_STR(":34: more than 32 providers"), "providers");
    CHECK(read_many(CONF_MAX_SECTIONS, "[endpoint a0 m%u]\nprompt=1\n"), error);
    CHECK(!read_many(CONF_MAX_SECTIONS + 1, "[endpoint a0 m%u]\n"), "endpoints");
    CHECK_STR(or_str_z(error), OR_STR(":10003: more than 10000 endpoints"), "endpoints");
    CHECK(read_many(1000, "[key k%u]\nmodels=m%u\n"), error);
    CHECK(read_many(1000, "[preset k%u]\nmodel=m%u\n"), error);
    CHECK(read_many(CONF_MAX_LISTEN, "#%u\n"), error);
}

static void test_repeated(void)
{
    conf      *c = fresh();
    conf_error e = {""};
    for (unsigned i = 0; i < CONF_MAX_LISTEN; i++)
        CHECK(conf_set(c, "listen=1.1.1.1:1", &e), e.text);
    CHECK(!conf_set(c, "listen=1.1.1.1:1", &e), "listen");
    CHECK_STR(or_str_z(e.text), OR_STR("--set listen: more than 8 listen addresses"), "listen");
    for (unsigned i = 0; i < CONF_MAX_SECRETS; i++)
        CHECK(conf_set(c, "provider x.key=env:TEST_CONF_SECRET", &e), e.text);
    CHECK(!conf_set(c, "provider x.key=env:TEST_CONF_SECRET", &e), "keys");
    CHECK_STR(or_str_z(e.text), OR_STR("--set provider x.key: more than 8 keys for one provider"),
              "keys");
    conf_drop(c);
}

/* text with n times `unit` at the end */
static char *repeat(const char *text, const char *unit, size_t n)
{
    size_t len = strlen(text), one = strlen(unit);
    char  *all = malloc(len + n * one + 1);
    if (all == NULL) abort();
    memcpy(all, text, len);
    for (size_t i = 0; i < n; i++) memcpy(all + len + i * one, unit, one);
    all[len + n * one] = 0;
    return all;
}

static void check_length(const char *start, const char *unit, size_t n, const char *want)
{
    char *text = repeat(start, unit, n);
    conf *c = fresh();
    bool  read = read_text(c, text, false);
    CHECK(read == (want[0] == 0), start);
    CHECK_STR(or_str_z(error), or_str_z(want), start);
    conf_drop(c);
    free(text);
}

static void test_lengths(void)
{
    check_length("state=", "x", CONF_MAX_LINE - 8, "");
    check_length("state=", "x", CONF_MAX_LINE - 7, "");
    check_length("state=", "x", CONF_MAX_LINE - 6, ":1: line is longer than 16383 bytes");
    check_length("auto_models=a", ",a", CONF_MAX_LIST - 1, "");
    check_length("auto_models=a", ",a", CONF_MAX_LIST,
                 ":1: auto_models has more than 256 entries");
    check_length("[preset p]\nmodels=a", ",a", CONF_MAX_LIST - 1, "");
    check_length("[preset p]\nmodels=a", ",a", CONF_MAX_LIST,
                 ":2: models has more than 256 entries");
    check_length("[preset p]\nmodels=a", "\"", 16000, "");
    char *text = repeat("[", "x", 5000); /* quoted in the error, which is cut */
    conf *c = fresh();
    CHECK(!read_text(c, text, false) && strncmp(error, ":1: \"[xxx", 9) == 0, "long junk");
    conf_drop(c);
    free(text);
}

/* Names of a section at their limits. */
static void test_name_lengths(void)
{
    for (int k = -1; k <= 1; k++) {
        char      *name = repeat("provider ", "n", (size_t)(CONF_MAX_NAME + k));
        char      *model = repeat("endpoint a ", "m", (size_t)(CONF_MAX_MODEL + k));
        conf      *c = fresh();
        conf_error e = {""};
        CHECK(conf_set_value(c, name, "kind", "demo", "", &e) == (k <= 0), "name");
        CHECK(k <= 0 || strstr(e.text, "is not a name: use up to 64") != NULL, e.text);
        CHECK(conf_set_value(c, model, "tag", "t", "", &e) == (k <= 0), "model");
        if (k > 0)
            CHECK_STR(or_str_z(e.text), OR_STR("a model's name of more than 256 bytes"), "model");
        conf_drop(c);
        free(name);
        free(model);
    }
}

static void test_hostile(void)
{
    static const struct {
        const char *text;
        size_t      size;
        const char *want;
    } cases[] = {
        {"heart\0beat=1s\n", 14, ":1: a NUL byte: this should be UTF-8 text"},
        {"\0\0\0\0", 4, ":1: a NUL byte: this should be UTF-8 text"},
        {"heartbeat=1s\n\x1b[2Jx\n", 20,
         ":2: a control character (byte 0x1b): this should be UTF-8 text"},
        {"\x7f" "ELF", 4, ":1: a control character (byte 0x7f): this should be UTF-8 text"},
        {"\xff\xfeh", 3, ":1: byte 0xff is not UTF-8 text"},
        {"a\rb=1\n", 6, ":1: a control character (byte 0x0d): this should be UTF-8 text"},
        {"# \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80\n", 14, ""},
        {"\xEF\xBB\xBF\xEF\xBB\xBFx", 7, ":1: \"\xEF\xBB\xBFx\" is neither key = value nor "
                                         "[section]"},
        {"[[limits]]\n", 11, ":1: unknown section \"[limits]\": did you mean \"limits\"?"},
        {"]\n", 2, ":1: \"]\" is neither key = value nor [section]"},
        {"[\n", 2, ":1: \"[\" has no closing bracket"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        conf *c = fresh();
        bool  read = read_bytes(c, cases[i].text, cases[i].size, false);
        CHECK(read == (cases[i].want[0] == 0), cases[i].want);
        CHECK_STR(or_str_z(error), or_str_z(cases[i].want), cases[i].want);
        conf_drop(c);
    }
}

/* Every prefix of the example, and the example with each byte turned into another: nothing but
   an error may come of it. */
static void test_damaged(void)
{
    static char text[16384];
    FILE       *f = fopen("examples/orproxy.conf", "r");
    size_t      size = f == NULL ? 0 : fread(text, 1, sizeof text, f);
    CHECK(size > 1000, "example is there");
    if (f != NULL) fclose(f);
    for (size_t i = 0; i < size; i += 13) {
        static const char turned[] = "\0\xff[]=#\n,\"{";
        conf             *c = fresh();
        char              byte = text[i];
        read_bytes(c, text, i, true);
        conf_drop(c);
        c = fresh();
        text[i] = turned[i % (sizeof turned - 1)];
        CHECK(read_bytes(c, text, size, true) || error[0] != 0, "has an error");
        text[i] = byte;
        conf_drop(c);
    }
}

/* >> secrets ---------------------------------------------------------- */

static void test_secret_file(void)
{
    static const struct {
        const char *text;
        bool        good;
    } secrets[] = {
        {"sk-1\n", true}, {"sk-1", true}, {"sk-1\r\nmore\n", true}, {"sk-1 \n", true}, {"", false},
        {"\n", false}, {"a b\n", false}, {"a\tb\n", false}, {" a\n", false}, {"a\x7f\n", false},
        {"a\xC3\xA4\n", false},
    };
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        char       path[32], assignment[64];
        conf      *c = fresh();
        conf_error e = {""};
        make_file(path, secrets[i].text, strlen(secrets[i].text));
        snprintf(assignment, sizeof assignment, "provider p.key=file:%s", path);
        CHECK(conf_set(c, assignment, &e) == secrets[i].good, secrets[i].text);
        if (secrets[i].good) CHECK(is(c->providers[0].keys[0], "sk-1"), secrets[i].text);
        CHECK(strstr(e.text, "sk-1") == NULL, "no secret in errors");
        conf_drop(c);
        unlink(path);
    }
}

static void test_secret_length(void)
{
    for (size_t n = 4093; n <= 4095; n++) {
        char      *secret = repeat("", "s", n);
        conf      *c = fresh();
        conf_error e = {""};
        setenv("TEST_CONF_LONG", secret, 1);
        CHECK(conf_set(c, "provider p.key=env:TEST_CONF_LONG", &e) == (n <= 4094), e.text);
        if (n > 4094)
            CHECK_STR(or_str_z(e.text), OR_STR("--set provider p.key: the key in "
                                               "env:TEST_CONF_LONG is longer than 4094 bytes"),
                      "long");
        conf_drop(c);
        free(secret);
    }
    conf      *c = fresh();
    conf_error e = {""};
    setenv("TEST_CONF_LONG", "a b", 1);
    CHECK(!conf_set(c, "provider p.key=env:TEST_CONF_LONG", &e), "spaces");
    CHECK_STR(or_str_z(e.text), OR_STR("--set provider p.key: the key in env:TEST_CONF_LONG is "
                                       "empty, has spaces or is not ASCII"), "spaces");
    conf_drop(c);
}

/* Settings that only have to find the orproxy that runs. */
static void test_forgiven(void)
{
    static const struct {
        const char *text, *missing; /* NULL: nothing */
        bool        good;
    } cases[] = {
        {"[provider p]\nbase_url=http://x/v1\nkey=env:TEST_CONF_SECRET\n", NULL, true},
        {"[provider p]\nbase_url=http://x/v1\nkey=env:NO_SUCH_1\nkey=env:NO_SUCH_2\n",
         ":3: environment variable NO_SUCH_1 is not set", true},
        {"[provider p]\nbase_url=http://x/v1\nkey=file:/nonexistent/key\n",
         ":3: cannot read /nonexistent/key: No such file or directory", true},
        {"", "no provider: set OPENROUTER_API_KEY, give --upstream URL, or try --demo", true},
        {"management_key=env:NO_SUCH\n[provider d]\nkind=demo\n[key a]\nkey=env:NO_SUCH\n"
         "[key b]\nkey=env:NO_SUCH\n",
         ":1: environment variable NO_SUCH is not set", true},
        /* what is wrong is wrong */
        {"[provider d]\nkind=demo\n[key a]\n", NULL, false},
        {"[provider d]\nkind=demo\n[key a]\nkey=env:NO_SUCH\nlimit=x\n",
         ":4: environment variable NO_SUCH is not set", false},
        {"[provider d]\nkind=demo\n[key a]\nkey=env:NO_SUCH\npreset=none\n",
         ":4: environment variable NO_SUCH is not set", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        conf *c = fresh();
        CHECK(read_text(c, cases[i].text, true) == (cases[i].good && cases[i].missing == NULL),
              "without it, as ever");
        CHECK(conf_missing(c) == NULL, "nothing was forgiven");
        conf_drop(c);
        c = fresh();
        conf_forgive(c);
        CHECK(read_text(c, cases[i].text, true) == cases[i].good, cases[i].text);
        const char *missing = conf_missing(c);
        size_t      n = missing != NULL && missing[0] == '/' ? strcspn(missing, ":") : 0;
        CHECK((missing != NULL) == (cases[i].missing != NULL), cases[i].text);
        if (missing != NULL) CHECK_STR(or_str_z(missing + n), or_str_z(cases[i].missing), "noted");
        conf_drop(c);
    }
}

/* >> patterns --------------------------------------------------------- */

static void test_matches(void)
{
    static const struct {
        const char *pattern, *text;
        bool        want;
    } cases[] = {
        {"*", "", true}, {"*", "x", true}, {"", "", true}, {"", "x", false}, {"a/b", "A/B", true},
        {"a/*", "a/b", true}, {"a/*", "a", false}, {"*:free", "a/b:free", true},
        {"*:free", "a/b", false}, {"a*b*c", "a-b-b-c", true}, {"a*b*c", "acb", false},
        {"**a", "bba", true}, {"*a*", "bab", true}, {"a", "ab", false}, {"ab", "a", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK(conf_matches(or_str_z(cases[i].pattern), or_str_z(cases[i].text)) == cases[i].want,
              cases[i].pattern);
    char *stars = repeat("", "*a", 500), *as = repeat("", "a", 499);
    CHECK(!conf_matches(or_str_z(stars), or_str_z(as)), "no exponential time");
    free(stars);
    free(as);
}

/* >> what is known of providers --------------------------------------- */

static void test_facts(void)
{
    unsigned              num;
    const provider_facts *rows = provider_rows(&num);
    for (unsigned i = 0; i < num; i++) {
        or_url url;
        CHECK(provider_find(rows[i].name) == &rows[i], rows[i].name);
        CHECK(rows[i].title[0] != 0, rows[i].name);
        if (rows[i].base_url != NULL)
            CHECK_ERR(or_url_read(or_str_z(rows[i].base_url), &url), OR_OK, rows[i].name);
        for (unsigned k = 0; rows[i].drop != NULL && rows[i].drop[k] != NULL; k++)
            CHECK(provider_is_openai_member(or_str_z(rows[i].drop[k])) ||
                      or_param_bit(or_str_z(rows[i].drop[k])) != 0, rows[i].drop[k]);
        for (unsigned k = 0; rows[i].rename != NULL && rows[i].rename[k] != NULL; k += 2)
            CHECK(provider_is_openai_member(or_str_z(rows[i].rename[k])), rows[i].rename[k]);
        bool other = rows[i].dialect != OR_DIALECT_CHAT;
        CHECK(other == (rows[i].kind == PROVIDER_ANTHROPIC || rows[i].kind == PROVIDER_GEMINI),
              rows[i].name);
        CHECK(!other || rows[i].no_completions, rows[i].name);
        CHECK(rows[i].messages == (rows[i].kind == PROVIDER_OPENROUTER ||
                                   rows[i].kind == PROVIDER_ANTHROPIC), rows[i].name);
    }
    CHECK(!provider_find("nobody")->no_completions && !provider_find("nobody")->responses &&
          (provider_find("nobody")->lacks & OR_LACKS_DEVELOPER) != 0, "unknown one");
    CHECK((provider_find("openai")->lacks & (OR_LACKS_DEVELOPER | OR_LACKS_DETAILS)) == 0 &&
          provider_find("openai")->responses, "openai");
    CHECK(provider_find("openrouter")->lacks == 0, "openrouter");
    CHECK((provider_find("mistral")->lacks & OR_WANTS_SHORT_IDS) != 0, "mistral");
    CHECK(provider_find("nobody")->name[0] == 0, "unknown one");
    CHECK(provider_is_openai_member(OR_STR("messages")) &&
          provider_is_openai_member(OR_STR("encoding_format")) &&
          provider_is_openai_member(OR_STR("suffix")), "members");
    CHECK(!provider_is_openai_member(OR_STR("top_k")) && !provider_is_openai_member(OR_STR("")),
          "others' members");
}

/* >> the documented example ------------------------------------------- */

/* A copy of the example in which each setting and section that is commented out is not. */
static void uncomment_example(char *path)
{
    char  line[512];
    FILE *in = fopen("examples/orproxy.conf", "r");
    strcpy(path, "/tmp/test_conf_XXXXXX");
    int   fd = mkstemp(path);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (in == NULL || out == NULL) abort();
    while (fgets(line, sizeof line, in) != NULL)
        fputs(line[0] == '#' && line[1] != ' ' && line[1] != '\n' ? line + 1 : line, out);
    fclose(in);
    fclose(out);
}

static bool same_defaults(const conf *a, const conf *b)
{
    return a->on_unsupported == b->on_unsupported && a->heartbeat == b->heartbeat &&
           a->refresh == b->refresh && a->open == b->open &&
           a->log_json == b->log_json && a->unknown_price == b->unknown_price &&
           memcmp(&a->limits, &b->limits, sizeof a->limits) == 0 &&
           memcmp(&a->timeout, &b->timeout, sizeof a->timeout) == 0;
}

/* It must load, as it is and with all that it shows, and say what the defaults are. */
static void test_example(void)
{
    conf      *example = fresh(), *all = fresh(), *standard = fresh();
    conf_error e = {""};
    char       path[32];
    setenv("OPENROUTER_API_KEY", "sk-or-v1-test", 1);
    setenv("GROQ_API_KEY", "gsk-test", 1);
    setenv("KITCHEN_KEY", "kitchen", 1);
    setenv("ORPROXY_MANAGEMENT_KEY", "manager", 1);
    CHECK(conf_read_file(example, "examples/orproxy.conf", &e) && conf_finish(example, &e), e.text);
    CHECK(example->num_providers == 1 && is(example->providers[0].keys[0], "sk-or-v1-test"), "key");
    CHECK(same_defaults(example, standard), "defaults");
    uncomment_example(path);
    CHECK(conf_read_file(all, path, &e) && conf_finish(all, &e), e.text);
    CHECK(same_defaults(all, standard), "defaults");
    CHECK(all->num_providers == 4 && all->num_endpoints == 1 && all->num_keys == 1 &&
          all->num_aliases == 1 && all->num_presets == 1, "all is uncommented");
    unlink(path);
    conf_drop(example);
    conf_drop(all);
    conf_drop(standard);
}

/* A conf of that file with the n-th allocation and all later ones failing. */
static bool read_without_memory(const char *path, unsigned long n)
{
    conf_error e = {""};
    num_calls = 0;
    fail_from = n;
    conf *c = conf_new();
    bool  read = c != NULL && conf_read_file(c, path, &e) && conf_finish(c, &e);
    fail_from = 0;
    CHECK(read || c == NULL || strstr(e.text, "memory") != NULL, e.text);
    conf_drop(c);
    return read;
}

static void test_no_memory(void)
{
    char          path[32];
    unsigned long n = 1;
    uncomment_example(path);
    while (!read_without_memory(path, n) && n < 1000) n++;
    CHECK(n > 10 && n < 1000, "it works in the end");
    unlink(path);
}

/* Each key that may be said is in the example. */
static void test_example_is_complete(void)
{
    static char text[16384];
    FILE       *f = fopen("examples/orproxy.conf", "r");
    if (f == NULL) abort();
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char        key[64];
        size_t      n = strcspn(good[i], "=");
        const char *at = text, *from = good[i] + n;
        if (strncmp(good[i], "aliases.", 8) == 0) continue;
        while (from > good[i] && from[-1] != '.') from--;
        snprintf(key, sizeof key, "\n%.*s ", (int)(good[i] + n - from), from);
        bool there = strstr(at, key) != NULL;
        key[0] = '#';
        CHECK(there || strstr(at, key) != NULL, good[i]);
    }
}

int main(void)
{
    setenv("TEST_CONF_SECRET", "sk-test", 1);
    setenv("TEST_CONF_OTHER", "sk-other", 1);
    test_good();
    test_bad();
    test_files();
    test_top();
    test_providers();
    test_pasted();
    test_endpoints();
    test_keys_and_presets();
    test_limits();
    test_times();
    test_set_over_file();
    test_reload();
    test_numbers_of();
    test_repeated();
    test_lengths();
    test_name_lengths();
    test_hostile();
    test_secret_file();
    test_secret_length();
    test_forgiven();
    test_matches();
    test_facts();
    test_example();
    test_example_is_complete();
    test_no_memory();
    test_damaged();
    TEST_MAIN_END("test_conf");
}
