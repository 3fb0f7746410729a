// What people do together, looked at: every panel, dialog and page of it, dark and light, in both directions of writing, with
// what axe-core finds on it. The pictures are taken by screens.mjs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible } from './axe.mjs';
import { Server, openChromium, tab, until } from './harness.mjs';
import { id, joinWithPage, setTheme } from './page.mjs';

const SIZES = [ [ 360, 740 ], [ 1024, 768 ], [ 1440, 900 ] ];
const LOOKS = [ [ 'dark', 'ltr' ], [ 'light', 'ltr' ], [ 'dark', 'rtl' ] ];
const LAPTOP = { width: 1024, height: 768 };
const PATIENCE = 30_000;

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

/** Fails with what axe holds to be serious on what is shown, and with what sticks out of the window. */
async function look(page, name) {
    for (const [ theme, direction ] of LOOKS) {
        await page.evaluate(dir => Object.assign(document.documentElement, { dir }), direction);
        await setTheme(page, theme);
        for (const [ width, height ] of SIZES) {
            await page.setViewportSize({ width, height });
            assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${name} is too wide for ${width}`);
        }
        await assertAccessible(page, `${name}, ${theme}, ${direction}`);
    }
    await page.setViewportSize(LAPTOP);
}

function more(page, sign) {
    return page.locator('[data-test=more]').click().then(() => page.locator(`[data-test=more-${sign}]`).click());
}

test('panels and dialogs hold at every width, dark and light', async () => {
    const options = { reducedMotion: 'reduce', viewport: LAPTOP };
    const ada = await joinWithPage(browser, { room: 'together', name: 'Ada Lovelace', camera: false, options });
    const grace = await joinWithPage(browser, { room: 'together', name: 'Grace Brewster Murray Hopper', camera: false });

    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await grace.locator('[data-test=hand]').click();
    await ada.locator('[data-test=people]').click();
    await ada.locator('[aria-label="Hand up, number 1"]').first().waitFor({ timeout: PATIENCE });
    await ada.locator(`[data-person="${await id(grace)}"] [data-test=menu-person]`).click();
    await look(ada, 'people');
    await ada.locator('[data-test=people-panel] [data-test=remove]').click();
    await look(ada, 'remove');
    await ada.keyboard.press('Escape');
    await grace.locator('[data-test=chat]').click();
    for (const text of [ 'Shall we begin?', 'See https://example.org/a-very-long-address/that-does-not-end/and-goes-on?for=ever' ]) {
        await grace.locator('[data-test=chat-input]').fill(text);
        await grace.locator('[data-test=chat-input]').press('Enter');
    }
    await ada.locator('[data-test=chat]').click();
    await ada.locator('[data-message]').nth(1).hover();
    await ada.locator('[data-test=message-menu]').nth(1).click();
    await look(ada, 'chat');
    await ada.keyboard.press('Escape');
    await more(ada, 'lock');
    await look(ada, 'door');
    await ada.keyboard.press('Escape');
    await ada.locator('[data-test=people]').click();
    await ada.locator('[data-test=menu-all]').click();
    await ada.locator('[data-test=only-audio]').click();
    await ada.locator(`[data-person="${await id(grace)}"] [data-test=menu-person]`).click();
    await ada.locator('[data-test=may-audio]').waitFor({ timeout: PATIENCE });
    await look(ada, 'permission');
    await grace.locator('[data-test=mic].off').waitFor({ timeout: PATIENCE });
    await grace.locator('[data-test=mic]').click();
    await grace.locator('[data-test=notice-hand]').waitFor({ timeout: PATIENCE });
    await look(grace, 'forbidden');
    await ada.locator('[data-test=menu-all]').click();
    await look(ada, 'all');
    await ada.keyboard.press('Escape');
    await ada.keyboard.press('Escape');
    await more(ada, 'poll');
    await ada.locator('[data-test=poll-maker] summary').click();
    await ada.locator('[data-test=poll-question]').fill('Which day suits everybody who has to travel?');
    await ada.locator('[data-test=poll-option]').nth(0).fill('Tuesday');
    await ada.locator('[data-test=poll-option]').nth(1).fill('Thursday, if the train from the north is on time');
    await look(ada, 'poll-maker');
    await ada.locator('[data-test=poll-ask]').click();
    await ada.locator('[data-test=poll-choice]').nth(1).check();
    await look(ada, 'poll-ballot');
    await ada.locator('[data-test=poll-answer]').click();
    await ada.locator('[data-test=poll-results]').waitFor({ timeout: PATIENCE });
    await look(ada, 'poll-results');
    await ada.keyboard.press('Escape');
    await more(ada, 'move');
    await ada.locator('[data-test=room-add]').click();
    await ada.locator('[data-test=room-menu]').click();
    await look(ada, 'rooms');
    await ada.keyboard.press('Escape');
    await ada.keyboard.press('Escape');
    await more(ada, 'clock');
    await look(ada, 'talk');
    await ada.keyboard.press('Escape');
    await ada.locator('[data-test=react]').click();
    await look(ada, 'react');
    await ada.keyboard.press('Escape');
    await ada.locator('[data-test=leave]').click();
    await look(ada, 'leave');
    await ada.locator('[data-test=leave-yes]').click();
    await until(ada, () => window.moothall.state().phase === 'left', undefined, PATIENCE);
    await look(ada, 'goodbye');
    await Promise.all([ ada, grace ].map(page => page.context().close()));
});

test('so do the door, the password, and the pages of who was removed or sent home', async () => {
    const options = { reducedMotion: 'reduce', viewport: LAPTOP };
    const ada = await joinWithPage(browser, { room: 'threshold', name: 'Ada Lovelace', camera: false, options });
    const come = async name => {
        const guest = await tab(browser, options);

        await guest.goto('https://127.0.0.1:8443/threshold');
        await guest.locator('[data-test=display-name]').fill(name);
        await guest.locator('[data-test=join]').click();

        return guest;
    };

    await more(ada, 'lock');
    await ada.locator('[data-test=new-password]').fill('Plum 7');
    await ada.locator('[data-test=set-password]').click();
    await ada.locator('[data-test=remove-password]').waitFor({ timeout: PATIENCE });
    const lost = await come('Mary');

    await lost.locator('[data-test=password]').fill('plum 7');
    await lost.locator('[data-test=password]').press('Enter');
    await lost.locator('[data-test=password][aria-invalid=true]').waitFor({ timeout: PATIENCE });
    await look(lost, 'password');
    await lost.context().close();
    await ada.locator('[data-test=remove-password]').click();
    await ada.locator('[data-test=remove-password]').waitFor({ state: 'hidden' });
    await ada.locator('[data-test=door-switch]').click();
    await ada.locator('[data-test=door-switch][aria-checked=true]').waitFor({ timeout: PATIENCE });
    await ada.keyboard.press('Escape');
    const grace = await come('Grace Brewster Murray Hopper');

    await grace.locator('[data-test=door-input]').waitFor({ timeout: PATIENCE });
    await look(grace, 'waiting');
    await ada.locator('[data-test=notice-refuse]').waitFor({ timeout: PATIENCE });
    await ada.locator('[data-test=people]').click();
    await look(ada, 'knock');
    await ada.keyboard.press('Escape');
    await ada.locator('[data-test=notice-refuse]').click();
    await grace.locator('[data-test=knock-again]').waitFor({ timeout: PATIENCE });
    await look(grace, 'refused');
    await grace.locator('[data-test=knock-again]').click();
    await ada.locator('[data-test=notice-admit]').click();
    await until(grace, () => window.moothall.state().phase === 'meeting', undefined, PATIENCE);
    await ada.locator('[data-test=people]').click();
    await ada.locator(`[data-person="${await id(grace)}"] [data-test=menu-person]`).click();
    await ada.locator('[data-test=people-panel] [data-test=remove]').click();
    await ada.locator('[data-test=remove-reason]').fill('This is another meeting');
    await ada.locator('[data-test=remove-yes]').click();
    await until(grace, () => window.moothall.state().phase === 'removed', undefined, PATIENCE);
    await look(grace, 'removed');
    await grace.locator('.state .btn').first().click();
    const mary = await come('Mary');

    await ada.locator('[data-test=notice-admit]').click();
    await until(mary, () => window.moothall.state().phase === 'meeting', undefined, PATIENCE);
    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await ada.locator('[data-test=leave]').click();
    await ada.locator('[data-test=end-for-all]').click();
    await until(mary, () => window.moothall.state().phase === 'ended', undefined, PATIENCE);
    await look(mary, 'ended');
    await Promise.all([ ada, grace, mary ].map(page => page.context().close()));
});
