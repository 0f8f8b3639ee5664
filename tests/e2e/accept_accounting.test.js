// The acceptance list (tests/ACCEPTANCE.md): what a request cost and what is kept of it. Each
// name begins with the number of its point.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    ask,
    asOpenRouter,
    assertError,
    assertUsageChunk,
    attempts,
    big,
    bigStream,
    completion,
    envOf,
    events,
    failing,
    gateway,
    generation,
    greek,
    inOrder,
    keyOf,
    listed,
    lists,
    openaiAnswer,
    openaiChunk,
    plan,
    priced,
    provider,
    recorded,
    reply,
    whole,
} from './helpers.js';

// One direct provider with this offer, that counts like this.
async function offering(t, offer, usage, more) {
    const { p, alpha } = await greek(t, {
        names: ['alpha'],
        more: { alpha: { endpoints: { 'acme/big': offer } } },
        ...more,
    });
    alpha.answer = whole('hi there', usage && { usage: usage === 'none' ? undefined : usage });
    return { p, alpha };
}

// An OpenRouter that lists acme/big like this.
async function openrouter(t, pricing, answer) {
    const up = await provider(t, 'openrouter', {
        models: [listed('acme/big', undefined, undefined, { pricing })],
        answer,
    });
    const p = await gateway(t, {
        providers: { openrouter: { up, kind: 'openrouter', list: 'yes' } },
    });
    await lists(p, 'acme/big');
    return { p, up };
}

const usageOf = async (p, more) => (await big(p, more)).json.usage;

test('46: every success has usage with the three counts and cost', async (t) => {
    const { p } = await offering(t, { prompt: 1, completion: 2 });
    const answer = await big(p);
    const streamed = assertUsageChunk(await (await bigStream(p)).rest());
    for (const usage of [answer.json.usage, streamed]) {
        assert.equal(usage.prompt_tokens, 1000);
        assert.equal(usage.completion_tokens, 500);
        assert.equal(usage.total_tokens, 1500);
        assert.equal(usage.cost, 0.002);
    }
});

test('46: total is prompt + completion, whatever the provider adds up to', async (t) => {
    const { p } = await offering(t, priced(1), {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 7,
    });
    assert.equal((await usageOf(p)).total_tokens, 15);
});

