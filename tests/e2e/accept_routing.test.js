// The acceptance list (tests/ACCEPTANCE.md): which provider is asked, in which order, and what
// happens when one fails. Each name begins with the number of its point.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    assertError,
    assertGoodStream,
    assertShares,
    attempts,
    begin,
    big,
    bigStream,
    envOf,
    event,
    failing,
    gateway,
    greek,
    inOrder,
    keyOf,
    nobody,
    openaiChunk,
    plan,
    priced,
    provider,
    recorded,
    reply,
    several,
    sleep,
    until,
    whole,
} from './helpers.js';

const counts = (ups) => ups.map((up) => up.chats.length);
const total = (ups) => counts(ups).reduce((a, b) => a + b, 0);
const fail = (...ups) => ups.forEach((up) => (up.answer = failing(500)));
const only = (...names) => ({ provider: { only: names } });
const slugs = (answer) => attempts(answer).map(([slug]) => slug);

// No endpoint is left, and the reasons are told; nobody was asked.
function assertFiltered(answer, by) {
    assertError(answer, 404, /no endpoints found/i);
    const { availability, metadata } = answer.json.error;
    assert.equal(availability.retryable, false, answer.body);
    assert.ok(availability.excluded_by.includes(by), answer.body);
    assert.deepEqual(availability.requested_models, ['acme/big']);
    if (metadata?.error_type) assert.equal(metadata.error_type, 'not_found');
}

// ---- which, in which order

test('17: order tries a, then b, then the rest', async (t) => {
    const { p, alpha, beta, gamma, ups } = await greek(t);
    fail(gamma, beta);
    const answer = await big(p, inOrder('gamma', 'beta'));
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(attempts(answer), [
        ['gamma', '500'],
        ['beta', '500'],
        ['alpha', '200'],
    ]);
    assert.deepEqual(counts(ups), [1, 1, 1]);
    assert.equal(answer.json.provider, 'Alpha');
    alpha.answer = failing(503);
    assertError(await big(p, inOrder('Gamma', 'nobody', 'BETA')), 503);
});

test('17: order with allow_fallbacks false: nothing but a and b', async (t) => {
    const { p, alpha, beta, gamma } = await greek(t);
    fail(gamma, beta);
    const answer = await big(p, {
        provider: { order: ['gamma', 'beta'], allow_fallbacks: false },
    });
    assertError(answer, 500);
    assert.deepEqual(slugs(answer), ['gamma', 'beta']);
    assert.equal(alpha.chats.length, 0);
});

test('17: allow_fallbacks false alone: the first only, and its error', async (t) => {
    const { p, ups } = await greek(t);
    fail(...ups);
    const answer = await big(p, { provider: { allow_fallbacks: false, sort: 'price' } });
    assertError(answer, 500);
    assert.deepEqual(slugs(answer), ['alpha']);
    assert.equal(total(ups), 1);
});

test('18: only and ignore of the request', async (t) => {
    const { p, ups } = await greek(t);
    assert.deepEqual((await plan(p, only('beta'))).candidates, ['beta']);
    assert.deepEqual((await plan(p, only('beta'))).excluded, {
        alpha: 'allowed_providers',
        gamma: 'allowed_providers',
    });
    const ignoring = await plan(p, { provider: { ignore: ['alpha', 'Gamma'] } });
    assert.deepEqual(ignoring.candidates, ['beta']);
    assert.equal(ignoring.excluded.alpha, 'ignored_providers');
    assertFiltered(await big(p, only('nobody')), 'allowed_providers');
    assertFiltered(
        await big(p, { provider: { ignore: ['alpha', 'beta', 'gamma'] } }),
        'ignored_providers',
    );
    assert.equal(total(ups), 0);
});

