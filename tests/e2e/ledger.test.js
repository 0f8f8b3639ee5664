// The folder of the books: one owner at a time, changes that are noticed, disks that are full,
// read-only or gone. Keys with limits are served only while their books can be kept; the others
// always.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    ORPROXY,
    ask,
    assertError,
    atEnd,
    begin,
    chunk,
    connect,
    envOf,
    event,
    gate,
    keyOf,
    post,
    provider,
    reply,
    run,
    scratch,
    several,
    sleep,
    stream,
    until,
    within,
} from './helpers.js';
import {
    MANAGEMENT,
    as,
    bank,
    books,
    copyState,
    costOf,
    costTold,
    disk,
    end,
    hashOfKey,
    limitsOf,
    metered,
    newest,
    order,
} from './ledger_helpers.js';
import {
    fold,
    foldAll,
    foldNewest,
    pico,
    readLedger,
    readSegment,
    seal,
    segments,
} from './ledger_tools.js';

const KEYS = { rich: { limit: '1000' }, free: {} };
const NAMES = Object.keys(KEYS);
const ONE = costOf({ prompt: 20, completion: 10 });
const env = {
    MANAGEMENT,
    [envOf('upstream')]: keyOf('upstream'),
    ...Object.fromEntries(NAMES.map((name) => [envOf(name), keyOf(name)])),
};

async function requestsOf(state, num) {
    let found;
    await until(() => {
        found = [...fold(readLedger(state).lines).requests.values()];
        return found.length >= num;
    }, 'the records');
    return found;
}

let ids = 0;
const serve = (p, key, more = {}) => ask(p, { body: order(`o${++ids}`, more), headers: as(key) });

// Books with some lines in them, and nobody who has them open.
async function written(t, requests = 12) {
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const p = await bank(t, up, { state, keys: KEYS });
    for (let i = 0; i < requests; i++)
        assert.equal((await serve(p, NAMES[i % 2])).status, 200, p.stderr);
    await end(p, 'SIGTERM');
    return { up, state, file: p.file };
}

// ---- the folder

test('what is in the folder is for its owner only, and has no key in it', async (t) => {
    const { state } = await written(t);
    assert.equal(fs.statSync(state).mode & 0o777, 0o700);
    for (const name of fs.readdirSync(state)) {
        const stat = fs.statSync(path.join(state, name));
        assert.equal(stat.mode & 0o077, 0, name);
        if (!stat.isFile()) continue;
        const text = fs.readFileSync(path.join(state, name), 'latin1');
        for (const key of [...NAMES.map(keyOf), MANAGEMENT, keyOf('upstream')])
            assert.ok(!text.includes(key), `${name} has a key in it`);
        assert.ok(!text.includes('"completion\\":10'), `${name} has a prompt in it`);
    }
});

