// What is served for monitoring, with a real Prometheus: it takes the numbers and the alert rules, and the dashboard asks for nothing
// that is not there.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Server, openChromium } from './browser/harness.mjs';
import { id, joinWithPage, pageReceives } from './browser/page.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const SHIPPED = path.join(ROOT, 'appliance/monitoring');
/** Where Debian's package was unpacked: installed it would serve everybody. */
const DEBIAN = process.env.PROMETHEUS ?? path.join(ROOT, 'work/prometheus/usr/bin');
const BOX = 'http://127.0.0.1:8080';
const PROMETHEUS = 'http://127.0.0.1:9090';

let server, browser, prometheus;
const folder = mkdtempSync(path.join(tmpdir(), 'moothall-prometheus-'));

before(async () => {
    server = await Server.start();
    cpSync(SHIPPED, folder, { recursive: true });
    const config = path.join(folder, 'prometheus.yml');

    writeFileSync(config, readFileSync(config, 'utf8').replaceAll('15s', '1s'));
    prometheus = spawn(path.join(DEBIAN, 'prometheus'), [
        `--config.file=${config}`, `--storage.tsdb.path=${path.join(folder, 'data')}`, '--web.listen-address=127.0.0.1:9090'
    ], { stdio: 'ignore' });
});
after(async () => {
    prometheus?.kill('SIGKILL');
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
});

async function ask(url) {
    const answer = await fetch(url);

    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
}

/** Asks until the answer fits. */
async function eventually(url, fits, ms = 30_000) {
    const end = Date.now() + ms;

    for (;;) {
        const answer = await ask(url).catch(error => ({ text: error.message }));

        if (fits(answer)) {
            return answer;
        }
        assert.ok(Date.now() < end, `${url}: ${answer.text.slice(0, 400)}`);
        await new Promise(resolve => setTimeout(resolve, 250));
    }
}

function query(expression, fits) {
    const url = `${PROMETHEUS}/api/v1/query?query=${encodeURIComponent(expression)}`;

    return eventually(url, ({ status, text }) => status === 200 && fits(JSON.parse(text).data.result));
}

test('what comes with the box is good in the eyes of Prometheus', () => {
    execFileSync(path.join(DEBIAN, 'promtool'), [ 'check', 'config', path.join(SHIPPED, 'prometheus.yml') ]);
    const text = execFileSync('curl', [ '-sf', `${BOX}/metrics` ]);

    // Ends with 1, and says what is wrong, for names and types that are not as they should be.
    execFileSync(path.join(DEBIAN, 'promtool'), [ 'check', 'metrics' ], { input: text, stdio: [ 'pipe', 'inherit', 'inherit' ] });
});

test('checklist 111: an idle box is healthy from its start, and says what it is', async () => {
    assert.equal((await ask(`${BOX}/about/health`)).status, 200);
    assert.equal(JSON.parse((await ask(`${BOX}/about/version`)).text).name, 'Moothall');
    const stats = JSON.parse((await ask(`${BOX}/colibri/stats`)).text);

    assert.equal(stats.healthy, true);
    assert.equal(stats.participants, 0);
    assert.equal((await ask(`${BOX}/nothing`)).status, 404);
});

test('a meeting is seen by Prometheus, and the dashboard asks for nothing that is not there', async () => {
    browser = await openChromium();
    const pages = [
        await joinWithPage(browser, { room: 'numbers', name: 'Ada' }),
        await joinWithPage(browser, { room: 'numbers', name: 'Grace' })
    ];
    const ids = await Promise.all(pages.map(id));

    await pageReceives(pages[0], [ ids[1] ]);
    await query('moothall_endpoints_sending_video', result => result[0]?.value[1] === '2');
    await query('rate(moothall_forwarded_packets_total[30s]) > 10', result => result.length === 1);
    const stats = JSON.parse((await ask(`${BOX}/colibri/stats`)).text);

    assert.equal(stats.participants, 2);
    assert.equal(stats.conferences, 1);
    assert.equal(stats.largest_conference, 2);
    assert.ok(stats.total_colibri_web_socket_messages_received > 0 && stats.total_packets_sent > 0, JSON.stringify(stats));
    const [ conference ] = Object.values(JSON.parse((await ask(`${BOX}/debug`)).text).conferences);

    assert.deepEqual(Object.keys(conference.endpoints).sort(), [ ...ids ].sort());
    assert.ok(conference.endpoints[ids[0]].estimated_bps > 0);
    const { text } = await ask(`${BOX}/metrics`);
    const dashboard = readFileSync(path.join(SHIPPED, 'dashboard.json'), 'utf8');
    const rules = readFileSync(path.join(SHIPPED, 'alerts.yml'), 'utf8');

    for (const [ name ] of (dashboard + rules).matchAll(/moothall_[a-z_]+/g)) {
        assert.match(text, new RegExp(`^${name}[ {]`, 'm'), name);
    }
    for (const { targets } of JSON.parse(dashboard).panels) {
        for (const { expr } of targets) {
            await query(expr.replaceAll('$instance', '.*'), result => result.length > 0);
        }
    }
});

test('a box that drains goes on with its meeting and begins no other, and takes orders from no web page', async () => {
    const order = (what, headers = {}) => fetch(`${BOX}/colibri/drain/${what}`, { method: 'POST', headers });

    assert.equal((await order('enable', { Origin: 'http://evil.example' })).status, 403);
    assert.equal((await ask(`${BOX}/colibri/drain/enable`)).status, 405);
    assert.equal((await order('enable')).status, 200);
    await eventually(`${BOX}/colibri/stats`, ({ text }) => JSON.parse(text).drain === true);
    const other = await joinWithPage(browser, { room: 'another', name: 'Edith' });
    const another = await joinWithPage(browser, { room: 'another', name: 'Frances' });

    await eventually(`${BOX}/metrics`, ({ text }) => /^moothall_draining 1$/m.test(text) && /^moothall_occupants 4$/m.test(text));
    assert.equal(Object.keys(JSON.parse((await ask(`${BOX}/debug`)).text).conferences).length, 1);
    await Promise.all([ other, another ].map(page => page.waitForSelector('.notices >> text=cannot carry sound and picture')));
    assert.equal((await order('disable')).status, 200);
    await pageReceives(other, [ await id(another) ]);
    await other.waitForSelector('.notices >> text=cannot carry sound and picture', { state: 'detached' });
    await Promise.all([ other, another ].map(page => page.context().close()));
});

test('a box that stands still is unwell, and an alert is on its way', async () => {
    const rules = JSON.parse((await eventually(`${PROMETHEUS}/api/v1/rules`, ({ status }) => status === 200)).text);

    assert.deepEqual(rules.data.groups[0].rules.map(({ health }) => health).filter(health => health !== 'ok' && health !== 'unknown'), []);
    server.child.kill('SIGKILL');
    await server.exited;
    await query('ALERTS{alertname="MoothallDown"}', result => result.length === 1);
});
