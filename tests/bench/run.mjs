// make bench: nginx, haproxy and orproxy between the same two ends, and nothing between them, one
// after another on the same cores. Prints Markdown. It judges answers, never times: each answer
// has to be whole, or the run fails.
//
//     node tests/bench/run.mjs [SECTION...]     without one: all of them, in the order below
//
//     BENCH_SECONDS=1  of each measurement (wrk: whole seconds). Below 1 it is a smoke test: every
//                      section for a moment, few connections, no counting of instructions
//     BENCH_ROUNDS=3   each number is the median of so many; in each round everyone has a turn
//     ORPROXY=FILE     the binary
//     BENCH_DEBUG=1    what the proxies say goes to stderr
//
// Core 0 has both ends (wrk or `wire streams`, and `wire upstream`), core 1 the proxy.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { CLIENT_KEY, ENV, MAX_FILES, OUT, cpuOf, endAll, finish, freePort, launch, memoryOf, says,
    sleep, stop, write } from './processes.mjs';
import { MAX_CLIENTS, MODEL, ORPROXY, PROXIES, STATIC, WIRE, makeCertificate, startProxy, startTls,
    startUpstream, withProxies } from './proxies.mjs';
import { TARGETS } from './targets.mjs';

const SECONDS = Number(process.env.BENCH_SECONDS || 1);
const SMOKE = SECONDS < 1;
const ROUNDS = SMOKE ? 1 : Number(process.env.BENCH_ROUNDS || 3);

// Who takes part: "governed 1s" and "totals" differ by the ledger, "nginx+" by its buffers.
const FEW = ['direct', 'nginx', 'haproxy', 'bare', 'governed'];
const USUAL = SMOKE ? FEW : [...FEW, 'governed totals'];
const BUFFERED = SMOKE ? FEW : ['direct', 'nginx', 'nginx+', ...USUAL.slice(2)];
const SHIPPED = [...FEW.slice(1), ...(PROXIES.static ? ['static'] : [])];
const LEDGERS = SMOKE ? FEW : [...FEW, 'governed 1s', 'governed totals'];

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

// ---- results: numbers[what][proxy]

const numbers = {};

function put(what, proxy, value) {
    (numbers[what] ??= {})[proxy] = value;
}

// Everyone has a turn in each round. f gives an object of numbers, whose medians are kept.
async function measure(proxies, prefix, f) {
    const all = new Map(proxies.map((p) => [p, []]));
    for (let round = 0; round < ROUNDS; round++)
        for (const p of proxies) all.get(p).push(await f(p));
    for (const [p, list] of all)
        for (const key of Object.keys(list[0]))
            put(`${prefix}.${key}`, p.name, median(list.map((r) => r[key])));
}

// What the others have more than the direct way.
function lessDirect(what) {
    const { direct, ...others } = numbers[what];
    for (const [name, value] of Object.entries(others)) put(`${what}.added`, name, value - direct);
}

// ---- requests, by wrk

const TEXT = 'The quick brown fox jumps over the lazy dog, and the dog does not mind. ';
const textOf = (length) => TEXT.repeat(Math.ceil(length / TEXT.length)).slice(0, length);

const bodyOf = (messages, more) =>
    JSON.stringify({ model: MODEL, max_tokens: 256, temperature: 0.7, ...more, messages });

const chatOf = (bytes, more = {}) => {
    const body = (content) => bodyOf([{ role: 'system', content: 'Answer briefly.' },
        { role: 'user', content }], more);
    return body(textOf(bytes - body('').length));
};

// 100 KB: a long conversation. 5 MB: a picture.
const conversation = (bytes) => bodyOf(Array.from({ length: Math.ceil(bytes / 2048) }, (_, i) =>
    ({ role: i % 2 ? 'assistant' : 'user', content: textOf(2010) })));
const picture = (bytes) => bodyOf([{ role: 'user', content: [
    { type: 'text', text: 'What is in this picture?' },
    { type: 'image_url', image_url: { url:
        `data:image/png;base64,${'iVBORw0KGgoAAAANSUhEUgAA'.repeat(bytes / 24)}` } }] }]);

