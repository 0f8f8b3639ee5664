// Limits of money and rate: any number of requests at once, and never one too many; refusals
// that say which limit it was; and whatever a provider says of its tokens, nothing is free.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    asOpenRouter,
    ask,
    assertError,
    assertGoodStream,
    begin,
    completion,
    connect,
    envOf,
    event,
    events,
    failing,
    gate,
    gateway,
    keyOf,
    openaiAnswer,
    openaiChunk,
    plan,
    post,
    provider,
    recorded,
    reply,
    run,
    scratch,
    sleep,
    stream,
    until,
    within,
} from './helpers.js';
import {
    IN,
    MANAGEMENT,
    OUT,
    PRICES,
    as,
    bank,
    bankConfig,
    books,
    costOf,
    costTold,
    end,
    hashOfKey,
    keySections,
    limitsOf,
    manage,
    manager,
    metered,
    order,
} from './ledger_helpers.js';
import { fold, foldNewest, pico, readLedger, usd } from './ledger_tools.js';

// Only what is written costs, and all of it is written: the most it may cost is what it costs.
const OFFER = { prompt: 0, completion: 1000 };
const DIME = 100n * 1000n * 10n ** 6n; // 100 tokens of it: 0.1 USD
const dime = (id, more = {}) => order(id, { prompt: 10, completion: 100, ...more });

// A gateway with books, and its provider. `what` as for bank().
async function open(t, what = {}, options = {}) {
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const all = { state, offer: OFFER, ...what };
    const p = await bank(t, up, all, options);
    return {
        up,
        state,
        p,
        all,
        again: async (other = {}) => bank(t, up, { ...all, ...other }, options),
    };
}

let ids = 0;

// n requests at once. The provider holds what reaches it until all the others are answered, so
// that nothing which was paid for can be spent again. send(i, id) gives an answer, or a stream.
async function crowd({ p, up }, n, send) {
    const hold = gate();
    const { pause } = up;
    up.pause = () => hold.opened;
    const before = up.served.size;
    let answered = 0;
    const all = Array.from({ length: n }, async (_, i) => {
        const answer = await send(i, `c${++ids}`);
        // a stream may have begun while the provider thinks
        if (answer.status !== 200 || answer.json) answered++;
        return answer;
    });
    const ended = Promise.all(all);
    ended.catch(() => {});
    await until(() => answered + up.served.size - before >= n, `all ${n} to be somewhere`);
    const held = up.served.size - before;
    hold.open();
    const answers = await within(ended, 'all answers');
    for (const one of answers) if (one.rest) one.list = await one.rest();
    up.pause = pause;
    const good = answers.filter((one) => one.status === 200);
    assert.equal(held, good.length, 'asked of the provider, and answered');
    return { good, refused: answers.filter((one) => one.status !== 200), p };
}

const textOf = (answer) => answer.body ?? answer.text;
const errorOf = (answer) => JSON.parse(textOf(answer)).error;

function assertRefused(answer, status, source, message) {
    assert.equal(answer.status, status, textOf(answer));
    const error = errorOf(answer);
    assert.equal(error.code, status);
    if (source !== undefined) assert.equal(error.metadata?.limit_source, source, textOf(answer));
    if (message) assert.match(error.message, message);
    assert.match(answer.headers['content-type'], /^application\/json/);
}

// Errors of these are in their dialect: where the word for 402 stands, and what it is.
const OWN_FORM = {
    '/responses': ['code', 'insufficient_quota'],
    '/messages': ['type', 'billing_error'],
};

// A refusal for its rate says when to come back.
function assertSlow(answer, limit) {
    assertRefused(answer, 429, 'rate');
    const after = Number(answer.headers['retry-after']);
    assert.ok(Number.isInteger(after) && after >= 1, answer.headers['retry-after']);
    if (limit === undefined) return after;
    assert.equal(answer.headers['x-ratelimit-limit'], String(limit));
    assert.equal(answer.headers['x-ratelimit-remaining'], '0');
    assert.match(answer.headers['x-ratelimit-reset'], /^\d+$/);
    return after;
}

const whole = (p, key, id, more = {}, headers = {}) =>
    ask(p, { body: dime(id, more), headers: { ...as(key), ...headers } });
const streamed = (p, key, id, more = {}, headers = {}) =>
    stream(p, { body: dime(id, { stream: true, ...more }), headers: { ...as(key), ...headers } });

// A client that may go before its answer begins.
const knock = (t, p, key, body) =>
    connect(t, p.port).write(post(body, { fields: `Authorization: ${as(key).authorization}\r\n` }));

// Ten of 64 were paid for, the others told why not.
function assertTen({ good, refused }, source, amount = 10) {
    assert.equal(good.length, amount, refused[0] && textOf(refused[0]));
    assert.equal(refused.length, 64 - amount);
    for (const one of refused) assertRefused(one, 402, source);
    for (const one of good) {
        if (one.list) assertGoodStream(one.list);
        assert.equal(costTold(one.list ?? one), DIME);
    }
}

async function row(p, kind, name) {
    const { data } = await limitsOf(p);
    const found = data.filter(
        (one) => one.kind === kind && (name === undefined || one.name === name),
    );
    assert.equal(found.length, 1, `${kind} ${name}: ${JSON.stringify(data)}`);
    return found[0];
}

async function assertNothingReserved(p) {
    const { data, ledger } = await limitsOf(p);
    for (const one of data) assert.equal(pico(one.reserved ?? 0), 0n, `${one.kind} ${one.name}`);
    assert.equal(ledger.state, 'ok');
}

// ---- money, in parallel

for (const [name, send] of [
    ['whole answers', whole],
    ['streams', streamed],
])
    test(`a key that can pay for ten, and 64 at once: ${name}`, async (t) => {
        const g = await open(t, { keys: { one: { limit: '1' }, other: { limit: '1' } } });
        const all = await crowd(g, 64, (i, id) => send(g.p, 'one', id));
        assertTen(all, 'key');
        // it says whose limit, what is left, what this may cost
        for (const word of [/one/, /limit/, /0\.1\b/])
            assert.match(errorOf(all.refused[0]).message, word);
        const { limit, remaining, spent, usage, byok } = await books(g.p, 'one');
        assert.deepEqual([limit, remaining, spent], [10n * DIME, 0n, 10n * DIME]);
        assert.deepEqual([usage, byok], [0n, 10n * DIME], 'a direct provider sends its own bill');
        await assertNothingReserved(g.p);
        assertRefused(await whole(g.p, 'one', 'late'), 402, 'key');
        assert.equal((await books(g.p, 'other')).spent, 0n);
        assert.equal((await whole(g.p, 'other', 'else')).status, 200);
        // and after a restart it still is so
        await end(g.p, 'SIGTERM');
        const p = await g.again();
        assertRefused(await whole(p, 'one', 'later'), 402, 'key');
        assert.equal((await books(p, 'one')).remaining, 0n);
        assert.equal((await whole(p, 'other', 'else2')).status, 200);
    });

