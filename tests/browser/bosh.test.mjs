// Ways that let no WebSocket through: the unmodified lib-jitsi-meet of 2022 speaks XMPP in HTTP requests (BOSH).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, happens, joinWithLibrary, libraryReceives, me, openChromium, until } from './harness.mjs';

const BOSH = 'https://127.0.0.1:8443/http-bind';

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

test('a client without WebSocket meets one that has it', async () => {
    const ada = await joinWithLibrary(browser, library, { room: 'requests', name: 'Ada', bosh: BOSH });
    const grace = await joinWithLibrary(browser, library, { room: 'requests', name: 'Grace' });
    const ways = await Promise.all([ ada, grace ].map(page => page.evaluate(
        () => performance.getEntriesByType('resource').some(entry => entry.name.includes('/http-bind')))));

    assert.deepEqual(ways, [ true, false ]);
    await libraryReceives(ada, [ await me(grace) ]);
    await libraryReceives(grace, [ await me(ada) ]);
    await ada.evaluate(() => window.meeting.conference.sendTextMessage('by <requests> & answers'));
    await until(grace, () => window.meeting.chat.some(({ text }) => text === 'by <requests> & answers'), undefined, 20_000);
    await grace.evaluate(() => window.meeting.conference.sendTextMessage('by WebSocket'));
    await until(ada, () => window.meeting.chat.some(({ text }) => text === 'by WebSocket'), undefined, 20_000);
    const left = await me(ada);

    await ada.evaluate(() => window.meeting.leave());
    await until(grace, id => window.meeting.events.some(e => e.what === 'user left' && e.detail === id), left, 20_000);
    await ada.context().close();
    await grace.context().close();
});

test('the box stops while a request is held: the client hears of it', async () => {
    const other = await joinWithLibrary(browser, library, { room: 'stopped', name: 'Ada', bosh: BOSH });

    await server.stop();
    server = undefined;
    await happens(other, 'connection failed');
    await other.context().close();
});
