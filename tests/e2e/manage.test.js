// Management: keys, credits, limits and usage, by OpenRouter's SDK and by hand, over restarts.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';

import { OpenRouter } from '@openrouter/sdk';

import {
    ask,
    assertError,
    assertGoodStream,
    scratch,
    start,
    stream,
    until,
    within,
} from './helpers.js';

const MANAGEMENT = 'sk-management-5c1f0a8e77b24d3390c2';
const KITCHEN = 'sk-kitchen-9d2e4b6f80a14c5e93b7d21c';
const env = { MANAGEMENT, KITCHEN };
const TODAY = () => new Date().toISOString().slice(0, 10);

// A gateway with a state, the simulated provider and one key in the settings; the same again
// by again(p).
async function office(t, top = '', { state = true, more = '' } = {}) {
    const dir = scratch(t);
    const file = path.join(dir, 'orproxy.conf');
    fs.writeFileSync(
        file,
        (state ? `state = ${path.join(dir, 'state')}\n` : '') +
            `management_key = env:MANAGEMENT\n${top}\n[provider demo]\nkind = demo\n` +
            `[key kitchen]\nkey = env:KITCHEN\n${more}\n`,
    );
    const p = await start(t, ['-c', file], { env, cwd: dir });
    return Object.assign(p, { dir, file, again: () => start(t, ['-c', file], { env, cwd: dir }) });
}

async function stop(p, signal) {
    p.exits = signal === 'SIGKILL' ? 'SIGKILL' : 0;
    p.child.kill(signal);
    await within(p.ended, 'orproxy to end');
}

const as = (key) => ({ authorization: `Bearer ${key}` });
const manage = (p, target, { key = MANAGEMENT, ...more } = {}) =>
    ask(p, { path: `/api/v1${target}`, headers: as(key), ...more });
const change = (p, method, target, body) => manage(p, target, { method, body });
async function made(p, body) {
    const answer = await manage(p, '/keys', { body });
    assert.equal(answer.status, 201, answer.body);
    return { ...answer.json.data, secret: answer.json.key };
}
const chat = (p, key, content = 'hello', more = {}) =>
    ask(p, {
        headers: as(key),
        body: {
            model: 'demo/echo',
            max_tokens: 100,
            messages: [{ role: 'user', content }],
            ...more,
        },
    });
const sdk = (p, key = MANAGEMENT) =>
    new OpenRouter({
        apiKey: key,
        serverURL: `${p.url}/api/v1`,
        retryConfig: { strategy: 'none' },
    });

// Pico-USD of a decimal as it was sent: money is not compared as floating point.
function pico(text) {
    const [, sign, whole, part = ''] = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(text);
    return BigInt(sign + whole + part.padEnd(12, '0'));
}
const amount = (answer, name) =>
    pico(new RegExp(`"${name}":(-?[0-9.]+)[,}]`).exec(answer.body)?.[1] ?? 'none');

// ---- the SDK