test('46: a provider that does not count: a guess that says so', async (t) => {
    const { p } = await offering(t, priced(1), 'none');
    const usage = await usageOf(p);
    assert.equal(usage.estimated, true);
    assert.ok(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
});

test("47: the upstream's cost is used where it tells one", async (t) => {
    const { p } = await openrouter(t, { prompt: '1', completion: '1' }, asOpenRouter('hi'));
    assert.equal((await usageOf(p)).cost, 0.000011);
    const streamed = assertUsageChunk(await (await bigStream(p)).rest());
    assert.equal(streamed.cost, 0.000011);
});

const OFFER = {
    prompt: 2,
    completion: 10,
    input_cache_read: 0.2,
    input_cache_write: 2.5,
    internal_reasoning: 20,
    request: 0.01,
};
const COUNTS = {
    prompt_tokens: 1000,
    completion_tokens: 500,
    total_tokens: 1500,
    prompt_tokens_details: { cached_tokens: 400, cache_write_tokens: 100 },
    completion_tokens_details: { reasoning_tokens: 200 },
};
// 500 x 2 + 400 x 0.2 + 100 x 2.5 + 300 x 10 + 200 x 20 micro-dollars, and a cent
const COST = 0.01833;

test('47: cost from prices: cached reads, writes, reasoning, the request', async (t) => {
    const { p } = await offering(t, OFFER, COUNTS);
    const usage = await usageOf(p);
    assert.equal(usage.cost, COST);
    assert.equal(usage.prompt_tokens_details.cached_tokens, 400);
    assert.equal(usage.completion_tokens_details.reasoning_tokens, 200);
    assert.equal(assertUsageChunk(await (await bigStream(p)).rest()).cost, COST);
});

test('47: the discount', async (t) => {
    const { p } = await offering(t, { ...OFFER, discount: 0.1 }, COUNTS);
    assert.equal((await usageOf(p)).cost, 0.016497);
});

test("47: DeepSeek's names for the cache count too", async (t) => {
    const { p } = await offering(t, OFFER, {
        prompt_tokens: 1000,
        completion_tokens: 0,
        total_tokens: 1000,
        prompt_cache_hit_tokens: 600,
        prompt_cache_miss_tokens: 400,
    });
    assert.equal((await usageOf(p)).cost, 0.01092);
});

test('47: overrides count above their threshold, not at it', async (t) => {
    let prompt_tokens;
    const { p } = await openrouter(
        t,
        {
            prompt: '0.000001',
            completion: '0',
            overrides: [{ min_prompt_tokens: 1000, prompt: '0.000003' }],
        },
        (req, res) =>
            reply(
                res,
                200,
                completion('hi', {
                    usage: { prompt_tokens, completion_tokens: 2, total_tokens: prompt_tokens + 2 },
                }),
            ),
    );
    prompt_tokens = 1000;
    assert.equal((await usageOf(p)).cost, 0.001);
    prompt_tokens = 1001;
    assert.equal((await usageOf(p)).cost, 0.003003);
});

test('48: prices are exact decimals', async (t) => {
    const { p } = await offering(
        t,
        { prompt: '0.0375', completion: '0.1' },
        { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
    );
    // 3 x 0.0000000375 + 0.0000001: in doubles 2.1249999999999998e-7
    const answer = await big(p);
    assert.match(answer.body, /"cost": ?(0\.0000002125|2\.125e-0?7)[,}]/);
});

test('48: "-1" is an unknown price, not a negative one', async (t) => {
    const { p } = await openrouter(t, { prompt: '-1', completion: '-1' }, (req, res) =>
        reply(
            res,
            200,
            completion('hi', {
                usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
            }),
        ),
    );
    const usage = await usageOf(p);
    assert.equal(usage.cost ?? null, null);
    assert.equal(usage.total_tokens, 7);
    const { data } = await plan(p);
    assert.equal(data.candidates[0].price, null);
    assert.equal(data.worst_cost, null);
});

test('48: no price at all is unknown, not 0', async (t) => {
    const { p } = await offering(t, {});
    assert.equal((await usageOf(p)).cost, null);
});

test('49: a direct provider is byok, and its charge is in cost_details', async (t) => {
    const { p } = await offering(t, { prompt: 1, completion: 2 });
    const streamed = assertUsageChunk(await (await bigStream(p)).rest());
    for (const usage of [await usageOf(p), streamed]) {
        assert.equal(usage.is_byok, true);
        assert.equal(usage.cost_details.upstream_inference_cost, 0.002);
    }
    const record = await recorded(p, await big(p));
    assert.equal(record.is_byok, true);
    assert.equal(record.upstream_inference_cost, 0.002);
});

test("49: OpenRouter's own is_byok passes", async (t) => {
    const { p } = await openrouter(
        t,
        { prompt: '1', completion: '1' },
        asOpenRouter('hi', {
            usage: {
                prompt_tokens: 5,
                completion_tokens: 2,
                total_tokens: 7,
                cost: 0.5,
                is_byok: false,
                cost_details: { upstream_inference_cost: 0.25 },
            },
        }),
    );
    const usage = await usageOf(p);
    assert.equal(usage.is_byok, false);
    assert.equal(usage.cost, 0.5);
    assert.equal(usage.cost_details.upstream_inference_cost, 0.25);
});

// OpenRouter insures its answers; a direct provider sends its bill, so there it is a guess.
const PER_TOKEN = { prompt: '0.000001', completion: '0.000001' };
const empty = () => {
    const answer = openaiAnswer('');
    answer.choices[0].finish_reason = null;
    answer.usage = { prompt_tokens: 1000, completion_tokens: 0, total_tokens: 1000 };
    return answer;
};
const half = () => {
    const answer = openaiAnswer('half');
    answer.choices[0].finish_reason = 'error';
    return answer;
};
test('50: nothing completed without a finish costs 0', async (t) => {
    const { p } = await openrouter(t, PER_TOKEN, (req, res) => reply(res, 200, empty()));
    const got = await big(p);
    assert.equal(got.json.choices[0].finish_reason, null);
    assert.equal(got.json.usage.cost, 0);
    assert.equal((await recorded(p, got)).total_cost, 0);
});

test('50: finish error costs 0', async (t) => {
    const { p } = await openrouter(t, PER_TOKEN, (req, res) => reply(res, 200, half()));
    const got = await big(p);
    assertError(got, 502);
    assert.equal((await recorded(p, got)).total_cost, 0);
});

test('50: a direct provider may bill it all the same', async (t) => {
    const { p, alpha } = await offering(t, priced(1));
    alpha.answer = (req, res) => reply(res, 200, empty());
    const got = await big(p);
    assert.equal(got.json.usage.cost, 0.001);
    assert.equal((await recorded(p, got)).total_cost, 0.001);
});

test('51: X-Generation-Id is on every inference answer and is the id of its body', async (t) => {
    const { p, alpha } = await offering(t, priced(1));
    const answer = await big(p);
    assert.match(answer.headers['x-generation-id'], /^gen-\d+-[A-Za-z0-9]{20}$/);
    assert.equal(answer.json.id, answer.headers['x-generation-id']);
    const s = await bigStream(p);
    const list = await s.rest();
    for (const one of list.slice(0, -1).map((e) => JSON.parse(e)))
        assert.equal(one.id, s.headers['x-generation-id']);
    assert.notEqual(s.headers['x-generation-id'], answer.headers['x-generation-id']);
    for (const [path, body] of [
        ['/v1/completions', { model: 'acme/big', prompt: 'x' }],
        ['/v1/embeddings', { model: 'acme/big', input: 'x' }],
        ['/v1/rerank', { model: 'acme/big', query: 'x', documents: ['y'] }],
        ['/v1/responses', { model: 'acme/big', input: 'x' }],
        ['/v1/moderations', { model: 'acme/big', input: 'x' }],
    ]) {
        const other = await ask(p, { path, body });
        assert.match(other.headers['x-generation-id'] ?? '', /^gen-/, `${path}: ${other.body}`);
    }
    alpha.answer = failing(500);
    assert.match((await big(p)).headers['x-generation-id'], /^gen-/);
});

test('51: GET /generation finds it; unknown is 404', async (t) => {
    const { p } = await offering(t, { prompt: 1, completion: 2 });
    const s = await bigStream(
        p,
        { session_id: 's1', user: 'u1' },
        { 'http-referer': 'http://a.b' },
    );
    await s.rest();
    const record = await recorded(p, s);
    assert.equal(record.id, s.headers['x-generation-id']);
    assert.equal(record.model, 'acme/big');
    assert.equal(record.provider_name, 'Alpha');
    assert.equal(record.upstream_id, 'chatcmpl-1');
    assert.equal(record.streamed, true);
    assert.equal(record.cancelled, false);
    assert.equal(record.finish_reason, 'stop');
    assert.equal(record.native_finish_reason, 'stop');
    assert.equal(record.native_tokens_prompt, 1000);
    assert.equal(record.native_tokens_completion, 500);
    assert.equal(record.total_cost, 0.002);
    assert.equal(record.usage, 0.002);
    assert.ok(record.latency >= 0 && record.generation_time >= 0);
    assert.match(record.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
    assert.equal(record.http_referer, 'http://a.b');
    assert.equal(record.session_id, 's1');
    assertError(await generation(p, 'gen-1-unknown'), 404);
    assertError(await ask(p, { path: '/v1/generation' }), 400);
});

test('51: a generation shows its attempts, its candidates and who was left out', async (t) => {
    const { p, alpha } = await greek(t);
    alpha.answer = failing(503);
    const answer = await big(p, { provider: { order: ['alpha', 'beta'], ignore: ['gamma'] } });
    const record = await recorded(p, answer);
    assert.deepEqual(
        record.routing.candidates.map((one) => one.tag ?? one.provider),
        ['alpha', 'beta'],
    );
    assert.equal(record.routing.excluded.length, 1);
    assert.equal(record.routing.excluded[0].excluded_by, 'ignored_providers');
    assert.match(record.routing.excluded[0].provider, /gamma/i);
    assert.deepEqual(
        record.provider_responses.map((one) => [one.provider_name, one.status]),
        [
            ['Alpha', 503],
            ['Beta', 200],
        ],
    );
    const failed = await big(p, { provider: { only: ['nobody'] } });
    assertError(failed, 404);
    const none = await recorded(p, failed);
    assert.equal(none.routing.excluded.length, 3);
    assert.equal(none.provider_name, null);
});

test('51: a generation is for the key that made it', async (t) => {
    const { p } = await greek(t, {
        names: ['alpha'],
        sections: {
            'key one': { key: `env:${envOf('one')}` },
            'key two': { key: `env:${envOf('two')}` },
        },
    });
    const as = (name) => ({ authorization: `Bearer ${keyOf(name)}` });
    const answer = await big(p, {}, as('one'));
    assert.equal((await recorded(p, answer, as('one'))).provider_name, 'Alpha');
    const id = answer.headers['x-generation-id'];
    assertError(await generation(p, id, as('two')), 404);
    assertError(await generation(p, id), 401);
});

test('51: only the last limits.generations are kept', async (t) => {
    const { p } = await offering(t, priced(1), undefined, {
        sections: { limits: { generations: 3 } },
    });
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await big(p)).headers['x-generation-id']);
    await recorded(p, ids[4]);
    assert.equal((await generation(p, ids[0])).status, 404);
    assert.equal((await generation(p, ids[2])).status, 200);
});

