// Who is measured in make bench, each as a good administrator would have it, and the ends.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { CLIENT_KEY, MAX_FILES, OUT, children, failed, freePort, launch, serves, sleep, stop,
    write } from './processes.mjs';

export const WIRE = path.resolve(process.env.WIRE || 'build/native/tests/bench/wire');
export const ORPROXY = path.resolve(process.env.ORPROXY || 'build/native/orproxy');
export const STATIC = path.resolve('build/static/orproxy-x86_64'); // `make static`
export const MODEL = 'bench/model';
const DEBUG = process.env.BENCH_DEBUG;

// Of streams, which take two descriptors of a process.
export const MAX_CLIENTS = Math.floor((MAX_FILES - 200) / 2);

// ---- upstreams

export async function startUpstream(events = 0, intervalUs = 0, ...more) {
    const port = await freePort();
    const p = launch(0, [WIRE, 'upstream', port, events, intervalUs, ...more]);
    await serves(p, port);
    return Object.assign(p, { port });
}

// TLS in front of an upstream, the same for everyone: it knows nothing of HTTP.
export async function startTls(to) {
    const port = await freePort();
    const p = launch(0, ['haproxy', '-db', '-f', write('tls.cfg', `
global
    nbthread 1
    maxconn ${MAX_CLIENTS}
    ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256
defaults
    mode tcp
    timeout connect 10s
    timeout client 300s
    timeout server 300s
listen tls
    bind 127.0.0.1:${port} backlog 4096 ssl crt ${OUT}/server.pem ssl-max-ver TLSv1.2
    server s 127.0.0.1:${to}
`)]);
    await serves(p, port);
    return Object.assign(p, { port });
}

export function makeCertificate() {
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', '/CN=localhost', '-addext',
        'subjectAltName=DNS:localhost', '-keyout', 'key.pem', '-out', 'ca.pem'], { cwd: OUT });
    if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`);
    const both = ['ca.pem', 'key.pem'].map((name) => fs.readFileSync(path.join(OUT, name)));
    write('server.pem', both.join(''));
}

// ---- proxies

// More connections than it can have files: with few left it closes clients that have not yet asked.
const nginx = (more = '') => ({ port, to, tls, alone }) => {
    const secure = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${OUT}/ca.pem;
            proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2;`;
    const dirs = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((name) => `${name}_temp_path ${OUT}/nginx-${name};`);
    const file = write(`nginx-${port}.conf`, `
daemon off; worker_processes 1; pid ${OUT}/nginx-${port}.pid; error_log stderr crit;
worker_rlimit_nofile ${MAX_FILES};
events { worker_connections ${MAX_FILES + 2000}; multi_accept on; }
http {
    ${dirs.join(' ')}
    access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
    client_max_body_size 32m;
    upstream u { server 127.0.0.1:${to}; keepalive 512; keepalive_requests 1000000000; }
    server {
        listen 127.0.0.1:${port} backlog=4096;
        location / {
            proxy_pass http${tls ? 's' : ''}://u; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 300s;
            ${more} ${tls ? secure : ''}
        }
    }
}
`);
    return ['nginx', '-p', OUT, '-e', '/dev/null', '-c', file,
        ...(alone ? ['-g', 'master_process off;'] : [])];
};

const haproxy = ({ port, to, tls }) => {
    const secure = `ssl verify required ca-file ${OUT}/ca.pem sni str(localhost) ` +
        'verifyhost localhost ssl-max-ver TLSv1.2';
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
    return ['haproxy', '-db', '-f', file];
};

const urlOf = (to, tls) => (tls ? `https://localhost:${to}/v1` : `http://127.0.0.1:${to}/v1`);

// valgrind needs system calls of its own.
const unconfined = (alone) => (alone ? ['--set', 'sandbox=no', '--set', 'user=root'] : []);

const bare = (exe) => ({ port, to, tls, alone }) => [
    exe, '--listen', `127.0.0.1:${port}`, '--upstream', urlOf(to, tls),
    ...['--set', `limits.connections=${MAX_CLIENTS}`, '--set', 'limits.memory=2G'],
    ...(tls ? ['--set', `ca=${OUT}/ca.pem`] : []), ...unconfined(alone),
];

// A key with limits, a reservation and a line in the ledger for each request, prices, two
// providers to choose from, another name of the model there.
const governed = (ledger) => ({ port, to, tls, alone }) => {
    const state = path.join(OUT, `state-${port}`);
    fs.rmSync(state, { recursive: true, force: true });
    const provider = (name) => `
[provider ${name}]
kind = openai
base_url = ${urlOf(to, tls)}
key = env:BENCH_PROVIDER_KEY
[endpoint ${name} ${MODEL}]
upstream_model = bench-1
prompt = 0.1
completion = 0.4
`;
    const file = write(`orproxy-${port}.conf`, `
listen = 127.0.0.1:${port}
state = ${state}
${ledger}
${tls ? `ca = ${OUT}/ca.pem` : ''}
[limits]
connections = ${MAX_CLIENTS}
memory = 2G
${provider('one')}${provider('two')}
[key bench]
key = env:BENCH_CLIENT_KEY
limit = 1000000
limit_reset = monthly
requests_per_minute = 1000000
max_concurrent = 100000
`);
    return [ORPROXY, '-c', file, ...unconfined(alone)];
};

// The names are the columns. "nginx+": with larger buffers, for what they are good for; "static":
// bare, as the file that is shipped.
export const PROXIES = {
    direct: null,
    nginx: nginx(),
    'nginx+': nginx('proxy_buffer_size 64k; proxy_buffers 8 64k; client_body_buffer_size 256k;'),
    haproxy,
    bare: bare(ORPROXY),
    governed: governed('ledger_sync = each'),
    'governed 1s': governed('ledger_sync = 1s'),
    'governed totals': governed('ledger = totals'),
    ...(fs.existsSync(STATIC) ? { static: bare(STATIC) } : {}),
};

// orproxy asks its providers for their models when it starts; who has hundreds decides otherwise
// than who has one.
async function knowsModels(p, port) {
    for (let tries = 0; tries < 300; tries++) {
        const answer = await fetch(`http://127.0.0.1:${port}/v1/models`,
            { headers: { Authorization: `Bearer ${CLIENT_KEY}` } });
        if ((await answer.json()).data?.length >= 400) return;
        await sleep(50);
    }
    throw failed(p);
}

export async function startProxy(name, to, { tls, wrap = [] } = {}) {
    if (PROXIES[name] === null) return { name, port: to, pids: [] };
    const port = await freePort();
    const argv = [...wrap, ...PROXIES[name]({ port, to, tls, alone: wrap.length > 0 })];
    // Nobody reads what it says: whoever reads takes time on these cores.
    const p = launch(1, argv, ['ignore', 'ignore', DEBUG ? 'inherit' : 'ignore']);
    await serves(p, port);
    if (argv.includes(ORPROXY)) await knowsModels(p, port);
    if (argv.includes('nginx') && wrap.length === 0)
        while (children(p.pid).length === 0) await sleep(10); // its worker
    return Object.assign(p, { name, port, pids: [p.pid, ...children(p.pid)] });
}

export async function withProxies(names, to, options, action) {
    const list = [];
    for (const name of names) list.push(await startProxy(name, to, options));
    await action(list);
    for (const p of list) await stop(p);
}