test('@openrouter/sdk: the life of a key', async (t) => {
    const p = await office(t);
    const keys = sdk(p).apiKeys;
    const expiresAt = new Date(Date.now() + 86400000);
    const created = await keys.create({
        requestBody: {
            name: 'oven',
            limit: 12.5,
            limitReset: 'monthly',
            includeByokInLimit: false,
            expiresAt,
            creatorUserId: 'user_1',
            workspaceId: '0df9e665-d932-5740-b2c7-b52af166bc11',
            external: { user: 'somebody' },
        },
    });
    assert.match(created.key, /^sk-or-v1-[0-9a-f]{64}$/);
    const { data } = created;
    assert.match(data.hash, /^[0-9a-f]{64}$/);
    assert.equal(data.name, 'oven');
    assert.equal(data.label, `${created.key.slice(0, 12)}...${created.key.slice(-3)}`);
    assert.equal(data.limit, 12.5);
    assert.equal(data.limitRemaining, 12.5);
    assert.equal(data.limitReset, 'monthly');
    assert.equal(data.includeByokInLimit, false);
    assert.equal(data.disabled, false);
    assert.equal(data.usage, 0);
    assert.equal(data.updatedAt, null);
    assert.ok(Math.abs(Date.parse(data.createdAt) - Date.now()) < 60000);
    assert.equal(data.expiresAt.getTime(), Math.floor(expiresAt.getTime() / 1000) * 1000);

    const got = await keys.get({ hash: data.hash });
    assert.deepEqual(got.data, data);
    assert.deepEqual((await keys.list()).data.map((one) => one.name).sort(), ['kitchen', 'oven']);

    const disabled = await keys.update({
        hash: data.hash,
        requestBody: { name: 'stove', disabled: true, limit: null, limitReset: null },
    });
    assert.equal(disabled.data.name, 'stove');
    assert.equal(disabled.data.disabled, true);
    assert.equal(disabled.data.limit, null);
    assert.equal(disabled.data.limitRemaining, null);
    assert.equal(disabled.data.limitReset, null);
    assert.equal(disabled.data.includeByokInLimit, false, 'what is not named stays');
    assert.notEqual(disabled.data.updatedAt, null);
    assert.deepEqual((await keys.list()).data.map((one) => one.name), ['kitchen']);
    const all = (await keys.list({ includeDisabled: true })).data;
    assert.deepEqual(all.map((one) => one.name).sort(), ['kitchen', 'stove']);

    assert.deepEqual(await keys.delete({ hash: data.hash }), { deleted: true });
    assert.equal((await keys.list({ includeDisabled: true })).data.length, 1);
    for (const gone of [
        () => keys.get({ hash: data.hash }),
        () => keys.delete({ hash: data.hash }),
        () => keys.update({ hash: data.hash, requestBody: { name: 'x' } }),
    ])
        await assert.rejects(gone, (e) => e.statusCode === 404);
    assert.ok(!(p.stdout + p.stderr).includes(created.key), 'the key is not in the log');
    for (const file of fs.readdirSync(path.join(p.dir, 'state')))
        if (file.endsWith('.jsonl'))
            assert.ok(
                !fs.readFileSync(path.join(p.dir, 'state', file), 'utf8').includes(created.key),
            );
});

test('@openrouter/sdk: who am I', async (t) => {
    const p = await office(t, '[organization]\nlimit = 50\n', {
        more: 'limit = 2\nlimit_reset = weekly\nfree_requests_per_day = 7',
    });
    const cost = (await chat(p, KITCHEN)).json.usage.cost;
    const mine = (await sdk(p, KITCHEN).apiKeys.getCurrentKeyMetadata()).data;
    assert.equal(mine.label, `${KITCHEN.slice(0, 12)}...${KITCHEN.slice(-3)}`);
    assert.equal(mine.limit, 2);
    assert.equal(mine.limitReset, 'weekly');
    assert.equal(mine.usage, cost);
    assert.equal(mine.usageDaily, cost);
    assert.equal(mine.limitRemaining, 2 - cost);
    assert.equal(mine.isManagementKey, false);
    assert.equal(mine.isProvisioningKey, false);
    assert.equal(mine.isFreeTier, false);
    assert.deepEqual(mine.freeModelDailyRequests, { limit: 7, used: 0, remaining: 7 });
    const ours = (await sdk(p).apiKeys.getCurrentKeyMetadata()).data;
    assert.equal(ours.isManagementKey, true);
    assert.equal(ours.isProvisioningKey, true);
    assert.equal(ours.limit, 50);
    assert.equal(ours.usage, cost);
    assert.ok(ours.freeModelDailyRequests.remaining > 0);
});

test('53, 55: @openrouter/sdk: credits, generations, activity, datasets', async (t) => {
    const p = await office(t);
    const client = sdk(p, KITCHEN);
    const answer = await client.chat.send({
        chatRequest: {
            model: 'demo/echo',
            maxTokens: 50,
            sessionId: 'evening',
            messages: [{ role: 'user', content: 'hello' }],
        },
    });
    const record = () => sdk(p).generations.getGeneration({ id: answer.id });
    assert.equal((await record()).data.id, answer.id, 'management sees all');
    const other = await made(p, { name: 'other' });
    await client.generations.getGeneration({ id: answer.id });
    await assert.rejects(
        sdk(p, other.secret).generations.getGeneration({ id: answer.id }),
        (e) => e.statusCode === 404,
    );
    const credits = (await sdk(p).credits.getCredits()).data;
    assert.deepEqual(credits, { totalCredits: 0, totalUsage: answer.usage.cost });
    assert.deepEqual((await sdk(p).analytics.getUserActivity()).data, [], 'today is not over');
    await assert.rejects(
        sdk(p).analytics.getUserActivity({ date: TODAY() }),
        (e) => e.statusCode === 400,
    );
    const range = { startDate: TODAY(), endDate: TODAY() };
    const rankings = await sdk(p).datasets.getRankingsDaily(range);
    assert.deepEqual(rankings.data, [
        {
            date: TODAY(),
            modelPermaslug: 'demo/echo',
            totalTokens: String(answer.usage.totalTokens),
        },
    ]);
    await ask(p, {
        headers: { ...as(KITCHEN), 'x-title': 'Recipes' },
        body: { model: 'demo/echo', messages: [{ role: 'user', content: 'soup' }] },
    });
    const apps = [];
    for await (const page of await sdk(p).datasets.getAppRankings(range))
        apps.push(...page.result.data);
    assert.deepEqual(
        apps.map((one) => [one.rank, one.appName, one.totalRequests]),
        [[1, 'Recipes', 1]],
    );
    const cells = [];
    for await (const page of await sdk(p).datasets.getSessionCost({})) cells.push(...page.result.data);
    assert.equal(cells.length, 1);
    assert.equal(cells[0].turnRange, '1-turn');
    assert.equal(cells[0].medianSessionCostUsd, answer.usage.cost);
    const sessions = await manage(p, '/sessions?session_id=evening');
    assert.equal(sessions.json.data.length, 1);
    assert.equal(sessions.json.data[0].requests, 1);
});