test('64: a 402 of a key names its limit, a 402 from upstream says upstream', async (t) => {
    const { p, alpha } = await greek(t, {
        names: ['alpha'],
        more: { alpha: { endpoints: { 'acme/big': priced(100) } } },
        sections: {
            'key child': { key: `env:${envOf('child')}`, max_cost_per_request: '0.01' },
            'key adult': { key: `env:${envOf('adult')}` },
        },
    });
    const as = (name) => ({ authorization: `Bearer ${keyOf(name)}` });
    const limited = await big(p, { max_tokens: 1000 }, as('child'));
    assertError(limited, 402, /max_cost_per_request|cost/);
    assert.match(limited.json.error.metadata.limit_source, /^(key|request)$/);
    assert.equal(alpha.chats.length, 0);
    assert.equal((await big(p, { max_tokens: 5 }, as('child'))).status, 200);
    alpha.answer = failing(402, { message: 'buy more' });
    const upstream = await big(p, {}, as('adult'));
    assertError(upstream, 402, /buy more/);
    assert.equal(upstream.json.error.metadata.limit_source, 'upstream');
});

test('64: unknown prices and a money limit: refused, or counted at the ceiling', async (t) => {
    const key = { 'key child': { key: `env:${envOf('child')}`, max_cost_per_request: '0.01' } };
    const child = { authorization: `Bearer ${keyOf('child')}` };
    const open = (top) =>
        greek(t, {
            names: ['alpha'],
            top,
            sections: key,
            more: { alpha: { endpoints: { 'acme/big': {} } } },
        });
    const refusing = await open({});
    const refused = await big(refusing.p, { max_tokens: 10 }, child);
    assertError(refused, 402, /price/);
    assert.equal(refusing.alpha.chats.length, 0);
    const allowing = await open({ unknown_price: 'allow' });
    assert.equal((await big(allowing.p, { max_tokens: 10 }, child)).status, 200);
    const counting = await open({
        unknown_price: 'ceiling',
        price_ceiling_prompt: 10,
        price_ceiling_completion: 20,
    });
    assert.equal((await big(counting.p, { max_tokens: 10 }, child)).status, 200);
    assertError(await big(counting.p, { max_tokens: 1000 }, child), 402);
    assert.equal(counting.alpha.chats.length, 1);
});

