// Killed at any moment, the books still balance: what a client saw completed is in them, no
// limit is overspent, what a provider served is paid for, and the chain holds.
//
//   TORTURE_ROUNDS  kills (default 12); from 100 on cuts are made at many more places
//   TORTURE_SEED    what chance begins with; each run prints its own
//   TORTURE_KEEP    a folder for a copy of the state when something is wrong
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    ask,
    envOf,
    keyOf,
    launch,
    run,
    scratch,
    several,
    sleep,
    stream,
    until,
    within,
} from './helpers.js';
import {
    IN,
    MANAGEMENT,
    OUT,
    as,
    bank,
    bankConfig,
    books,
    chance,
    copyState,
    costTold,
    end,
    hashOfKey,
    limitsOf,
    manage,
    metered,
    newest,
    order,
} from './ledger_helpers.js';
import {
    afterCrash,
    exactJson,
    foldAll,
    foldNewest,
    pico,
    readLedger,
    readSegment,
    segments,
    usd,
} from './ledger_tools.js';

const ROUNDS = Number(process.env.TORTURE_ROUNDS ?? 12);
const SEED = Number(process.env.TORTURE_SEED ?? Date.now() % 1000000007);
const LONG = ROUNDS >= 100;
const CLIENTS = 12;
const LIVE = 4; // keys with money left, beside the one without a limit
const SPARE = 6; // keys that a running gateway may be told of

// Names make lines long, so that a segment is full after a few hundred: each '"' is two bytes.
const LONG_NAMES = { 'x-title': '"'.repeat(256), 'x-session-id': '"'.repeat(256) };

// What an order costs at most: each byte of its body may be a token.
const WORST = 400n * IN + 20n * OUT;

// ---- the world that outlives each gateway

function makeWorld(t, up, totals) {
    const w = {
        up,
        totals, // ledger = totals: no line for each request
        random: chance(SEED),
        state: path.join(scratch(t), 'state'),
        keys: [], // { name, secret, limit, source, spent, hash }
        orders: new Map(), // id -> what it costs
        seen: [], // what clients saw complete: { id, generation, cost, key }
        records: new Map(), // every record of a request that was ever in the files
        wrong: [],
        count: { killed: 0, refused: 0, estimated: 0 },
        made: 0,
    };
    w.free = addKey(w, null);
    return w;
}

function addKey(w, limit) {
    const name = `k${++w.made}`;
    return takeKey(w, { name, secret: keyOf(name), limit, source: 'config' });
}

function takeKey(w, key) {
    Object.assign(key, { hash: hashOfKey(key), spent: 0n, orders: [] });
    w.keys.push(key);
    return key;
}

const smallLimit = (w) => BigInt(800 + w.random.below(3000)) * 10n ** 9n; // 0.8 to 3.8 USD
const left = (key) => key.limit - key.spent;
const live = (w) => w.keys.filter((key) => key.limit !== null && left(key) >= WORST);

// Keys that are used up are followed by new ones, or get more.
function refill(w) {
    while (live(w).length < LIVE) {
        const old = w.keys.filter((key) => key.limit !== null && key.source === 'config');
        if (old.length > 0 && w.random.below(3) === 0) {
            const key = w.random.pick(old);
            key.limit += smallLimit(w) + WORST;
        } else addKey(w, smallLimit(w));
    }
}

const settings = (w) =>
    Object.fromEntries(
        w.keys
            .filter((key) => key.source === 'config')
            .map((key) => [key.name, key.limit === null ? {} : { limit: usd(key.limit) }]),
    );
const config = (w) => ({
    state: w.state,
    keys: settings(w),
    top: w.totals ? { ledger: 'totals', ledger_sync: '200ms' } : {},
    sections: { limits: { ledger: '4M' } }, // old segments go meanwhile
});
const spares = (w) =>
    Object.fromEntries(
        Array.from({ length: SPARE }, (_, i) => `k${w.made + 1 + i}`).map((name) => [
            envOf(name),
            keyOf(name),
        ]),
    );