test('a key with a limit of one, in USD to the last digit', async (t) => {
    const limit = usd(10n * DIME - 1n);
    assert.equal(limit, '0.999999999999');
    const g = await open(t, { keys: { one: { limit } } });
    assertTen(await crowd(g, 64, (i, id) => whole(g.p, 'one', id)), 'key', 9);
    assert.equal((await books(g.p, 'one')).remaining, DIME - 1n);
    const row1 = await row(g.p, 'key', 'one');
    assert.equal(pico(row1.limit), 10n * DIME - 1n);
    assert.equal(pico(row1.spent), 9n * DIME);
    assert.equal(pico(row1.remaining), DIME - 1n);
});

test('the organization: several keys, one purse', async (t) => {
    const keys = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, {}]));
    const g = await open(t, { keys, sections: { organization: { limit: '1' } } });
    const names = Object.keys(keys);
    const all = await crowd(g, 64, (i, id) => (i % 2 ? streamed : whole)(g.p, names[i % 4], id));
    assertTen(all, 'organization');
    const found = await row(g.p, 'organization');
    assert.equal(pico(found.spent), 10n * DIME);
    assert.equal(pico(found.remaining), 0n);
    await assertNothingReserved(g.p);
    let sum = 0n;
    for (const name of names) sum += (await books(g.p, name)).spent;
    assert.equal(sum, 10n * DIME);
});

test('two keys in one app; another app, and who is in none, have their own', async (t) => {
    const g = await open(t, {
        keys: { one: {}, two: {} },
        sections: { 'app Kitchen': { limit: '1' }, 'app shop': { match: 'shop*', limit: '0.2' } },
    });
    const kitchen = { 'x-title': 'Kitchen' };
    assertTen(
        await crowd(g, 64, (i, id) => whole(g.p, i % 2 ? 'one' : 'two', id, {}, kitchen)),
        'app',
    );
    const newer = { 'x-openrouter-title': 'Kitchen' };
    assertRefused(await whole(g.p, 'one', 'k1', {}, newer), 402, 'app', /Kitchen/);
    assert.equal((await whole(g.p, 'one', 'k2')).status, 200);
    assert.equal((await whole(g.p, 'one', 'k3', {}, { 'x-title': 'Garage' })).status, 200);
    // every app that a pattern takes in is counted by itself
    for (const title of ['shop north', 'shop south']) {
        const tell = { 'x-title': title };
        for (let i = 0; i < 2; i++)
            assert.equal((await whole(g.p, 'one', `${title}${i}`, {}, tell)).status, 200);
        assertRefused(await whole(g.p, 'two', `${title}2`, {}, tell), 402, 'app');
    }
    // without a title the page it comes from is the app
    const g2 = await open(t, {
        keys: { one: {} },
        sections: { 'app home': { match: 'http://home.lan*', limit: '0.1' } },
    });
    const from = { 'http-referer': 'http://home.lan/page' };
    assert.equal((await whole(g2.p, 'one', 'r1', {}, from)).status, 200);
    assertRefused(await whole(g2.p, 'one', 'r2', {}, from), 402, 'app');
});

test('users, told by the member user', async (t) => {
    const g = await open(t, {
        keys: { one: {} },
        sections: { 'user bob': { limit: '1' }, 'user guests': { match: 'guest-*', limit: '0.1' } },
    });
    assertTen(await crowd(g, 64, (i, id) => whole(g.p, 'one', id, { user: 'bob' })), 'user');
    assert.equal((await whole(g.p, 'one', 'u1', { user: 'alice' })).status, 200);
    assert.equal((await whole(g.p, 'one', 'u2')).status, 200);
    for (const user of ['guest-1', 'guest-2']) {
        assert.equal((await whole(g.p, 'one', `${user}a`, { user })).status, 200);
        assertRefused(await whole(g.p, 'one', `${user}b`, { user }), 402, 'user');
    }
});

test('several limits at once: the tightest bites, and the others keep nothing back', async (t) => {
    const g = await open(t, {
        keys: { one: { limit: '1' }, two: {} },
        sections: { organization: { limit: '0.5' }, 'user bob': { limit: '0.3' } },
    });
    const bob = await crowd(g, 64, (i, id) => whole(g.p, 'one', id, { user: 'bob' }));
    assertTen(bob, 'user', 3);
    await assertNothingReserved(g.p);
    assert.equal((await books(g.p, 'one')).spent, 3n * DIME);
    const others = await crowd(g, 64, (i, id) => whole(g.p, 'one', id));
    assertTen(others, 'organization', 2);
    await assertNothingReserved(g.p);
    assert.equal((await books(g.p, 'one')).remaining, 5n * DIME);
    assert.equal(pico((await row(g.p, 'user')).spent), 3n * DIME);
    assertRefused(await whole(g.p, 'two', 'w'), 402, 'organization');
});

test('what was kept back and not needed can be spent again', async (t) => {
    const g = await open(t, { keys: { one: { limit: '1' } } });
    const half = { max: 500 }; // 0.5 USD at most, 0.1 in fact
    let good = 0;
    for (let i = 0; i < 20; i++) {
        const answer = await whole(g.p, 'one', `h${i}`, half);
        if (answer.status === 200) good++;
        else assertRefused(answer, 402, 'key');
    }
    assert.equal(good, 6, 'the sixth could cost what is left, the seventh more');
    assert.equal((await books(g.p, 'one')).remaining, 4n * DIME);
    const two = await open(t, { keys: { one: { limit: '1' } } });
    const { good: parallel } = await crowd(two, 8, (i, id) => whole(two.p, 'one', id, half));
    assert.equal(parallel.length, 2);
});