test('books of a run: each request once, with its cost, tokens and price', async (t) => {
    const { state } = await written(t);
    const ledger = readLedger(state);
    assert.deepEqual(ledger.faults, []);
    assert.equal(ledger.torn, null);
    assert.equal(ledger.lines[0].n, 1n);
    assert.equal(ledger.lines[0].type, 'snapshot');
    assert.equal(ledger.lines.at(-1).type, 'close');
    const all = fold(ledger.lines);
    assert.deepEqual(all.faults, []);
    assert.equal(all.requests.size, 12);
    assert.equal(all.open.size, 0);
    for (const name of NAMES) {
        const mine = [...all.requests.values()].filter((one) => one.key === hashOfKey(name));
        assert.equal(mine.length, 6);
        assert.equal(all.accounts.get(hashOfKey(name)).charged, 6n * ONE);
        for (const one of mine) {
            assert.equal(one.key_name, name);
            assert.equal(one.cost_pico_usd.int, ONE);
            assert.equal(one.byok_pico_usd.int, ONE);
            assert.equal(one.charged_pico_usd.int, ONE);
            assert.equal(one.is_byok, true);
            assert.equal(one.estimated, false);
            assert.equal(one.streamed, false);
            assert.equal(Number(one.status), 200);
            assert.equal(one.model, 'acme/big');
            assert.equal(one.provider, 'upstream');
            assert.equal(Number(one.tokens.prompt), 20);
            assert.equal(Number(one.tokens.completion), 10);
            assert.deepEqual([one.price.prompt, one.price.completion], ['0.001', '0.002']);
            assert.match(one.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
            assert.match(one.id, /^gen-/);
        }
    }
    // reserved for the key with a limit only, before its record and not less than it
    const reserved = ledger.lines.filter((line) => line.type === 'reserve');
    assert.equal(reserved.length, 6);
    for (const { record, n } of reserved) {
        assert.equal(record.key, hashOfKey('rich'));
        assert.ok(all.reserved.get(record.id) >= ONE);
        const settled = ledger.lines.find(
            (line) => line.type === 'request' && line.record.id === record.id,
        );
        assert.ok(settled.n > n);
    }
});

test('a second one on the same state does not start, and names who has it', async (t) => {
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const p = await bank(t, up, { state, keys: KEYS });
    await until(() => segments(state).length > 0, 'the first lines');
    const before = fs.readFileSync(newest(state));
    const second = await run(t, ['--listen', '127.0.0.1:0', '-c', p.file], { env });
    assert.equal(second.code, 1, second.stderr);
    const line = second.stderr.split('\n').find((one) => one.includes('/lock'));
    assert.ok(line?.includes(path.join(state, 'lock')), second.stderr);
    assert.match(line, new RegExp(`\\b${p.pid}\\b`));
    assert.doesNotMatch(second.stderr, /listening on/);
    assert.ok(fs.readFileSync(newest(state)).equals(before), 'it wrote nothing');
    assert.equal((await serve(p, 'rich')).status, 200, 'the first one goes on');
    // a lock that a kill left behind is none
    await end(p, 'SIGKILL');
    assert.ok(fs.existsSync(path.join(state, 'lock')));
    const third = await bank(t, up, { state, keys: KEYS });
    assert.equal((await serve(third, 'rich')).status, 200);
    assert.equal((await books(third, 'rich')).spent, 2n * ONE);
});

test('a tail of zeros, as a power cut leaves it, is torn', async (t) => {
    const { up, state } = await written(t);
    fs.appendFileSync(newest(state), Buffer.alloc(300));
    const p = await bank(t, up, { state, keys: KEYS });
    assert.match(p.stderr, /torn/i);
    assert.equal((await serve(p, 'rich')).status, 200);
    assert.equal((await books(p, 'rich')).spent, 7n * ONE);
    assert.deepEqual(readLedger(state).faults, []);
});

// ---- changes

// As bytes: a change need not leave text.
const linesOf = (file) => fs.readFileSync(file, 'latin1').split('\n').slice(0, -1);
const put = (file, lines) =>
    fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(''), 'latin1');
const flip = (text, at, by = 1) =>
    text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ by) + text.slice(at + 1);

// Changes of a segment's lines, and the line where it shows. `i` is a request in the middle.
const changes = {
    'one bit of an amount': (lines, i) => {
        lines[i] = flip(lines[i], lines[i].indexOf('"charged_pico_usd":') + 20);
        return i;
    },
    'one bit of a hash': (lines, i) => {
        lines[i] = flip(lines[i], lines[i].length - 10);
        return i;
    },
    'a bit that makes a byte no text': (lines, i) => {
        lines[i] = flip(lines[i], 30, 0x80);
        return i;
    },
    'a line that is gone': (lines, i) => {
        lines.splice(i, 1);
        return i;
    },
    'two lines that changed places': (lines, i) => {
        [lines[i], lines[i + 1]] = [lines[i + 1], lines[i]];
        return i;
    },
    'a line that is there twice': (lines, i) => {
        lines.splice(i, 0, lines[i]);
        return i + 1;
    },
    'a line of somebody else': (lines, i) => {
        lines.splice(i, 0, '{"n":1,"type":"credits","amount_pico_usd":1}');
        return i;
    },
    'an amount that was changed and sealed again': (lines, i) => {
        const previous = lines[i - 1].slice(-66, -2);
        const open = `${lines[i].slice(0, -75)}}`;
        lines[i] = seal(previous, open.replace(/"charged_pico_usd":\d+/, '"charged_pico_usd":0'));
        return i + 1;
    },
    'a hole of zeros': (lines, i) => {
        lines[i] = '\0'.repeat(lines[i].length);
        return i;
    },
    'the last line': (lines) => {
        lines[lines.length - 1] = flip(lines.at(-1), 8);
        return lines.length - 1;
    },
    'the first line': (lines) => {
        lines[0] = flip(lines[0], 12);
        return 0;
    },
};

