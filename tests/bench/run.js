// make bench: direct, nginx, haproxy and orproxy between the same two ends, one after another on
// the same cores; prints Markdown tables. Judges nothing but the answers: each has to be whole.
//
//     node tests/bench/run.js [SECTION...]     without one all of them, in the order below
//
// Core 0 has both ends (wrk or `wire streams`, and `wire upstream`), core 1 the proxy. Each
// number is the median of ROUNDS rounds, in each of which every proxy has its turn.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const SECONDS = Number(process.env.BENCH_SECONDS || 1); // of one measurement
const ROUNDS = Number(process.env.BENCH_ROUNDS || 3);
const OUT = path.resolve('build/bench');
const WIRE = path.resolve(process.env.WIRE || 'build/native/tests/bench/wire');
const ORPROXY = path.resolve(process.env.ORPROXY || 'build/native/orproxy');
const CLIENT_KEY = 'sk-bench-4f1d8a7c2e6b';
const MODEL = 'bench/model';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const sum = (list) => list.reduce((a, b) => a + b, 0);

// ---- processes: those started here, and all of them are ended here

const running = new Set();

// One that is free now.
const freePort = () => new Promise((resolve, reject) => {
    const s = net.createServer().on('error', reject).listen(0, '127.0.0.1', () => {
        const { port } = s.address();
        s.close(() => resolve(port));
    });
});

// Programs that apt-get fetched for this only are under build/bench/root.
const ROOT = path.join(OUT, 'root/usr');
const LIBS = fs.existsSync(`${ROOT}/lib`)
    ? fs.readdirSync(`${ROOT}/lib`).map((name) => `${ROOT}/lib/${name}`)
    : [];
const ENV = {
    PATH: `${process.env.PATH}:/usr/sbin:/sbin:${ROOT}/bin:${ROOT}/sbin`,
    LD_LIBRARY_PATH: LIBS.join(':'),
    BENCH_CLIENT_KEY: CLIENT_KEY,
    BENCH_PROVIDER_KEY: 'sk-provider-of-the-bench',
};

function launch(core, argv, stdio = ['ignore', 'pipe', 'pipe']) {
    const pinned = os.availableParallelism() > 1 ? ['taskset', '-c', String(core)] : [];
    const [file, ...args] = [...pinned, ...argv.map(String)];
    // A group of its own, so that at the end nginx's worker goes with it.
    const child = spawn(file, args, { cwd: OUT, env: ENV, stdio, detached: true });
    const p = { child, pid: child.pid, argv, out: '', err: '' };
    child.stdout?.setEncoding('utf8').on('data', (text) => (p.out += text));
    child.stderr?.setEncoding('utf8').on('data', (text) => (p.err += text));
    p.ended = new Promise((resolve) => {
        child.on('error', (e) => (p.err += e.message));
        child.on('close', (code, signal) => {
            running.delete(p);
            p.code = code ?? signal;
            resolve(p.code);
        });
    });
    running.add(p);
    return p;
}

async function finish(p) {
    if ((await p.ended) !== 0) throw new Error(`${p.argv.join(' ')}: ${p.code}\n${p.err}${p.out}`);
    return p.out;
}

async function stop(p, signal = 'SIGTERM') {
    if (p.code === undefined) p.child.kill(signal);
    const timer = setTimeout(() => p.child.kill('SIGKILL'), 5000);
    await p.ended;
    clearTimeout(timer);
}

async function serves(p, port) {
    for (let tries = 0; tries < 3000; tries++) {
        if (p.code !== undefined) break;
        const open = await new Promise((resolve) => {
            const s = net.connect(port, '127.0.0.1', () => resolve(true));
            s.on('connect', () => s.destroy()).on('error', () => resolve(false));
        });
        if (open) return;
        await sleep(10);
    }
    throw new Error(`${p.argv.join(' ')} does not serve\n${p.err}`);
}

async function startUpstream(events = 0, intervalUs = 0) {
    const port = await freePort();
    const p = launch(0, [WIRE, 'upstream', port, events, intervalUs]);
    await serves(p, port);
    return { ...p, port };
}

// ---- the proxies

function write(name, text, mode = 0o600) {
    const file = path.join(OUT, name);
    fs.writeFileSync(file, text, { mode });
    return file;
}

