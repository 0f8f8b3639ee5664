// The rows of the table: what was measured, what it should be, and whether it is.
//
//     value   which numbers (see run.mjs), for each proxy
//     show    how to print one
//     by      which numbers are judged (default: value). What a proxy adds has no ratio: it may be
//             nothing, or less
//     of      whose number is judged (default: governed): the first of these that has one
//     ratio   to what it is set in proportion: [who, ...], and which of them: Math.min or Math.max
//     held    of the ratio, where there is one, else of the number itself

const whole = (x) => Math.round(x).toLocaleString('en');
const tenth = (x) => x.toFixed(1);
const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
const mb = (bytes) => `${(bytes / 1048576).toFixed(1)} MB`;
const us = (x) => `${Math.abs(x) < 10 ? x.toFixed(1) : whole(x)} µs`;
const ms = (x) => `${x.toFixed(1)} ms`;
const seconds = (x) => `${x.toFixed(2)} s`;
const atMost = (limit) => (x) => x <= limit;
const atLeast = (limit) => (x) => x >= limit;

const RIVALS = ['nginx', 'haproxy'];
const atEach = (f) => [1, 64, 512].map((n) => f(n, n === 1 ? '1 connection' : `${n} connections`));

export const TARGETS = [
    ...atEach((n, name) => ({ what: `1 KB requests/s, ${name}`, target: 'most',
        value: `small.${n}.rps`, show: whole, ratio: [Math.max, RIVALS], held: atLeast(1) })),
    ...['p50', 'p99'].flatMap((p) => atEach((n, name) => ({ what: `added latency ${p}, ${name}`,
        target: 'least', value: `small.${n}.${p}.added`, show: us, ratio: [Math.min, RIVALS],
        held: atMost(1) }))),
    { what: 'governed to bare, requests/s, 64 connections', target: '≥ 0.9 x bare',
        value: 'small.64.rps', show: whole, ratio: [Math.max, ['bare']], held: atLeast(0.9) },
    ...atEach((n, name) => ({ what: `CPU per 1 KB request, ${name}`,
        target: n === 64 ? '≤ 0.8 x nginx' : '', value: `small.${n}.cpu_us`, show: us,
        ratio: [Math.min, ['nginx']], held: n === 64 ? atMost(0.8) : undefined })),
    { what: 'CPU per 1 KB request, TLS upstream, 64 connections', target: '≤ 0.8 x nginx',
        value: 'tls.64.cpu_us', show: us, ratio: [Math.min, ['nginx']], held: atMost(0.8) },
    { what: 'user instructions per 1 KB request', target: '≤ 20,000',
        value: 'small.instructions', show: whole, held: atMost(20000) },
    { what: 'system calls per 1 KB request, 64 connections', target: '≤ 6.5',
        value: 'small.64.calls', show: tenth, held: atMost(6.5) },
    { what: '100 KB requests/s', target: '≥ 2 x nginx', value: 'body.100k.rps', show: whole,
        ratio: [Math.max, ['nginx']], held: atLeast(2) },
    { what: '5 MB requests/s', target: '≥ 2.8 x nginx', value: 'body.5m.rps', show: tenth,
        ratio: [Math.max, ['nginx']], held: atLeast(2.8) },
    { what: 'CPU per 100 KB request', target: '', value: 'body.100k.cpu_us', show: us,
        ratio: [Math.min, ['nginx']] },
    { what: 'CPU per 5 MB request', target: '', value: 'body.5m.cpu_us', show: us,
        ratio: [Math.min, ['nginx']] },
    { what: 'added time to first event, p50', target: '≤ 60 µs', value: 'paced.first_p50.added',
        show: us, held: atMost(60) },
    { what: 'added time to first event, p99', target: '', value: 'paced.first_p99.added',
        show: us },
    { what: 'added delay per event, p50', target: '≤ 20 µs', value: 'paced.delay_p50.added',
        show: us, held: atMost(20) },
    { what: 'added delay per event, p99', target: '', value: 'paced.delay_p99.added', show: us },
    { what: 'CPU per paced event', target: '', value: 'paced.cpu_us', show: us },
    { what: 'streamed events/s, bulk', target: '', value: 'bulk.rate', show: whole },
    { what: 'CPU per 1M streamed events, bulk', target: '≤ 0.35 s', value: 'bulk.cpu_s',
        show: seconds, held: atMost(0.35) },
    { what: 'the same, events padded as OpenAI does', target: '≤ 0.35 s', value: 'padded.cpu_s',
        show: seconds, held: atMost(0.35) },
    { what: 'user instructions per streamed event, bulk', target: '', value: 'bulk.instructions',
        show: whole },
    { what: 'memory, idle (RSS)', target: '≤ 1.5 MB', value: 'idle.rss', show: mb,
        of: ['static', 'governed'], held: atMost(1.5 * 1048576) },
    { what: 'memory, idle (PSS)', target: '', value: 'idle.pss', show: mb },
    { what: 'memory per stream, 1,000 open', target: '≤ 3 KB', value: 'open.1000.each', show: kb,
        held: atMost(3 * 1024) },
    { what: 'memory per stream, 1,000 open, TLS upstream', target: '≤ 18 KB',
        value: 'open.tls.each', show: kb, held: atMost(18 * 1024) },
    { what: 'memory per stream, MANY open', target: '≤ 3 KB', value: 'open.many.each', show: kb,
        held: atMost(3 * 1024) },
    { what: 'memory, MANY open (RSS)', target: '≤ 40 MB', value: 'open.many.rss', show: mb,
        held: atMost(40 * 1048576) },
    { what: 'streams whole of MANY', target: 'all', value: 'open.many.whole', show: whole,
        held: () => true },
    { what: 'start to first answer', target: '≤ 5 ms', value: 'start.ms', show: ms,
        of: ['static', 'bare'], held: atMost(5) },
    { what: 'binary, stripped', target: '≤ 400 KB, static', value: 'size', show: kb,
        of: ['static', 'bare'], held: atMost(400 * 1024) },
    { what: 'SSE reader, reads of 16 KB', target: '≥ 0.5 x memchr', value: 'micro.sse',
        of: ['or.h'], show: (x) => `${x} x memchr`, held: atLeast(0.5) },
    { what: 'JSON scan, 1 MB chat', target: '≥ 2 x jsmn', value: 'micro.chat', of: ['or.h'],
        show: (x) => `${x} x jsmn`, held: atLeast(2) },
    { what: 'JSON scan, one large string', target: '≥ 5 x jsmn', value: 'micro.image',
        of: ['or.h'], show: (x) => `${x} x jsmn`, held: atLeast(5) },
    { what: 'request head of 561 bytes', target: '', value: 'micro.head', of: ['or.h'],
        show: (x) => `${(x / 1000).toFixed(2)} µs` },
    { what: 'plan for a request, 400 models of 3 providers', target: '', value: 'micro.plan',
        of: ['or.h'], show: (x) => us(x / 1000) },
    { what: 'orproxy\'s decision, the same and a scan of the body', target: '', of: ['or.h'],
        value: 'micro.decide', show: (x) => us(x / 1000) },
];