// A key made at run time: from the answer on it has to be there, whatever happens.
async function mint(w, p) {
    const limit = smallLimit(w);
    const name = `k${++w.made}`;
    const answer = await manage(p, '/api/v1/keys', {
        body: `{"name":"${name}","limit":${usd(limit)}}`,
    });
    if (answer.status !== 201) {
        w.wrong.push(`POST /keys: ${answer.status} ${answer.body}`);
        return;
    }
    const key = takeKey(w, { name, secret: answer.said.key, limit, source: 'api' });
    if (answer.said.data.hash !== key.hash) w.wrong.push(`hash of ${name}: ${answer.body}`);
}

async function more(w, p) {
    const old = w.keys.filter((key) => key.source === 'api');
    if (old.length === 0) return;
    const key = w.random.pick(old);
    const limit = key.limit + smallLimit(w);
    const answer = await manage(p, `/api/v1/keys/${key.hash}`, {
        method: 'PATCH',
        body: `{"limit":${usd(limit)}}`,
    });
    if (answer.status !== 200) w.wrong.push(`PATCH /keys: ${answer.status} ${answer.body}`);
    else key.limit = limit;
}

// ---- clients

async function one(w, p, key, id) {
    const prompt = 5 + w.random.below(60);
    const completion = 1 + w.random.below(20);
    const body = order(id, { prompt, completion, max: 20, stream: true });
    assert.ok(JSON.stringify(body).length <= 400);
    w.orders.set(id, BigInt(prompt) * IN + BigInt(completion) * OUT);
    key.orders.push(id);
    const s = await stream(p, {
        body,
        headers: { ...as(key), ...(w.random.below(4) ? LONG_NAMES : {}) },
    });
    const list = await s.rest();
    if (s.status === 402) {
        const { error } = exactJson(s.text);
        if (key.limit === null) w.wrong.push(`a key without limit: ${error.message}`);
        else if (error.metadata?.limit_source !== 'key') w.wrong.push(s.text);
        w.count.refused++;
        return false;
    }
    if (s.status !== 200) {
        w.wrong.push(`${s.status} ${s.text}`);
        return false;
    }
    const cost = list.includes('[DONE]') ? costTold(list) : undefined;
    if (cost === undefined) return true; // it was cut
    w.seen.push({ id, generation: s.headers['x-generation-id'], cost, key });
    return true;
}

async function client(w, p, n, now) {
    const poor = new Set();
    for (let i = 0; !now.over; i++) {
        const keys = live(w).filter((key) => !poor.has(key));
        const key = keys.length === 0 || w.random.below(6) === 0 ? w.free : w.random.pick(keys);
        try {
            if (!(await one(w, p, key, `r${now.round}c${n}i${i}`))) poor.add(key);
            else now.done();
        } catch (e) {
            if (!now.over && !now.ending) w.wrong.push(`round ${now.round}: ${e.stack}`);
            await sleep(5); // killed a moment ago
        }
    }
}

// ---- ends

// When to kill: each opens `now` by some event, which it is told of by these.
const MOMENTS = ['time', 'asked', 'handed', 'done', 'minted', 'reloaded', 'draining', 'stopped'];

function moment(w, p, kind, now) {
    const nth = 1 + w.random.below(25);
    const opened = new Promise((resolve) => {
        let n = 0;
        const count = () => ++n === nth && resolve();
        w.up.asked = kind === 'asked' ? count : () => {};
        w.up.handed = kind === 'handed' ? count : () => {};
        now.done = kind === 'done' ? count : () => {};
    });
    const busy = () => sleep(20 + w.random.below(400));
    if (kind === 'minted')
        return busy().then(async () => {
            await mint(w, p);
            await more(w, p);
        });
    if (kind === 'reloaded')
        return busy().then(async () => {
            addKey(w, smallLimit(w));
            p.reload(bankConfig(w.up, config(w)));
            await sleep(w.random.below(60));
        });
    if (kind === 'draining')
        return busy().then(async () => {
            now.ending = true;
            p.child.kill('SIGTERM');
            await sleep(w.random.below(80));
        });
    return ['asked', 'handed', 'done'].includes(kind)
        ? Promise.race([opened, sleep(3000)])
        : busy();
}