const MAX_FILES = Number(
    /Max open files\s+\d+\s+(\d+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1],
);
const MAX_CLIENTS = Math.floor((MAX_FILES - 200) / 2);

function nginx({ port, to, tls, more = '' }) {
    const secure = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${OUT}/ca.pem;
        proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_session_reuse on;
        proxy_ssl_protocols TLSv1.2;`;
    const file = write(`nginx-${port}.conf`, `
daemon off; worker_processes 1; pid ${OUT}/nginx-${port}.pid; error_log stderr crit;
worker_rlimit_nofile ${MAX_FILES};
events { worker_connections ${MAX_FILES}; multi_accept on; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; client_max_body_size 32m;
    client_body_temp_path ${OUT}/nginx-body; proxy_temp_path ${OUT}/nginx-proxy;
    fastcgi_temp_path ${OUT}/nginx-1; uwsgi_temp_path ${OUT}/nginx-2; scgi_temp_path ${OUT}/nginx-3;
    upstream u { server 127.0.0.1:${to}; keepalive 512; keepalive_requests 1000000000; }
    server {
        listen 127.0.0.1:${port} backlog=4096;
        location / {
            proxy_pass http${tls ? 's' : ''}://u; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_buffering off; ${more} ${tls ? secure : ''}
        }
    }
}
`);
    return (single) => [
        'nginx', '-p', OUT, '-e', '/dev/null', '-c', file,
        ...(single ? ['-g', 'master_process off;'] : []),
    ];
}

function haproxy({ port, to, tls }) {
    const secure = `ssl verify required ca-file ${OUT}/ca.pem sni str(localhost)
        verifyhost localhost ssl-max-ver TLSv1.2`.replace(/\s+/g, ' ');
    const file = write(`haproxy-${port}.cfg`, `
global
    nbthread 1
    maxconn ${MAX_CLIENTS}
defaults
    mode http
    timeout connect 10s
    timeout client 300s
    timeout server 300s
    timeout http-keep-alive 300s
    option http-no-delay
    http-reuse always
frontend f
    bind 127.0.0.1:${port} backlog 4096
    default_backend b
backend b
    server s 127.0.0.1:${to} ${tls ? secure : ''}
`);
    return () => ['haproxy', '-db', '-f', file];
}

const upstreamUrl = (to, tls) => (tls ? `https://localhost:${to}/v1` : `http://127.0.0.1:${to}/v1`);

function bare({ port, to, tls }) {
    return () => [
        ORPROXY, '--listen', `127.0.0.1:${port}`, '--upstream', upstreamUrl(to, tls),
        ...['--set', `limits.connections=${MAX_CLIENTS}`, '--set', 'limits.memory=1G'],
        ...(tls ? ['--set', `ca=${OUT}/ca.pem`] : []),
    ];
}

// A key with limits of every kind, a reservation and a line on disk for each request, prices, two
// providers to choose from, and a name of the model that is not the provider's.
const governed = (ledger) => ({ port, to, tls }) => {
    const state = path.join(OUT, `state-${port}`);
    fs.rmSync(state, { recursive: true, force: true });
    const provider = (name) => `
[provider ${name}]
kind = openai
base_url = ${upstreamUrl(to, tls)}
key = env:BENCH_PROVIDER_KEY
list = no
[endpoint ${name} ${MODEL}]
upstream_model = bench-1
prompt = 0.1
completion = 0.4
context_length = 131072
`;
    const file = write(`orproxy-${port}.conf`, `
listen = 127.0.0.1:${port}
state = ${state}
${ledger}
${tls ? `ca = ${OUT}/ca.pem` : ''}
[limits]
connections = ${MAX_CLIENTS}
memory = 1G
${provider('one')}${provider('two')}
[key bench]
key = env:BENCH_CLIENT_KEY
limit = 1000000
limit_reset = monthly
requests_per_minute = 1000000
max_concurrent = 100000
`);
    return () => [ORPROXY, '-c', file];
};

const PROXIES = {
    direct: null,
    nginx,
    haproxy,
    bare,
    governed: governed('ledger_sync = each'),
    'governed, sync 1s': governed('ledger_sync = 1s'),
    'governed, totals': governed('ledger = totals'),
};

async function startProxy(name, to, { tls, more, wrap = [], ready = true } = {}) {
    if (PROXIES[name] === null) return { name, port: to, pids: () => [] };
    const port = await freePort();
    const argv = [...wrap, ...PROXIES[name]({ port, to, tls, more })(wrap.length > 0)];
    const p = launch(1, argv, ['ignore', 'ignore', fs.openSync('/dev/null', 'w')]);
    if (ready) await serves(p, port);
    const all = [p.pid, ...children(p.pid)]; // nginx has a worker
    return Object.assign(p, { name, port, pids: () => all });
}

// ---- what the kernel says of a process

function children(pid) {
    const found = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout.trim();
    return found === '' ? [] : found.split('\n').map(Number);
}

// Time on a core of all threads, in ns.
const cpuOf = (pids) =>
    sum(pids.flatMap((pid) =>
        fs.readdirSync(`/proc/${pid}/task`).map((tid) =>
            Number(fs.readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]))));