test("18: only meets the configuration's, ignore joins it", async (t) => {
    const { p, ups } = await greek(t, {
        top: { provider_preferences: '{"only":["alpha","beta"],"ignore":["beta"]}' },
    });
    assert.deepEqual((await plan(p)).candidates, ['alpha']);
    assert.deepEqual((await plan(p, only('alpha', 'gamma'))).candidates, ['alpha']);
    assertFiltered(await big(p, only('gamma')), 'allowed_providers');
    assertFiltered(await big(p, { provider: { ignore: ['alpha'] } }), 'ignored_providers');
    assert.equal(total(ups), 0);
});

test("18: a key's providers and models are a limit too", async (t) => {
    const { p, ups } = await greek(t, {
        sections: {
            'key tablet': { key: `env:${envOf('tablet')}`, providers: 'alpha, b*' },
            'key phone': { key: `env:${envOf('phone')}`, models: 'acme/small*' },
        },
    });
    const tablet = { headers: { authorization: `Bearer ${keyOf('tablet')}` } };
    const phone = { authorization: `Bearer ${keyOf('phone')}` };
    assert.deepEqual((await plan(p, {}, tablet)).candidates.sort(), ['alpha', 'beta']);
    const gamma = await plan(p, only('gamma'), tablet);
    assertError(gamma.answer, 403); // policy, not for want of endpoints
    assert.equal(gamma.answer.json.error.metadata.limit_source, 'key');
    assert.deepEqual(Object.keys(gamma.excluded).sort(), ['alpha', 'beta', 'gamma']);
    const refused = await big(p, {}, phone);
    assertError(refused, 403);
    assert.equal(refused.json.error.metadata.limit_source, 'key');
    assert.equal(total(ups), 0);
});

test('19: a name is all of a provider but its tiers, a full name only itself', async (t) => {
    const alpha = await provider(t, 'alpha');
    const beta = await provider(t, 'beta');
    const tagged = (tag) => priced(1, { tag });
    const p = await gateway(t, {
        providers: {
            alpha: {
                up: alpha,
                endpoints: {
                    'acme/plain': priced(1),
                    'acme/x': tagged('alpha/x'),
                    'acme/flex': tagged('alpha/flex'),
                    'acme/priority': tagged('alpha/priority'),
                },
            },
            beta: { up: beta, endpoints: { 'acme/flex': priced(1), 'acme/priority': priced(1) } },
        },
    });
    const tags = async (model, ...names) =>
        (await plan(p, { model, ...only(...names) })).candidates;
    assert.deepEqual(await tags('acme/plain', 'alpha'), ['alpha']);
    assert.deepEqual(await tags('acme/x', 'alpha'), ['alpha/x']);
    assert.deepEqual(await tags('acme/x', 'ALPHA/X'), ['alpha/x']);
    assert.deepEqual(await tags('acme/plain', 'alpha/x'), []);
    for (const tier of ['flex', 'priority']) {
        assert.deepEqual(await tags(`acme/${tier}`, 'alpha'), [], tier);
        assert.deepEqual(await tags(`acme/${tier}`, `alpha/${tier}`), [`alpha/${tier}`]);
        const all = await plan(p, { model: `acme/${tier}` });
        assert.deepEqual(all.candidates, ['beta']);
        assert.equal(all.excluded[`alpha/${tier}`], 'service_tier');
    }
    const answer = await big(p, { model: 'acme/x', ...only('alpha/x') });
    assert.equal(answer.status, 200, answer.body);
});

test('20: sort price is deterministic and ascending', async (t) => {
    const { p, alpha, beta, ups } = await greek(t);
    for (let i = 0; i < 30; i++)
        assert.deepEqual((await plan(p, { provider: { sort: 'price' } })).candidates, [
            'alpha',
            'beta',
            'gamma',
        ]);
    fail(alpha, beta);
    const answer = await big(p, { provider: { sort: 'price' } });
    assert.deepEqual(slugs(answer), ['alpha', 'beta', 'gamma']);
    assert.deepEqual(counts(ups), [1, 1, 1]);
});

const SHARES = { alpha: 1, beta: 1 / 4, gamma: 1 / 9 };

