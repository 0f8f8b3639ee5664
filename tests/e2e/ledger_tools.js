// A second reader of the books, which shares nothing with the first: it says what the files in
// a `state` folder add up to, and where they are not what was written.
//
// A line is {"n":17,...,"hash":"H"} with H = SHA-256(the H before, then the line up to and
// without `,"hash":"`). Amounts are pico-USD and beyond what a double holds, so numbers stay
// text until somebody asks for a BigInt.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

export const ZEROS = '0'.repeat(64);
const PICO = 12;
const TAIL = /,"hash":"([0-9a-f]{64})"\}$/;

// ---- exact numbers

// A number as it stands in a text.
export class Exact {
    constructor(text) {
        this.text = text;
    }
    get int() {
        if (!/^-?(0|[1-9]\d*)$/.test(this.text)) throw new Error(`${this.text} is no integer`);
        return BigInt(this.text);
    }
    get pico() {
        return pico(this.text);
    }
    valueOf() {
        return Number(this.text);
    }
}

// USD as a decimal, to pico-USD; what is finer than that is an error, not rounded.
export function pico(usd) {
    const text = usd instanceof Exact ? usd.text : String(usd);
    const m = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
    if (!m) throw new Error(`${text} is no amount`);
    const digits = m[2] + (m[3] ?? '');
    const shift = PICO + Number(m[4] ?? 0) - (m[3] ?? '').length;
    if (shift >= 0) return BigInt(m[1] + digits) * 10n ** BigInt(shift);
    const unit = 10n ** BigInt(-shift);
    if (BigInt(digits) % unit !== 0n) throw new Error(`${text} is finer than pico-USD`);
    return BigInt(m[1] + digits) / unit;
}

// The shortest decimal of an amount.
export function usd(amount) {
    const sign = amount < 0n ? '-' : '';
    const digits = String(amount < 0n ? -amount : amount).padStart(PICO + 1, '0');
    const behind = digits.slice(-PICO).replace(/0+$/, '');
    return sign + digits.slice(0, -PICO) + (behind && `.${behind}`);
}

// JSON.parse, but numbers are Exact. A string may not begin with NUL: that marks numbers here.
export function exactJson(text) {
    const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) => {
        if (token.startsWith('"\\u0000')) throw new Error(`a string that begins with NUL`);
        return token[0] === '"' ? token : `"\\u0000${token}"`;
    });
    return JSON.parse(marked, (name, value) =>
        typeof value === 'string' && value[0] === '\0' ? new Exact(value.slice(1)) : value,
    );
}

// ---- files and the chain

export const hashOf = (text) => createHash('sha256').update(text).digest('hex');

// What an object becomes as the next line (without its '\n') behind the line with that hash.
export function seal(previous, object) {
    const open = (typeof object === 'string' ? object : JSON.stringify(object)).slice(0, -1);
    return `${open},"hash":"${hashOf(previous + open)}"}`;
}

export const segments = (dir) =>
    fs
        .readdirSync(dir)
        .filter((name) => /^ledger-\d+\.jsonl$/.test(name))
        .sort();

// One line of a file: its place, and what it says unless it is broken.
function readLine(bytes, line) {
    const text = bytes.toString('utf8');
    if (!Buffer.from(text).equals(bytes)) return { ...line, why: 'not UTF-8' };
    const tail = TAIL.exec(text);
    if (!tail) return { ...line, why: 'no hash at its end' };
    try {
        const record = exactJson(text);
        return {
            ...line,
            text,
            record,
            n: record.n.int,
            type: record.type,
            hash: tail[1],
            body: text.slice(0, tail.index),
        };
    } catch (e) {
        return { ...line, why: e.message };
    }
}

// The lines of a segment, and the bytes behind the last of them.
export function readSegment(bytes, file) {
    const lines = [];
    let from = 0;
    for (let to; (to = bytes.indexOf(10, from)) >= 0; from = to + 1)
        lines.push(
            readLine(bytes.subarray(from, to), { file, at: lines.length + 1, from, to: to + 1 }),
        );
    return { file, size: bytes.length, kept: from, torn: bytes.length - from, lines };
}