async function hammer(w, p, round, kind) {
    const now = { over: false, round, done: () => {} };
    const ready = moment(w, p, kind, now);
    const clients = Array.from({ length: CLIENTS }, (_, n) => client(w, p, n, now));
    await ready;
    if (w.random.below(2)) await sleep(w.random.below(8));
    const killed = end(p, kind === 'stopped' ? 'SIGTERM' : 'SIGKILL');
    now.over = true;
    if (kind === 'draining') {
        await within(p.ended, 'orproxy to end');
        if (p.code === 0) p.exits = 0; // it was done before the kill
    }
    await killed;
    await Promise.all(clients);
    w.count.killed += p.code === 'SIGKILL';
}

// Killed before it serves: while it reads the books, or writes the first new lines.
async function killedAtStart(t, w) {
    const file = path.join(scratch(t), 'orproxy.conf');
    const first = await bank(t, w.up, config(w));
    fs.copyFileSync(first.file, file);
    await end(first, 'SIGKILL');
    for (let i = 0; i < 3; i++) {
        const p = launch(t, ['--listen', '127.0.0.1:0', '-c', file], {
            env: {
                MANAGEMENT,
                [envOf('upstream')]: keyOf('upstream'),
                ...Object.fromEntries(w.keys.map((key) => [envOf(key.name), key.secret])),
            },
        });
        await sleep(w.random.below(250));
        p.child.kill('SIGKILL');
        await within(p.ended, 'orproxy to end');
        assert.equal(p.code, 'SIGKILL', p.stderr);
        assert.doesNotMatch(p.stderr, /AddressSanitizer|runtime error:/);
    }
}

// ---- what has to hold at every start

const lastLine = (state) => (fs.existsSync(state) ? (readLedger(state).lines.at(-1)?.n ?? 0n) : 0n);

// The books once a start has told them that it is there, behind line `after`. A full segment is
// followed by a snapshot at once, and totals may be due.
async function opened(state, after) {
    let ledger;
    await until(() => {
        ledger = readLedger(state);
        const at = ledger.lines.findLastIndex((one) => one.type === 'open' && one.n > after);
        const behind = ledger.lines.slice(at + 1);
        const last = behind.at(-1)?.type ?? 'totals';
        return at >= 0 && (last === 'totals' || last === 'snapshot_end');
    }, 'the books to be opened');
    return ledger;
}

// A gateway of this world.
function begin(t, w) {
    w.line = lastLine(w.state);
    return bank(t, w.up, config(w), { env: spares(w) });
}

async function compare(w, p, { all = false } = {}) {
    assert.deepEqual(w.wrong, []);
    const ledger = await opened(w.state, w.line);
    assert.deepEqual(ledger.faults, []);
    assert.equal(ledger.torn, null, 'a start cuts what is torn');
    const entire = foldAll(ledger.lines);
    assert.deepEqual(entire.faults, []);
    const now = foldNewest(ledger);
    assert.equal(now.open.size, 0, 'nothing runs, so nothing is reserved');
    for (const [id, record] of entire.requests) {
        w.records.set(id, record);
        const reserved = entire.reserved.get(id);
        if (reserved !== undefined)
            assert.ok(record.charged_pico_usd.int <= reserved, `${id}: charged over what was kept`);
    }
    if (!w.totals) checkSeen(w);
    const some = w.keys.filter(
        (key) => all || key.limit === null || key.due || w.random.below(20) === 0,
    );
    for (const key of new Set([...some, ...live(w), ...w.keys.slice(-LIVE)]))
        await compareKey(w, p, key, now);
    const limits = await limitsOf(p);
    assert.equal(limits.ledger.state, 'ok', JSON.stringify(limits.ledger));
    for (const row of limits.data) assert.equal(pico(row.reserved ?? 0), 0n, row.name);
}

// (a) What a client saw completed is in the books, with that cost.
function checkSeen(w) {
    for (const { id, generation, cost, key } of w.seen) {
        const record = w.records.get(generation);
        assert.ok(record, `${id} (${generation}) was seen complete, and is not in the books`);
        assert.equal(record.cost_pico_usd.int, cost, `${id}: the cost its client was told`);
        assert.equal(record.cost_pico_usd.int, w.orders.get(id), `${id}: what it costs`);
        assert.equal(record.charged_pico_usd.int, cost, `${id}: what was charged`);
        assert.equal(record.estimated, false, id);
        assert.equal(record.key, key.hash, id);
        assert.equal(w.up.served.get(id).asked, 1, `${id} was served once`);
    }
}