test('requests that fail cost nothing and keep nothing back', async (t) => {
    const g = await open(t, { keys: { one: { limit: '1' } } });
    const { answer } = g.up;
    for (const status of [400, 429, 500, 503]) {
        g.up.answer = failing(status);
        for (let i = 0; i < 5; i++) {
            const got = await (i % 2 ? streamed : whole)(g.p, 'one', `f${status}${i}`);
            assert.notEqual(got.status, 200, textOf(got));
            assert.notEqual(got.status, 402, textOf(got));
        }
    }
    g.up.answer = (req) => req.socket.destroy();
    assertError(await whole(g.p, 'one', 'cut'), 502);
    assertError(await whole(g.p, 'one', 'where', { model: 'nobody/knows' }), 400);
    assert.equal((await books(g.p, 'one')).spent, 0n);
    await assertNothingReserved(g.p);
    // the provider may rest for a moment after so many failures
    g.up.answer = answer;
    await until(async () => (await whole(g.p, 'one', `b${++ids}`)).status === 200, 'it to serve');
    assert.equal((await books(g.p, 'one')).spent, DIME);
});

test('a request is refused before anybody is asked, on every path that costs', async (t) => {
    const g = await open(t, { keys: { one: { limit: '0.00001' } }, offer: PRICES });
    const messages = [{ role: 'user', content: 'x' }];
    const model = 'acme/big';
    for (const [target, body] of Object.entries({
        '/chat/completions': { messages, max_tokens: 100 },
        '/completions': { prompt: 'x', max_tokens: 100 },
        '/responses': { input: 'x', max_output_tokens: 100 },
        '/messages': { messages, max_tokens: 100 },
        '/embeddings': { input: 'x' },
        '/rerank': { query: 'x', documents: ['y'] },
        '/images': { prompt: 'x' },
        '/images/generations': { prompt: 'x' },
        '/audio/speech': { input: 'x', voice: 'y' },
        '/moderations': { input: 'x' },
        '/videos': { prompt: 'x' },
    }))
        for (const top of ['/v1', '/api/v1']) {
            const answer = await ask(g.p, {
                path: top + target,
                body: { model, ...body },
                headers: as('one'),
            });
            if (!OWN_FORM[target]) {
                assertRefused(answer, 402, 'key');
                continue;
            }
            assert.equal(answer.status, 402, answer.body);
            assert.match(answer.headers['content-type'], /^application\/json/);
            const { error } = answer.json;
            assert.equal(error[OWN_FORM[target][0]], OWN_FORM[target][1], answer.body);
            assert.equal(error.metadata.limit_source, 'key', answer.body);
        }
    assert.equal(g.up.chats.length, 0);
    assert.equal((await books(g.p, 'one')).spent, 0n);
});

test('n choices may cost n times as much', async (t) => {
    const g = await open(t, { keys: { one: { limit: '1' } } });
    const { good, refused } = await crowd(g, 8, (i, id) => whole(g.p, 'one', id, { n: 5 }));
    assert.equal(good.length, 2, 'five choices of a dime each');
    for (const one of refused) assertRefused(one, 402, 'key');
});

test('default_max_tokens is kept back, and sent, where a request has none', async (t) => {
    const g = await open(t, {
        keys: { one: { limit: '1' }, free: {} },
        top: { default_max_tokens: 300 },
    });
    const none = { max_tokens: undefined };
    const { good } = await crowd(g, 8, (i, id) => whole(g.p, 'one', id, none));
    assert.equal(good.length, 3, '0.3 USD each');
    assert.equal(g.up.chats.at(-1).json.max_tokens, 300);
    assert.equal((await whole(g.p, 'free', 'f1', none)).status, 200);
    assert.equal(g.up.chats.at(-1).json.max_tokens, undefined, 'not for a key without limit');
});

test('a fallback is paid at the price of who served', async (t) => {
    const up = await metered(t);
    const beta = await provider(t, 'beta', { answer: failing(500) });
    const state = path.join(scratch(t), 'state');
    const what = bankConfig(up, { state, keys: { one: { limit: '0.5' } }, offer: OFFER });
    what.providers.beta = { up: beta, endpoints: { 'acme/big': { prompt: 0, completion: 4000 } } };
    const p = await gateway(t, what, {
        env: { MANAGEMENT, [envOf('one')]: keyOf('one') },
    });
    const both = { provider: { order: ['beta', 'upstream'] } };
    const answer = await whole(p, 'one', 'f1', both);
    assert.equal(answer.status, 200, answer.body);
    assert.equal((await books(p, 'one')).spent, DIME);
    await assertNothingReserved(p);
    const dear = await whole(p, 'one', 'f2', {
        provider: { order: ['beta'], allow_fallbacks: false },
    });
    assert.notEqual(dear.status, 402, 'what is left pays for 0.4');
    await whole(p, 'one', 'f3', { provider: { only: ['upstream'] } });
    const poor = await whole(p, 'one', 'f4', { provider: { only: ['beta'] } });
    assertRefused(poor, 402, 'key');
});

// ---- rates

test('max_concurrent', async (t) => {
    const g = await open(t, { keys: { one: { max_concurrent: 3 }, two: {} } });
    for (const send of [whole, streamed]) {
        const { good, refused } = await crowd(g, 20, (i, id) => send(g.p, 'one', id));
        assert.equal(good.length, 3);
        assert.equal(refused.length, 17);
        for (const one of refused) assertSlow(one);
        assert.match(errorOf(refused[0]).message, /max_concurrent|at (once|a time|the same time)/);
    }
    const { good } = await crowd(g, 20, (i, id) => whole(g.p, 'two', id));
    assert.equal(good.length, 20);
});

test('max_concurrent: a place is free again after a failure and after a hang-up', async (t) => {
    const g = await open(t, { keys: { one: { max_concurrent: 1 } } });
    const { answer } = g.up;
    g.up.answer = failing(400);
    for (let i = 0; i < 5; i++) assertError(await whole(g.p, 'one', `f${i}`), 400);
    g.up.answer = answer;
    for (let i = 0; i < 5; i++) {
        const hold = gate();
        g.up.pause = () => hold.opened;
        const c = knock(t, g.p, 'one', dime(`g${i}`, { stream: i % 2 === 0 }));
        await until(() => g.up.served.has(`g${i}`), 'it to be asked for');
        assertSlow(await whole(g.p, 'one', `g${i}x`));
        c.socket.destroy();
        hold.open();
        g.up.pause = () => {};
        await until(
            async () => (await whole(g.p, 'one', `g${i}y${++ids}`)).status === 200,
            'a free place',
        );
    }
});

