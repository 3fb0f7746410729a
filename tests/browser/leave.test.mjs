// Leaving: at once, with a question for who moderates, and the page afterwards.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, openChromium, until } from './harness.mjs';
import { joinWithPage, shot, state } from './page.mjs';

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

const PATIENCE = 30_000;

test('a moderator is asked before leaving others behind, is thanked, and the next one takes over', async () => {
    const ada = await joinWithPage(browser, { room: 'leave', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'leave', name: 'Grace', camera: false });

    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await ada.locator('[data-test=leave]').click();
    await ada.getByText('You are the only moderator. If you leave, Grace takes over.').waitFor({ timeout: PATIENCE });
    await shot(ada, 'leave-question');
    assert.equal(await ada.evaluate(() => document.activeElement?.dataset.test), 'leave-no', 'the harmless answer has focus');
    await ada.keyboard.press('Escape');
    assert.equal((await state(ada)).phase, 'meeting', 'Escape is always no');
    await ada.locator('[data-test=leave]').click();
    await ada.locator('[data-test=leave-yes]').click();
    await until(ada, () => window.moothall.state().phase === 'left', undefined, PATIENCE);
    await ada.locator('[data-test=rate-good]').click();
    await ada.getByText('It is counted, without your name.').waitFor({ timeout: PATIENCE });
    const counted = await server.says(/feedback/, PATIENCE);

    assert.match(counted, /answer=good good=1 bad=0/);
    assert.doesNotMatch(counted, /Ada|leave/);
    await shot(ada, 'leave-rated');
    await until(grace, () => window.moothall.state().moderator && window.moothall.state().participants.length === 0, undefined, PATIENCE);
    await grace.locator('[data-test=leave]').click();
    await until(grace, () => window.moothall.state().phase === 'left', undefined, PATIENCE);
    await shot(grace, 'leave-goodbye');
    await grace.route('**/about/feedback', route => route.abort());
    await grace.locator('[data-test=rate-bad]').click();
    await grace.getByText('it was not counted').waitFor({ timeout: PATIENCE });
    await grace.locator('[data-test=again]').click();
    await until(grace, () => window.moothall.state().phase === 'prejoin', undefined, PATIENCE);
    await Promise.all([ ada, grace ].map(page => page.context().close()));
});

test('a moderator ends the meeting for everybody', async () => {
    const ada = await joinWithPage(browser, { room: 'end', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'end', name: 'Grace', camera: false });

    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await grace.locator('[data-test=leave]').click();
    await until(grace, () => window.moothall.state().phase === 'left', undefined, PATIENCE);
    assert.equal(await grace.locator('[data-test=end-for-all]').count(), 0, 'who does not moderate ends nothing');
    await grace.locator('[data-test=again]').click();
    await grace.locator('[data-test=join]').click();
    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await ada.locator('[data-test=leave]').click();
    await ada.locator('[data-test=end-for-all]').click();
    for (const page of [ ada, grace ]) {
        await until(page, () => window.moothall.state().phase === 'ended', undefined, PATIENCE);
        await page.getByText('It was ended for everybody.').waitFor({ timeout: PATIENCE });
    }
    await shot(grace, 'leave-ended');
    await Promise.all([ ada, grace ].map(page => page.context().close()));
});
