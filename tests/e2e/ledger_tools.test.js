// The reader of the books is itself read: files made here, by hand, with every way to be wrong.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { scratch } from './helpers.js';
import {
    Exact,
    ZEROS,
    afterCrash,
    checkLedger,
    exactJson,
    fold,
    foldAll,
    foldNewest,
    hashOf,
    pico,
    readLedger,
    readSegment,
    seal,
    usd,
} from './ledger_tools.js';

const KEY = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);
const HUGE = 9007199254740993n; // 2^53 + 1: a double does not hold it

const json = (object) =>
    JSON.stringify(object, (name, value) =>
        typeof value === 'bigint' ? `#${value}` : value,
    ).replace(/"#(-?\d+)"/g, '$1');

// Segments from lists of records, sealed into one chain. Gives the lines of each file.
function write(dir, ...lists) {
    let hash = ZEROS;
    let n = 0;
    return lists.map((list, i) => {
        const lines = list.map((record, at) => {
            const previous = at === 0 && i > 0 ? { previous: hash } : {};
            const line = seal(hash, json({ n: ++n, time: null, ...record, ...previous }));
            hash = line.slice(-66, -2);
            return line;
        });
        const file = path.join(dir, `ledger-${String(i + 1).padStart(6, '0')}.jsonl`);
        fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
        return { file, lines };
    });
}

const total = (amount) => (amount > 0n ? { total: amount, day: amount } : undefined);
const account = (id, byok, requests, more = {}) => ({
    type: 'account',
    kind: 'key',
    id,
    rules: { name: id[0] },
    window: { spent_pico_usd: byok },
    byok_pico_usd: total(byok),
    requests,
    ...more,
});
const everybody = (byok, requests) =>
    ['organization', 'credits'].map((kind) => ({
        ...account('', byok, requests),
        kind,
        rules: {},
    }));

const begin = [
    { type: 'snapshot' },
    ...everybody(0n, 0),
    { type: 'snapshot_end' },
    { type: 'open' },
];
const reserve = (id, amount, key = KEY) => ({
    type: 'reserve',
    id,
    key,
    reserved_pico_usd: amount,
    byok_pico_usd: amount,
});
const request = (id, amount, key = KEY, more = {}) => ({
    type: 'request',
    id,
    key,
    cost_pico_usd: amount,
    byok_pico_usd: amount,
    charged_pico_usd: amount,
    attempts: 1,
    ...more,
});
const first = [
    ...begin,
    { ...account(KEY, 0n, 0), type: 'key' },
    { ...account(OTHER, 0n, 0), type: 'key' },
    reserve('gen-1', 5n),
    { type: 'started', id: 'gen-1' },
    request('gen-1b', 4n, KEY, { reserve_id: 'gen-1' }),
    reserve('gen-2', HUGE),
    request('gen-3', HUGE, OTHER),
    request('gen-4', 1n, OTHER),
    request('gen-refused', 0n, OTHER, { attempts: 0 }),
];
const second = [
    { type: 'snapshot' },
    ...everybody(HUGE + 5n, 3),
    account(KEY, 4n, 1),
    account(OTHER, HUGE + 1n, 2),
    account('kitchen', 77n, 9, { kind: 'app' }),
    { type: 'usage', requests: 3 },
    reserve('gen-2', HUGE),
    { type: 'snapshot_end' },
    request('gen-5', 10n),
    {
        type: 'adjustment',
        id: 'gen-5',
        key: KEY,
        own_change_pico_usd: 2n,
        byok_change_pico_usd: -5n,
    },
];

test('amounts are exact in both directions', () => {
    for (const [text, amount] of [
        ['0', 0n],
        ['1', 10n ** 12n],
        ['0.000000000001', 1n],
        ['-2.5', -25n * 10n ** 11n],
        ['2.125e-7', 212500n],
        ['1E2', 10n ** 14n],
        ['9007.199254740993', HUGE],
    ])
        assert.equal(pico(text), amount, text);
    assert.throws(() => pico('0.0000000000001'), /finer/);
    assert.throws(() => pico('null'), /no amount/);
    for (const amount of [0n, 1n, HUGE, -5n * 10n ** 11n, 10n ** 13n])
        assert.equal(pico(usd(amount)), amount);
    assert.equal(usd(15n * 10n ** 11n), '1.5');
    const read = exactJson('{"a":9007199254740993,"b":["x 1 \\" 2",-0.5],"c":"7","d":null}');
    assert.equal(read.a.int, HUGE);
    assert.equal(read.b[0], 'x 1 " 2');
    assert.equal(read.b[1].pico, -5n * 10n ** 11n);
    assert.equal(read.c, '7');
    assert.equal(read.d, null);
    assert.throws(() => new Exact('1.5').int, /integer/);
    assert.throws(() => exactJson('{"a":1,}'));
});

