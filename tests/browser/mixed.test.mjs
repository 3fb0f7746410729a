// The unmodified lib-jitsi-meet of 2022 in Firefox and in Chromium, in one room; and over data channels instead of WebSockets.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium, openFirefox, until } from './harness.mjs';

let chromium, firefox, library;

before(async () => {
    [ chromium, firefox, library ] = await Promise.all([ openChromium(), openFirefox(), LibraryPage.start() ]);
});
after(async () => {
    library?.stop();
    await chromium?.close();
    await firefox?.close();
});

/** Runs `body` against a server of its own. */
async function hosted(options, body) {
    const server = await Server.start(options);

    try {
        await body(server);
    } finally {
        await server.stop();
    }
}

async function joinAll(browsers, room) {
    const pages = [];

    for (const browser of browsers) {
        pages.push(await joinWithLibrary(browser, library, { room, name: `${pages.length}` }));
    }

    return { pages, ids: await Promise.all(pages.map(me)) };
}

async function everybodyReceives({ pages, ids }) {
    for (const [ index, page ] of pages.entries()) {
        await libraryReceives(page, ids.filter((_, other) => other !== index));
    }
}

async function close({ pages }) {
    await Promise.all(pages.map(page => page.context().close()));
}

/** `other` hears that `page` muted or unmuted its video. */
async function muteVideo(page, other, id, muted) {
    await page.evaluate(value => value ? window.meeting.local.video.mute() : window.meeting.local.video.unmute(), muted);
    await until(other, ([ who, value ]) => window.meeting.events.filter(e => e.what === 'mute' && e.detail[0] === who
        && e.detail[1] === 'video').at(-1)?.detail[2] === value, [ id, muted ], 10_000);
}

test('Firefox and Chromium see and hear each other, also after the camera was off', () => hosted({}, async () => {
    const meeting = await joinAll([ firefox, chromium, firefox ], 'mixed');
    const { pages, ids } = meeting;

    await everybodyReceives(meeting);
    for (const [ from, to ] of [ [ 0, 1 ], [ 1, 2 ] ]) {
        await muteVideo(pages[from], pages[to], ids[from], true);
        await muteVideo(pages[from], pages[to], ids[from], false);
        await libraryReceives(pages[to], [ ids[from] ]);
    }
    await close(meeting);
}));

test('two that join at the same time get each other, whoever is told first', () => hosted({}, async () => {
    for (let round = 0; round < 2; round++) {
        const [ one, two ] = await Promise.all([ firefox, firefox ].map(
            browser => joinWithLibrary(browser, library, { room: `together${round}`, name: 'both' })));
        const meeting = { pages: [ one, two ], ids: await Promise.all([ one, two ].map(me)) };

        await everybodyReceives(meeting);
        await close(meeting);
    }
}));

test('checklist 30, 31: a data channel carries messages and constraints as well', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'moothall-config-'));
    const config = path.join(folder, 'moothall.toml');

    writeFileSync(config, '[signal]\nchannel = "datachannel"\n');
    try {
        await hosted({ config }, async server => {
            assert.match((await server.get('/config.js')).body, /"preferSctp":true/);
            const meeting = await joinAll([ chromium, firefox ], 'data');
            const { pages, ids } = meeting;

            await everybodyReceives(meeting);
            for (const [ index, page ] of pages.entries()) {
                const other = pages[1 - index];

                assert.ok(await page.evaluate(() => window.meeting.events.some(e => e.what === 'channel open')));
                await page.evaluate(id => window.meeting.conference.sendMessage({ hello: 1 }, id), ids[1 - index]);
                await until(other, () => window.meeting.events.some(e => e.what === 'endpoint message' && e.detail.hello === 1),
                    undefined, 10_000);
            }
            await pages[0].evaluate(() => window.meeting.conference.setReceiverConstraints({ lastN: 0 }));
            // No more frames from one look to the next.
            await until(pages[0], async id => {
                const { frames } = (await window.meeting.media())[`${id}/video`];
                const still = window.lastFrames === frames;

                window.lastFrames = frames;

                return still;
            }, ids[1], 10_000);
            await pages[0].evaluate(() => window.meeting.conference.setReceiverConstraints({ lastN: -1 }));
            await libraryReceives(pages[0], [ ids[1] ]);
            await close(meeting);
        });
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
});