test('20: the first of 10000 decisions follows 1/price^2', async (t) => {
    const { p, ups } = await greek(t);
    await assertShares(10000, SHARES, (n) =>
        several(n, async (i, agent) => (await plan(p, {}, { agent })).candidates[0]),
    );
    assert.equal(total(ups), 0, 'a decision asks nobody');
});

test('20: the first of 400 requests follows 1/price^2, and the rest is by price', async (t) => {
    const { p, ups } = await greek(t);
    await assertShares(400, SHARES, (n) =>
        several(n, async () => (await big(p)).json.provider.toLowerCase()),
    );
    assert.ok(total(ups) >= 400);
    const rest = { alpha: ['beta', 'gamma'], beta: ['alpha', 'gamma'], gamma: ['alpha', 'beta'] };
    for (let i = 0; i < 20; i++) {
        const [first, ...others] = (await plan(p)).candidates;
        assert.deepEqual(others, rest[first]);
    }
});

test('21: one with an outage comes after healthy ones and is not lost', async (t) => {
    const { p, alpha, beta } = await greek(t, { names: ['alpha', 'beta'] });
    fail(alpha);
    assert.equal((await big(p, inOrder('alpha'))).status, 200);
    for (let i = 0; i < 40; i++)
        assert.deepEqual((await plan(p)).candidates, ['beta', 'alpha'], 'beta is healthy');
    alpha.answer = whole('from alpha');
    fail(beta);
    const answer = await big(p);
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(slugs(answer), ['beta', 'alpha']);
});

test('22: max_price compares <= per million, as number or string; none is 404', async (t) => {
    const { p, ups } = await greek(t);
    const at = async (max) => (await plan(p, { provider: { max_price: max } })).candidates.sort();
    for (const two of [2, '2', 2.0, '2.000']) {
        assert.deepEqual(await at({ prompt: two }), ['alpha', 'beta'], String(two));
        assert.deepEqual(await at({ completion: two, prompt: two }), ['alpha', 'beta']);
    }
    assert.deepEqual(await at({ prompt: 1.999999 }), ['alpha']);
    assert.deepEqual(await at({ prompt: 3, completion: '1' }), ['alpha']);
    const none = await big(p, { provider: { max_price: { prompt: '0.5' } } });
    assertFiltered(none, 'max_price');
    assert.equal(none.json.error.availability.code, 'constraint_filtered');
    assert.equal(total(ups), 0);
});

test('23: thresholds reorder and never remove; an object needs all its percentiles', async (t) => {
    const { p, alpha, beta } = await greek(t, { names: ['alpha', 'beta'] });
    const after = (ms) => async (req, res) => {
        await sleep(ms);
        whole('at last')(req, res);
    };
    alpha.answer = after(1500);
    beta.answer = after(20); // in no time at all there is no throughput
    await big(p, only('alpha'));
    await big(p, only('beta'));
    const order = async (preferred_max_latency) => {
        const { candidates, excluded } = await plan(p, {
            provider: { sort: 'price', preferred_max_latency },
        });
        assert.deepEqual(excluded, {});
        return candidates;
    };
    assert.deepEqual(await order(100), ['alpha', 'beta']);
    assert.deepEqual(await order(1), ['beta', 'alpha']);
    assert.deepEqual(await order({ p50: 100, p90: 100 }), ['alpha', 'beta']);
    assert.deepEqual(await order({ p50: 100, p90: 1 }), ['beta', 'alpha']);
    const impossible = await plan(p, {
        provider: { sort: 'price', preferred_min_throughput: 1e9 },
    });
    assert.deepEqual(impossible.candidates, ['alpha', 'beta']);
});

