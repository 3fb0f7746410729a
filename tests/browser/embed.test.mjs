// A room in a frame of another page: who may have it, and what that page can do with it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Server, openChromium, tab, until } from './harness.mjs';
import { id, joinWithPage, state } from './page.mjs';

const BOX = '127.0.0.1:8443';
const HTML = `<!doctype html><title>Intranet</title><script src="https://${BOX}/external_api.js"></script><body style="margin:0"><div id="room" style="height:700px"></div>`;

let server, browser, listed, stranger, folder;

/** A page of somebody else, on a port of its own. */
async function intranet() {
    const site = http.createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(HTML));

    site.listen(0, '127.0.0.1');
    await once(site, 'listening');

    return site;
}

function origin(site) {
    return `http://127.0.0.1:${site.address().port}`;
}

before(async () => {
    [ listed, stranger ] = [ await intranet(), await intranet() ];
    folder = mkdtempSync(path.join(tmpdir(), 'moothall-site-'));
    const config = path.join(folder, 'site.toml');

    writeFileSync(config, `[signal]\nembedders = [${JSON.stringify(origin(listed))}]\n`);
    server = await Server.start({ config });
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
    listed?.close();
    stranger?.close();
    rmSync(folder, { recursive: true, force: true });
});

/** Opens the embedding page and begins a meeting in its frame; events are kept in `window.told`. */
async function embed(site, options) {
    const page = await tab(browser);

    await page.goto(origin(site));
    await page.evaluate(given => {
        const api = window.api = new window.JitsiMeetExternalAPI('127.0.0.1:8443', { ...given, parentNode: document.getElementById('room') });

        window.told = [];
        for (const event of api.getSupportedEvents()) {
            api.on(event, data => window.told.push({ event, ...data }));
        }
    }, options);

    return page;
}

function told(page, event, more = {}) {
    return page.waitForFunction(([ name, wanted ]) => window.told.find(one => one.event === name
        && Object.entries(wanted).every(([ key, value ]) => one[key] === value)), [ event, more ], { timeout: 30_000 }).then(handle => handle.jsonValue());
}

function command(page, ...values) {
    return page.evaluate(all => window.api.executeCommand(...all), values);
}

test('a listed page has a room in its frame, commands it and is told what happens', async () => {
    const page = await embed(listed, {
        roomName: 'framed', userInfo: { displayName: 'Ada' }, lang: 'en',
        configOverwrite: { prejoinConfig: { enabled: false }, startWithAudioMuted: true }
    });
    const joined = await told(page, 'videoConferenceJoined');

    assert.ok(!await page.evaluate(() => window.told.some(one => one.event === 'prejoinScreenLoaded')), 'it went straight in');
    assert.equal(joined.displayName, 'Ada');
    assert.equal(joined.roomName, 'framed');
    const other = await joinWithPage(browser, { room: 'framed', name: 'Grace' });
    const grace = await id(other);

    await told(page, 'participantJoined', { id: grace, displayName: 'Grace' });
    assert.equal(await page.evaluate(() => window.api.getNumberOfParticipants()), 2);
    assert.equal(await page.evaluate(() => window.api.isAudioMuted()), true);
    assert.equal(await page.evaluate(() => window.api.isVideoMuted()), false);
    await command(page, 'toggleAudio');
    await told(page, 'audioMuteStatusChanged', { muted: false });
    await command(page, 'displayName', 'Ada L');
    await other.waitForFunction(() => window.moothall.state().participants[0]?.name === 'Ada L', undefined, { timeout: 10_000 });
    await command(page, 'sendChatMessage', 'From outside');
    await other.waitForFunction(() => window.moothall.state().chat === 1, undefined, { timeout: 10_000 });
    await other.locator('[data-test=hand]').click();
    await told(page, 'raiseHandUpdated', { id: grace, handRaised: true });
    assert.ok((await page.evaluate(() => window.api.getAvailableDevices())).videoInput.length > 0);
    await command(page, 'hangup');
    await told(page, 'readyToClose');
    await other.waitForFunction(() => window.moothall.state().participants.length === 0, undefined, { timeout: 10_000 });
    await page.evaluate(() => window.api.dispose());
    assert.equal(await page.locator('iframe').count(), 0);
    await Promise.all([ page, other ].map(one => one.context().close()));
});