// (b) and (d): no limit is overspent, what was served is paid, and both readers agree.
async function compareKey(w, p, key, now) {
    const told = await books(p, key);
    const about = `${key.name} (${key.source}, limit ${key.limit})`;
    const mine = now.accounts.get(key.hash);
    assert.ok(mine, `${about} is not in the books`);
    assert.deepEqual([told.usage, told.byok], [mine.own, mine.byok], `${about}: two readers`);
    if (key.limit === null || !w.totals)
        assert.ok(told.spent >= key.spent, `${about}: the books forget`);
    let whole = 0n; // what the provider will bill
    for (const id of key.orders) if (w.up.served.get(id)?.whole) whole += w.orders.get(id);
    let seen = 0n;
    for (const one of w.seen) if (one.key === key) seen += one.cost;
    // totals are told from time to time: what was spent since is lost, but for limits
    if (!w.totals) assert.ok(told.spent >= seen, `${about}: ${told.spent} < ${seen} seen`);
    key.spent = told.spent;
    assert.equal(told.limit, key.limit, about);
    if (key.limit === null) {
        assert.equal(told.remaining, null, about);
        return;
    }
    const charged = key.limit - told.remaining;
    key.spent = charged;
    assert.ok(whole <= key.limit, `${about}: the provider served ${whole}`);
    assert.ok(charged >= 0n && charged <= key.limit, `${about}: ${charged} in the books`);
    assert.ok(charged >= whole, `${about}: ${charged} < ${whole} that was served`);
    assert.equal(charged, mine.charged, `${about}: two readers`);
    assert.ok(w.totals ? charged >= told.spent : charged === told.spent, about);
}

// (c) The command agrees with the reader here; skipped where there is none yet.
let audit;
async function verify(t, state) {
    audit ??= (await run(t, ['audit', '--help'])).code === 0;
    if (!audit) return t.diagnostic('skipped: orproxy audit is not there');
    const said = await run(t, ['audit', 'verify', '--state', state]);
    assert.equal(said.code, 0, said.stdout + said.stderr);
    return undefined;
}

// Most of a segment, so that the next one is begun while it is killed.
async function prepare(t, w) {
    const p = await begin(t, w);
    await several(400, async (i, agent) => {
        const id = `p${i}`;
        w.orders.set(id, 20n * IN + 10n * OUT);
        const answer = await ask(p, {
            agent,
            body: order(id),
            headers: { ...as(w.free), ...LONG_NAMES },
        });
        assert.equal(answer.status, 200, answer.body);
        const generation = answer.headers['x-generation-id'];
        w.seen.push({ id, generation, cost: costTold(answer), key: w.free });
    });
    await end(p, 'SIGTERM');
}

async function rounds(t, w, num) {
    for (let round = 0; round < num; round++) {
        const kind = round % 7 === 6 ? 'starting' : w.random.pick(MOMENTS);
        let good = false;
        await t.test(`round ${round + 1}: ${kind}`, async (t) => {
            refill(w);
            if (kind === 'starting') await killedAtStart(t, w);
            const p = await begin(t, w);
            await compare(w, p);
            if (w.random.below(2)) await mint(w, p);
            if (w.random.below(3) === 0) await more(w, p);
            await hammer(w, p, round, kind);
            w.up.requests.length = 0; // they keep bodies and sockets
            good = true;
        });
        if (!good) return false;
    }
    return true;
}