test('24: partition none ranks all models in one list; the default keeps their order', async (t) => {
    const alpha = await provider(t, 'alpha');
    const beta = await provider(t, 'beta');
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, endpoints: { 'acme/big': priced(3), 'acme/mid': priced(2) } },
            beta: { up: beta, endpoints: { 'acme/big': priced(4), 'acme/mid': priced(1) } },
        },
    });
    const order = async (sort) => {
        const { data } = await plan(p, { models: ['acme/mid'], provider: { sort } });
        return data.candidates.map((one) => `${one.model}@${one.tag}`);
    };
    const grouped = ['acme/big@alpha', 'acme/big@beta', 'acme/mid@beta', 'acme/mid@alpha'];
    assert.deepEqual(await order('price'), grouped);
    assert.deepEqual(await order({ by: 'price' }), grouped);
    assert.deepEqual(await order({ by: 'price', partition: 'none' }), [
        'acme/mid@beta',
        'acme/mid@alpha',
        'acme/big@alpha',
        'acme/big@beta',
    ]);
});

test('25: require_parameters removes who lacks one; else only tools and the like count', async (t) => {
    const { p } = await greek(t, {
        names: ['alpha', 'beta'],
        more: {
            alpha: {
                endpoints: {
                    'acme/big': priced(1, { supported_parameters: 'max_tokens, temperature' }),
                },
            },
            beta: {
                endpoints: {
                    'acme/big': priced(2, { supported_parameters: 'max_tokens, seed, tools' }),
                },
            },
        },
    });
    const sort = 'price';
    const strict = { provider: { require_parameters: true, sort } };
    const loose = { provider: { sort } };
    const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
    assert.deepEqual((await plan(p, { seed: 1, ...strict })).candidates, ['beta']);
    assert.deepEqual((await plan(p, { seed: 1, ...strict })).excluded, {
        alpha: 'require_parameters',
    });
    assert.deepEqual((await plan(p, { seed: 1, ...loose })).candidates, ['alpha', 'beta']);
    assert.deepEqual((await plan(p, { tools, ...loose })).candidates, ['beta']);
    assert.deepEqual((await plan(p, { tools, ...loose })).excluded, {
        alpha: 'preferred_parameters',
    });
    // nobody has it: all stay
    assert.deepEqual((await plan(p, { verbosity: 'low', ...loose })).candidates, ['alpha', 'beta']);
    assertFiltered(await big(p, { verbosity: 'low', ...strict }), 'require_parameters');
});

test('26: an endpoint that cannot hold the request is not tried', async (t) => {
    const { p, alpha, beta } = await greek(t, {
        names: ['alpha', 'beta'],
        more: {
            alpha: { endpoints: { 'acme/big': priced(1, { context_length: 1000 }) } },
            beta: {
                endpoints: {
                    'acme/big': priced(2, { context_length: 100000, max_completion_tokens: 50 }),
                },
            },
        },
    });
    const long = { messages: [{ role: 'user', content: 'word '.repeat(4000) }] };
    assert.deepEqual((await plan(p, long)).excluded, { alpha: 'context_length' });
    assert.equal((await big(p, long)).json.provider, 'Beta');
    assert.deepEqual((await plan(p, { max_tokens: 51 })).excluded, { beta: 'max_tokens' });
    assert.equal((await big(p, { max_tokens: 51 })).json.provider, 'Alpha');
    assert.deepEqual((await plan(p, { max_tokens: 50 })).candidates.sort(), ['alpha', 'beta']);
    const before = counts([alpha, beta]);
    assertFiltered(await big(p, { ...long, max_tokens: 51 }), 'context_length');
    assert.deepEqual(counts([alpha, beta]), before);
});

// ---- when one fails