for (const [name, section] of [
    ['a key', { keys: { one: { requests_per_minute: 5 } } }],
    ['the organization', { sections: { organization: { requests_per_minute: 5 } } }],
    ['an app', { sections: { 'app Kitchen': { requests_per_minute: 5 } } }],
    ['a user', { sections: { 'user bob': { requests_per_minute: 5 } } }],
])
    test(`requests_per_minute of ${name}`, async (t) => {
        const g = await open(t, { keys: { one: {} }, ...section });
        const send = (id, by = whole) =>
            by(g.p, 'one', id, { user: 'bob' }, { 'x-title': 'Kitchen' });
        const { good, refused } = await crowd(g, 20, (i, id) => send(id, i % 2 ? whole : streamed));
        assert.equal(good.length, 5);
        // a window of a minute that moves in steps
        for (const one of refused) assert.ok(assertSlow(one, 5) <= 65);
        assertSlow(await send('late'), 5);
    });

test('requests_per_minute: what failed at the provider counts', async (t) => {
    const g = await open(t, { keys: { one: { requests_per_minute: 3 } } });
    g.up.answer = failing(400);
    for (let i = 0; i < 3; i++) assertError(await whole(g.p, 'one', `f${i}`), 400);
    assertSlow(await whole(g.p, 'one', 'f3'), 3);
});

test('tokens_per_minute: told ones count, and those that may come', async (t) => {
    const g = await open(t, { keys: { one: { tokens_per_minute: 2000 } } });
    g.up.tell = () => ({ prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 });
    // the last one may go over: nobody knows before how much it takes
    for (const id of ['t1', 't2']) assert.equal((await whole(g.p, 'one', id)).status, 200);
    assertSlow(await whole(g.p, 'one', 't3'), 2000);
    // at once, too: what those in work may take counts
    const g2 = await open(t, { keys: { one: { tokens_per_minute: 2000 } } });
    const { good, refused } = await crowd(g2, 20, (i, id) => whole(g2.p, 'one', id, { max: 600 }));
    assert.ok(good.length >= 2 && good.length <= 4, `${good.length} x 600 of 2000`);
    for (const one of refused) assertSlow(one);
    // and what was not used is given back
    assert.equal((await whole(g2.p, 'one', 'b1', { max: 600 })).status, 200);
});

test('free_requests_per_day counts requests to free models only', async (t) => {
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const keys = { one: { free_requests_per_day: 3 }, two: {} };
    const all = { state, keys, offer: OFFER };
    const what = {
        ...all,
        provider: {
            endpoints: { 'acme/big': OFFER, 'acme/gift:free': { prompt: 0, completion: 0 } },
        },
    };
    const p = await bank(t, up, what);
    const free = { model: 'acme/gift:free' };
    for (let i = 0; i < 3; i++) {
        assert.equal((await whole(p, 'one', `f${i}`, free)).status, 200);
        assert.equal((await whole(p, 'one', `p${i}`)).status, 200);
    }
    assertSlow(await whole(p, 'one', 'f3', free), 3);
    assert.equal((await whole(p, 'one', 'p3')).status, 200);
    assert.equal((await whole(p, 'two', 'f4', free)).status, 200);
    const { data } = await books(p, 'one');
    const daily = data.free_model_daily_requests;
    assert.deepEqual([daily.limit, daily.used, daily.remaining].map(Number), [3, 3, 0]);
    // over a restart as well: it is a day, not a run
    await end(p, 'SIGKILL');
    const again = await bank(t, up, what);
    assertSlow(await whole(again, 'one', 'f5', free), 3);
});

// ---- credits

const addCredits = (p, amount) =>
    manage(p, '/api/v1/credits', { body: `{"amount":${amount},"note":"test"}` });
async function credits(p) {
    const { status, body, said } = await manage(p, '/api/v1/credits');
    assert.equal(status, 200, body);
    return [pico(said.data.total_credits), pico(said.data.total_usage)];
}

test('prepaid: nothing without credits, then as much as there is', async (t) => {
    const g = await open(t, { keys: { one: {}, two: { limit: '5' } }, top: { prepaid: 'yes' } });
    assertRefused(await whole(g.p, 'one', 'c1'), 402, 'credits');
    assertRefused(await streamed(g.p, 'two', 'c2'), 402, 'credits');
    assert.equal(g.up.served.size, 0);
    assert.deepEqual(await credits(g.p), [0n, 0n]);
    const added = await addCredits(g.p, 1);
    assert.ok([200, 201].includes(added.status), added.body);
    assert.equal(pico(added.said.data.total_credits), 10n * DIME);
    assertTen(await crowd(g, 64, (i, id) => whole(g.p, i % 2 ? 'one' : 'two', id)), 'credits');
    assert.deepEqual(await credits(g.p), [10n * DIME, 10n * DIME]);
    // not below what is used
    const under = await addCredits(g.p, -0.1);
    assert.equal(under.status, 400, under.body);
    assert.deepEqual(await credits(g.p), [10n * DIME, 10n * DIME]);
    await addCredits(g.p, 0.5);
    await addCredits(g.p, -0.2);
    await end(g.p, 'SIGKILL');
    const p = await g.again();
    assert.deepEqual(await credits(p), [13n * DIME, 10n * DIME]);
    assertTen(await crowd({ ...g, p }, 64, (i, id) => whole(p, 'one', id)), 'credits', 3);
    assertRefused(await whole(p, 'one', 'c3'), 402, 'credits', /credit/);
});

test('prepaid = auto begins with the first credits; no: they are only counted', async (t) => {
    const auto = await open(t, { keys: { one: {} } });
    assert.equal((await crowd(auto, 12, (i, id) => whole(auto.p, 'one', id))).good.length, 12);
    const [, used] = await credits(auto.p);
    assert.equal(used, 12n * DIME);
    // what was spent before does not count: the first credits are all there to be spent
    await addCredits(auto.p, usd(10n * DIME));
    assert.deepEqual(await credits(auto.p), [22n * DIME, 12n * DIME]);
    assertTen(await crowd(auto, 64, (i, id) => whole(auto.p, 'one', id)), 'credits');
    const no = await open(t, { keys: { one: {} }, top: { prepaid: 'no' } });
    await addCredits(no.p, 0.1);
    assert.equal((await crowd(no, 12, (i, id) => whole(no.p, 'one', id))).good.length, 12);
});