let audit;
async function audited(t) {
    audit ??= (await run(t, ['audit', '--help'])).code === 0;
    if (!audit) t.diagnostic('skipped: orproxy audit is not there');
    return audit;
}

// Says where it is, and what to do: line 7 of FILE, or FILE:7.
function atPlace(place) {
    const [file, line] = place.replace('.', '\\.').split(':');
    return new RegExp(`(${file}:${line}|line ${line} of \\S*${file})\\b[^]*orproxy audit accept`);
}

// Limited keys are refused with that, the others served.
async function refusing(t, p, place) {
    const said = atPlace(place);
    assert.match(p.stderr, said, 'the start says so');
    const limited = await serve(p, 'rich');
    assertError(limited, 503, said);
    const free = await serve(p, 'free');
    assert.equal(free.status, 200, free.body);
    const { ledger } = await limitsOf(p);
    assert.equal(ledger.state, 'broken');
    assert.match(ledger.message, said);
}

for (const [name, change] of Object.entries(changes))
    test(`56: a change is noticed: ${name}`, async (t) => {
        const { up, state, file } = await written(t);
        const segment = newest(state);
        const good = linesOf(segment);
        const before = readSegment(fs.readFileSync(segment), path.basename(segment));
        const middle = before.lines.filter((line) => line.type === 'request')[6].at - 1;
        const lines = [...good];
        const broken = change(lines, middle);
        put(segment, lines);
        const place = `${path.basename(segment)}:${broken + 1}`;
        const [fault] = readLedger(state).faults;
        assert.equal(`${fault.file}:${fault.at}`, place, 'the reader here finds it');
        for (let i = 0; i < 2; i++) {
            const p = await bank(t, up, { state, keys: KEYS });
            const asked = up.served.size;
            await refusing(t, p, place);
            assert.equal(up.served.size, asked + 1, 'nobody was asked for what is refused');
            await end(p, i === 0 ? 'SIGTERM' : 'SIGKILL');
        }
        // what was found stays as it was found
        assert.deepEqual(linesOf(segment).slice(0, lines.length), lines);
        if (!(await audited(t))) return;
        const found = await run(t, ['audit', 'verify', '--state', state]);
        assert.equal(found.code, 1, found.stdout);
        const [where, line] = place.split(':');
        assert.match(
            found.stdout + found.stderr,
            new RegExp(`(${where}:${line}|line ${line} of \\S*${where})\\b`),
        );
        const accepted = await run(t, ['audit', 'accept', '-c', file], { env });
        assert.equal(accepted.code, 0, accepted.stdout + accepted.stderr);
        const p = await bank(t, up, { state, keys: KEYS });
        const kept = fold(before.lines.slice(0, broken)).accounts.get(hashOfKey('rich'));
        const { spent } = await books(p, 'rich');
        assert.ok(spent >= (kept?.charged ?? 0n), 'it goes on from what could be read');
        assert.equal((await serve(p, 'rich')).status, 200);
        assert.equal((await books(p, 'rich')).spent, spent + ONE);
        await end(p, 'SIGTERM');
        assert.ok(
            segments(state).some((one) =>
                fs.readFileSync(path.join(state, one), 'utf8').includes('"type":"accepted"'),
            ),
            'and a record says so',
        );
    });

test('keys without limit are served for ever while the books are broken', async (t) => {
    const { up, state } = await written(t);
    const lines = linesOf(newest(state));
    lines.splice(lines.length >> 1, 1);
    put(newest(state), lines);
    const p = await bank(t, up, { state, keys: KEYS });
    // what they spend cannot be written down: it may not fill the memory either
    const names = { 'x-title': '"'.repeat(256), 'x-session-id': '"'.repeat(256) };
    const told = await several(3500, (i, agent) =>
        ask(p, { agent, body: order(`b${i}`), headers: { ...as('free'), ...names } }),
    );
    const refused = told.findIndex((one) => one.status !== 200);
    assert.equal(refused, -1, `after ${refused}: ${told[refused]?.body}`);
    assert.equal((await serve(p, 'rich')).status, 503);
});