// What makes a provider fail, and how X-Orproxy-Route calls it.
const failures = [
    ['no connection', 'unreachable', (up) => void up.server.close()],
    ['no answer in time', 'timeout', (up) => (up.answer = () => {})],
    [
        'a closed connection',
        /broken|unreachable/,
        (up) => (up.answer = (req, res) => res.socket.destroy()),
    ],
    ['500', '500', (up) => (up.answer = failing(500))],
    ['503', '503', (up) => (up.answer = failing(503))],
    ['408', '408', (up) => (up.answer = failing(408))],
    ['429', '429', (up) => (up.answer = failing(429, { headers: { 'retry-after': '9' } }))],
    ['401, for our key is bad', '401', (up) => (up.answer = failing(401))],
    ['402, for our credit is used up', '402', (up) => (up.answer = failing(402))],
    ['404, for it has no such model', '404', (up) => (up.answer = failing(404))],
    [
        'an answer that is not JSON',
        /200|broken|502/,
        (up) => (up.answer = (req, res) => reply(res, 200, '<html>')),
    ],
];
for (const [name, word, spoil] of failures)
    test(`27: moves on to the next provider, and is recorded: ${name}`, async (t) => {
        const { p, alpha, beta } = await greek(t, {
            names: ['alpha', 'beta'],
            sections: { timeout: { first_token: '300ms' } },
        });
        await spoil(alpha);
        for (const stream of [false, true]) {
            const order = { provider: { order: ['alpha', 'beta'] } };
            let answer;
            if (stream) {
                answer = await bigStream(p, order);
                assert.equal(answer.status, 200);
                assertGoodStream(await answer.rest(), 'from beta');
            } else {
                answer = await big(p, order);
                assert.equal(answer.status, 200, answer.body);
                assert.equal(answer.json.provider, 'Beta');
            }
            const route = attempts(answer);
            // after a first 429, a bad key and the like, alpha may be left alone for a while
            if (route.length === 1) {
                assert.ok(stream, 'the first request tries both');
                continue;
            }
            assert.equal(route[0][0], 'alpha');
            assert.match(route[0][1], typeof word === 'string' ? RegExp(`^${word}$`) : word);
            assert.deepEqual(route[1], ['beta', '200']);
            const record = await recorded(p, answer);
            assert.equal(record.provider_name, 'Beta');
            assert.deepEqual(
                record.provider_responses.map((one) => one.provider_name),
                ['Alpha', 'Beta'],
            );
            assert.equal(record.provider_responses[1].status, 200);
        }
        assert.equal(beta.chats.length, 2);
    });

test('27: behind all providers of a model comes the next model', async (t) => {
    const alpha = await provider(t, 'alpha');
    const beta = await provider(t, 'beta');
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, endpoints: { 'acme/big': priced(1), 'acme/mid': priced(1) } },
            beta: { up: beta, endpoints: { 'acme/big': priced(2) } },
        },
    });
    const unless = (model) => (req, res) =>
        req.json.model === model ? whole(`${model} speaks`)(req, res) : failing(500)(req, res);
    alpha.answer = unless('acme/mid');
    beta.answer = unless('acme/mid');
    const answer = await big(p, { models: ['acme/mid'], provider: { sort: 'price' } });
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(slugs(answer), ['alpha', 'beta', 'alpha']);
    assert.equal(answer.json.model, 'acme/mid');
    assert.deepEqual(
        [...alpha.chats, ...beta.chats].map((req) => req.json.model),
        ['acme/big', 'acme/mid', 'acme/big'],
    );
});

test("27: the caller's mistake is not tried elsewhere, but on the next model", async (t) => {
    const alpha = await provider(t, 'alpha');
    const beta = await provider(t, 'beta');
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, endpoints: { 'acme/big': priced(1), 'acme/mid': priced(1) } },
            beta: { up: beta, endpoints: { 'acme/big': priced(2) } },
        },
    });
    alpha.answer = (req, res) =>
        req.json.model === 'acme/mid'
            ? whole('mid')(req, res)
            : failing(400, { message: 'temperature is odd' })(req, res);
    const sort = { provider: { sort: 'price' } };
    assertError(await big(p, sort), 400, /temperature is odd/);
    assert.equal(beta.chats.length, 0);
    const second = await big(p, { ...sort, models: ['acme/mid'] });
    assert.equal(second.status, 200, second.body);
    assert.equal(second.json.model, 'acme/mid');
    assert.equal(beta.chats.length, 0);
});