test('credits: what is no amount is refused', async (t) => {
    const { p } = await open(t, { keys: { one: {} } });
    for (const amount of ['"1"', 'null', '1e300', '-1', '[]', 'true', '0.0000000000001'])
        assert.equal((await addCredits(p, amount)).status, 400, amount);
    assert.equal((await manage(p, '/api/v1/credits', { body: '{"amount":1,"x":2}' })).status, 400);
    assert.deepEqual(await credits(p), [0n, 0n]);
    const mine = await manage(p, '/api/v1/credits', { body: '{"amount":1}', headers: as('one') });
    assert.equal(mine.status, 403, mine.body);
});

// ---- who may do what

test('expired, disabled, deleted and unknown keys are 401', async (t) => {
    const g = await open(t, {
        keys: {
            old: { limit: '1', expires_at: '2020-01-01' },
            off: { limit: '1', disabled: 'yes' },
            one: {},
        },
    });
    for (const key of ['old', 'off', 'nobody'])
        for (const send of [whole, streamed]) assertRefused(await send(g.p, key, `k${++ids}`), 401);
    assert.equal((await whole(g.p, 'one', 'k')).status, 200);
    // the same of keys made at run time
    const made = await manage(g.p, '/api/v1/keys', { body: '{"name":"made","limit":1}' });
    assert.equal(made.status, 201, made.body);
    const key = { secret: made.said.key };
    const { hash } = made.said.data;
    assert.equal(hash, hashOfKey(key));
    assert.equal((await whole(g.p, key, 'm1')).status, 200);
    const change = (body) => manage(g.p, `/api/v1/keys/${hash}`, { method: 'PATCH', body });
    assert.equal((await change('{"disabled":true}')).status, 200);
    assertRefused(await whole(g.p, key, 'm2'), 401, undefined, /disabled/);
    assert.equal((await change('{"disabled":false}')).status, 200);
    assert.equal((await whole(g.p, key, 'm3')).status, 200);
    assert.equal((await books(g.p, key)).spent, 2n * DIME);
    assert.equal((await change('{"nonsense":1}')).status, 400);
    const fixed = await manage(g.p, `/api/v1/keys/${hashOfKey('one')}`, {
        method: 'PATCH',
        body: '{"limit":5}',
    });
    assert.equal(fixed.status, 403, fixed.body);
    const gone = await manage(g.p, `/api/v1/keys/${hash}`, { method: 'DELETE' });
    assert.equal(gone.status, 200, gone.body);
    assert.equal(gone.said.deleted, true);
    assertRefused(await whole(g.p, key, 'm4'), 401);
    await end(g.p, 'SIGKILL');
    assertRefused(await whole(await g.again(), key, 'm5'), 401);
});

test('the management key serves no requests, and clients manage nothing', async (t) => {
    const g = await open(t, { keys: { one: {}, boss: { role: 'management' } } });
    assertRefused(
        await ask(g.p, { body: dime('x1'), headers: manager }),
        403,
        undefined,
        /management/,
    );
    assertRefused(await whole(g.p, 'boss', 'x2'), 403, undefined, /management/);
    assertRefused(await streamed(g.p, 'boss', 'x3'), 403);
    assert.equal(g.up.served.size, 0);
    const hash = hashOfKey('one');
    for (const [method, target, body] of [
        ['GET', '/keys'],
        ['POST', '/keys', '{"name":"mine","limit":100}'],
        ['GET', `/keys/${hash}`],
        ['PATCH', `/keys/${hash}`, '{"limit":null}'],
        ['DELETE', `/keys/${hash}`],
        ['GET', '/credits'],
        ['POST', '/credits', '{"amount":5}'],
        ['GET', '/activity'],
        ['GET', '/usage?by=model'],
        ['GET', '/limits'],
    ])
        for (const top of ['/v1', '/api/v1']) {
            const as1 = await manage(g.p, top + target, { method, body, headers: as('one') });
            assert.equal(as1.status, 403, `${method} ${target}: ${as1.body}`);
            const without = await manage(g.p, top + target, { method, body, headers: {} });
            assert.equal(without.status, 401, `${method} ${target}: ${without.body}`);
        }
    for (const headers of [manager, as('boss')]) {
        const list = await manage(g.p, '/api/v1/keys', { headers });
        assert.equal(list.status, 200, list.body);
        assert.ok(list.said.data.some((one) => one.hash === hash && one.source === 'config'));
    }
    assert.equal((await books(g.p, 'one')).data.is_management_key, false);
    const told = await manage(g.p, '/api/v1/key');
    assert.equal(told.said.data.is_management_key, true);
});

// ---- whose bill it is

test('53: include_byok_in_limit = no: what a direct provider bills is not in the limit', async (t) => {
    const keys = {
        no: { limit: '1', include_byok_in_limit: 'no' },
        yes: { limit: '1', include_byok_in_limit: 'yes' },
        unsaid: { limit: '1' },
    };
    const g = await open(t, { keys });
    const free = await crowd(g, 20, (i, id) => whole(g.p, 'no', id));
    assert.equal(free.good.length, 20);
    const told = await books(g.p, 'no');
    assert.deepEqual([told.usage, told.byok, told.remaining], [0n, 20n * DIME, 10n * DIME]);
    assert.equal(told.data.include_byok_in_limit, false);
    for (const name of ['yes', 'unsaid']) {
        const { good } = await crowd(g, 20, (i, id) => whole(g.p, name, id));
        assert.equal(good.length, 10, name);
        assert.equal((await books(g.p, name)).data.include_byok_in_limit, true);
    }
    // an OpenRouter's bill is no byok, so there the limit holds
    const far = await provider(t, 'far');
    far.answer = asOpenRouter('hi', {
        usage: { prompt_tokens: 10, completion_tokens: 100, total_tokens: 110, cost: 0.1 },
    });
    const state = path.join(scratch(t), 'state');
    const p = await bank(t, far, { state, keys, offer: OFFER, provider: { kind: 'openrouter' } });
    let good = 0;
    for (let i = 0; i < 12; i++) good += (await whole(p, 'no', `o${i}`)).status === 200;
    assert.equal(good, 10);
    const its = await books(p, 'no');
    assert.deepEqual([its.usage, its.byok, its.remaining], [10n * DIME, 0n, 0n]);
});