test('a change is accepted while it runs, too', async (t) => {
    const { up, state, file } = await written(t);
    if (!(await audited(t))) return;
    const segment = newest(state);
    const lines = linesOf(segment);
    const gone = lines.length >> 1;
    lines.splice(gone, 1);
    put(segment, lines);
    const p = await bank(t, up, { state, keys: KEYS });
    await refusing(t, p, `${path.basename(segment)}:${gone + 1}`);
    const accepted = await run(t, ['audit', 'accept', '-c', file], { env });
    assert.equal(accepted.code, 0, accepted.stdout + accepted.stderr);
    assert.equal((await serve(p, 'rich')).status, 200);
    const { ledger } = await limitsOf(p);
    assert.equal(ledger.state, 'ok');
});

// ---- disks

// Clients of both keys, one after the other, until told to stop. Gives what they were told.
function traffic(t, p) {
    const told = [];
    let over = false;
    const loop = async (key, streamed) => {
        while (!over) {
            const id = `o${++ids}`;
            const body = order(id, { prompt: 10, completion: 5, stream: streamed });
            const one = { key, id, at: told.length };
            if (streamed) {
                const s = await stream(p, { body, headers: as(key) });
                const list = await s.rest();
                Object.assign(one, {
                    status: s.status,
                    body: s.text,
                    generation: s.headers['x-generation-id'],
                    cost: s.status === 200 ? costTold(list) : undefined,
                    done: list.includes('[DONE]'),
                });
            } else {
                const answer = await ask(p, { body, headers: as(key) });
                Object.assign(one, {
                    status: answer.status,
                    body: answer.body,
                    generation: answer.headers['x-generation-id'],
                    cost: answer.status === 200 ? costTold(answer) : undefined,
                    done: true,
                });
            }
            told.push(one);
            await sleep(20); // what waits for the disk is to fit on it later
        }
    };
    const all = NAMES.flatMap((key) => [loop(key, false), loop(key, true)]);
    const ended = Promise.all(all);
    ended.catch(() => {});
    const stop = async () => {
        over = true;
        await within(ended, 'clients to end');
        return told;
    };
    atEnd(t, () => {
        over = true;
    });
    return { told, stop };
}

const last = (told, key) => told.filter((one) => one.key === key).at(-1);

// Limited keys are refused with `why` while `spoil` holds, served again after `mend`; unlimited
// ones all the time; and after a kill the books have all that was served.
async function spoilt(t, d, spoil, mend, why) {
    const up = await metered(t);
    const exe = d.wrap(ORPROXY);
    const p = await bank(t, up, { state: d.state, keys: KEYS }, { exe });
    const { told, stop } = traffic(t, p);
    await until(() => told.length > 8, 'traffic');
    assert.ok(
        told.every((one) => one.status === 200),
        told.at(-1).body,
    );
    spoil();
    await until(() => last(told, 'rich').status !== 200, 'a limited key to be refused');
    const from = told.length;
    await until(
        () => told.slice(from).filter((one) => one.key === 'rich').length > 5,
        'more of them',
    );
    const { ledger } = await limitsOf(p);
    assert.equal(ledger.state, 'failing');
    assert.match(ledger.message, why);
    const between = told.slice(from);
    for (const one of between.filter((one) => one.key === 'rich')) {
        assert.equal(one.status, 503, one.body);
        assert.match(JSON.parse(one.body).error.message, why);
        assert.equal(up.served.get(one.id), undefined, 'nobody was asked for it');
    }
    assert.ok(between.some((one) => one.key === 'free'));
    if (mend) {
        mend();
        await until(() => last(told, 'rich').status === 200, 'a limited key to be served again');
        assert.equal((await limitsOf(p)).ledger.state, 'ok');
    }
    await stop();
    for (const one of told.filter((one) => one.key === 'free')) {
        assert.equal(one.status, 200, one.body);
        assert.ok(one.done, 'its stream is whole');
    }
    await end(p, 'SIGKILL');
    if (!mend) return;
    const again = await bank(t, up, { state: d.state, keys: KEYS }, { exe });
    const read = readLedger(d.inside(d.state));
    assert.deepEqual(read.faults, []);
    const { requests } = fold(read.lines);
    for (const one of told.filter((one) => one.status === 200 && one.done)) {
        assert.equal(requests.get(one.generation)?.charged_pico_usd.int, one.cost, one.id);
        assert.equal(one.cost, up.served.get(one.id).cost);
    }
    for (const key of NAMES) {
        const { spent } = await books(again, key);
        assert.equal(spent, foldNewest(read).accounts.get(hashOfKey(key)).charged);
        const seen = told.filter((one) => one.key === key && one.status === 200 && one.done);
        assert.ok(spent >= seen.reduce((sum, one) => sum + one.cost, 0n));
    }
    await end(again, 'SIGTERM');
}

