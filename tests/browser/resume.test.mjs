// Connections that break in mid-meeting: the unmodified lib-jitsi-meet of 2022 takes up its stream again (XEP-0198).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Cable } from './cable.mjs';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium, until } from './harness.mjs';

let server, browser, library;
const cables = [];

before(async () => {
    server = await Server.start();
    browser = await openChromium();
    library = await LibraryPage.start();
});
after(async () => {
    cables.forEach(cable => cable.stop());
    library?.stop();
    await browser?.close();
    await server?.stop();
});

/** Two people; the first one's signaling goes through a cable of its own. */
async function meet(room) {
    const cable = await Cable.to();

    cables.push(cable);
    const websocket = `wss://127.0.0.1:${cable.port}/xmpp-websocket`;
    const ada = await joinWithLibrary(browser, library, { room, name: 'Ada', websocket });
    const grace = await joinWithLibrary(browser, library, { room, name: 'Grace' });

    await libraryReceives(ada, [ await me(grace) ]);
    await libraryReceives(grace, [ await me(ada) ]);

    return { cable, ada, grace };
}

async function say(page, text) {
    await page.evaluate(text => window.meeting.conference.sendTextMessage(text), text);
}

function hears(page, text) {
    return until(page, text => window.meeting.chat.some(message => message.text === text), text, 30_000);
}

async function events(page, what) {
    return page.evaluate(what => window.meeting.events.filter(event => event.what === what), what);
}

test('a cut socket is taken up again, with the same place and without a break in the media', async () => {
    const { cable, ada, grace } = await meet('cut');
    const before = await me(ada);
    const sessions = await ada.evaluate(() => window.meeting.peerConnections.length);

    cable.cut();
    await until(ada, () => !window.meeting.connection.xmpp.connection.connected, undefined, 20_000);
    await say(grace, 'said while you were away');
    await libraryReceives(grace, [ before ]);
    await libraryReceives(ada, [ await me(grace) ]);
    cable.plug();
    await hears(ada, 'said while you were away');
    await say(ada, 'back');
    await hears(grace, 'back');
    assert.equal(await me(ada), before);
    assert.equal(await ada.evaluate(() => window.meeting.peerConnections.length), sessions, 'the media session is the same');
    assert.deepEqual(await events(grace, 'user left'), []);
    assert.deepEqual(await events(ada, 'connection failed'), []);
    await libraryReceives(grace, [ before ]);
    await ada.context().close();
    await grace.context().close();
});

test('who leaves the page is gone at once', async () => {
    const { cable, ada, grace } = await meet('gone');
    const left = await me(ada);

    await ada.goto('about:blank');
    await until(grace, id => window.meeting.events.some(e => e.what === 'user left' && e.detail === id), left, 10_000);
    await ada.context().close();
    await grace.context().close();
});