// ---- the price before the request

test('20: POST /route tells prices and the worst cost', async (t) => {
    const { p, ups } = await greek(t);
    const { data } = await plan(p, { max_tokens: 1000, provider: { sort: 'price' } });
    assert.equal(data.model, 'acme/big');
    assert.equal(data.strategy, 'direct');
    assert.deepEqual(
        data.candidates.map((one) => one.price),
        [
            { prompt: '0.000001', completion: '0.000001' },
            { prompt: '0.000002', completion: '0.000002' },
            { prompt: '0.000003', completion: '0.000003' },
        ],
    );
    const worst = data.candidates.map((one) => one.worst_cost);
    assert.ok(worst[0] >= 0.001 && worst[0] < worst[1] && worst[1] < worst[2], worst.join());
    assert.equal(data.worst_cost, worst[2]);
    for (const one of data.candidates) assert.equal(one.upstream_model, 'acme/big');
    assert.equal(
        ups.reduce((sum, up) => sum + up.requests.length, 0),
        0,
    );
});

test('51: X-OpenRouter-Metadata tells the same in the answer', async (t) => {
    const { p, alpha } = await greek(t, { names: ['alpha', 'beta'] });
    const asked = { 'x-openrouter-metadata': 'Enabled' };
    alpha.answer = failing(503);
    const { json } = await big(p, inOrder('alpha'), asked);
    const metadata = json.openrouter_metadata;
    assert.equal(metadata.requested, 'acme/big');
    assert.equal(metadata.attempt, 2);
    assert.equal(metadata.is_byok, true);
    assert.deepEqual(
        metadata.attempts.map((one) => one.status),
        [503, 200],
    );
    assert.equal(metadata.endpoints.total, 2);
    assert.equal(metadata.endpoints.available.filter((one) => one.selected).length, 1);
    alpha.answer = events(openaiChunk('a'), openaiChunk({}, 'stop'), '[DONE]');
    const list = (await (await bigStream(p, {}, asked)).rest())
        .slice(0, -1)
        .map((e) => JSON.parse(e));
    assert.equal(list.at(-1).openrouter_metadata.requested, 'acme/big');
    assert.ok(list.slice(0, -1).every((one) => one.openrouter_metadata === undefined));
    assert.equal((await big(p)).json.openrouter_metadata, undefined);
    const refused = await big(p, { provider: { only: ['nobody'] } }, asked);
    assertError(refused, 404);
    assert.equal(refused.json.openrouter_metadata.requested, 'acme/big');
    assert.equal(attempts(refused).length, 0);
});