const TMPFS = 'mount -t tmpfs -o size=8M tmpfs "$DISK"';

test('a full disk: limited keys are refused with the reason, and served when there is room', async (t) => {
    const d = await disk(t, TMPFS);
    if (d === null) return t.skip('no file system can be mounted here');
    const filler = d.inside(path.join(d.path, 'filler'));
    const fill = () => {
        const fd = fs.openSync(filler, 'a');
        for (let size = 65536; size > 0;)
            try {
                if (fs.writeSync(fd, Buffer.alloc(size, 'x')) < size) size >>= 1;
            } catch (e) {
                assert.equal(e.code, 'ENOSPC');
                size >>= 1;
            }
        fs.closeSync(fd);
    };
    return spoilt(t, d, fill, () => fs.rmSync(filler), /No space left on device/);
});

test('a disk that is full before the start', async (t) => {
    const d = await disk(t, TMPFS);
    if (d === null) return t.skip('no file system can be mounted here');
    const up = await metered(t);
    const exe = d.wrap(ORPROXY);
    const first = await bank(t, up, { state: d.state, keys: KEYS }, { exe });
    for (const name of NAMES) assert.equal((await serve(first, name)).status, 200);
    await end(first, 'SIGKILL');
    const filler = d.inside(path.join(d.path, 'filler'));
    try {
        for (;;) fs.appendFileSync(filler, Buffer.alloc(4096, 'x'));
    } catch (e) {
        assert.equal(e.code, 'ENOSPC');
    }
    const p = await bank(t, up, { state: d.state, keys: KEYS }, { exe });
    let limited;
    await until(async () => {
        limited = await serve(p, 'rich'); // the last page of the file may have room
        return limited.status !== 200;
    }, 'a limited key to be refused');
    assertError(limited, 503, /No space left on device/);
    assert.equal((await serve(p, 'free')).status, 200);
    fs.rmSync(filler);
    await until(async () => (await serve(p, 'rich')).status === 200, 'it to be served again');
    await end(p, 'SIGTERM');
    assert.deepEqual(readLedger(d.inside(d.state)).faults, []);
});

test('a disk that is read-only at the start, and is not any more', async (t) => {
    const d = await disk(t, TMPFS);
    if (d === null) return t.skip('no file system can be mounted here');
    const up = await metered(t);
    const exe = d.wrap(ORPROXY);
    const first = await bank(t, up, { state: d.state, keys: KEYS }, { exe });
    for (const name of NAMES) assert.equal((await serve(first, name)).status, 200);
    await end(first, 'SIGTERM');
    d.run('mount', '-o', 'remount,ro', d.path);
    const p = await bank(t, up, { state: d.state, keys: KEYS }, { exe });
    assert.match(p.stderr, /Read-only file system/);
    assertError(await serve(p, 'rich'), 503, /Read-only file system/);
    assert.equal((await serve(p, 'free')).status, 200);
    d.run('mount', '-o', 'remount,rw', d.path);
    await until(async () => (await serve(p, 'rich')).status === 200, 'it to be served again');
    await end(p, 'SIGKILL');
    const again = await bank(t, up, { state: d.state, keys: KEYS }, { exe });
    assert.equal((await books(again, 'rich')).spent, 2n * ONE);
    assert.ok((await books(again, 'free')).spent >= ONE);
    await end(again, 'SIGTERM');
});

test('a disk that becomes read-only while it runs', async (t) => {
    const d = await disk(t, TMPFS);
    if (d === null) return t.skip('no file system can be mounted here');
    // the kernel does not do it while a file is open for writing, which the newest segment is
    const up = await metered(t);
    const p = await bank(t, up, { state: d.state, keys: KEYS }, { exe: d.wrap(ORPROXY) });
    assert.equal((await serve(p, 'rich')).status, 200);
    try {
        d.run('mount', '-o', 'remount,ro', d.path);
    } catch (e) {
        assert.match(e.stderr, /busy/);
        await end(p, 'SIGTERM');
        return t.skip('the segment is open, so the kernel keeps the disk writable');
    }
    await end(p, 'SIGTERM');
    d.run('mount', '-o', 'remount,rw', d.path);
    return spoilt(
        t,
        d,
        () => d.run('mount', '-o', 'remount,ro', d.path),
        () => d.run('mount', '-o', 'remount,rw', d.path),
        /Read-only file system/,
    );
});