// Every segment of a folder: { segments, lines, faults: [{ file, at, n, why }], torn }.
// torn is the file whose last line has no end; only the newest may, in others it is a fault.
// Old segments may be gone, so the chain begins where the oldest says it does.
export function readLedger(dir) {
    for (let tries = 5; ; tries--)
        try {
            const all = segments(dir).map((name) =>
                readSegment(fs.readFileSync(path.join(dir, name)), name),
            );
            return checkLedger(all);
        } catch (e) {
            // retention took the oldest one while this was reading: what is left is read again
            if (e.code !== 'ENOENT' || tries === 0) throw e;
        }
}

export function checkLedger(all) {
    const faults = [];
    let torn = null;
    let hash, n;
    for (const [i, segment] of all.entries()) {
        const number = Number(/\d+/.exec(segment.file)[0]);
        const fault = (line, why) =>
            faults.push({ file: segment.file, at: line?.at ?? 0, n: line?.n, why });
        if (i > 0 && number !== Number(/\d+/.exec(all[i - 1].file)[0]) + 1)
            fault(null, 'the segment before it is missing');
        if (segment.torn > 0) {
            if (i === all.length - 1) torn = segment.file;
            else fault(segment.lines.at(-1), 'a torn tail in the middle');
        }
        for (const line of segment.lines) {
            if (line.why) {
                fault(line, line.why);
                hash = n = undefined; // go on behind it, as well as one can
                continue;
            }
            const previous = line.record.previous;
            if (line.at === 1) {
                if (number > 1 && typeof previous !== 'string') fault(line, 'no `previous`');
                if (previous !== undefined && hash !== undefined && previous !== hash)
                    fault(line, '`previous` is not the hash of the line before');
                if (line.type !== 'snapshot') fault(line, 'a segment that begins without snapshot');
                hash ??= previous ?? ZEROS;
            }
            if (hash !== undefined && hashOf(hash + line.body) !== line.hash)
                fault(line, 'its hash does not fit');
            if (n !== undefined && line.n !== n + 1n) fault(line, `n is not ${n + 1n}`);
            ({ hash, n } = line);
        }
    }
    return { segments: all, lines: all.flatMap((one) => one.lines), faults, torn };
}

// ---- what it adds up to

// Amounts in pico-USD. own is billed by an OpenRouter, byok by others; charged is what limits
// count. Keys are found by their hash, the rest by its kind.
const newAccount = () => ({ own: 0n, byok: 0n, charged: 0n, requests: 0n, rules: {} });

export const emptyBooks = () => ({
    accounts: new Map(),
    requests: new Map(), // id -> record
    open: new Map(), // id -> { key, amount, byok }: reserved, and not settled
    reserved: new Map(), // id of the request -> amount, of all that ever was
    faults: [],
    exact: true, // every request has its line
});

const nameOf = (record) => {
    if (record.kind === 'key') return record.id;
    return record.id ? `${record.kind}/${record.id}` : record.kind;
};

function account(books, name) {
    if (!books.accounts.has(name)) books.accounts.set(name, newAccount());
    return books.accounts.get(name);
}

const int = (value) => value?.int ?? 0n;
const share = (one, all, byok) => (one.rules.include_byok_in_limit === false ? all - byok : all);

// Who pays for a request. Apps and users have accounts only where a section limits them.
const payers = (books, record) => [
    account(books, 'organization'),
    account(books, 'credits'),
    account(books, record.key ?? ''),
];

