// One room for each codec, and who sends it there. What a room does whose codec somebody cannot show: ../codecs.test.mjs. Debian's
// Firefox has no H.264: it would fetch OpenH264 from elsewhere.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Server, openChromium, openFirefox } from '../harness.mjs';
import { longestGap, watch } from '../impaired.mjs';
import { id, joinWithPage, pageReceives, pageSends } from '../page.mjs';

const WATCH_MS = 10_000;
const TICK_MS = 100;
const CODECS = [ 'VP8', 'VP9', 'AV1', 'H264' ];
const FOXES = [ 'VP8' ];

const folder = mkdtempSync(path.join(tmpdir(), 'moothall-codecs-'));
let chromium, firefox;

before(async () => {
    [ chromium, firefox ] = await Promise.all([ openChromium(), openFirefox() ]);
});
after(async () => {
    await firefox?.close();
    await chromium?.close();
    rmSync(folder, { recursive: true, force: true });
});

for (const codec of CODECS) {
    test(`a room of ${codec}`, async t => {
        const config = path.join(folder, `${codec}.toml`);
        const browsers = FOXES.includes(codec) ? [ chromium, chromium, firefox ] : [ chromium, chromium ];

        writeFileSync(config, `[signal]\ncodecs = [ "${codec.toLowerCase()}" ]\n`);
        const server = await Server.start({ config });

        try {
            const pages = [];

            for (const browser of browsers) {
                pages.push(await joinWithPage(browser, { room: 'codec', name: `${pages.length}` }));
            }
            const ids = await Promise.all(pages.map(id));

            for (const [ index, page ] of pages.entries()) {
                await pageSends(page, codec, 60_000);
                await pageReceives(page, ids.filter((_, other) => other !== index), 60_000);
            }
            const [ page ] = pages;

            await page.evaluate(watch, [ ids[1], TICK_MS ]);
            await new Promise(resolve => setTimeout(resolve, WATCH_MS));
            const samples = await page.evaluate(() => window.samples);
            const [ picture, speech ] = [ longestGap(samples, 'frames'), longestGap(samples, 'audio') ];

            t.diagnostic(`longest gap: picture ${picture} ms, speech ${speech} ms, height ${samples.at(-1).height}`);
            assert.ok(picture <= 1_000, `the picture stood still for ${picture} ms`);
            assert.ok(speech <= 600, `nothing was heard for ${speech} ms`);
            await Promise.all(pages.map(one => one.context().close()));
        } finally {
            await server.stop();
        }
    });
}