test('28: after the first content no other provider is tried', async (t) => {
    const { p, alpha, beta } = await greek(t, { names: ['alpha', 'beta'] });
    for (const end of [
        (res) => res.socket.destroy(),
        (res) => res.end(event({ error: { code: 503, message: 'fell over' } })),
    ]) {
        alpha.answer = (req, res) => {
            begin(res);
            res.write(event(openaiChunk('half a')), () => end(res));
        };
        const s = await bigStream(p, inOrder('alpha'));
        const last = (await s.rest()).at(-1);
        assert.equal(JSON.parse(last).choices[0].finish_reason, 'error');
        assert.equal(beta.chats.length, 0);
    }
});

test("29: all failed: the last one's status, the shortest Retry-After", async (t) => {
    const { p, alpha, beta } = await greek(t, { names: ['alpha', 'beta'] });
    alpha.answer = failing(503, { headers: { 'retry-after': '30' }, message: 'first' });
    beta.answer = failing(429, { headers: { 'retry-after': '7' }, message: 'second' });
    const answer = await big(p, inOrder('alpha', 'beta'));
    assertError(answer, 429, /second/);
    assert.equal(answer.headers['retry-after'], '7');
    const { metadata } = answer.json.error;
    assert.equal(metadata.provider_name, 'Beta');
    assert.equal(metadata.attempts, 2);
    assert.equal(metadata.previous_errors.length, 1);
    assert.equal(metadata.previous_errors[0].status ?? metadata.previous_errors[0].code, 503);
    assert.match(answer.headers['x-generation-id'], /^gen-/);
});

test('29: Retry-After is the minimum even when the last one wants more', async (t) => {
    const { p, alpha, beta } = await greek(t, { names: ['alpha', 'beta'] });
    alpha.answer = failing(429, { headers: { 'retry-after': '7' } });
    beta.answer = failing(503, { headers: { 'retry-after': '30' } });
    const answer = await big(p, inOrder('alpha', 'beta'));
    assertError(answer, 503);
    assert.equal(answer.headers['retry-after'], '7');
});

test('29: a 401 of our own key is 502 to the client', async (t) => {
    const { p, alpha } = await greek(t, { names: ['alpha'] });
    alpha.answer = failing(401, { message: 'bad key' });
    assertError(await big(p), 502);
});

test('29: all cool down: 429 with Retry-After, and nobody is asked', async (t) => {
    const { p, alpha, beta, ups } = await greek(t, { names: ['alpha', 'beta'] });
    alpha.answer = failing(429, { headers: { 'retry-after': '100' } });
    beta.answer = failing(429, { headers: { 'retry-after': '200' } });
    assertError(await big(p), 429);
    const before = counts(ups);
    const answer = await big(p);
    assertError(answer, 429);
    assert.deepEqual(counts(ups), before);
    const wait = Number(answer.headers['retry-after']);
    assert.ok(wait > 0 && wait <= 100, answer.headers['retry-after']);
    assert.equal(answer.json.error.availability.retryable, true);
});

test('30: model names the one that served, provider its display name', async (t) => {
    const { p, ups } = await greek(t);
    const [alpha] = ups;
    for (const up of ups) up.answer = whole('x', { model: 'what-the-provider-calls-it' });
    for (const name of ['alpha', 'beta', 'gamma']) {
        const answer = await big(p, only(name));
        assert.equal(answer.json.model, 'acme/big');
        assert.equal(answer.json.provider, name[0].toUpperCase() + name.slice(1));
        const s = await bigStream(p, only(name));
        for (const one of (await s.rest()).slice(0, -1).map((e) => JSON.parse(e))) {
            assert.equal(one.model, 'acme/big');
            assert.equal(one.provider.toLowerCase(), name);
        }
    }
    assert.equal(alpha.chats[0].json.model, 'acme/big');
});

