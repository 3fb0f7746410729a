// The list of people, and what moderators do with it.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, joinWithLibrary, me, openChromium, until } from './harness.mjs';
import { id, joinWithPage, shot, state } from './page.mjs';
import { speakInto } from './speech.mjs';

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

const PATIENCE = 30_000;

function close(pages) {
    return Promise.all(pages.map(page => page.context().close()));
}

/** Opens the menu of somebody in the list of people. */
async function menuOf(page, who) {
    if (!await page.locator('[data-test=people-panel]').isVisible()) {
        await page.locator('[data-test=people]').click();
    }
    await page.locator(`[data-person="${who}"] [data-test=menu-person]`).click();
}

function choose(page, key) {
    return page.locator(`[data-test=people-panel] [data-test="${key}"]`).click();
}

test('a moderator turns a microphone off, asks for it, makes a moderator, and removes somebody with a reason', async () => {
    const ada = await joinWithPage(browser, { room: 'people', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'people', name: 'Grace', camera: false });
    const mary = await joinWithPage(browser, { room: 'people', name: 'Mary', camera: false });
    const graceId = await id(grace);
    const maryId = await id(mary);

    await until(ada, () => window.moothall.state().participants.length === 2, undefined, PATIENCE);
    await until(ada, who => window.moothall.state().participants.find(p => p.id === who)?.audioMuted === false, graceId, PATIENCE);
    await until(grace, () => window.moothall.state().media === 'connected', undefined, PATIENCE);
    await menuOf(ada, graceId);
    await shot(ada, 'people-menu');
    await choose(ada, 'mute-audio');
    await grace.getByText('Ada turned your microphone off.').last().waitFor({ timeout: PATIENCE });
    await until(ada, who => window.moothall.state().participants.find(p => p.id === who)?.audioMuted === true, graceId, PATIENCE);

    await menuOf(ada, graceId);
    await choose(ada, 'ask-audio');
    await grace.getByText('Ada asks you to turn your microphone on.').last().waitFor({ timeout: PATIENCE });
    await shot(grace, 'people-asked');
    await grace.locator('[data-notice^=asked] [data-test=notice-turn-on]').click();
    await until(ada, who => window.moothall.state().participants.find(p => p.id === who)?.audioMuted === false, graceId, PATIENCE);

    await menuOf(ada, graceId);
    await choose(ada, 'grant');
    await until(grace, () => window.moothall.state().moderator, undefined, PATIENCE);

    await menuOf(ada, maryId);
    await choose(ada, 'remove');
    await ada.locator('[data-test=remove-reason]').fill('Wrong room');
    await shot(ada, 'people-remove');
    await ada.locator('[data-test=remove-yes]').click();
    await until(mary, () => window.moothall.state().phase === 'removed', undefined, PATIENCE);
    await mary.getByText('Ada removed you. “Wrong room”').waitFor({ timeout: PATIENCE });
    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await close([ ada, grace, mary ]);
});

test('hands stand in the order in which they were raised, and everybody’s microphones go off at once', async () => {
    const ada = await joinWithPage(browser, { room: 'hands', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'hands', name: 'Grace', camera: false });
    const mary = await joinWithPage(browser, { room: 'hands', name: 'Mary', camera: false });

    await until(ada, () => window.moothall.state().participants.length === 2, undefined, PATIENCE);
    await mary.locator('[data-test=hand]').click();
    await ada.locator('[data-test=people]').click();
    await ada.locator('[aria-label="Hand up, number 1"]').first().waitFor({ timeout: PATIENCE });
    await grace.locator('[data-test=hand]').click();
    await ada.locator('[aria-label="Hand up, number 2"]').first().waitFor({ timeout: PATIENCE });
    const order = await ada.locator('[data-test=people-panel] .person:has(.is-hand) .cut').allTextContents();

    assert.deepEqual(order.slice(0, 2), [ 'Mary', 'Grace' ]);
    await until(grace, () => window.moothall.state().media === 'connected', undefined, PATIENCE);
    await until(mary, () => window.moothall.state().media === 'connected', undefined, PATIENCE);
    await ada.locator('[data-test=menu-all]').click();
    await shot(ada, 'people-all');
    await choose(ada, 'all-audio');
    await until(ada, () => window.moothall.state().participants.every(p => p.audioMuted), undefined, PATIENCE);
    assert.equal((await state(ada)).participants.length, 2);
    await close([ ada, grace, mary ]);
});

test('microphones are turned on only with permission: asked for by a hand, given, taken away, and free again', async () => {
    const ada = await joinWithPage(browser, { room: 'permission', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'permission', name: 'Grace', camera: false });
    const graceId = await id(grace);
    const shows = (page, text) => page.getByText(text).last().waitFor({ timeout: PATIENCE });
    const micOff = off => until(ada, ([ who, muted ]) => window.moothall.state().participants.find(p => p.id === who)?.audioMuted === muted, [ graceId, off ], PATIENCE);

    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await grace.locator('[data-test=mic]').click();
    await micOff(true);
    await ada.locator('[data-test=people]').click();
    await ada.locator('[data-test=menu-all]').click();
    await shot(ada, 'people-permission');
    await choose(ada, 'only-audio');
    await shows(grace, 'From now on, microphones are turned on only with permission.');

    await grace.locator('[data-test=mic]').click();
    await shows(grace, 'Raise your hand to be heard.');
    await shot(grace, 'people-forbidden');
    await grace.locator('[data-test=notice-hand]').click();
    await ada.locator('[data-test=let-speak]').click();
    await shows(grace, 'You may turn your microphone on now.');
    assert.equal((await state(ada)).participants[0].audioMuted, true, 'nobody but oneself turns a microphone on');
    await grace.locator('[data-test=notice-turn-on]').click();
    await micOff(false);

    await menuOf(ada, graceId);
    await ada.locator('[data-test=may-audio][aria-checked=true]').click();
    await shows(grace, 'You may not turn your microphone on any more.');
    await micOff(true);
    await grace.locator('[data-test=mic]').click();
    await shows(grace, 'Raise your hand to be heard.');
    assert.equal((await state(ada)).participants[0].audioMuted, true, 'who may not stays silent');

    await ada.locator('[data-test=menu-all]').click();
    await choose(ada, 'only-audio');
    await shows(grace, 'Everybody may turn the microphone on again.');
    await grace.locator('[data-test=mic]').click();
    await micOff(false);
    await close([ ada, grace ]);
});