// ---- keys at work

test('a key works at once, and not when it is disabled or deleted', async (t) => {
    const p = await office(t);
    const key = await made(p, { name: 'fresh' });
    assert.equal((await chat(p, key.secret)).status, 200);
    await change(p, 'PATCH', `/keys/${key.hash}`, { disabled: true });
    assertError(await chat(p, key.secret), 401, /disabled/);
    await change(p, 'PATCH', `/keys/${key.hash}`, { disabled: false });
    assert.equal((await chat(p, key.secret)).status, 200);
    const running = await stream(p, {
        headers: as(key.secret),
        body: {
            model: 'demo/echo',
            stream: true,
            messages: [{ role: 'user', content: 'one two three four five six seven eight' }],
        },
    });
    await running.next();
    const gone = await change(p, 'DELETE', `/keys/${key.hash}`, {});
    assert.deepEqual(gone.json, { deleted: true });
    assertError(await chat(p, key.secret), 401);
    assertError(await manage(p, '/key', { key: key.secret }), 401);
    assertGoodStream(await running.rest());
    const usage = await manage(p, `/usage?by=key&key=${key.hash}`);
    assert.equal(usage.json.data[0].requests, 3, 'what ran when it was deleted is counted');
    assert.equal(usage.json.data[0].name, 'fresh');
});

test('the rules of a key hold', async (t) => {
    const p = await office(t);
    const key = await made(p, { name: 'narrow', models: ['acme/*'], requests_per_minute: 2 });
    assertError(await chat(p, key.secret), 403);
    const wide = await change(p, 'PATCH', '/keys/narrow', { models: null });
    assert.deepEqual(wide.json.data.models, []);
    assert.equal((await chat(p, key.secret)).status, 200);
    assertError(await chat(p, key.secret), 429);
    await change(p, 'PATCH', '/keys/narrow', { requests_per_minute: null, limit: 0 });
    assertError(await chat(p, key.secret), 402);
    const past = await made(p, { name: 'past', expires_at: '2020-01-01T00:00:00Z' });
    assertError(await chat(p, past.secret), 401, /expired/);
});

test('a limit below what is spent', async (t) => {
    const p = await office(t);
    const key = await made(p, { name: 'spender', limit: 1 });
    await chat(p, key.secret);
    const lower = await change(p, 'PATCH', `/keys/${key.hash}`, { limit: 0.000000000001 });
    assert.equal(lower.status, 200, lower.body);
    assert.match(lower.body, /"limit":0.000000000001,/);
    assert.equal(lower.json.data.limit_remaining, 0);
    assert.ok(lower.json.data.usage > 0.000000000001);
    assertError(await chat(p, key.secret), 402);
});

test('a key is found by hash, by its beginning, and by name', async (t) => {
    const p = await office(t);
    const key = await made(p, { name: 'two words/é' });
    for (const name of [
        key.hash,
        key.hash.slice(0, 8),
        key.hash.slice(0, 63).toUpperCase(),
        encodeURIComponent(key.name),
    ]) {
        const answer = await manage(p, `/keys/${name}`);
        assert.equal(answer.json?.data?.hash, key.hash, `${name}: ${answer.body}`);
    }
    const unknown = [key.hash.slice(0, 7), 'ff'.repeat(32), 'nobody', '%', '%00', 'a'.repeat(5000)];
    for (const name of unknown) assertError(await manage(p, `/keys/${name}`), 404);
    await made(p, { name: 'two words/é' });
    assertError(await manage(p, `/keys/${encodeURIComponent(key.name)}`), 409, /2 keys/);
    assertError(await change(p, 'DELETE', `/keys/${encodeURIComponent(key.name)}`), 409);
    assert.equal((await manage(p, `/keys/${key.hash}`)).status, 200);
});

