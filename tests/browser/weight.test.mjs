// What the page costs whoever opens it: bytes on the wire, and time until something is seen.
import assert from 'node:assert/strict';
import https from 'node:https';
import { after, before, test } from 'node:test';
import { Server, openChromium, tab } from './harness.mjs';

const ORIGIN = 'https://127.0.0.1:8443';
const BUDGET = 250 * 1024;
const FIRST_PAINT_MS = 300;
const LOADS = 12;

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

function packed(where) {
    return new Promise((resolve, reject) => {
        https.get(`${ORIGIN}${where}`, { rejectUnauthorized: false, agent: false, headers: { 'accept-encoding': 'gzip' } }, response => {
            let bytes = 0;

            response.on('data', part => { bytes += part.length; });
            response.on('end', () => resolve({ status: response.statusCode, bytes, policy: response.headers['content-security-policy'] }));
        }).on('error', reject);
    });
}

test('everything that the page ever loads is small, and its policy lets nothing else in', async t => {
    const all = [ '/', '/app.js', '/app.css', '/config.js', '/branding.json', '/icon.svg', '/manifest.webmanifest', '/external_api.js', '/lang/de.json', '/lang/es.json' ];
    let total = 0;

    for (const where of all) {
        const { status, bytes, policy } = await packed(where);

        assert.equal(status, 200, where);
        assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
        assert.doesNotMatch(policy, /unsafe/);
        total += bytes;
    }
    t.diagnostic(`${(total / 1024).toFixed(1)} KiB in all`);
    assert.ok(total <= BUDGET, `${total} bytes`);
});

test('something is seen at once', async t => {
    const times = [];

    // The best of several: what else this machine does is not the page's doing.
    for (let load = 0; load < LOADS && !(Math.min(...times) <= FIRST_PAINT_MS); load++) {
        const page = await tab(browser);

        await page.goto(`${ORIGIN}/room`);
        await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0, undefined, { timeout: 20_000 });
        times.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
        await page.context().close();
    }
    t.diagnostic(`first paint after ${times.map(Math.round).join(', ')} ms`);
    assert.ok(Math.min(...times) <= FIRST_PAINT_MS);
});