test(`kill -9 at ${ROUNDS} moments (TORTURE_SEED=${SEED})`, async (t) => {
    const chances = chance(SEED + 1);
    const up = await metered(t, 'upstream', { pause: () => sleep(chances.below(12)) });
    const w = makeWorld(t, up);
    t.after(() => {
        if (process.env.TORTURE_KEEP && !w.good)
            fs.cpSync(w.state, path.join(process.env.TORTURE_KEEP, `seed-${SEED}`), {
                recursive: true,
                filter: (name) => !fs.existsSync(name) || !fs.statSync(name).isSocket(),
            });
    });
    await prepare(t, w);
    if (!(await rounds(t, w, ROUNDS))) return;
    refill(w);
    const p = await begin(t, w);
    await compare(w, p, { all: true });
    await verify(t, w.state);
    await end(p, 'SIGTERM');
    const again = await begin(t, w);
    await compare(w, again, { all: true });
    const estimated = [...w.records.values()].filter((one) => one.estimated === true).length;
    t.diagnostic(
        `${w.count.killed} kills, ${w.seen.length} answers seen complete, ${up.served.size} asked ` +
            `for, ${w.count.refused} refused, ${estimated} charged by estimate, ` +
            `${w.keys.length} keys, ${segments(w.state).length} segments`,
    );
    // all this proves nothing when nothing happened
    assert.ok(w.count.killed >= Math.floor(ROUNDS / 2), 'it was killed');
    assert.ok(w.seen.length >= 400 + ROUNDS, 'clients were served');
    assert.ok(w.count.refused > 0, 'limits were reached');
    assert.ok(ROUNDS < 6 || estimated > 0, 'kills left something open');
    assert.ok(ROUNDS < 12 || segments(w.state).length > 1, 'a segment was begun');
    w.good = true;
});

test(`kill -9 with ledger = totals (TORTURE_SEED=${SEED})`, async (t) => {
    const chances = chance(SEED + 2);
    const up = await metered(t, 'upstream', { pause: () => sleep(chances.below(12)) });
    const w = makeWorld(t, up, true);
    if (!(await rounds(t, w, Math.ceil(ROUNDS / 3)))) return;
    const p = await begin(t, w);
    await compare(w, p, { all: true });
    await verify(t, w.state);
    assert.ok(w.count.killed > 0 && w.seen.length > 0);
    const types = new Set(readLedger(w.state).lines.map((one) => one.type));
    assert.ok(types.has('lease') && !types.has('request'), [...types].join());
});

// ---- cuts

// A small world: keys with and without limit, some of the former used up. Left running.
async function smallRun(t, requests = 24, more = {}) {
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const keys = { rich: { limit: '100' }, poor: { limit: '1' }, free: {} };
    const p = await bank(t, up, { state, keys });
    const names = Object.keys(keys);
    await several(
        requests,
        (i, agent) =>
            ask(p, {
                agent,
                body: order(`o${i}`, { stream: i % 2 === 0 }),
                headers: { ...as(names[i % 3]), ...more },
            }),
        4,
    );
    return { up, state, keys, p, names };
}

// After a stop, and after a kill while three requests run.
async function stoppedRun(t) {
    const small = await smallRun(t);
    await end(small.p, 'SIGTERM');
    return small;
}
async function killedRun(t) {
    const small = await smallRun(t);
    small.up.pause = () => new Promise(() => {});
    const running = small.names.map((name, i) =>
        stream(small.p, { body: order(`late${i}`, { stream: true }), headers: as(name) }).catch(
            () => {},
        ),
    );
    await until(() => small.up.served.size >= 2 && small.up.served.has('late0'), 'the late ones');
    await sleep(50);
    await end(small.p, 'SIGKILL');
    await Promise.all(running);
    return small;
}

// After so much that a second segment was begun.
async function longRun(t) {
    const small = await smallRun(t, 900, LONG_NAMES);
    await end(small.p, 'SIGTERM');
    assert.equal(segments(small.state).length, 2);
    return small;
}

// Where to cut: all of the tail and some of the rest, or the places where mistakes live.
function places(bytes, random, few) {
    const ends = readSegment(bytes, 'x').lines.map((line) => line.to);
    if (few) return [0, ends[0], ends[1] + 5, ends.at(-2) - 1, bytes.length];
    const some = new Set([0, 1, bytes.length - 1, bytes.length]);
    for (const at of [...ends.slice(0, 2), ...ends.slice(-3)])
        for (const cut of [at - 1, at, at + 1]) some.add(cut);
    some.add(ends[0] >> 1); // in the first line of the snapshot
    for (let i = 0; i < 6; i++) some.add(random.below(bytes.length));
    if (LONG) {
        const tail = process.env.TORTURE_CUTS === 'all' ? 0 : bytes.length - 3072;
        for (let at = 0; at <= bytes.length; at += at >= tail ? 1 : 97) some.add(at);
    }
    return [...some].filter((at) => at >= 0 && at <= bytes.length).sort((a, b) => a - b);
}