const steps = {
    reserve(books, record) {
        books.open.set(record.id, {
            key: record.key ?? '',
            amount: record.reserved_pico_usd.int,
            byok: int(record.byok_pico_usd),
        });
    },
    request(books, record) {
        if (books.requests.has(record.id)) books.faults.push(`two records of ${record.id}`);
        books.requests.set(record.id, record);
        const reservation = record.reserve_id ?? record.id;
        if (books.open.has(reservation))
            books.reserved.set(record.id, books.open.get(reservation).amount);
        books.open.delete(reservation);
        const known = record.cost_pico_usd !== null;
        const byok = int(record.byok_pico_usd);
        const charged = record.charged_pico_usd.int;
        const chargedByok = record.charged_byok_pico_usd?.int ?? byok;
        if (charged < 0n || byok < 0n || (known && record.cost_pico_usd.int < byok))
            books.faults.push(`${record.id}: amounts below zero`);
        for (const one of payers(books, record)) {
            one.charged += share(one, charged, chargedByok);
            if (int(record.attempts) === 0n) continue; // nobody was asked
            if (known) one.own += record.cost_pico_usd.int - byok;
            one.byok += byok;
            one.requests++;
        }
    },
    adjustment(books, record) {
        const own = int(record.own_change_pico_usd);
        const byok = int(record.byok_change_pico_usd);
        for (const one of payers(books, record)) {
            one.own += own;
            one.byok += byok;
            one.charged += share(one, own + byok, byok);
        }
    },
    // An account as a whole: it has to be what the lines before it add up to.
    account(books, record) {
        const name = nameOf(record);
        const said = {
            own: int(record.own_pico_usd?.total),
            byok: int(record.byok_pico_usd?.total),
            charged: int(record.window?.spent_pico_usd),
            requests: int(record.requests),
            rules: record.rules,
            deleted: record.deleted === true,
        };
        const here = books.exact ? books.accounts.get(name) : undefined;
        const rules = JSON.stringify([here?.rules, here?.deleted]);
        // other rules may count another part of it
        const same = rules === JSON.stringify([said.rules, said.deleted]);
        if (here && record.kind !== 'app' && record.kind !== 'user')
            for (const part of ['own', 'byok', 'requests', ...(same ? ['charged'] : [])])
                if (here[part] !== said[part])
                    books.faults.push(
                        `line ${record.n.text}: ${part} of ${name} is ${said[part]}, the lines ` +
                            `before it make ${here[part]}`,
                    );
        books.accounts.set(name, said);
    },
};
steps.key = steps.account;

// With ledger = totals requests have no lines: sums are as they are told, from time to time.
steps.totals = (books, record) => {
    books.exact = false;
    for (const one of record.accounts) steps.account(books, one);
};
steps.lease = (books) => {
    books.exact = false;
};

// A snapshot replaces what was there, once it is complete; and it has to be the same.
function takeSnapshot(books, lines, known) {
    const { accounts, open } = books;
    if (!known) books.accounts = new Map();
    books.open = new Map();
    for (const { type, record } of lines)
        if (['account', 'reserve'].includes(type)) steps[type](books, record);
    if (!known || !books.exact) return;
    const { file } = lines[0];
    const said = new Set(
        lines.filter((one) => one.type === 'account').map((one) => nameOf(one.record)),
    );
    for (const name of accounts.keys())
        if (name !== '' && !said.has(name)) books.faults.push(`${file}: ${name} is forgotten`);
    for (const id of open.keys())
        if (!books.open.has(id)) books.faults.push(`${file}: the reservation ${id} is forgotten`);
}

// All keys together are the organization.
function checkSum(books) {
    const all = books.accounts.get('organization');
    if (!all || !books.exact) return;
    for (const part of ['own', 'byok', 'requests']) {
        let sum = 0n;
        for (const [name, one] of books.accounts)
            if (/^([0-9a-f]{64})?$/.test(name)) sum += one[part];
        if (sum !== all[part])
            books.faults.push(`${part} of the organization is ${all[part]}, of its keys ${sum}`);
    }
}

// Whole lines, in order, to books.
export function fold(lines) {
    const books = emptyBooks();
    let snapshot = null;
    let known = false; // were there lines before the snapshot?
    for (const line of lines) {
        if (line.type === 'snapshot') snapshot = [line];
        else if (snapshot && line.type !== 'snapshot_end') snapshot.push(line);
        else if (snapshot) {
            takeSnapshot(books, snapshot, known);
            snapshot = null;
            known = true;
        } else steps[line.type]?.(books, line.record);
    }
    return books;
}

// The same where all that was ever written is there, so that keys add up, too.
export function foldAll(lines) {
    const books = fold(lines);
    checkSum(books);
    return books;
}

// The books by the newest whole snapshot alone, as a start reads them.
export function foldNewest(ledger) {
    const whole = ledger.segments.filter((one) =>
        one.lines.some((line) => line.type === 'snapshot_end'),
    );
    return fold(whole.at(-1)?.lines ?? []);
}

// What a start after a crash makes of books: what was reserved and not settled is charged at
// its worst. Gives key -> { own, byok, charged }.
export function afterCrash(books) {
    const all = new Map([...books.accounts].map(([name, one]) => [name, { ...one }]));
    for (const { key, amount, byok } of books.open.values()) {
        if (!all.has(key)) all.set(key, newAccount());
        const one = all.get(key);
        one.own += amount - byok;
        one.byok += byok;
        one.charged += share(one, amount, byok);
    }
    return all;
}