test('30: upstream_model is what the provider hears, not what the client sees', async (t) => {
    const { p, alpha } = await greek(t, {
        names: ['alpha'],
        more: { alpha: { endpoints: { 'acme/big': priced(1, { upstream_model: 'big-v7' }) } } },
    });
    const answer = await big(p);
    assert.equal(alpha.chats[0].json.model, 'big-v7');
    assert.equal(answer.json.model, 'acme/big');
});

test('31: :floor and :nitro sort, the last one wins, and neither goes up', async (t) => {
    const { p, alpha, beta, gamma } = await greek(t);
    const after = (ms) => async (req, res) => {
        await sleep(ms);
        whole('at last')(req, res);
    };
    alpha.answer = beta.answer = after(700);
    gamma.answer = after(20); // in no time at all there is no throughput
    await Promise.all(['alpha', 'beta', 'gamma'].map((name) => big(p, only(name))));
    const first = async (model) => {
        const { candidates } = await plan(p, { model });
        assert.equal(candidates.length, 3, model);
        return candidates[0];
    };
    for (let i = 0; i < 10; i++) {
        assert.equal(await first('acme/big:floor'), 'alpha');
        assert.equal(await first('acme/big:nitro'), 'gamma');
        assert.equal(await first('acme/big:nitro:floor'), 'alpha');
        assert.equal(await first('acme/big:floor:nitro'), 'gamma');
    }
    assert.equal((await plan(p, { model: 'acme/big:exacto' })).candidates.length, 3);
    assert.equal((await big(p, { model: 'acme/big:nitro' })).status, 200);
    assert.equal(gamma.chats.at(-1).json.model, 'acme/big');
});

test('31: :free is an entry of its own', async (t) => {
    const alpha = await provider(t, 'alpha');
    const beta = await provider(t, 'beta');
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, endpoints: { 'acme/big': priced(1) } },
            beta: {
                up: beta,
                endpoints: { 'acme/big:free': priced(0, { upstream_model: 'big' }) },
            },
        },
    });
    assert.deepEqual((await plan(p)).candidates, ['alpha']);
    assert.deepEqual((await plan(p, { model: 'acme/big:free' })).candidates, ['beta']);
    const answer = await big(p, { model: 'acme/big:free:nitro' });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.json.model, 'acme/big:free');
    assert.equal(answer.json.usage.cost, 0);
    assert.equal(beta.chats[0].json.model, 'big');
});

test('32: a session stays with its provider while that is healthy', async (t) => {
    const { p, ups } = await greek(t, {
        more: Object.fromEntries(
            ['alpha', 'beta', 'gamma'].map((name) => [
                name,
                { endpoints: { 'acme/big': priced(1) } },
            ]),
        ),
    });
    for (const session of ['a', 'b', 'c', 'd']) {
        const { provider: name } = (await big(p, { session_id: session })).json;
        for (let i = 0; i < 12; i++) {
            const answer = await big(p, { session_id: session });
            assert.equal(answer.json.provider, name);
        }
        const { data } = await plan(p, { session_id: session });
        assert.equal(data.candidates[0].sticky, true);
        assert.equal(data.candidates[0].provider, name);
    }
    // `order` is stronger, and so is an outage
    const { provider: name } = (await big(p, { session_id: 'a' })).json;
    const other = ups.find((up) => up.title !== name);
    const ordered = await big(p, { session_id: 'a', ...inOrder(other.name) });
    assert.equal(ordered.json.provider, other.title);
    await big(p, { session_id: 'e' });
    const { provider: home } = (await big(p, { session_id: 'e' })).json;
    const up = ups.find((one) => one.title === home);
    fail(up);
    const moved = await big(p, { session_id: 'e' });
    assert.notEqual(moved.json.provider, home);
    const { candidates } = await plan(p, { session_id: 'e' });
    assert.notEqual(candidates[0], up.name);
});