test('a good chain over two segments, and its sums', (t) => {
    const dir = scratch(t);
    const [, { lines }] = write(dir, first, second);
    assert.equal(hashOf(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    const ledger = readLedger(dir);
    assert.deepEqual(ledger.faults, []);
    assert.equal(ledger.torn, null);
    assert.equal(ledger.lines.length, first.length + second.length);
    for (const books of [foldAll(ledger.lines), foldNewest(ledger)]) {
        assert.deepEqual(books.faults, []);
        const { own, byok, charged, requests } = books.accounts.get(KEY);
        assert.deepEqual([own, byok, charged, requests], [2n, 4n + 10n - 5n, 11n, 2n]);
        assert.equal(books.accounts.get(OTHER).charged, HUGE + 1n);
        assert.equal(books.accounts.get('organization').charged, HUGE + 12n);
        assert.deepEqual([...books.open.keys()], ['gen-2']);
        assert.equal(afterCrash(books).get(KEY).charged, 11n + HUGE);
        assert.equal(afterCrash(books).get(KEY).own, 2n);
        assert.equal(afterCrash(books).get(OTHER).byok, HUGE + 1n);
    }
    assert.equal(foldAll(ledger.lines).requests.size, 5);
    assert.equal(foldAll(ledger.lines).reserved.get('gen-1b'), 5n);
    assert.equal(foldNewest(ledger).requests.size, 1);
    // without the first one, which was thrown away for its age
    fs.rmSync(path.join(dir, 'ledger-000001.jsonl'));
    assert.deepEqual(readLedger(dir).faults, []);
    assert.equal(fold(readLedger(dir).lines).accounts.get(KEY).charged, 11n);
    assert.equal(lines.length, second.length);
});

// The files as they would be, without writing them: a check for each of their bytes is quick.
const read = (files) =>
    checkLedger(files.map(({ name, bytes }) => readSegment(Buffer.from(bytes), name)));
const text = (lines) => lines.map((line) => `${line}\n`).join('');

test('every kind of change is a fault, at its line', (t) => {
    const [a, b] = write(scratch(t), first, second).map((one) => one.lines);
    const place = (one, two, name = 'ledger-000002.jsonl') => {
        const { faults } = read([
            { name: 'ledger-000001.jsonl', bytes: text(one) },
            { name, bytes: text(two) },
        ]);
        return faults.length === 0
            ? 'none'
            : `${Number(faults[0].file.slice(7, 13))}:${faults[0].at}`;
    };
    assert.equal(place(a, b), 'none');
    const changed = (lines, i, line) => [...lines.slice(0, i), ...line, ...lines.slice(i + 1)];
    for (let i = 0; i < a.length; i++)
        for (let at = 0; at < a[i].length; at++) {
            const other = String.fromCharCode(a[i].charCodeAt(at) ^ 1);
            const line = a[i].slice(0, at) + other + a[i].slice(at + 1);
            assert.equal(place(changed(a, i, [line]), b), `1:${i + 1}`, line);
        }
    assert.equal(place(changed(a, 3, []), b), '1:4');
    assert.equal(place(changed(changed(a, 3, [a[4]]), 4, [a[3]]), b), '1:4');
    assert.equal(place(changed(a, 3, [a[3], a[3]]), b), '1:5');
    assert.equal(place(changed(a, 3, [a[3], '{"n":5}']), b), '1:5');
    assert.equal(place(a.slice(0, -1), b), '2:1');
    assert.equal(place(a, b.slice(1)), '2:1');
    assert.equal(place(a, b, 'ledger-000003.jsonl'), '3:0');
    // what is sealed again after a change does not fit to what comes behind it
    const again = seal(a[2].slice(-66, -2), a[3].slice(0, -75).replace('"type"', '"xxxx"') + '}');
    assert.equal(place(changed(a, 3, [again]), b), '1:5');
});

test('a torn tail is no fault in the newest segment', (t) => {
    const [a, b] = write(scratch(t), first, second).map((one) => text(one.lines));
    const end = second.findIndex((one) => one.type === 'snapshot_end') + 1;
    for (let size = 0; size <= b.length; size++) {
        const bytes = b.slice(0, size);
        const ledger = read([
            { name: 'ledger-000001.jsonl', bytes: a },
            { name: 'ledger-000002.jsonl', bytes },
        ]);
        const kept = bytes.split('\n').length - 1;
        assert.deepEqual(ledger.faults, []);
        assert.equal(ledger.torn !== null, size > 0 && !bytes.endsWith('\n'), `${size}`);
        assert.equal(ledger.segments[1].lines.length, kept);
        // until the new snapshot is whole the segment before it is what counts
        const charged = kept <= end ? 4n : kept === end + 1 ? 14n : 11n;
        assert.equal(foldNewest(ledger).accounts.get(KEY).charged, charged, `${size}`);
    }
    const { faults } = read([
        { name: 'ledger-000001.jsonl', bytes: a.slice(0, -1) },
        { name: 'ledger-000002.jsonl', bytes: b },
    ]);
    assert.match(faults[0].why, /torn tail in the middle/);
});

test('lines that do not add up', (t) => {
    const dir = scratch(t);
    const faultsOf = (...lists) => {
        for (const name of fs.readdirSync(dir)) fs.rmSync(path.join(dir, name));
        write(dir, ...lists);
        assert.deepEqual(readLedger(dir).faults, []);
        return foldAll(readLedger(dir).lines).faults.join('; ');
    };
    assert.equal(faultsOf(first, second), '');
    const other = (change) => second.map((one) => (one.id === KEY && one.kind ? change(one) : one));
    assert.match(
        faultsOf(
            first,
            other((one) => ({ ...one, byok_pico_usd: { total: 3n } })),
        ),
        /byok of a+ is 3, .* 4/,
    );
    assert.match(
        faultsOf(
            first,
            other((one) => ({ ...one, window: { spent_pico_usd: 3n } })),
        ),
        /charged of a+ is 3, .* 4/,
    );
    assert.match(
        faultsOf(
            first,
            other((one) => ({ ...one, requests: 2 })),
        ),
        /requests of a+ is 2/,
    );
    const without = (which) => second.filter((one) => !which(one));
    assert.match(
        faultsOf(
            first,
            without((one) => one.type === 'reserve'),
        ),
        /gen-2 is forgotten/,
    );
    assert.match(
        faultsOf(
            first,
            without((one) => one.id === OTHER),
        ),
        /b+ is forgotten/,
    );
    assert.match(
        faultsOf([...begin, request('gen-1', 1n), request('gen-1', 1n)]),
        /two records of gen-1/,
    );
    assert.match(faultsOf([...begin, request('gen-1', -1n)]), /below zero/);
    const half = account(KEY, 5n, 0);
    assert.match(
        faultsOf([...begin, { ...half, type: 'key' }]),
        /organization is 0, of its keys 5/,
    );
    // what a key counts of its limit may change with its rules
    const rules = { name: 'a', include_byok_in_limit: false };
    const changed = { ...account(KEY, 4n, 1), type: 'key', rules, window: {} };
    assert.equal(faultsOf([...first, changed, request('gen-9', 9n)]), '');
    const last = foldAll(readLedger(dir).lines).accounts.get(KEY);
    assert.deepEqual([last.byok, last.charged], [13n, 0n]);
});

test('ledger = totals: sums are believed, since requests have no lines', (t) => {
    const dir = scratch(t);
    const told = (byok) => ({ type: 'totals', accounts: [{ ...account(KEY, byok, 1) }] });
    write(dir, [
        ...begin,
        { ...account(KEY, 0n, 0), type: 'key' },
        { type: 'lease' },
        told(5n),
        told(9n),
    ]);
    const books = foldAll(readLedger(dir).lines);
    assert.deepEqual(books.faults, []);
    assert.equal(books.accounts.get(KEY).charged, 9n);
});
