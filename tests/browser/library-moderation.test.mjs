// What moderators do, with a client that nobody here wrote: the unmodified lib-jitsi-meet of 2022, in Chromium.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, happens, joinWithLibrary, libraryReceives, me, openChromium, openLibrary, until } from './harness.mjs';

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

function join(room, name, more = {}) {
    return joinWithLibrary(browser, library, { room, name, height: 180, ...more });
}

async function close(pages) {
    await Promise.all(pages.map(page => page.context().close()));
}

/** The moderator, who came first, and others. */
async function meeting(room, ...names) {
    const pages = [];

    for (const name of names) {
        pages.push(await join(room, name));
    }
    await until(pages[0], () => window.meeting.conference.isModerator(), undefined, 20_000);

    return pages;
}

test('who is kicked learns by whom and why, and may come back', async () => {
    const [ ada, grace ] = await meeting('kick', 'Ada', 'Grace');
    const [ adasId, gracesId ] = [ await me(ada), await me(grace) ];

    await libraryReceives(ada, [ gracesId ]);
    await ada.evaluate(id => window.meeting.conference.kickParticipant(id, 'Enough'), gracesId);
    assert.deepEqual(await happens(grace, 'kicked'), [ adasId, 'Enough' ]);
    assert.equal(await happens(ada, 'user left'), gracesId);
    const again = await join('kick', 'Grace');

    await libraryReceives(ada, [ await me(again) ]);
    await close([ ada, grace, again ]);
});

test('a password is set, guessed, known, and taken away', async () => {
    const [ ada ] = await meeting('password', 'Ada');

    await ada.evaluate(() => window.meeting.conference.lock('s3cret'));
    assert.equal(await happens(ada, 'locked'), true);
    const grace = await openLibrary(browser, library, { room: 'password', name: 'Grace', height: 180 });

    assert.deepEqual(await happens(grace, 'conference failed'), [ 'conference.passwordRequired' ]);
    await grace.evaluate(() => window.meeting.conference.join('guess'));
    assert.deepEqual(await happens(grace, 'conference failed', 2), [ 'conference.passwordRequired' ]);
    await grace.evaluate(() => window.meeting.conference.join('s3cret'));
    await libraryReceives(ada, [ await happens(grace, 'joined') ]);
    await ada.evaluate(() => window.meeting.conference.unlock());
    assert.equal(await happens(ada, 'locked', 2), false);
    await close([ ada, grace, await join('password', 'Mary') ]);
});

test('a lobby holds guests until they are let in, turned away, or it is closed', async () => {
    const [ ada, grace ] = await meeting('lobby', 'Ada', 'Grace');

    await ada.evaluate(() => window.meeting.conference.enableLobby());
    // The first thing that they hear of it is that there is none.
    assert.equal(await happens(grace, 'members only', 2), true);
    assert.equal(await happens(ada, 'members only', 2), true);

    // A guest knocks, with a name and an address, and is let in.
    const mary = await openLibrary(browser, library, { room: 'lobby', name: 'Mary', height: 180 });
    const [ why, where ] = await happens(mary, 'conference failed');

    assert.equal(why, 'conference.connectionError.membersOnly');
    assert.match(where, /^lobby@lobby\./);
    await mary.evaluate(() => window.meeting.conference.joinLobby('Mary', 'mary@example.org'));
    const [ knocker, name ] = await happens(ada, 'knocks');

    assert.equal(name, 'Mary');
    assert.deepEqual(await happens(ada, 'knocks as'), [ knocker, 'mary@example.org' ]);
    await ada.evaluate(id => window.meeting.conference.lobbyApproveAccess(id), knocker);
    await libraryReceives(ada, [ await happens(mary, 'joined') ]);
    assert.equal(await happens(ada, 'knocks no more'), knocker);

    // Another is turned away.
    const eve = await openLibrary(browser, library, { room: 'lobby', name: 'Eve', height: 180 });

    await happens(eve, 'conference failed');
    await eve.evaluate(() => window.meeting.conference.joinLobby('Eve'));
    const [ unwanted ] = await happens(ada, 'knocks', 2);

    await ada.evaluate(id => window.meeting.conference.lobbyDenyAccess(id), unwanted);
    assert.deepEqual(await happens(eve, 'conference failed', 2), [ 'conference.connectionError.accessDenied' ]);
    assert.equal(await happens(ada, 'knocks no more', 2), unwanted);

    // Whoever waits when the lobby is closed comes in.
    const zoe = await openLibrary(browser, library, { room: 'lobby', name: 'Zoe', height: 180 });

    await happens(zoe, 'conference failed');
    await zoe.evaluate(() => window.meeting.conference.joinLobby('Zoe'));
    await happens(ada, 'knocks', 3);
    await ada.evaluate(() => window.meeting.conference.disableLobby());
    await happens(zoe, 'joined');
    assert.equal(await happens(ada, 'members only', 3), false);
    assert.ok(!(await grace.evaluate(() => window.meeting.events)).some(e => e.what === 'knocks'), 'knocks are for moderators');
    await close([ ada, grace, mary, eve, zoe ]);
});

test('a moderator mutes the sound and the picture of another', async () => {
    const [ ada, grace ] = await meeting('mute', 'Ada', 'Grace');
    const [ adasId, gracesId ] = [ await me(ada), await me(grace) ];

    await libraryReceives(ada, [ gracesId ]);
    // Others' microphones may have been switched on before.
    const muted = ([ what, by ]) => window.meeting.events.some(e => e.what === 'mute' && `${e.detail}` === `me,${what},true,${by}`);

    for (const kind of [ 'audio', 'video' ]) {
        await ada.evaluate(([ id, what ]) => window.meeting.conference.muteParticipant(id, what), [ gracesId, kind ]);
        await until(grace, muted, [ kind, adasId ], 30_000);
        await until(ada, ([ id, what ]) => window.meeting.remote.get(`${id}/${what}`)?.isMuted(), [ gracesId, kind ], 20_000);
    }
    await close([ ada, grace ]);
});

test('a moderator makes another, leaves, and comes back by the same connection', async () => {
    const [ ada, grace ] = await meeting('grant', 'Ada', 'Grace');
    const [ adasId, gracesId ] = [ await me(ada), await me(grace) ];

    await ada.evaluate(id => window.meeting.conference.grantOwner(id), gracesId);
    await until(grace, () => window.meeting.conference.isModerator(), undefined, 20_000);
    await grace.evaluate(() => window.meeting.conference.setSubject('Plans'));
    await until(ada, () => window.meeting.events.some(e => e.what === 'subject' && e.detail === 'Plans'), undefined, 20_000);
    await grace.evaluate(() => window.meeting.conference.sendTextMessage('Said before'));
    await ada.evaluate(() => window.meeting.conference.leave());
    assert.equal(await happens(grace, 'user left'), adasId);
    await ada.evaluate(() => window.meeting.enter());
    await happens(ada, 'joined', 2);
    await until(ada, () => window.meeting.chat.some(m => m.text === 'Said before' && m.stamp), undefined, 20_000);
    await libraryReceives(ada, [ gracesId ]);
    await libraryReceives(grace, [ await me(ada) ]);
    await close([ ada, grace ]);
});
