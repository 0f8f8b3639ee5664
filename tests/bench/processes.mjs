// The processes of make bench: those started here are ended here, each by its id.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

// Everybody's folder; of the last run only what was fetched stays.
export const OUT = path.resolve('build/bench');
fs.mkdirSync(OUT, { recursive: true });
for (const name of fs.readdirSync(OUT))
    if (name !== 'root' && name !== 'packages') fs.rmSync(path.join(OUT, name), { recursive: true });

export function write(name, text) {
    const file = path.join(OUT, name);
    fs.writeFileSync(file, text, { mode: 0o600 });
    return file;
}

// Of a process. Node raises it to what the system allows; more only root may, and not everywhere.
export const MAX_FILES = Number(
    /Max open files\s+\d+\s+(\d+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1],
);

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const sum = (list) => list.reduce((a, b) => a + b, 0);

const running = new Set();

// A port that is free now.
export const freePort = () => new Promise((resolve, reject) => {
    const s = net.createServer().on('error', reject).listen(0, '127.0.0.1', () => {
        const { port } = s.address();
        s.close(() => resolve(port));
    });
});

export const CLIENT_KEY = 'sk-bench-4f1d8a7c2e6b';

// Programs that were fetched for this only (tests/install.sh bench) are under build/bench/root.
const ROOT = path.join(OUT, 'root/usr');
const LIBS = fs.existsSync(`${ROOT}/lib`)
    ? fs.readdirSync(`${ROOT}/lib`).map((name) => `${ROOT}/lib/${name}`)
    : [];
export const ENV = {
    PATH: `${process.env.PATH}:/usr/sbin:/sbin:${ROOT}/bin:${ROOT}/sbin`,
    LD_LIBRARY_PATH: LIBS.join(':'),
    BENCH_CLIENT_KEY: CLIENT_KEY,
    BENCH_PROVIDER_KEY: 'sk-provider-of-the-bench',
};

export function launch(core, argv, stdio = ['ignore', 'pipe', 'pipe']) {
    const pinned = os.availableParallelism() > 1 ? ['taskset', '-c', String(core)] : [];
    const [file, ...args] = [...pinned, ...argv.map(String)];
    // A group of its own, so that nginx's worker goes with it.
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

export const failed = (p) =>
    new Error(`${p.argv.join(' ')}: ${p.code ?? 'runs'}\n${p.err}${p.out}`);

export async function finish(p) {
    if ((await p.ended) !== 0) throw failed(p);
    return p.out;
}

export async function stop(p, signal = 'SIGTERM') {
    if (!p.child) return; // direct
    if (p.code === undefined) p.child.kill(signal);
    const timer = setTimeout(() => p.child.kill('SIGKILL'), 5000);
    await p.ended;
    clearTimeout(timer);
}

export async function serves(p, port) {
    for (let tries = 0; tries < 3000 && p.code === undefined; tries++) {
        const open = await new Promise((resolve) => {
            const s = net.connect(port, '127.0.0.1', () => resolve(true));
            s.on('connect', () => s.destroy()).on('error', () => resolve(false));
        });
        if (open) return;
        await sleep(10);
    }
    throw failed(p);
}

export const children = (pid) => spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .stdout.split('\n').filter(Boolean).map(Number);

// Time on a core of all threads, in ns.
export const cpuOf = (pids) =>
    sum(pids.flatMap((pid) => fs.readdirSync(`/proc/${pid}/task`).map((tid) =>
        Number(fs.readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]))));

// Bytes: Rss, or Pss (a page of several processes counts in parts).
export const memoryOf = (pids, what) =>
    1024 * sum(pids.map((pid) => Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(
        fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1])));

// What a program prints.
export const says = (...argv) => {
    const r = spawnSync(argv[0], argv.slice(1), { env: { ...ENV, LC_ALL: 'C' }, encoding: 'utf8' });
    return `${r.stdout}${r.stderr}`;
};

export function endAll() {
    for (const p of running)
        try {
            process.kill(-p.pid, 'SIGKILL');
        } catch {
            // it has ended
        }
}
process.on('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