// What the keys have spent by `orproxy keys list --json`, which opens the state itself.
let command;
async function open(t, small, state) {
    command ??= (await run(t, ['keys', '--help'])).code === 0;
    const env = {
        MANAGEMENT,
        [envOf('upstream')]: keyOf('upstream'),
        ...Object.fromEntries(small.names.map((name) => [envOf(name), keyOf(name)])),
    };
    if (!command) {
        const p = await bank(t, small.up, { state, keys: small.keys });
        await opened(state, 0n);
        const spent = new Map();
        for (const name of small.names) spent.set(hashOfKey(name), (await books(p, name)).spent);
        await end(p, 'SIGTERM');
        return { said: p.stderr, spent };
    }
    const p = await run(
        t,
        ['keys', 'list', '--json', '-c', small.p.file, '--set', `state=${state}`],
        { env },
    );
    assert.equal(p.code, 0, p.stdout + p.stderr);
    const rows = exactJson(p.stdout);
    const list = Array.isArray(rows) ? rows : rows.data;
    return {
        said: p.stderr,
        spent: new Map(list.map((one) => [one.hash, pico(one.usage) + pico(one.byok_usage)])),
    };
}

async function cut(t, small, at) {
    const state = copyState(small.state, path.join(scratch(t), 'state'));
    const file = newest(state);
    const bytes = fs.readFileSync(file);
    fs.truncateSync(file, at);
    const before = readLedger(state);
    assert.deepEqual(before.faults, []);
    const kept = before.segments.at(-1);
    const expected = afterCrash(foldNewest(before));
    const others = segments(state).slice(0, -1);
    const { said, spent } = await open(t, small, state);
    const about = `cut at ${at} of ${bytes.length}\n${said}`;
    const whole = kept.lines.some((line) => line.type === 'snapshot_end');
    if (before.torn || !whole) assert.match(said, /torn/i, about);
    else assert.doesNotMatch(said, /torn/i, about);
    for (const name of small.names) {
        const { own = 0n, byok = 0n } = expected.get(hashOfKey(name)) ?? {};
        assert.equal(spent.get(hashOfKey(name)) ?? 0n, own + byok, about);
    }
    // and nothing else is changed: the whole lines stand as they stood, the rest goes on
    const now = readLedger(state);
    assert.deepEqual(now.faults, [], about);
    assert.equal(now.torn, null, about);
    if (whole) {
        const after = fs.readFileSync(file);
        assert.ok(after.subarray(0, kept.kept).equals(bytes.subarray(0, kept.kept)), about);
        if (before.torn)
            assert.ok(
                now.lines.some((line) => line.type === 'torn'),
                about,
            );
    }
    for (const [i, name] of others.entries()) {
        const was = fs.readFileSync(path.join(small.state, name));
        const is = fs.readFileSync(path.join(state, name));
        // without the newest one the last of them goes on
        const goesOn = !whole && i === others.length - 1;
        assert.ok(is.subarray(0, was.length).equals(was), `${name}, ${about}`);
        assert.ok(goesOn || is.length === was.length, `${name}, ${about}`);
    }
    const twice = await open(t, small, state);
    assert.deepEqual([...twice.spent], [...spent], `again, ${about}`);
    assert.doesNotMatch(twice.said, /torn/i, about);
}

for (const [name, make] of [
    ['a stop', stoppedRun],
    ['a kill', killedRun],
    ['a second segment', longRun],
])
    test(`cut anywhere, after ${name} (TORTURE_SEED=${SEED})`, { concurrency: 2 }, async (t) => {
        const small = await make(t);
        const bytes = fs.readFileSync(newest(small.state));
        const all = places(bytes, chance(SEED), make === longRun && !LONG);
        t.diagnostic(`${all.length} cuts of ${bytes.length} bytes`);
        await Promise.all(all.map((at) => t.test(`at ${at}`, (t) => cut(t, small, at))));
    });
