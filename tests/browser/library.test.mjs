// A client that nobody here wrote: the unmodified lib-jitsi-meet of 2022, in Chromium, with real media.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium, until } from './harness.mjs';

let server, browser, library;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
    library = await LibraryPage.start();
});
after(async () => {
    library?.stop();
    await browser?.close();
    await server?.stop();
});

async function close(pages) {
    await Promise.all(pages.map(page => page.context().close()));
}

test('three clients of the library see and hear each other', async () => {
    const pages = [];

    for (const name of [ 'Ada', 'Grace', 'Mary' ]) {
        pages.push(await joinWithLibrary(browser, library, { room: 'three', name }));
    }
    const ids = await Promise.all(pages.map(me));

    for (const [ index, page ] of pages.entries()) {
        await libraryReceives(page, ids.filter((_, other) => other !== index));
    }
    const events = await pages[0].evaluate(() => window.meeting.events);

    assert.ok(events.some(e => e.what === 'channel open'), 'the bridge channel opens');
    await close(pages);
});

test('chat, mute and leaving reach the others', async () => {
    const pages = [
        await joinWithLibrary(browser, library, { room: 'talk', name: 'Ada' }),
        await joinWithLibrary(browser, library, { room: 'talk', name: 'Grace' })
    ];
    const [ ada, grace ] = await Promise.all(pages.map(me));

    await libraryReceives(pages[1], [ ada ]);
    await pages[0].evaluate(() => window.meeting.conference.sendTextMessage('Does <this> work & stay?'));
    await pages[1].waitForFunction(() => window.meeting.chat.length > 0, undefined, { timeout: 10_000 });
    assert.deepEqual(await pages[1].evaluate(() => window.meeting.chat), [ { id: ada, text: 'Does <this> work & stay?' } ]);
    await pages[1].evaluate(id => window.meeting.conference.sendMessage({ hello: 1 }, id), ada);
    await pages[0].waitForFunction(() => window.meeting.events.some(e => e.what === 'endpoint message' && e.detail.hello === 1),
        undefined, { timeout: 10_000 });
    await pages[0].evaluate(() => window.meeting.local.audio.mute());
    await pages[1].waitForFunction(id => window.meeting.events.some(
        e => e.what === 'mute' && e.detail[0] === id && e.detail[1] === 'audio' && e.detail[2]), ada, { timeout: 10_000 });
    await pages[1].evaluate(() => window.meeting.leave());
    await pages[0].waitForFunction(id => window.meeting.events.some(e => e.what === 'user left' && e.detail === id), grace,
        { timeout: 10_000 });
    await close(pages);
});

test('by loopback address, by localhost, by another address and with a hand-written domain: one room', async () => {
    const pages = [
        await joinWithLibrary(browser, library, { room: 'names', name: 'loopback' }),
        await joinWithLibrary(browser, library, { room: 'names', name: 'localhost', server: 'https://localhost:8443' }),
        await joinWithLibrary(browser, library, { room: 'names', name: 'address', server: 'https://192.0.2.2:8443' }),
        await joinWithLibrary(browser, library, {
            room: 'names', name: 'by hand', domain: '192.0.2.2', websocket: 'wss://192.0.2.2:8443/xmpp-websocket'
        })
    ];
    const ids = await Promise.all(pages.map(me));

    for (const [ index, page ] of pages.entries()) {
        await libraryReceives(page, ids.filter((_, other) => other !== index), 60_000);
    }
    await close(pages);
});

test('a session whose path broke is begun anew in the same stay', async () => {
    const pages = [
        await joinWithLibrary(browser, library, { room: 'anew', name: 'Ada' }),
        await joinWithLibrary(browser, library, { room: 'anew', name: 'Grace' })
    ];
    const [ ada, grace ] = await Promise.all(pages.map(me));

    await libraryReceives(pages[0], [ grace ]);
    await libraryReceives(pages[1], [ ada ]);
    // What the library does when ICE has failed for a while.
    const sid = await pages[0].evaluate(() => {
        const session = window.meeting.conference.jvbJingleSession;

        session.terminate(() => undefined, () => undefined, {
            reason: 'connectivity-error', reasonDescription: 'ICE FAILED', requestRestart: true, sendSessionTerminate: true
        });

        return session.sid;
    });

    await until(pages[0], old => {
        const session = window.meeting.conference.jvbJingleSession;

        return session && session.sid !== old;
    }, sid, 20_000);
    await libraryReceives(pages[0], [ grace ]);
    await libraryReceives(pages[1], [ ada ]);
    await close(pages);
});
