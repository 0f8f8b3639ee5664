#include "proxy/relay_back.h"

#include <string.h>

#include "proxy/ev.h"

enum { KEY_REST_MS = 30000 /* of a provider's key that was refused */ };

/* ---- attempts ---- */

void relay_note_attempt(relay *r, uint16_t status, const char *word)
{
    record_attempt a = {r->x.call.endpoint, status, word,
                        (uint32_t)or_ms_diff(r->attempt_ms, ev_now())};
    uint32_t at = r->r.num_attempts < RECORD_MAX_ATTEMPTS ? r->r.num_attempts
                                                          : RECORD_MAX_ATTEMPTS - 1;
    r->r.attempts[at] = a;
    r->r.num_attempts++;
    r->attempt_ms = ev_now();
}

/* A key that was refused, or is over its rate, rests; the endpoint need not while there are
   others. */
void relay_rest_key(relay *r, const or_call_failure *f)
{
    uint32_t pause = f->retry_after_ms > 0 ? f->retry_after_ms : KEY_REST_MS;
    market  *m = r->d.m;
    if (pause > OR_STATS_COOL_MS) pause = OR_STATS_COOL_MS;
    if (f->fault != OR_FAULT_KEY && f->fault != OR_FAULT_RATE) return;
    if (f->status == 404) return; /* the model is not there for any key */
    if (market_rest_key(m, endpoint_of(r)->target, r->key, ev_now(), pause))
        or_stats_forgive(&m->stats[r->x.call.endpoint]);
}

const char *relay_word(const or_call_failure *f)
{
    if (f->err == OR_ERR_REFUSED) return NULL;
    if (f->err == OR_ERR_TIMEOUT) return "timeout";
    if (f->err == OR_ERR_DIALECT) return "unsupported"; /* it was not asked */
    return f->status == 0 && f->err == OR_ERR_IO ? "unreachable" : "broken";
}

/* The provider that serves is known now. */
void relay_note_served(relay *r)
{
    if (r->r.served) return;
    relay_note_attempt(r, r->x.call.http.head.status, NULL);
    r->r.served = true;
    r->r.first_ms = or_ms_diff(r->r.began_ms, ev_now());
    r->r.added_ms = or_ms_diff(r->r.began_ms, r->x.call.attempt_ms);
    relay_log_losses(r);
}

/* And its answer broke off. */
void relay_note_cut(relay *r)
{
    uint32_t n = r->r.num_attempts < RECORD_MAX_ATTEMPTS ? r->r.num_attempts : RECORD_MAX_ATTEMPTS;
    if (n > 0) r->r.attempts[n - 1].word = "truncated";
}

/* Ids of OpenRouter are ids here too; those of others are only kept. */
void relay_take_id(relay *r)
{
    const char *id = r->x.call.id;
    size_t      n = strlen(id);
    for (size_t i = 0; i < n; i++)
        if (id[i] <= ' ' || id[i] > '~') return; /* records could not tell it */
    if (n == 0) return;
    gate_started(&r->ticket, provider_of(r), or_str_of(id, n));
    if (r->native && strncmp(id, "gen-", 4) == 0 && n < sizeof r->r.id && !r->committed) {
        memcpy(r->r.id, id, n + 1);
        return;
    }
    char *copy = or_arena_alloc(&r->arena, n);
    if (copy == NULL) return;
    memcpy(copy, id, n);
    r->r.upstream_id = or_str_of(copy, n);
}

void relay_note_finish(relay *r, or_finish finish, or_str native)
{
    if (finish == OR_FINISH_NONE) return;
    size_t n = native.len < sizeof r->r.native_finish - 1 ? native.len
                                                          : sizeof r->r.native_finish - 1;
    r->r.finish = finish;
    if (n > 0) memcpy(r->r.native_finish, native.ptr, n);
    r->r.native_finish[n] = 0;
}

/* ---- usage and cost ---- */

/* What of the cost is for the prompt: the same without what was answered. */
void relay_split_cost(const relay *r, shape *s)
{
    or_cost_facts facts_of_cost;
    or_usage      prompt = r->r.usage;
    or_cost       cost;
    memset(&facts_of_cost, 0, sizeof facts_of_cost);
    facts_of_cost.now = r->d.moment.wall; /* an insured answer has no parts: the sum is 0 */
    prompt.set = true;
    prompt.cost_set = prompt.upstream_cost_set = false;
    prompt.completion_tokens = prompt.reasoning_tokens = prompt.web_searches = 0;
    prompt.image_output_tokens = prompt.audio_output_tokens = 0;
    or_cost_of(&endpoint_of(r)->prices, &prompt, &facts_of_cost, &cost);
    s->split = cost.source != OR_COST_UNKNOWN && cost.pico_usd <= r->r.cost.pico_usd;
    s->prompt_pico_usd = cost.pico_usd;
    s->completion_pico_usd = r->r.cost.pico_usd - cost.pico_usd;
}

/* Counts that nobody told are guessed: about four bytes make a token. */
void relay_guess_usage(relay *r, or_usage *u)
{
    if (u->set) return;
    u->prompt_tokens = r->f.request.prompt_tokens;
    u->completion_tokens = (r->x.call.content_bytes + 3) / 4;
    u->total_tokens = u->prompt_tokens + u->completion_tokens;
}

void relay_note_usage(relay *r, const or_usage *u, const or_cost *cost)
{
    r->r.usage = *u;
    r->r.cost = *cost;
    /* sound, pictures and the like: bytes tell nothing of what they cost */
    if (r->f.kind == FACTS_OTHER && !u->set && cost->pico_usd > 0) {
        memset(&r->r.cost, 0, sizeof r->r.cost);
        r->r.cost.source = OR_COST_UNKNOWN;
    }
    r->r.byok = !provider_is_openrouter(provider_of(r)->kind) || u->is_byok;
    r->r.usage.is_byok = r->r.byok;
}

/* OpenRouter charges nothing for an answer that came to nothing; others do. */
static or_cost_facts cost_facts_of(const relay *r)
{
    or_cost_facts known;
    memset(&known, 0, sizeof known);
    known.now = r->d.moment.wall;
    known.insured = provider_of(r)->kind == PROVIDER_OPENROUTER;
    known.unfinished = r->r.finish == OR_FINISH_NONE;
    known.failed = r->r.finish == OR_FINISH_ERROR;
    return known;
}

/* The cost of a whole answer, before the call has ended. */
void relay_price_answer(relay *r, const or_usage *u)
{
    or_cost_facts facts_of_cost = cost_facts_of(r);
    or_usage      counted = *u;
    or_cost       cost;
    facts_of_cost.estimated = !u->set;
    relay_guess_usage(r, &counted);
    counted.set = true;
    or_cost_of(&endpoint_of(r)->prices, &counted, &facts_of_cost, &cost);
    counted.set = u->set;
    int64_t past = or_call_past_cost(&r->x.call);
    if (past < 0) {
        cost.source = OR_COST_UNKNOWN;
        cost.pico_usd = 0;
    } else if (past > 0 && cost.source != OR_COST_UNKNOWN) {
        cost.pico_usd = or_money_add(cost.pico_usd, past);
        cost.source = OR_COST_ESTIMATED;
    }
    relay_note_usage(r, &counted, &cost);
}