test('a disk that dies: limited keys are refused, the others served', async (t) => {
    const d = await disk(
        t,
        'truncate -s 16M "$IMAGE" && mkfs.ext4 -q "$IMAGE" && mount -o loop "$IMAGE" "$DISK"',
    );
    if (d === null) return t.skip('no file system can be mounted here');
    return spoilt(
        t,
        d,
        () => d.run('mount', '-o', 'remount,abort', d.path),
        null,
        /Input\/output error|Read-only file system/,
    );
});

test('answers that wait for the disk are in the books before they are whole', async (t) => {
    // what a client sees completed is on disk: look there the moment the last byte came
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const p = await bank(t, up, { state, keys: KEYS });
    await several(
        40,
        async (i) => {
            const body = order(`o${++ids}`, { stream: i % 2 === 0 });
            const s = await stream(p, { body, headers: as(NAMES[(i >> 1) % 2]) });
            await s.rest();
            assert.equal(s.status, 200, s.text);
            const id = s.headers['x-generation-id'];
            assert.ok(fs.readFileSync(newest(state), 'utf8').includes(`"id":"${id}"`), id);
            const { requests } = fold(readLedger(state).lines);
            assert.ok(requests.has(id), `${id} is not settled in the books`);
        },
        4,
    );
});

// There the close is the end, and it may be all that is left to say.
test('the end of an HTTP/1.0 answer waits for the disk, too', async (t) => {
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const p = await bank(t, up, { state, keys: KEYS });
    up.answer = (req, res) => {
        res.writeHead(200, { 'content-type': 'audio/mpeg' });
        res.write('sound');
        setTimeout(() => res.end(), 20);
    };
    for (let i = 0; i < 20; i++) {
        const body = JSON.stringify({ model: 'acme/big', input: 'x', voice: 'y' });
        const c = connect(t, p.port);
        c.write(
            `POST /v1/audio/speech HTTP/1.0\r\nHost: localhost\r\n` +
                `Authorization: ${as('free').authorization}\r\n` +
                `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        await new Promise((resolve) => c.socket.on('end', resolve));
        const books = fs.readFileSync(newest(state), 'utf8');
        const id = /x-generation-id: (\S+)/i.exec(c.text)?.[1];
        assert.match(c.text, /sound$/);
        assert.ok(books.includes(`"id":"${id}"`), `${id} is not in the books`);
    }
});

// Names come from clients, who may send any byte.
for (const [name, bytes] of [
    ['Latin-1', 'caf\xe9'],
    ['half a letter', 'a\xc3'],
    ['half of a pair', '\xed\xa0\x80'],
    ['no letter at all', '\xff\xfe'],
    ['a tab and quotes', 'a\t"b\\'],
])
    test(`names of an app and a session that are ${name} cost no record`, async (t) => {
        const up = await metered(t);
        const state = path.join(scratch(t), 'state');
        const all = { state, keys: KEYS, sections: { 'app all': { match: '*', limit: '50' } } };
        const p = await bank(t, up, all);
        const fields = [
            ['X-Title'],
            ['HTTP-Referer'],
            ['X-Session-Id'],
            ['X-Title', 'X-Session-Id', 'HTTP-Referer'],
        ];
        const served = [];
        for (const key of NAMES)
            for (const list of fields) {
                const head = list.map((field) => `${field}: ${bytes}\r\n`).join('');
                const authorization = `Authorization: ${as(key).authorization}\r\n`;
                const body = order(`o${++ids}`);
                const c = connect(t, p.port);
                c.write(Buffer.from(post(body, { fields: authorization + head }), 'latin1'));
                await c.until(/\}$/);
                assert.match(c.text, /^HTTP\/1\.1 200 /, `${list}: ${c.text}`);
                served.push([key, /x-generation-id: (\S+)/i.exec(c.text)[1]]);
            }
        const ledger = readLedger(state);
        assert.deepEqual(ledger.faults, []);
        const { requests, open, faults } = foldAll(ledger.lines);
        assert.deepEqual(faults, []);
        for (const [key, id] of served)
            assert.equal(requests.get(id)?.charged_pico_usd.int, ONE, `${key} ${id}`);
        assert.equal(open.size, 0);
        await end(p, 'SIGKILL');
        const again = await bank(t, up, all);
        for (const key of NAMES) assert.equal((await books(again, key)).spent, 4n * ONE);
    });

test('the name of a model that is cut in the middle of a letter costs no record', async (t) => {
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const p = await bank(t, up, { state, keys: KEYS });
    for (const n of [253, 254, 255, 256]) {
        const model = `${'m'.repeat(n)}\u00e9\u{1f600}`;
        for (const name of NAMES)
            assert.equal((await serve(p, name, { model, models: ['acme/big'] })).status, 200);
    }
    for (const one of await requestsOf(state, 4 * NAMES.length))
        assert.match(one.asked, /^m{253,256}\u00e9?$/);
});

test('the session in the books is the text that was sent', async (t) => {
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const p = await bank(t, up, { state, keys: KEYS });
    const session = 'a "quoted" \\ one \u00e9\u{1f600}';
    const user = 'b "quoted" \\ one \u00e9\u{1f600}';
    assert.equal((await serve(p, 'free', { session_id: session, user })).status, 200);
    const [found] = await requestsOf(state, 1);
    assert.equal(found.session, session);
    assert.equal(found.user, user);
});

test('a reservation is in the books before the provider is asked', async (t) => {
    const up = await metered(t);
    const state = path.join(scratch(t), 'state');
    const p = await bank(t, up, { state, keys: KEYS });
    const hold = gate();
    up.pause = () => hold.opened;
    const there = [];
    up.asked = () => there.push(fold(readLedger(state).lines).open.size);
    const answers = NAMES.map((name) => serve(p, name));
    await until(() => there.length === 2, 'both to be asked for');
    assert.ok(there.includes(1), `open: ${there}`);
    const rows = (await limitsOf(p)).data.filter((row) => row.kind === 'key');
    assert.equal(rows.length, 1);
    assert.ok(rows[0].reserved.pico >= ONE);
    hold.open();
    for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200);
    assert.equal(fold(readLedger(state).lines).open.size, 0);
});

test('a request that a kill left open is charged at its worst, until its provider tells', async (t) => {
    const far = await provider(t, 'upstream');
    const told = { id: 'gen-upstream-1', total_cost: 0.0123, usage: 0.0123, is_byok: false };
    const asked = [];
    const [serving] = far.server.listeners('request');
    far.server.removeAllListeners('request');
    far.server.on('request', (req, res) => {
        if (!req.url.startsWith('/v1/generation')) return serving(req, res);
        asked.push(req.url);
        return reply(res, 200, { data: told });
    });
    far.answer = (req, res) => {
        begin(res);
        res.write(event(chunk('one ')) + event(chunk('two ')));
    };
    const state = path.join(scratch(t), 'state');
    const all = { state, keys: KEYS, provider: { kind: 'openrouter' } };
    const p = await bank(t, far, all);
    const s = await stream(p, { body: order('o1', { stream: true }), headers: as('rich') });
    await s.next();
    await until(
        () => readLedger(state).lines.some((line) => line.type === 'started'),
        'the id of the provider to be in the books',
    );
    await end(p, 'SIGKILL');
    const [{ amount }] = fold(readLedger(state).lines).open.values();
    const again = await bank(t, far, all);
    const [found] = await requestsOf(state, 1);
    assert.equal(found.estimated, true);
    assert.equal(found.charged_pico_usd.int, amount);
    await until(async () => (await books(again, 'rich')).spent !== amount, 'a correction');
    const { usage, byok, remaining } = await books(again, 'rich');
    assert.deepEqual([usage, byok], [pico(told.total_cost), 0n]);
    assert.equal(remaining, pico(1000) - usage);
    assert.deepEqual(asked, ['/v1/generation?id=gen-upstream-1']);
    await end(again, 'SIGKILL');
    const third = await bank(t, far, all);
    assert.equal((await books(third, 'rich')).usage, usage);
    assert.deepEqual(fold(readLedger(state).lines).faults, []);
});