test('who is removed while the door is shut behind them has to be let in again', async () => {
    const ada = await joinWithPage(browser, { room: 'keep-out', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'keep-out', name: 'Grace', camera: false });

    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await menuOf(ada, await id(grace));
    await choose(ada, 'remove');
    await ada.getByText('They can come back with the link.').waitFor({ timeout: PATIENCE });
    await ada.locator('[data-test=remove-shut]').click();
    await until(grace, () => window.moothall.state().phase === 'removed', undefined, PATIENCE);
    await ada.locator('.lintel [aria-label="Somebody opens the door"]').waitFor({ timeout: PATIENCE });
    await grace.reload();
    await grace.locator('[data-test=join]').click();
    await until(grace, () => window.moothall.state().phase === 'door', undefined, PATIENCE);
    await ada.locator('[data-notice^=knock]').filter({ hasText: 'Grace is at the door' }).waitFor({ timeout: PATIENCE });
    assert.equal((await state(ada)).participants.length, 0);
    await close([ ada, grace ]);
});

/** In the page: the seconds of everybody in the panel; with a name and seconds, whether that one has so many. */
function talkTimes(wanted) {
    const times = Object.fromEntries([ ...document.querySelectorAll('[data-test=talk-line]') ].map(line => {
        const [ minutes, seconds ] = line.querySelector('.num').textContent.split(':').map(Number);

        return [ line.querySelector('.cut').firstChild.textContent, 60 * minutes + seconds ];
    }));

    return wanted ? times[wanted[0]] >= wanted[1] : times;
}

test('talk time is counted while the microphone is on, and told to who comes later', async () => {
    const voices = await openChromium(speakInto(path.join(server.state, 'speech.wav')));
    const ada = await joinWithPage(voices, { room: 'talk-time', name: 'Ada', camera: false });
    const grace = await joinWithPage(voices, { room: 'talk-time', name: 'Grace', camera: false });
    const openTalk = async page => {
        await page.locator('[data-test=more]').click();
        await page.locator('[data-test=more-clock]').click();
    };
    const spoken = page => page.evaluate(talkTimes);
    const spoke = async (page, name, least) => {
        try {
            await until(page, talkTimes, [ name, least ], PATIENCE);
        } catch {
            assert.fail(`${name} spoke for ${least} s: ${JSON.stringify(await spoken(page))}`);
        }
    };

    await grace.locator('[data-test=mic]').click();
    await openTalk(ada);
    await spoke(ada, 'You', 3);
    await ada.locator('[data-test=mic]').click();
    await grace.locator('[data-test=mic]').click();
    await spoke(ada, 'Grace', 5);
    const { You: adaSpoke } = await spoken(ada);

    await spoke(ada, 'Grace', 8);
    assert.equal((await spoken(ada)).You, adaSpoke, 'a microphone that is off does not speak');
    await grace.locator('[data-test=mic]').click();
    await until(ada, () => window.moothall.state().participants[0].audioMuted, undefined, PATIENCE);
    const before = await spoken(ada);
    const mary = await joinWithPage(voices, { room: 'talk-time', name: 'Mary', camera: false });

    await openTalk(mary);
    await spoke(mary, 'You', 1);
    const told = await spoken(mary);

    for (const [ name, seconds ] of [ [ 'Ada', before.You ], [ 'Grace', before.Grace ] ]) {
        assert.ok(Math.abs(told[name] - seconds) <= 1, `${name} spoke for ${seconds} s, and Mary is told: ${JSON.stringify(told)}`);
    }
    await shot(mary, 'people-talk-time');
    await voices.close();
});

test('the library of 2022 is turned off and removed as anybody else', async () => {
    const ada = await joinWithPage(browser, { room: 'people-2022', name: 'Ada', camera: false });
    const other = await joinWithLibrary(browser, library, { room: 'people-2022', name: 'Library' });
    const theirs = await me(other);

    await until(ada, who => window.moothall.state().participants.find(p => p.id === who)?.audioMuted === false, theirs, PATIENCE);
    await menuOf(ada, theirs);
    await choose(ada, 'mute-audio');
    await until(ada, who => window.moothall.state().participants.find(p => p.id === who)?.audioMuted === true, theirs, PATIENCE);
    await menuOf(ada, theirs);
    await choose(ada, 'remove');
    await ada.locator('[data-test=remove-yes]').click();
    await until(ada, () => window.moothall.state().participants.length === 0, undefined, PATIENCE);
    await close([ ada, other ]);
});