// ---- hang-ups

// A client that reads a little of a stream and goes, while the provider has more to say.
async function hangUp(t, what) {
    const g = await open(t, {
        keys: { one: { limit: '100' } },
        offer: { prompt: 1000, completion: 1000 },
        ...what,
    });
    const hold = gate();
    let pieces = 0;
    g.up.pause = () => (++pieces > 3 ? hold.opened : undefined);
    const s = await streamed(g.p, 'one', 'h1');
    await s.next();
    await s.next();
    s.close();
    return { ...g, s, hold, id: s.headers['x-generation-id'] };
}

async function record(g) {
    let found;
    await until(() => {
        found = fold(readLedger(g.state).lines).requests.get(g.id);
        return found;
    }, 'the record');
    return found;
}

test('on_hangup = cancel: charged for what was read and written until then', async (t) => {
    const g = await hangUp(t, {});
    await until(() => g.up.served.get('h1').ended, 'the provider to be left');
    const found = await record(g);
    assert.equal(found.estimated, true);
    const { spent } = await books(g.p, 'one');
    assert.equal(found.charged_pico_usd.int, spent);
    // something for the input and the words that came, not the 100 tokens it might have been
    assert.ok(spent > 0n && spent < 100n * IN, `${spent}`);
    await assertNothingReserved(g.p);
    const told = await recorded(g.p, g.id, as('one'));
    assert.equal(told.cancelled, true);
    assert.equal(pico(told.total_cost), spent);
    g.hold.open();
    await end(g.p, 'SIGTERM');
    const p = await g.again();
    assert.equal((await books(p, 'one')).spent, spent);
});

test('on_hangup = drain: the rest is read for its bill', async (t) => {
    const g = await hangUp(t, { top: { on_hangup: 'drain' } });
    assert.equal(g.up.served.get('h1').ended, undefined, 'the provider goes on');
    assert.ok(pico((await row(g.p, 'key', 'one')).reserved) > 0n);
    // a client that closes may still read: it is gone when it answers the next byte with a reset
    await until(async () => {
        const metrics = await ask(g.p, { path: '/metrics', headers: manager });
        return /^orproxy_client_connections 1$/m.test(textOf(metrics));
    }, 'its connection to end');
    g.hold.open();
    const found = await record(g);
    assert.equal(g.up.served.get('h1').whole, true);
    const exact = 10n * IN + 100n * IN;
    assert.equal(found.estimated, false);
    assert.equal(found.charged_pico_usd.int, exact);
    assert.equal((await books(g.p, 'one')).spent, exact);
    assert.equal((await recorded(g.p, g.id, as('one'))).cancelled, true);
    await assertNothingReserved(g.p);
});

// What runs on without a client has its end at limits.connections, as everything else.
test('on_hangup = drain: whoever asks and goes, again and again', async (t) => {
    const g = await open(t, {
        keys: { one: {} },
        top: { on_hangup: 'drain' },
        sections: { limits: { connections: 4 } },
    });
    const hold = gate();
    g.up.pause = () => hold.opened;
    for (let i = 0; i < 400; i++) {
        const c = knock(t, g.p, 'one', dime(`d${i}`));
        await until(() => g.up.served.has(`d${i}`), 'it to be asked for');
        c.socket.destroy();
    }
    await until(
        () => [...g.up.served.values()].filter((one) => !one.ended).length <= 5,
        'all but a few to be left',
    );
    hold.open();
    await until(() => [...g.up.served.values()].every((one) => one.ended), 'all to end');
    assert.equal((await whole(g.p, 'one', 'd-last')).status, 200);
});

test('on_hangup = drain ends at timeout.hangup', async (t) => {
    const g = await hangUp(t, {
        top: { on_hangup: 'drain' },
        sections: { timeout: { hangup: '100ms' } },
    });
    await until(() => g.up.served.get('h1').ended, 'the provider to be left');
    const found = await record(g);
    assert.equal(found.estimated, true);
    assert.ok(found.charged_pico_usd.int > 0n);
    await assertNothingReserved(g.p);
});

// The provider has the request and works: it bills what it read at least, and without a stream
// all of it. Whoever asks for much and goes at once does not get it for nothing.
for (const kind of ['whole', 'streamed']) {
    const waiting = async (t, what) => {
        const g = await open(t, { keys: { one: { limit: '100' } }, offer: PRICES, ...what });
        const hold = gate();
        g.up.pause = () => hold.opened;
        const body = order('w1', { prompt: 10, completion: 100, stream: kind === 'streamed' });
        const c = knock(t, g.p, 'one', body);
        await until(() => g.up.served.has('w1'), 'it to be asked for');
        c.socket.destroy();
        return { ...g, hold };
    };

    test(`gone before the answer began (${kind}), on_hangup = cancel: the input is charged`, async (t) => {
        const g = await waiting(t, {});
        await until(() => g.up.served.get('w1').ended, 'the provider to be left');
        await until(() => fold(readLedger(g.state).lines).requests.size > 0, 'its record');
        const [found] = fold(readLedger(g.state).lines).requests.values();
        assert.equal(found.estimated, true);
        assert.equal(found.provider, 'upstream', 'who was asked');
        assert.equal(Number(found.attempts), 1);
        assert.ok(found.charged_pico_usd.int > 0n, 'it was free');
        assert.equal((await books(g.p, 'one')).spent, found.charged_pico_usd.int);
        await assertNothingReserved(g.p);
        g.hold.open();
    });

    test(`gone before the answer began (${kind}), on_hangup = drain: its bill is awaited`, async (t) => {
        const g = await waiting(t, { top: { on_hangup: 'drain' } });
        await sleep(50);
        g.hold.open();
        await until(async () => (await books(g.p, 'one')).spent > 0n, 'it to be charged');
        assert.equal((await books(g.p, 'one')).spent, costOf({ prompt: 10, completion: 100 }));
        assert.equal(g.up.served.get('w1').whole, true);
        await assertNothingReserved(g.p);
    });
}

// ---- prices