test('the pages around two frames speak to each other, and one of them minds the door and the room', async () => {
    const straight = name => ({ roomName: 'minded', userInfo: { displayName: name }, configOverwrite: { prejoinConfig: { enabled: false } } });
    const page = await embed(listed, straight('Ada'));

    await told(page, 'ready');
    await told(page, 'videoConferenceJoined');
    // Whoever is greeted at once has no way to the bridge yet, nor has who greets.
    await page.evaluate(() => window.api.on('participantJoined', ({ id }) => window.api.executeCommand('sendEndpointTextMessage', id, 'welcome')));
    const other = await embed(listed, straight('Grace'));
    const { id: grace } = await told(other, 'videoConferenceJoined');

    await told(page, 'participantJoined', { id: grace });
    // What is said to nobody who is here is said to nobody at all.
    await command(page, 'sendEndpointTextMessage', 'nobody', 'lost');
    await command(page, 'sendEndpointTextMessage', grace, 'psst');
    await other.waitForFunction(() => window.told.filter(one => one.event === 'endpointTextMessageReceived').length === 2, undefined, { timeout: 30_000 });
    const [ welcome, { data } ] = await other.evaluate(() => window.told.filter(one => one.event === 'endpointTextMessageReceived'));

    assert.deepEqual([ welcome.data.eventData.text, data.eventData.text ], [ 'welcome', 'psst' ]);
    assert.match(data.senderInfo.jid, new RegExp(`^minded@.*/${data.senderInfo.id}$`));
    await command(page, 'toggleModeration', true, 'audio');
    await told(other, 'moderationStatusChanged', { mediaType: 'audio', enabled: true });
    assert.equal(await other.evaluate(() => window.api.isModerationOn('audio')), true);
    await command(page, 'addBreakoutRoom', 'Blue');
    await until(page, async () => Object.values(await window.api.listBreakoutRooms()).some(room => room.name === 'Blue'), undefined, 10_000);
    await command(page, 'toggleLobby', true);
    const guest = await embed(listed, straight('Eve'));
    const { participant } = await told(page, 'knockingParticipant');

    assert.equal(participant.name, 'Eve');
    await command(page, 'answerKnockingParticipant', participant.id, true);
    await told(guest, 'videoConferenceJoined');
    await command(page, 'kickParticipant', participant.id);
    const { kicked, kicker } = await told(guest, 'participantKickedOut');

    assert.deepEqual([ kicked.local, kicked.name, kicker.name ], [ true, 'Eve', 'Ada' ]);
    await Promise.all([ page, other, guest ].map(one => one.context().close()));
});

test('a page that is not listed gets neither the room nor a word of it', async () => {
    const page = await embed(stranger, { roomName: 'framed', configOverwrite: { prejoinConfig: { enabled: false } }, userInfo: { displayName: 'Eve' } });
    const refused = () => page.lines.some(line => /frame-ancestors/.test(line));
    const end = Date.now() + 20_000;

    while (!refused() && Date.now() < end) {
        await new Promise(resolve => setTimeout(resolve, 100));
    }
    assert.ok(refused(), page.lines.join('\n'));
    assert.deepEqual(await page.evaluate(() => window.told), []);
    await page.context().close();
});

test('a message of a window that is not around the room changes nothing', async () => {
    const page = await joinWithPage(browser, { room: 'alone#jitsi_meet_external_api_id=0', name: 'Ada' });

    await page.evaluate(() => {
        for (const method of [ '__ready__', 'message', 'data' ]) {
            window.postMessage(JSON.stringify({ postis: true, scope: 'jitsi_meet_external_api_0', method, params: { type: 'event', data: { name: 'video-hangup', data: [] } } }), '*');
        }
    });
    await page.locator('[data-test=mic]').click();
    await page.getByText('Mic off', { exact: true }).waitFor({ timeout: 5000 });
    assert.equal((await state(page)).phase, 'meeting');
    await page.context().close();
});