test('54: keys of the settings are shown, and changed there', async (t) => {
    const p = await office(t);
    const { data } = (await manage(p, '/keys/kitchen')).json;
    assert.equal(data.source, 'config');
    for (const method of ['PATCH', 'DELETE'])
        assertError(
            await change(p, method, `/keys/${data.hash}`, { name: 'x' }),
            403,
            /\[key kitchen\]/,
        );
    assert.equal((await chat(p, KITCHEN)).status, 200);
});

test('other settings, read again, leave keys alone that were made at run time', async (t) => {
    const p = await office(t);
    const key = await made(p, { name: 'kept', limit: 5 });
    await chat(p, KITCHEN);
    const text = fs.readFileSync(p.file, 'utf8');
    fs.writeFileSync(p.file, text.replace('[key kitchen]\nkey = env:KITCHEN\n', ''));
    p.child.kill('SIGHUP');
    await until(async () => (await chat(p, KITCHEN)).status === 401, 'the key to go');
    assert.equal((await chat(p, key.secret)).status, 200);
    assertError(await manage(p, '/keys/kitchen'), 404);
    const usage = (await manage(p, '/usage?by=key')).json.data;
    assert.deepEqual(usage.map((one) => one.name).sort(), ['kept', 'kitchen']);
    fs.writeFileSync(p.file, text);
    p.child.kill('SIGHUP');
    await until(async () => (await chat(p, KITCHEN)).status === 200, 'the key to come back');
    const { data } = (await manage(p, '/keys/kitchen')).json;
    assert.ok(data.requests >= 2, 'with what it spent before');
});

// ---- wrong bodies, wrong keys

test('bad bodies are refused, and change nothing', async (t) => {
    const p = await office(t);
    const key = await made(p, { name: 'same', limit: 3 });
    const bad = [
        [{ limit: -1 }, /limit/],
        [{ limit: '5' }, /limit/],
        [{ limit: true }, /limit/],
        ['{"limit":1e30}', /limit/],
        ['{"limit":0.0000000000001}', /limit/],
        ['{"limit":1000001}', /limit/],
        [{ limit_reset: 'hourly' }, /limit_reset/],
        [{ limit_reset: 1 }, /limit_reset/],
        [{ name: '' }, /name/],
        [{ name: null }, /name/],
        [{ name: 7 }, /name/],
        [{ name: 'x'.repeat(129) }, /name/],
        [{ name: 'a\nb' }, /name/],
        [{ disabled: 'yes' }, /disabled/],
        [{ disabled: null }, /disabled/],
        [{ include_byok_in_limit: 0 }, /include_byok_in_limit/],
        [{ expires_at: 'tomorrow' }, /expires_at/],
        [{ expires_at: '2026-12-31T23:59Z' }, /expires_at/],
        [{ requests_per_minute: 0 }, /requests_per_minute/],
        [{ requests_per_minute: 1.5 }, /requests_per_minute/],
        [{ max_concurrent: 1e10 }, /max_concurrent/],
        [{ models: 'acme/*' }, /models/],
        [{ models: [1] }, /models/],
        [{ models: Array(65).fill('a') }, /models/],
        [{ preset: 'nosuch' }, /preset nosuch/],
        [{ colour: 'red' }, /colour/],
        [{ hash: 'ab' }, /hash/],
        [{ usage: 0 }, /usage/],
        ['[]', /object/],
        ['"x"', /object/],
        ['', /JSON/],
        ['{"name":', /JSON/],
        ['{"name":"\xff"}', /./],
        [`{"name":"${'x'.repeat(70000)}"}`, /longer/, 413],
    ];
    for (const [body, message, status = 400] of bad) {
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        const raw = Buffer.from(text, 'latin1');
        const full = text.startsWith('{"name"')
            ? raw
            : Buffer.from(text.replace('{', '{"name":"new",').replace(',}', '}'), 'latin1');
        assertError(await change(p, 'POST', '/keys', full), status, message);
        assertError(await change(p, 'PATCH', `/keys/${key.hash}`, raw), status, message);
    }
    assertError(await change(p, 'POST', '/keys', { limit: 1 }), 400, /name is missing/);
    assertError(
        await change(p, 'POST', '/keys', {
            name: 'x',
            external: { user: 'u', api_key: 'k'.repeat(32) },
        }),
        400,
        /external.api_key/,
    );
    assertError(await change(p, 'PATCH', `/keys/${key.hash}`, { external: {} }), 400, /external/);
    assertError(await manage(p, '/keys?offset=-1'), 400, /offset/);
    const { data } = (await manage(p, '/keys?include_disabled=true')).json;
    assert.equal(data.length, 2);
    const still = data.find((one) => one.hash === key.hash);
    assert.equal(still.limit, 3);
    assert.equal(still.updated_at, null);
    const nothing = await change(p, 'PATCH', `/keys/${key.hash}`, {});
    assert.equal(nothing.status, 200);
    const free = await made(p, { name: 'zero', limit: 0, expires_at: null, models: null });
    assert.equal(free.limit, 0);
    assert.equal(free.limit_remaining, 0);
});