const PATH = '/v1/chat/completions';
const FIELDS = {
    'Content-Type': 'application/json',
    Accept: 'application/json',
    Authorization: `Bearer ${CLIENT_KEY}`,
    'User-Agent': 'OpenAI/JS 4.104.0',
};

const luaOf = (name, body) => write(`${name}.lua`, `
wrk.method = "POST"
wrk.path = "${PATH}"
${Object.entries(FIELDS).map(([k, v]) => `wrk.headers["${k}"] = "${v}"`).join('\n')}
local f = assert(io.open("${write(`${name}.json`, body)}", "rb"))
wrk.body = f:read("*a")
f:close()
done = function(summary, latency, requests)
    local e = summary.errors
    print(string.format('RESULT {"requests":%d,"us":%d,"bytes":%d,"errors":%d,"p50":%d,"p99":%d}',
        summary.requests, summary.duration, summary.bytes,
        e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
`);

const requestOf = (body) => {
    const fields = { Host: 'localhost', ...FIELDS, 'Content-Length': Buffer.byteLength(body) };
    return `POST ${PATH} HTTP/1.1\r\n${Object.entries(fields)
        .map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n${body}`;
};

// One answer, looked at: that it is one, and how many bytes all the others have to have.
async function lookAt(p, body) {
    const socket = net.connect(p.port, '127.0.0.1');
    socket.write(requestOf(body));
    let got = '';
    for await (const part of socket.setEncoding('latin1')) {
        got += part;
        const end = got.indexOf('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(got)?.[1]);
        if (end < 0 || !(got.length >= end + 4 + length)) continue;
        const answer = JSON.parse(got.slice(end + 4));
        if (!got.startsWith('HTTP/1.1 200 ') || answer.choices?.[0].message.content.length !== 512)
            break;
        return got.length;
    }
    throw new Error(`${p.argv?.join(' ')}: a wrong answer:\n${got}`);
}

const wholeSeconds = Math.max(1, Math.round(SECONDS));

async function load(p, job, connections, seconds = wholeSeconds) {
    p.lengths ??= {};
    p.lengths[job.name] ??= await lookAt(p, job.body);
    const length = p.lengths[job.name];
    const before = cpuOf(p.pids);
    const out = await finish(launch(0, ['wrk', '-t', 1, '-c', connections, '-d', `${seconds}s`,
        '--timeout', '60s', '--latency', '-s', job.script, `http://127.0.0.1:${p.port}`]));
    const cpu = cpuOf(p.pids) - before;
    const r = JSON.parse(/RESULT (.*)/.exec(out)[1]);
    // Answers that were on their way when the time was over may have come in part.
    const more = r.bytes - r.requests * length;
    if (r.errors > 0 || r.requests === 0 || more < 0 || more > connections * length)
        throw new Error(`${p.name}: answers not of ${length} bytes:\n${out}`);
    return { requests: r.requests, rps: (r.requests * 1e6) / r.us, p50: r.p50, p99: r.p99,
        ...(p.child && { cpu_us: cpu / r.requests / 1000 }) };
}

const jobOf = (name, body) => ({ name, body, script: luaOf(name, body) });

// The kernel's own counter: unlike strace it does not slow down what it counts.
async function countCalls(p, job) {
    const file = path.join(OUT, 'syscalls');
    const perf = launch(0, ['perf', 'stat', '-x,', '-o', file, '-e', 'raw_syscalls:sys_enter', '-p',
        p.pids.join(',')]);
    await sleep(500);
    const { requests } = await load(p, job, 64);
    await stop(perf, 'SIGINT');
    put('small.64.calls', p.name, Number(/^(\d+),/m.exec(fs.readFileSync(file, 'utf8'))?.[1]) /
        requests);
}

// Instructions in user space for a unit of work, under callgrind: two runs, and what the longer
// one has more. `work(proxy, seconds)` says how many units it did.
async function countInstructions(what, name, to, work) {
    const run = async (seconds) => {
        const file = path.join(OUT, `callgrind.${name} ${what} ${seconds}`.replace(/ /g, '-'));
        const p = await startProxy(name, to, {
            wrap: ['valgrind', '--tool=callgrind', `--callgrind-out-file=${file}`] });
        const units = await work(p, seconds);
        await stop(p);
        const total = /^(?:summary|totals): (\d+)/m.exec(fs.readFileSync(file, 'utf8'));
        return { units, total: Number(total[1]) };
    };
    const a = await run(2);
    const b = await run(4);
    put(what, name, (b.total - a.total) / (b.units - a.units));
}

async function small() {
    const up = await startUpstream();
    const job = jobOf('small', chatOf(1024));
    await withProxies(LEDGERS, up.port, {}, async (proxies) => {
        for (const p of SMOKE ? [] : proxies) await load(p, job, 64, 1); // warm
        for (const connections of SMOKE ? [64] : [1, 64, 512]) {
            await measure(proxies, `small.${connections}`, (p) => load(p, job, connections));
            lessDirect(`small.${connections}.p50`);
            lessDirect(`small.${connections}.p99`);
        }
        if (!SMOKE) for (const p of proxies.slice(1)) await countCalls(p, job);
    });
    if (!SMOKE)
        for (const name of FEW.slice(1))
            await countInstructions('small.instructions', name, up.port, async (p, seconds) =>
                (await load(p, job, 16, seconds)).requests);
    await stop(up);
}

async function bodies() {
    const up = await startUpstream();
    const jobs = [
        [jobOf('100k', conversation(100 << 10)), 32],
        [jobOf('5m', picture(5 << 20)), 4],
    ];
    await withProxies(BUFFERED, up.port, {}, async (proxies) => {
        for (const [job, connections] of SMOKE ? jobs.slice(1) : jobs)
            await measure(proxies, `body.${job.name}`, (p) => load(p, job, connections));
    });
    await stop(up);
}

async function tls() {
    makeCertificate();
    const up = await startUpstream();
    const front = await startTls(up.port);
    const job = jobOf('small', chatOf(1024));
    await withProxies(USUAL.slice(1), front.port, { tls: true }, async (proxies) => {
        for (const p of SMOKE ? [] : proxies) await load(p, job, 64, 1);
        await measure(proxies, 'tls.64', (p) => load(p, job, 64));
    });
    await stop(front);
    await stop(up);
}

// ---- streams, by wire

async function stream(p, { connections, spacingUs, seconds = 0, events, whenOpen }) {
    const file = write('stream.http', requestOf(chatOf(1024, { stream: true })));
    const before = cpuOf(p.pids);
    const run = launch(0, [WIRE, 'streams', p.port, connections, spacingUs, seconds * 1000,
        events, file]);
    if (whenOpen) {
        while (run.code === undefined && !run.out.includes('open')) await sleep(5);
        if (run.code === undefined) whenOpen(Number(/open (\d+)/.exec(run.out)[1]));
    }
    const out = await finish(run).catch((e) => {
        throw new Error(`${p.name}: ${e.message}`);
    });
    const r = JSON.parse(out.slice(out.indexOf('{')));
    return { ...r, cpu: cpuOf(p.pids) - before };
}

async function streams() {
    // 10 ms apart, 3,200 a second: the proxy is far from busy.
    const paced = { connections: 32, events: 20, spacingUs: 6250, seconds: SECONDS };
    let up = await startUpstream(paced.events, 10000);
    await withProxies(USUAL, up.port, {}, async (proxies) => {
        for (const p of SMOKE ? [] : proxies) await stream(p, { ...paced, seconds: 0 });
        await measure(proxies, 'paced', async (p) => {
            const r = await stream(p, paced);
            return { first_p50: r.first_p50_us, first_p99: r.first_p99_us,
                delay_p50: r.delay_p50_us, delay_p99: r.delay_p99_us,
                ...(p.child && { cpu_us: r.cpu / r.events / 1000 }) };
        });
    });
    for (const what of ['first_p50', 'first_p99', 'delay_p50', 'delay_p99'])
        lessDirect(`paced.${what}`);
    await stop(up);

    // As fast as they are taken.
    const bulk = { connections: 16, events: 2000, spacingUs: 0, seconds: SECONDS };
    up = await startUpstream(bulk.events, 0);
    await withProxies(BUFFERED, up.port, {}, async (proxies) => {
        for (const p of SMOKE ? [] : proxies) await stream(p, { ...bulk, seconds: 0 });
        await measure(proxies, 'bulk', async (p) => {
            const r = await stream(p, bulk);
            return { rate: r.events / r.seconds,
                ...(p.child && { cpu_s: r.cpu / r.events / 1000 }) };
        });
    });
    if (!SMOKE)
        for (const name of ['nginx', 'bare', 'governed'])
            await countInstructions('bulk.instructions', name, up.port, async (p, seconds) =>
                (await stream(p, { ...bulk, connections: 4, seconds })).events);
    await stop(up);

    // Two of these events differ in more than their text.
    up = await startUpstream(bulk.events, 0, 'padded');
    await withProxies(FEW.slice(1), up.port, {}, (proxies) => measure(proxies, 'padded', async (p) => {
        const r = await stream(p, bulk);
        return { cpu_s: r.cpu / r.events / 1000 };
    }));
    await stop(up);
}

// One run of open streams; the memory when all are open, for each, beyond what the idle one has.
async function openStreams(what, names, to, options, load) {
    for (const name of names) {
        const p = await startProxy(name, to, options);
        await sleep(300);
        const idle = memoryOf(p.pids, 'Pss');
        if (!options.tls) {
            put('idle.rss', name, memoryOf(p.pids, 'Rss'));
            put('idle.pss', name, idle);
        }
        const r = await stream(p, { ...load, whenOpen(running) {
            if (running < load.connections && !SMOKE)
                throw new Error(`${name}: ${running} streams at once`);
            const now = memoryOf(p.pids, 'Pss');
            put(`${what}.each`, name, (now - idle) / load.connections);
            put(`${what}.rss`, name, memoryOf(p.pids, 'Rss'));
        } });
        put(`${what}.whole`, name, r.streams);
        put(`${what}.cpu_us`, name, r.cpu / r.events / 1000);
        await stop(p);
    }
}

// As many as this machine lets a process have: 10,000 where it may open 20,200 files.
const MANY = SMOKE ? 100 : Math.min(10000, MAX_CLIENTS);

async function memory() {
    const names = FEW.slice(1);
    const [some, step] = SMOKE ? [50, 200000] : [1000, 1000000];
    const short = { connections: some, events: 4 };
    let up = await startUpstream(short.events, step);
    await openStreams('open.1000', SHIPPED, up.port, {}, { ...short, spacingUs: 400 });
    makeCertificate();
    const front = await startTls(up.port);
    await openStreams('open.tls', names, front.port, { tls: true }, { ...short, spacingUs: 1000 });
    await stop(front);
    await stop(up);
    const long = { connections: MANY, events: SMOKE ? 2 : 8, spacingUs: 400 };
    up = await startUpstream(long.events, step);
    await openStreams('open.many', names, up.port, {}, long);
    await stop(up);
}

// ---- start, size, small parts

async function start() {
    const up = await startUpstream();
    const file = write('start.http', requestOf(chatOf(1024)));
    await measure(SHIPPED.map((name) => ({ name })), 'start', async ({ name }) => {
        const list = [];
        for (let i = 0; i < (SMOKE ? 1 : 5); i++) {
            const port = await freePort();
            const argv = PROXIES[name]({ port, to: up.port });
            list.push(Number(await finish(launch(1, [WIRE, 'start', port, file, ...argv]))));
        }
        return { ms: median(list) };
    });
    await stop(up);
    const stripped = path.join(OUT, 'orproxy.stripped');
    for (const [name, file] of [['bare', ORPROXY], ['static', STATIC]])
        if (spawnSync('strip', ['-o', stripped, file]).status === 0)
            put('size', name, fs.statSync(stripped).size);
    for (const name of ['nginx', 'haproxy']) {
        const where = spawnSync('sh', ['-c', `command -v ${name}`], { env: ENV, encoding: 'utf8' });
        put('size', name, fs.statSync(where.stdout.trim()).size);
    }
}

// The parts of or.h by themselves, beside what they are compared with in the same program.
async function micro() {
    const said = {};
    for (const file of (process.env.BENCHES ?? '').split(' ').filter(Boolean)) {
        said[path.basename(file)] = await finish(launch(1, [path.resolve(file)]));
        console.error(said[path.basename(file)].trimEnd());
    }
    const find = (what, name, pattern) => {
        const found = pattern.exec(said[name] ?? '');
        if (found) put(what, 'or.h', Number(found[1]));
    };
    find('micro.sse', 'bench_sse', /reads of +16384 .* ([\d.]+) x memchr/);
    find('micro.chat', 'bench_json', /1 MB, chat .*scan +([\d.]+) x/);
    find('micro.image', 'bench_json', /10 MB, one string .*scan +([\d.]+) x/);
    find('micro.head', 'bench_http', /bytes (\d+) ns/);
    find('micro.plan', 'bench_route', /a plan (\d+) ns/);
    find('micro.decide', 'bench_route', /of the body (\d+) ns/);
}

// ---- output

function printMachine() {
    const cpu = /^Model name:\s+(.*)/m.exec(says('lscpu'))?.[1];
    const facts = [
        new Date().toISOString().slice(0, 10), cpu, `${os.availableParallelism()} cores`,
        `Linux ${os.release()}`, /nginx\/[\d.]+/.exec(says('nginx', '-v')),
        /HAProxy version [\d.]+/.exec(says('haproxy', '-v')), /wrk \S+/.exec(says('wrk', '-v')),
        says(process.env.CC || 'cc', '--version').split('\n')[0],
        `${/INTERP/.test(says('readelf', '-l', ORPROXY)) ? 'dynamic' : 'static'} orproxy`,
        `load before ${os.loadavg()[0].toFixed(1)}`,
        `at most ${MAX_FILES.toLocaleString('en')} open files for each process`];
    console.log(`${facts.join(', ')}.\n`);
}

function cellsOf(row) {
    const all = numbers[row.value];
    const who = (row.of ?? ['governed']).find((name) => all?.[name] !== undefined);
    if (who === undefined || Number.isNaN(all[who])) return null;
    const judged = numbers[row.by ?? row.value];
    const [better, rivals] = row.ratio ?? [];
    const ratio = rivals && judged[who] / better(...rivals.map((name) => judged[name]));
    const held = row.held?.(ratio ?? judged[who]);
    let proportion = '';
    if (rivals)
        proportion = `${ratio.toFixed(2)} x ${rivals.length > 1 ? 'the better' : rivals[0]}`;
    if (who === 'or.h') proportion = row.show(all[who]);
    return [row.what.replace('MANY', MANY.toLocaleString('en')), row.target,
        ...Object.keys(PROXIES).map((name) => (all[name] === undefined ? '' : row.show(all[name]))),
        proportion, held === undefined ? '' : held ? 'yes' : 'no'];
}

function printTable() {
    const line = (cells) => `| ${cells.join(' | ')} |`;
    const head = ['', 'target', ...Object.keys(PROXIES), 'ratio', 'held'];
    const rows = TARGETS.map(cellsOf).filter(Boolean);
    console.log([line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n'));
}

const SECTIONS = { small, streams, memory, bodies, tls, start, micro };

async function main() {
    const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(SECTIONS);
    for (const name of wanted)
        if (!SECTIONS[name]) throw new Error(`no section ${name}: ${Object.keys(SECTIONS)}`);
    printMachine();
    for (const name of wanted) {
        const began = Date.now();
        await SECTIONS[name]();
        console.error(`${name}: ${((Date.now() - began) / 1000).toFixed(0)} s`);
    }
    printTable();
}

main().catch((e) => {
    console.error(process.env.BENCH_DEBUG ? e : e.message);
    process.exitCode = 1;
    endAll();
});