// ---- small requests, by wrk

const PROMPT = 'The quick brown fox jumps over the lazy dog, and the dog does not mind. ';
const text = (length) => PROMPT.repeat(Math.ceil(length / PROMPT.length)).slice(0, length);
const chat = (bytes, more = {}) => {
    const body = (content) => JSON.stringify({
        model: MODEL, max_tokens: 256, temperature: 0.7, ...more,
        messages: [{ role: 'system', content: 'Answer briefly.' }, { role: 'user', content }],
    });
    return body(text(bytes - body('').length));
};
const FIELDS = {
    'Content-Type': 'application/json',
    Accept: 'application/json',
    Authorization: `Bearer ${CLIENT_KEY}`,
    'User-Agent': 'OpenAI/JS 4.104.0',
};
const PATH = '/v1/chat/completions';

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

// One answer, looked at: what it has to be, and how many bytes the others have to have.
async function lookAt(port, body) {
    const socket = net.connect(port, '127.0.0.1');
    const head = Object.entries({ Host: `127.0.0.1:${port}`, ...FIELDS,
        'Content-Length': Buffer.byteLength(body) }).map(([k, v]) => `${k}: ${v}\r\n`);
    socket.write(`POST ${PATH} HTTP/1.1\r\n${head.join('')}\r\n`);
    socket.write(body);
    let got = '';
    for await (const part of socket.setEncoding('latin1')) {
        got += part;
        const end = got.indexOf('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(got)?.[1]);
        if (end < 0 || got.length < end + 4 + length) continue;
        const answer = JSON.parse(got.slice(end + 4));
        if (!got.startsWith('HTTP/1.1 200 ') || answer.choices[0].message.content.length !== 512)
            throw new Error(`a wrong answer:\n${got}`);
        return got.length;
    }
    throw new Error(`no answer:\n${got}`);
}

async function load(proxy, script, connections, seconds, length) {
    const before = cpuOf(proxy.pids());
    const out = await finish(launch(0, ['wrk', '-t', 1, '-c', connections, '-d', `${seconds}s`,
        '--timeout', '30s', '--latency', '-s', script, `http://127.0.0.1:${proxy.port}`]));
    const cpu = cpuOf(proxy.pids()) - before;
    const r = JSON.parse(/RESULT (.*)/.exec(out)[1]);
    // Requests on their way when the time was over have sent no bytes or some of them.
    const off = r.bytes - r.requests * length;
    if (r.errors > 0 || r.requests === 0 || off < -2 * r.requests || off > (connections + 1) * length)
        throw new Error(`${proxy.name}: wrong answers (of ${length} bytes): ${out}`);
    return { requests: r.requests, rps: (r.requests * 1e6) / r.us, p50: r.p50, p99: r.p99,
        cpu: cpu / r.requests / 1000 };
}

const wrkSeconds = (s) => Math.max(1, Math.round(s)); // wrk knows whole seconds only

// System calls: by the kernel's own counter where perf may read it, else by strace.
async function syscalls(proxy, script, connections, length) {
    const file = path.join(OUT, 'syscalls');
    const pids = proxy.pids();
    const perf = launch(0, ['perf', 'stat', '-x,', '-o', file, '-e', 'raw_syscalls:sys_enter', '-p',
        pids.join(',')]);
    await sleep(300);
    const r = await load(proxy, script, connections, wrkSeconds(SECONDS), length);
    await stop(perf, 'SIGINT');
    const count = Number(/^(\d+),/m.exec(fs.readFileSync(file, 'utf8'))?.[1]);
    return count / r.requests;
}

// Instructions in user space under callgrind: two runs, and what the longer has more.
async function instructions(name, to, body) {
    const script = luaOf('small', body);
    const run = async (seconds) => {
        const file = path.join(OUT, `callgrind.${name.replace(/\W+/g, '-')}.${seconds}`);
        const p = await startProxy(name, to, {
            wrap: ['valgrind', '--tool=callgrind', `--callgrind-out-file=${file}`] });
        const length = await lookAt(p.port, body);
        const { requests } = await load(p, script, 64, seconds, length);
        await stop(p);
        const total = /^(?:summary|totals): (\d+)/m.exec(fs.readFileSync(file, 'utf8'));
        return { requests, total: Number(total[1]) };
    };
    const [a, b] = [await run(1), await run(3)];
    return (b.total - a.total) / (b.requests - a.requests);
}

const BODY = chat(1024);

async function small() {
    const up = await startUpstream();
    const names = Object.keys(PROXIES);
    const script = luaOf('small', BODY);
    const proxies = [];
    for (const name of names) {
        const p = await startProxy(name, up.port);
        p.length = await lookAt(p.port, BODY);
        await load(p, script, 64, 1, p.length); // warm
        proxies.push(p);
    }
    const at = {};
    for (const connections of [1, 64, 512]) {
        for (let round = 0; round < ROUNDS; round++)
            for (const p of proxies)
                ((at[connections] ??= {})[p.name] ??= []).push(
                    await load(p, script, connections, wrkSeconds(SECONDS), p.length));
        for (const p of proxies) {
            const all = at[connections][p.name];
            const m = (key) => median(all.map((r) => r[key]));
            at[connections][p.name] = { rps: m('rps'), p50: m('p50'), p99: m('p99'), cpu: m('cpu') };
        }
    }
    const table = [];
    const row = (what, f, format) => table.push([what, ...names.map((name) => {
        const value = f(name);
        return value === undefined || Number.isNaN(value) ? '' : format(value);
    })]);
    const whole = (x) => Math.round(x).toLocaleString('en');
    const tenth = (x) => x.toFixed(1);
    for (const c of [1, 64, 512]) row(`requests/s, ${c} connections`, (n) => at[c][n].rps, whole);
    for (const c of [1, 64, 512])
        for (const p of ['p50', 'p99'])
            row(`added latency ${p}, ${c} connections, µs`, (n) =>
                n === 'direct' ? undefined : at[c][n][p] - at[c].direct[p], whole);
    for (const c of [1, 64, 512])
        row(`CPU per request, ${c} connections, µs`, (n) =>
            n === 'direct' ? undefined : at[c][n].cpu, tenth);
    const calls = {};
    for (const p of proxies.slice(1)) calls[p.name] = await syscalls(p, script, 64, p.length);
    row('system calls per request, 64 connections', (n) => calls[n], tenth);
    for (const p of proxies.slice(1)) await stop(p);
    const ir = {};
    for (const name of names.slice(1)) ir[name] = await instructions(name, up.port, BODY);
    row('user instructions per request', (n) => ir[n], whole);
    await stop(up);
    print('1 KB requests', ['', ...names], table);
}

// ---- output

function print(title, head, rows) {
    const line = (cells) => `| ${cells.join(' | ')} |`;
    console.log(`\n${title}:\n`);
    console.log([line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n'));
}

const SECTIONS = { small };

async function main() {
    const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(SECTIONS);
    for (const name of wanted)
        if (!SECTIONS[name]) throw new Error(`no section ${name}: ${Object.keys(SECTIONS)}`);
    fs.mkdirSync(OUT, { recursive: true });
    for (const name of wanted) await SECTIONS[name]();
}

function endAll() {
    for (const p of running)
        try {
            process.kill(-p.pid, 'SIGKILL');
        } catch {
            // it has ended
        }
}
process.on('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
main().catch((e) => {
    console.error(process.env.BENCH_DEBUG ? e : e.message);
    process.exitCode = 1;
    endAll();
});