test('only a management key manages, and it does nothing else', async (t) => {
    const p = await office(t);
    const calls = [
        ['GET', '/keys'],
        ['POST', '/keys', { name: 'x' }],
        ['GET', '/keys/kitchen'],
        ['PATCH', '/keys/kitchen', {}],
        ['DELETE', '/keys/kitchen'],
        ['GET', '/credits'],
        ['POST', '/credits', { amount: 1 }],
        ['GET', '/activity'],
        ['GET', '/usage'],
        ['GET', '/sessions'],
        ['GET', '/limits'],
        ['GET', '/datasets/rankings-daily'],
        ['POST', '/audit/accept'],
    ];
    for (const [method, target, body] of calls) {
        const one = (headers) => ask(p, { method, path: `/v1${target}`, body, headers });
        assertError(await one({}), 401);
        assertError(await one(as('sk-nobody')), 401);
        assertError(await one(as(KITCHEN)), 403, /management key/);
    }
    assertError(await ask(p, { path: '/v1/key' }), 401);
    assertError(await chat(p, MANAGEMENT), 403, /management/);
    const wrong = await change(p, 'PUT', '/keys/kitchen', {});
    assertError(wrong, 405);
    assert.equal(wrong.headers.allow, 'GET, PATCH, DELETE');
});

test('4: without keys this machine asks, and the first key ends that', async (t) => {
    const dir = scratch(t);
    const set = [`state=${dir}/state`, 'management_key=env:MANAGEMENT'];
    const p = await start(t, ['--demo', ...set.flatMap((one) => ['--set', one])], { env });
    const open = await ask(p, { path: '/v1/key' });
    assert.equal(open.status, 200, open.body);
    assert.equal(open.json.data.is_management_key, false);
    assertError(await ask(p, { path: '/v1/keys' }), 403);
    const key = await made(p, { name: 'first' });
    assertError(await ask(p, { path: '/v1/key' }), 401);
    assert.equal((await manage(p, '/key', { key: key.secret })).status, 200);
    await change(p, 'DELETE', '/keys/first');
    // whoever deleted the last key did not mean that everybody may come in again
    assertError(await ask(p, { path: '/v1/key' }), 401, /the last one was deleted/);
    const again = { path: '/v1/key', headers: { authorization: `Bearer ${key.secret}` } };
    assertError(await ask(p, again), 401);
    await made(p, { name: 'second' });
    assertError(await ask(p, again), 401, /not known/);
});

test('the owner of the machine needs no key', async (t) => {
    const p = await office(t);
    const own = (method, target, body) =>
        within(
            new Promise((resolve, reject) => {
                const req = http.request(
                    {
                        socketPath: path.join(p.dir, 'state', 'control.sock'),
                        path: `/v1${target}`,
                        method,
                        headers: { host: 'localhost' },
                    },
                    (res) => {
                        let text = '';
                        res.on('data', (part) => (text += part));
                        res.on('end', () => resolve({ status: res.statusCode, json: JSON.parse(text) }));
                    },
                );
                req.on('error', reject);
                req.end(body && JSON.stringify(body));
            }),
            'the owner',
        );
    const key = await own('POST', '/keys', { name: 'mine' });
    assert.equal(key.status, 201);
    const answer = await chat(p, key.json.key);
    assert.equal((await own('GET', `/generation?id=${answer.json.id}`)).status, 200);
    const me = (await own('GET', '/key')).json.data;
    assert.equal(me.is_management_key, true);
    assert.equal(me.usage, answer.json.usage.cost);
    assert.equal((await own('DELETE', '/keys/mine')).status, 200);
});