test('32: without a session id the draw goes on', async (t) => {
    const { p } = await greek(t, {
        names: ['alpha', 'beta'],
        more: { beta: { endpoints: { 'acme/big': priced(1) } } },
    });
    const seen = new Set();
    for (let i = 0; i < 60 && seen.size < 2; i++) seen.add((await big(p)).json.provider);
    assert.equal(seen.size, 2);
});

test('33: refusals of our own never go to a provider, nor to the next model', async (t) => {
    const alpha = await provider(t, 'alpha');
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, endpoints: { 'acme/big': priced(100), 'acme/mid': priced(50) } },
        },
        sections: {
            'key child': {
                key: `env:${envOf('child')}`,
                max_cost_per_request: '0.001',
                max_tokens_per_request: '1000',
            },
        },
    });
    const child = { authorization: `Bearer ${keyOf('child')}` };
    const models = ['acme/mid'];
    assertError(await big(p, { models }), 401);
    const dear = await big(p, { models, max_tokens: 1000 }, child);
    assertError(dear, 402);
    const much = await big(p, { models, max_tokens: 1001 }, child);
    assert.ok(much.status >= 400 && much.status < 500, much.body);
    assertError(await big(p, { models, temperature: 'hot' }, child), 400);
    assert.equal(alpha.chats.length, 0);
    assert.deepEqual(attempts(dear), []);
});

// ---- while traffic flows

test('27: a provider that is killed in mid-run costs nobody an answer', async (t) => {
    const { p, alpha, beta } = await greek(t, { names: ['alpha', 'beta'] });
    const slowly = (name) => async (req, res) => {
        await sleep(5);
        whole(name)(req, res);
    };
    alpha.answer = slowly('alpha');
    beta.answer = slowly('beta');
    let done = 0;
    const answers = await several(400, async (i) => {
        if (++done === 120) {
            alpha.server.close();
            for (const socket of alpha.open) socket.destroy();
        }
        if (i % 4 === 0) {
            const s = await bigStream(p);
            const list = await s.rest();
            return { status: s.status, good: list.at(-1) === '[DONE]', headers: s.headers };
        }
        const { status, headers, json } = await big(p);
        return { status, good: json?.choices !== undefined, headers };
    });
    assert.ok(
        answers.every((one) => one.status === 200 && one.good),
        'all were served',
    );
    assert.ok(alpha.chats.length > 0 && beta.chats.length > 0);
    const both = answers.filter((one) => attempts(one).length === 2);
    assert.ok(both.length > 0, 'some moved from alpha to beta');
    assert.ok(both.every((one) => attempts(one)[1][0] === 'beta'));
    // and it comes back once its breaker allows a trial
    assert.equal((await plan(p)).candidates[0], 'beta');
});

test('27: many failures at once: each request finds who is left', async (t) => {
    const { p, alpha, beta, gamma } = await greek(t);
    fail(alpha, beta);
    const answers = await several(60, () => big(p));
    assert.ok(answers.every((one) => one.status === 200));
    assert.ok(answers.every((one) => one.json.provider === 'Gamma'));
    assert.equal(gamma.chats.length, 60);
    // the breakers open: nobody hammers what is down
    assert.ok(alpha.chats.length + beta.chats.length < 60);
});

test('27: a port where nobody listens is as good as a failed provider', async (t) => {
    const beta = await provider(t, 'beta');
    const port = await nobody();
    const p = await gateway(t, {
        providers: {
            alpha: {
                base_url: `http://127.0.0.1:${port}/v1`,
                name: 'Alpha',
                endpoints: { 'acme/big': priced(1) },
            },
            beta: { up: beta, endpoints: { 'acme/big': priced(2) } },
        },
    });
    const answer = await big(p, inOrder('alpha'));
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(attempts(answer), [
        ['alpha', 'unreachable'],
        ['beta', '200'],
    ]);
    await until(async () => (await plan(p)).candidates[0] === 'beta', 'alpha to come last');
});
