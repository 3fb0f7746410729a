// What rides on a room, with the unmodified lib-jitsi-meet of 2022: AV moderation, breakout rooms, speaker statistics.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium, until } from './harness.mjs';

const SOON = 40_000;
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

/** Keeps what the conference says under the name of the event. */
function listen(page, names) {
    return page.evaluate(events => {
        // Participants stand for their ids; the rest is plain data.
        const plain = (_, value) => typeof value?.getId === 'function' ? value.getId() : value;

        window.heard ??= [];
        for (const name of events) {
            window.meeting.conference.on(name, (...detail) =>
                window.heard.push({ name, detail: JSON.parse(JSON.stringify(detail, plain)) }));
        }
    }, names);
}

/** Waits until the page heard an event whose JSON contains `text`, and forgets all before it. */
async function hears(page, name, text = '') {
    const found = ([ event, part ]) => window.heard.some(h => h.name === event && JSON.stringify(h.detail).includes(part));

    await until(page, found, [ name, text ], SOON);

    return page.evaluate(([ event, part ]) => {
        const at = window.heard.findIndex(h => h.name === event && JSON.stringify(h.detail).includes(part));

        return window.heard.splice(0, at + 1).pop().detail;
    }, [ name, text ]);
}

function media(page, id) {
    return page.evaluate(async who => {
        const all = await window.meeting.media();

        return { audio: all[`${who}/audio`]?.packets ?? 0, frames: all[`${who}/video`]?.frames ?? 0 };
    }, id);
}

test('while AV moderation is on, who is not allowed is not heard', async () => {
    const pages = [
        await joinWithLibrary(browser, library, { room: 'moderated', name: 'Ada' }),
        await joinWithLibrary(browser, library, { room: 'moderated', name: 'Grace' })
    ];
    const [ ada, grace ] = pages;
    const id = await me(grace);
    const kinds = [ 'changed', 'approved', 'rejected', 'participant.approved', 'participant.rejected' ];

    await libraryReceives(ada, [ id ]);
    await Promise.all(pages.map(page => listen(page, kinds.map(kind => `conference.av_moderation.${kind}`))));
    assert.ok(await ada.evaluate(() => window.meeting.conference.isAVModerationSupported()));
    await ada.evaluate(() => window.meeting.conference.enableAVModeration('audio'));
    const [ change ] = await hears(grace, 'conference.av_moderation.changed');

    assert.deepEqual(change, { enabled: true, mediaType: 'audio', actor: await me(ada) });
    await until(grace, () => window.meeting.local.audio.isMuted(), undefined, SOON);

    // It does not hold to it.
    await grace.evaluate(() => window.meeting.local.audio.unmute().catch(() => {}));
    const before = await media(ada, id);

    await until(ada, async ([ who, frames ]) => (await window.meeting.media())[`${who}/video`]?.frames > frames + 60,
        [ id, before.frames ], SOON);
    const meanwhile = await media(ada, id);

    assert.ok(meanwhile.audio - before.audio < 30, `${meanwhile.audio - before.audio} packets came through`);

    await ada.evaluate(who => window.meeting.conference.avModerationApprove('audio', who), id);
    await hears(grace, 'conference.av_moderation.approved', 'audio');
    await hears(ada, 'conference.av_moderation.participant.approved', id);
    await grace.evaluate(() => window.meeting.local.audio.unmute());
    await until(ada, async ([ who, packets ]) => (await window.meeting.media())[`${who}/audio`]?.packets > packets + 50,
        [ id, meanwhile.audio ], SOON);
    await ada.evaluate(who => window.meeting.conference.avModerationReject('audio', who), id);
    await hears(grace, 'conference.av_moderation.rejected', 'audio');
    await close(pages);
});

/** Goes on in another room, as the application does when it is asked to. */
async function move(page, address) {
    await page.evaluate(async jid => {
        const meeting = window.meeting;
        const [ room, customDomain ] = jid.split('@');

        await meeting.conference.leave();
        meeting.remote.clear();
        const conference = meeting.connection.initJitsiConference(room, { ...window.config, customDomain });

        meeting.conference = conference;
        meeting.phase = 'moving';
        conference.on('conference.joined', () => {
            meeting.phase = 'joined';
        });
        conference.on('conference.trackAdded', track => {
            if (!track.isLocal()) {
                const tag = document.createElement(track.getType());

                tag.autoplay = true;
                document.body.appendChild(tag);
                track.attach(tag);
                meeting.remote.set(`${track.getParticipantId()}/${track.getType()}`, track);
            }
        });
        Object.values(meeting.local).forEach(track => conference.addTrack(track));
        conference.join();
    }, address);
    await until(page, () => window.meeting.phase === 'joined', undefined, SOON);
    await listen(page, [ 'conference.breakout-rooms.updated', 'conference.breakout-rooms.move-to-room' ]);
}