test('without a state there is nowhere to keep keys', async (t) => {
    const p = await office(t, '', { state: false });
    assertError(await change(p, 'POST', '/keys', { name: 'x' }), 503, /state = FOLDER/);
    assertError(await change(p, 'POST', '/credits', { amount: 1 }), 503, /state = FOLDER/);
    assertError(await change(p, 'PATCH', '/keys/kitchen', {}), 403);
    assertError(await change(p, 'POST', '/audit/accept'), 409);
    await chat(p, KITCHEN);
    assert.ok((await manage(p, '/credits')).json.data.total_usage > 0);
    assert.equal((await manage(p, '/usage')).json.total.requests, 1);
    assert.equal((await manage(p, '/limits')).json.ledger.state, 'off');
});

// ---- sums

test('what is counted is what was answered, to the last digit, over restarts', async (t) => {
    let p = await office(t);
    const again = p.again;
    const keys = { kitchen: { secret: KITCHEN } };
    keys.one = await made(p, { name: 'one', limit: 5, limit_reset: 'daily' });
    keys.two = await made(p, { name: 'two' });
    keys.kitchen.hash = (await manage(p, '/keys/kitchen')).json.data.hash;
    const sums = { kitchen: 0n, one: 0n, two: 0n };
    let num = 0;
    const spend = async () => {
        for (const [name, { secret }] of Object.entries(keys)) {
            for (const content of ['a', 'some more words '.repeat(++num)]) {
                const answer = await chat(p, secret, content, { session_id: `s-${name}` });
                assert.equal(answer.status, 200, answer.body);
                sums[name] += amount(answer, 'cost');
            }
            const s = await stream(p, {
                headers: as(secret),
                body: {
                    model: 'demo/echo',
                    stream: true,
                    messages: [{ role: 'user', content: 'hi' }],
                },
            });
            await s.rest();
            sums[name] += amount({ body: s.text }, 'cost');
        }
    };
    const check = async (what) => {
        const total = sums.kitchen + sums.one + sums.two;
        for (const [name, { secret, hash }] of Object.entries(keys)) {
            for (const answer of [
                await manage(p, '/key', { key: secret }),
                await manage(p, `/keys/${hash}`),
            ])
                for (const when of ['usage', 'usage_daily', 'usage_weekly', 'usage_monthly'])
                    assert.equal(amount(answer, when), sums[name], `${what}: ${when} of ${name}`);
            const usage = await manage(p, `/usage?by=day&key=${hash}`);
            assert.equal(amount(usage, 'usage'), sums[name], `${what}: usage of ${name}`);
            const session = await manage(p, `/sessions?session_id=s-${name}`);
            assert.ok(amount(session, 'usage') < sums[name]);
        }
        const one = await manage(p, `/keys/${keys.one.hash}`);
        assert.equal(amount(one, 'limit_remaining'), pico('5') - sums.one, what);
        assert.equal(amount(await manage(p, '/key'), 'usage'), total, `${what}: organization`);
        assert.equal(amount(await manage(p, '/credits'), 'total_usage'), total, `${what}: credits`);
        for (const by of ['model', 'provider', 'key', 'app', 'day']) {
            const { body } = await manage(p, `/usage?by=${by}`);
            assert.equal(amount({ body: body.split('"total"')[1] }, 'usage'), total, `${what}: ${by}`);
        }
    };
    await spend();
    await check('at once');
    for (const signal of ['SIGTERM', 'SIGKILL']) {
        await stop(p, signal);
        p = await again();
        await check(`after ${signal}`);
        await spend();
        await check(`later, after ${signal}`);
    }
    const deleted = await change(p, 'DELETE', `/keys/${keys.two.hash}`);
    assert.equal(deleted.status, 200);
    await stop(p, 'SIGKILL');
    p = await again();
    assertError(await chat(p, keys.two.secret), 401);
    assertError(await manage(p, `/keys/${keys.two.hash}`), 404);
    const usage = await manage(p, `/usage?by=key&key=${keys.two.hash}`);
    assert.equal(amount(usage, 'usage'), sums.two, 'what a deleted key spent stays');
});