test('an unknown price: refused where money is limited, shown as unknown elsewhere', async (t) => {
    const g = await open(t, { keys: { one: { limit: '1' }, free: {} }, offer: {} });
    const refused = await whole(g.p, 'one', 'x1');
    assertRefused(refused, 402, undefined, /price.*upstream|upstream.*price/i);
    assert.equal(g.up.served.size, 0);
    const answer = await whole(g.p, 'free', 'x2');
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.json.usage.cost, null);
    const [found] = [...fold(readLedger(g.state).lines).requests.values()].filter(
        (one) => one.key === hashOfKey('free'),
    );
    assert.equal(found.cost_pico_usd, null);
    assert.equal(found.charged_pico_usd.int, 0n);
    const used = await manage(g.p, '/api/v1/usage?by=key');
    assert.equal(Number(used.said.total.unknown_costs), 1, used.body);
    // limits of the organization are limits of money for everybody
    const org = await open(t, {
        keys: { free: {} },
        offer: {},
        sections: { organization: { limit: '1' } },
    });
    assertRefused(await whole(org.p, 'free', 'x3'), 402, undefined, /price/);
    // and so are those of a user alone, whom only the body names
    const user = await open(t, {
        keys: { free: {} },
        offer: {},
        sections: { 'user bob': { limit: '1' } },
    });
    assertRefused(await whole(user.p, 'free', 'x4', { user: 'bob' }), 402, undefined, /price/);
    assert.equal((await whole(user.p, 'free', 'x5', { user: 'alice' })).status, 200);
});

test('a price that changes meanwhile: charged by the one it was kept back with', async (t) => {
    const keys = { one: { limit: '10' } };
    const g = await open(t, { keys });
    const hold = gate();
    g.up.pause = (one) => (one.id.startsWith('held') ? hold.opened : undefined);
    const running = [whole(g.p, 'one', 'held1'), streamed(g.p, 'one', 'held2')];
    await until(() => g.up.served.size === 2, 'both to be asked for');
    g.p.reload(bankConfig(g.up, { ...g.all, offer: { prompt: 0, completion: 10000 } }));
    await until(async () => {
        const { data } = await plan(g.p, {}, { headers: as('one') });
        return data?.candidates[0]?.price.completion === '0.01';
    }, 'the new price');
    assert.equal(costTold(await whole(g.p, 'one', 'new')), 10n * DIME);
    hold.open();
    const [a, b] = await Promise.all(running);
    assert.equal(costTold(a), DIME);
    assert.equal(costTold(await b.rest()), DIME);
    assert.equal((await books(g.p, 'one')).spent, 12n * DIME);
    await assertNothingReserved(g.p);
});

test('a limit that changes meanwhile, and a key that goes and comes back', async (t) => {
    const keys = { one: { limit: '1' }, other: {} };
    const g = await open(t, { keys });
    const reload = (changed) => g.p.reload(bankConfig(g.up, { ...g.all, keys: changed }));
    for (let i = 0; i < 5; i++) assert.equal((await whole(g.p, 'one', `l${i}`)).status, 200);
    reload({ ...keys, one: { limit: '0.5' } });
    await until(async () => (await books(g.p, 'one')).limit === 5n * DIME, 'the new limit');
    assertRefused(await whole(g.p, 'one', 'l5'), 402, 'key');
    reload({ other: {} });
    await until(async () => (await whole(g.p, 'one', `l${++ids}`)).status === 401, 'it to be gone');
    reload({ ...keys, one: { limit: '0.6' } });
    await until(
        async () => (await ask(g.p, { path: '/api/v1/key', headers: as('one') })).status === 200,
        'it to be back',
    );
    assert.equal((await books(g.p, 'one')).spent, 5n * DIME, 'what it spent is not forgotten');
    assert.equal((await whole(g.p, 'one', 'l6')).status, 200);
    assertRefused(await whole(g.p, 'one', 'l7'), 402, 'key');
    reload({ ...keys, one: {} });
    await until(async () => (await books(g.p, 'one')).limit === null, 'no limit');
    assert.equal((await whole(g.p, 'one', 'l8')).status, 200);
});

// ---- providers that lie

const USAGES = {
    'more cached than read': {
        prompt_tokens: 100,
        completion_tokens: 100,
        prompt_tokens_details: { cached_tokens: 5000 },
    },
    'more written to the cache than read': {
        prompt_tokens: 100,
        completion_tokens: 100,
        prompt_tokens_details: { cached_tokens: 90, cache_write_tokens: 5000 },
    },
    'more reasoning than answer': {
        prompt_tokens: 100,
        completion_tokens: 100,
        completion_tokens_details: { reasoning_tokens: 5000 },
    },
    'less than nothing read': { prompt_tokens: -100, completion_tokens: 100 },
    'less than nothing written': { prompt_tokens: 100, completion_tokens: -100 },
    'less than nothing at all': { prompt_tokens: -100, completion_tokens: -100 },
    'less than nothing cached': {
        prompt_tokens: 100,
        completion_tokens: 100,
        prompt_tokens_details: { cached_tokens: -5000 },
    },
    '2^63 tokens': { prompt_tokens: '2^63', completion_tokens: '2^63' },
    '2^64 tokens': { prompt_tokens: '2^64', completion_tokens: 1 },
    '1e30 tokens': { prompt_tokens: 100, completion_tokens: '1e30' },
    'half a token': { prompt_tokens: 100.5, completion_tokens: 100.5 },
    text: { prompt_tokens: '100', completion_tokens: '100' },
    null: { prompt_tokens: null, completion_tokens: null },
    lists: { prompt_tokens: [], completion_tokens: {} },
    nothing: {},
    'the sum only': { total_tokens: 200 },
    'less than nothing, and a sum': { prompt_tokens: -1, completion_tokens: -1, total_tokens: 200 },
};
const asText = (usage) =>
    JSON.stringify(usage)
        .replace(/"2\^63"/g, '9223372036854775808')
        .replace(/"2\^64"/g, '18446744073709551616')
        .replace(/"1e30"/g, '1e30');

// Answers with that usage, as it stands, whole or streamed.
const lying =
    (text, more = '') =>
    (req, res) => {
        const put = (object) =>
            JSON.stringify({ ...object, usage: 0 }).replace('"usage":0', `"usage":${text}${more}`);
        if (!req.json.stream) return reply(res, 200, put(openaiAnswer('some words of it')));
        return events(
            openaiChunk('some words of it'),
            openaiChunk({}, 'stop'),
            put(openaiChunk('', null, { choices: [] })),
            '[DONE]',
        )(req, res);
    };