test('people are sent to a breakout room and come back', async () => {
    const pages = [
        await joinWithLibrary(browser, library, { room: 'parts', name: 'Ada' }),
        await joinWithLibrary(browser, library, { room: 'parts', name: 'Grace' })
    ];
    const [ ada, grace ] = pages;
    const ids = await Promise.all(pages.map(me));
    const rooms = () => ada.evaluate(() => Object.values(window.meeting.conference.getBreakoutRooms()._rooms));

    await libraryReceives(ada, [ ids[1] ]);
    await Promise.all(pages.map(page =>
        listen(page, [ 'conference.breakout-rooms.updated', 'conference.breakout-rooms.move-to-room' ])));
    assert.equal(await ada.evaluate(() => window.meeting.conference.getBreakoutRooms().isBreakoutRoom()), false);
    await ada.evaluate(() => window.meeting.conference.getBreakoutRooms().createBreakoutRoom('Blue'));
    await hears(ada, 'conference.breakout-rooms.updated', 'Blue');
    await hears(grace, 'conference.breakout-rooms.updated', 'Blue');
    const made = (await rooms()).find(room => room.name === 'Blue');
    const main = (await rooms()).find(room => room.isMainRoom);
    const jid = Object.values(main.participants).find(participant => participant.displayName === 'Grace').jid;

    await ada.evaluate(([ who, where ]) => window.meeting.conference.getBreakoutRooms().sendParticipantToRoom(who, where),
        [ jid, made.jid ]);
    assert.match((await hears(grace, 'conference.breakout-rooms.move-to-room')).join(), /@breakout\./);
    await move(grace, made.jid);
    await hears(ada, 'conference.breakout-rooms.updated', `${made.jid}/${ids[1]}`);
    await move(ada, made.jid);
    await libraryReceives(ada, [ ids[1] ]);
    await libraryReceives(grace, [ ids[0] ]);
    await until(grace, () => window.meeting.conference.getBreakoutRooms().getMainRoomJid() !== undefined, undefined, SOON);
    assert.equal(await grace.evaluate(() => window.meeting.conference.getBreakoutRooms().getMainRoomJid()), main.jid);
    assert.ok(await grace.evaluate(() => window.meeting.conference.getBreakoutRooms().isBreakoutRoom()));
    assert.ok(await ada.evaluate(() => window.meeting.conference.isModerator()), 'a moderator is one there as well');
    assert.ok(!await grace.evaluate(() => window.meeting.conference.isModerator()));

    await ada.evaluate(where => window.meeting.conference.getBreakoutRooms().removeBreakoutRoom(where), made.jid);
    await hears(grace, 'conference.breakout-rooms.move-to-room', main.jid);
    await hears(ada, 'conference.breakout-rooms.move-to-room', main.jid);
    await Promise.all(pages.map(page => move(page, main.jid)));
    await libraryReceives(ada, [ ids[1] ]);
    await libraryReceives(grace, [ ids[0] ]);
    await close(pages);
});

test('who comes late learns who spoke and since when the meeting has been running', async () => {
    const ada = await joinWithLibrary(browser, library, { room: 'talkers', name: 'Ada' });

    await listen(ada, [ 'conference.createdTimestamp' ]);
    const grace = await joinWithLibrary(browser, library, { room: 'talkers', name: 'Grace' });
    const [ since ] = await hears(ada, 'conference.createdTimestamp');
    const id = await me(grace);

    assert.ok(Math.abs(since - Date.now()) < 60_000, `${since}`);
    await ada.evaluate(() => window.meeting.local.audio.mute());
    await until(grace, who => window.meeting.events.some(e => e.what === 'speaker' && e.detail === who), id, SOON);
    // Some time passes: pictures are counted.
    const { frames } = await media(ada, id);

    await until(ada, async ([ who, before ]) => (await window.meeting.media())[`${who}/video`]?.frames > before + 15,
        [ id, frames ], SOON);
    await grace.evaluate(() => window.meeting.leave());
    await until(ada, who => window.meeting.events.some(e => e.what === 'user left' && e.detail === who), id, SOON);
    const mary = await joinWithLibrary(browser, library, { room: 'talkers', name: 'Mary' });

    await until(mary, who => window.meeting.conference.getSpeakerStats()[who] !== undefined, id, SOON);
    const stats = await mary.evaluate(who => {
        const speaker = window.meeting.conference.getSpeakerStats()[who];

        return { name: speaker.getDisplayName(), left: speaker.hasLeft(), spoke: speaker.getTotalDominantSpeakerTime() };
    }, id);

    assert.equal(stats.name, 'Grace');
    assert.ok(stats.left);
    assert.ok(stats.spoke > 500, `${stats.spoke} ms`);
    await close([ ada, grace, mary ]);
});