test('54, 56: what was answered is on the disk: a kill right after it', async (t) => {
    let p = await office(t);
    const again = p.again;
    for (let i = 0; i < 3; i++) {
        const key = await made(p, { name: `round ${i}`, limit: i + 1, tags: ['a', 'b'] });
        await stop(p, 'SIGKILL');
        p = await again();
        const { data } = (await manage(p, `/keys/${key.hash}`)).json;
        assert.deepEqual({ ...data, secret: key.secret }, key);
        await change(p, 'PATCH', `/keys/${key.hash}`, { disabled: true, limit: null });
        await stop(p, 'SIGKILL');
        p = await again();
        assertError(await chat(p, key.secret), 401, /disabled/);
        assert.equal((await change(p, 'POST', '/credits', { amount: 1.25 })).status, 200);
        await stop(p, 'SIGKILL');
        p = await again();
        assert.equal((await manage(p, '/credits')).json.data.total_credits, 1.25 * (i + 1));
        await change(p, 'DELETE', `/keys/${key.hash}`);
        await stop(p, 'SIGKILL');
        p = await again();
        assertError(await manage(p, `/keys/${key.hash}`), 404);
    }
});

// ---- credits

test('credits are paid in, spent, and run out', async (t) => {
    const p = await office(t);
    const cost = amount(await chat(p, KITCHEN), 'cost');
    const paid = await change(p, 'POST', '/credits', { amount: 0.001, note: 'a start' });
    assert.equal(paid.status, 200, paid.body);
    assert.equal(amount(paid, 'total_credits'), pico('0.001') + cost, 'what was spent before is paid');
    assert.equal(amount(paid, 'total_usage'), cost);
    assert.equal((await chat(p, KITCHEN)).status, 200);
    assertError(await change(p, 'POST', '/credits', { amount: -0.001 }), 400, /spent already/);
    const back = await change(p, 'POST', '/credits', { amount: -0.0009 });
    assert.equal(back.status, 200, back.body);
    const refused = await chat(p, KITCHEN, 'word '.repeat(1000));
    assertError(refused, 402, /credits/);
    for (const [body, message] of [
        [{}, /amount/],
        [{ amount: 0 }, /amount/],
        [{ amount: '5' }, /amount/],
        [{ amount: null }, /amount/],
        ['{"amount":1e30}', /amount/],
        ['{"amount":-1e30}', /amount/],
        ['{"amount":9223372.036854775807}', /1000000/],
        ['{"amount":-9223372.036854775807}', /spent/],
        ['{"amount":0.0000000000001}', /amount/],
        [{ amount: 2000000 }, /1000000/],
        [{ amount: 1, gift: true }, /gift/],
        [{ amount: 1, note: 7 }, /note/],
        [{ amount: 1, note: 'x'.repeat(300) }, /note/],
        ['[1]', /object/],
    ])
        assertError(await change(p, 'POST', '/credits', body), 400, message);
    const metrics = await ask(p, { path: '/metrics', headers: as(MANAGEMENT) });
    const left = amount(back, 'total_credits') - amount(await manage(p, '/credits'), 'total_usage');
    assert.equal(pico(/^orproxy_credits_usd (\S+)$/m.exec(metrics.body)[1]), left);
    const limits = (await manage(p, '/limits')).json.data;
    assert.equal(limits.find((one) => one.kind === 'credits').name, 'credits');
});

// ---- lists, limits

test('lists have pages, in an order that stays', async (t) => {
    let p = await office(t);
    for (let i = 0; i < 104; i++) await made(p, { name: `key ${i}` });
    const list = async () => {
        const first = (await manage(p, '/keys')).json.data;
        const second = (await manage(p, '/keys?offset=100')).json.data;
        assert.equal(first.length, 100);
        assert.equal(second.length, 5);
        assert.deepEqual((await manage(p, '/keys?offset=105')).json.data, []);
        return [...first, ...second].map((one) => one.hash);
    };
    const before = await list();
    assert.equal(new Set(before).size, 105);
    const { again } = p;
    await stop(p, 'SIGTERM');
    p = await again();
    assert.deepEqual(await list(), before);
});

test('there are as many keys as limits.accounts', async (t) => {
    const p = await office(t, '[limits]\naccounts = 100\n');
    for (let i = 0; i < 100; i++) await made(p, { name: `key ${i}` });
    assertError(await change(p, 'POST', '/keys', { name: 'x' }), 400, /limits.accounts is 100/);
    for (let i = 0; i < 100; i++) {
        assert.equal((await change(p, 'DELETE', '/keys/key%207')).status, 200);
        await made(p, { name: 'key 7' });
    }
    assert.equal((await manage(p, '/keys?offset=100')).json.data.length, 1);
});