test('whatever a provider says of its tokens: never free, never the end of us', async (t) => {
    const names = Object.keys(USAGES);
    const keys = Object.fromEntries(names.map((_, i) => [`k${i}`, { limit: '1000' }]));
    const g = await open(t, {
        keys: { ...keys, honest: { limit: '1' } },
        offer: { prompt: 1000, completion: 1000, input_cache_read: 100, input_cache_write: 1250 },
    });
    const { answer } = g.up;
    for (const [i, name] of names.entries()) {
        let before = 0n;
        for (const send of [whole, streamed]) {
            g.up.answer = lying(asText(USAGES[name]));
            const got = await send(g.p, `k${i}`, `u${++ids}`);
            if (got.rest) await got.rest();
            // after 2^63 tokens there is no money left, and that is said, too
            assert.ok([200, 402, 502].includes(got.status), `${name}: ${textOf(got)}`);
            if (got.status === 402) continue;
            await assertNothingReserved(g.p);
            const { spent, remaining } = await books(g.p, `k${i}`);
            assert.ok(spent > before, `${name}: ${spent} after ${before}`);
            assert.ok(remaining >= 0n && remaining < pico(1000), `${name}: ${remaining} is left`);
            before = spent;
        }
    }
    g.up.answer = answer;
    assert.equal((await whole(g.p, 'honest', 'fine', { completion: 10, max: 10 })).status, 200);
    const totals = {};
    for (const name of Object.keys(keys)) totals[name] = (await books(g.p, name)).spent;
    for (const by of ['model', 'provider', 'key', 'app', 'session', 'day']) {
        const used = await manage(g.p, `/api/v1/usage?by=${by}`);
        assert.equal(used.status, 200, used.body);
        assert.doesNotMatch(used.body, /:-\d/, 'nothing below zero');
    }
    await end(g.p, 'SIGKILL');
    const p = await g.again();
    const ledger = readLedger(g.state);
    assert.deepEqual(ledger.faults, []);
    for (const [name, spent] of Object.entries(totals)) {
        assert.equal((await books(p, name)).spent, spent, name);
        assert.equal(foldNewest(ledger).accounts.get(hashOfKey(name)).charged, spent, name);
    }
});

test('a stream without usage, or cut before it, is charged by what came', async (t) => {
    const g = await open(t, {
        keys: { one: { limit: '1000' } },
        offer: { prompt: 1000, completion: 1000 },
    });
    const words = Array.from({ length: 40 }, () => openaiChunk('words and more words '));
    g.up.answer = events(...words, openaiChunk({}, 'stop'), '[DONE]');
    assertGoodStream(await (await streamed(g.p, 'one', 's1')).rest());
    const { spent } = await books(g.p, 'one');
    assert.ok(spent > 40n * IN, `${spent} for 160 words`);
    g.up.answer = (req, res) => {
        begin(res);
        for (const one of words) res.write(event(one));
        setTimeout(() => res.destroy(), 50);
    };
    const list = await (await streamed(g.p, 'one', 's2')).rest();
    assert.ok(!list.includes('[DONE]'));
    const more = (await books(g.p, 'one')).spent - spent;
    assert.ok(more > 40n * IN, `${more} for 160 words and a cut`);
    const all = [...fold(readLedger(g.state).lines).requests.values()];
    assert.deepEqual(
        all.map((one) => one.estimated),
        [true, true],
    );
    await assertNothingReserved(g.p);
});

test("an OpenRouter's cost that cannot be is not believed", async (t) => {
    const far = await provider(t, 'upstream');
    const state = path.join(scratch(t), 'state');
    const COSTS = ['-5', '"0.1"', '1e300', '-1e-300', '18446744.073709551617', '[]', 'null'];
    const keys = Object.fromEntries(COSTS.map((_, i) => [`k${i}`, { limit: '1000' }]));
    const p = await bank(t, far, {
        state,
        keys: { ...keys, honest: { limit: '1000' } },
        offer: { prompt: 1000, completion: 1000 },
        provider: { kind: 'openrouter' },
    });
    for (const [i, cost] of COSTS.entries()) {
        far.answer = (req, res) =>
            reply(
                res,
                200,
                JSON.stringify(completion('hi', { usage: 0 })).replace(
                    '"usage":0',
                    `"usage":{"prompt_tokens":100,"completion_tokens":100,"total_tokens":200,"cost":${cost}}`,
                ),
            );
        const got = await whole(p, `k${i}`, `x${i}`);
        assert.ok([200, 502].includes(got.status), `${cost}: ${got.body}`);
        const { spent, remaining } = await books(p, `k${i}`);
        assert.ok(spent > 0n, `${cost}: it was free`);
        assert.ok(remaining >= 0n, `${cost}: ${remaining}`);
        await assertNothingReserved(p);
    }
    far.answer = asOpenRouter('hi');
    const fine = await whole(p, 'honest', 'fine');
    assert.equal(fine.status, 200);
    assert.equal((await books(p, 'honest')).usage, 11n * 10n ** 6n);
    await end(p, 'SIGTERM');
    assert.deepEqual(readLedger(state).faults, []);
});

// ---- what limits need

test('limits of money need a state, and say so', async (t) => {
    const up = await metered(t);
    const file = path.join(scratch(t), 'x.conf');
    fs.writeFileSync(
        file,
        `[provider upstream]\nbase_url = ${up.url}\nlist = no\n` +
            `[key one]\nkey = env:${envOf('one')}\nlimit = 5\n`,
    );
    const p = await run(t, ['--listen', '127.0.0.1:0', '-c', file], {
        env: { [envOf('one')]: keyOf('one') },
    });
    assert.equal(p.code, 2, p.stderr);
    assert.match(p.stderr, /x\.conf:\d+: .*state/);
});

test('reads of an own key cost nothing and count nothing', async (t) => {
    const g = await open(t, { keys: { one: { limit: '1', requests_per_minute: 1 } } });
    for (let i = 0; i < 5; i++) assert.equal((await books(g.p, 'one')).spent, 0n);
    const { data } = await books(g.p, 'one');
    assert.equal(Number(data.limit), 1);
    assert.ok(!('hash' in data), 'as OpenRouter has it');
    assert.match(data.label, /\.\.\./);
    assert.ok(!keyOf('one').includes(data.label));
    assert.equal((await whole(g.p, 'one', 'r1')).status, 200);
    assertSlow(await whole(g.p, 'one', 'r2'), 1);
    assert.equal((await books(g.p, 'one')).spent, DIME);
    assert.equal(OUT, 2n * IN);
});