test('limits, and the metrics of them', async (t) => {
    const p = await office(
        t,
        '[organization]\nlimit = 100\nlimit_reset = monthly\n[app all]\nmatch = *\nlimit = 1\n',
    );
    const key = await made(p, { name: 'a "quoted" key', limit: 0.5, requests_per_minute: 60 });
    const answer = await ask(p, {
        headers: { ...as(key.secret), 'x-title': 'Recipes' },
        body: { model: 'demo/echo', max_tokens: 9, messages: [{ role: 'user', content: 'soup' }] },
    });
    const cost = amount(answer, 'cost');
    const { data, ledger } = (await manage(p, '/limits')).json;
    assert.deepEqual(
        data.map((one) => `${one.kind} ${one.name}`),
        ['organization organization', 'key a "quoted" key', 'app Recipes'],
    );
    const mine = data.find((one) => one.kind === 'key');
    assert.equal(mine.hash, key.hash);
    assert.equal(mine.limit, 0.5);
    assert.equal(mine.spent, Number(cost) / 1e12);
    assert.equal(mine.reserved, 0);
    assert.equal(mine.percent, 0);
    assert.equal(mine.requests_per_minute, 60);
    assert.equal(mine.requests_last_minute, 1);
    assert.equal(mine.tokens_last_minute, null, 'what no limit needs is not counted');
    assert.equal(ledger.state, 'ok');
    assert.equal(ledger.message, '');
    assert.ok(ledger.number > 5 && ledger.bytes > 500 && ledger.segment === 1);
    const { body } = await ask(p, { path: '/metrics', headers: as(MANAGEMENT) });
    const value = (name) => new RegExp(`^orproxy_${name} (\\S+)$`, 'm').exec(body)?.[1];
    assert.equal(value('limit_usd{kind="key",name="a \\\\"quoted\\\\" key"}'), '0.5');
    assert.equal(value('limit_usd{kind="organization",name="organization"}'), '100');
    assert.equal(pico(value('limit_spent_usd{kind="app",name="Recipes"}')), cost);
    assert.equal(value('limit_reserved_usd{kind="app",name="Recipes"}'), '0');
    assert.equal(value('ledger_state'), '1');
    assert.ok(Number(value('ledger_lines_total')) >= ledger.number);
    assert.ok(Number(value('ledger_bytes')) >= ledger.bytes);
    assert.equal(value('ledger_waiting_bytes'), '0');
    assert.equal(value('credits_usd'), undefined, 'there are none');
});

test('a broken ledger takes no changes until it is accepted', async (t) => {
    let p = await office(t);
    const { again } = p;
    const key = await made(p, { name: 'kept', limit: 5 });
    await stop(p, 'SIGTERM');
    const file = path.join(p.dir, 'state', 'ledger-000001.jsonl');
    const text = fs.readFileSync(file, 'utf8');
    assert.ok(text.includes('"limit":5'));
    fs.writeFileSync(file, text.replace('"limit":5', '"limit":9'));
    p = await again();
    const { ledger } = (await manage(p, '/limits')).json;
    assert.equal(ledger.state, 'broken');
    assert.match(ledger.message, /ledger-000001.jsonl/);
    assertError(await change(p, 'POST', '/keys', { name: 'x' }), 503, /ledger-000001.jsonl/);
    assertError(await change(p, 'POST', '/credits', { amount: 1 }), 503, /ledger-000001.jsonl/);
    const { body } = await ask(p, { path: '/metrics', headers: as(MANAGEMENT) });
    assert.match(body, /^orproxy_ledger_state 3$/m);
    const accepted = await change(p, 'POST', '/audit/accept');
    assert.equal(accepted.json.data.accepted, true);
    assert.match(accepted.json.data.message, /1 lines? of ledger-000001\.jsonl do not fit/);
    assertError(await change(p, 'POST', '/audit/accept'), 409);
    assert.equal((await manage(p, '/limits')).json.ledger.state, 'ok');
    const fresh = await made(p, { name: 'after' });
    assert.equal((await chat(p, fresh.secret)).status, 200);
    await stop(p, 'SIGKILL');
    p = await again();
    await until(async () => (await manage(p, '/limits')).json.ledger.state === 'ok', 'the ledger');
    assert.equal((await manage(p, `/keys/${fresh.hash}`)).json.data.requests, 1);
    assert.ok(key.hash);
});
