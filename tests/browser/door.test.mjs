// The password of a room, and its door.
import { after, before, test } from 'node:test';
import { LibraryPage, Server, openChromium, tab, until } from './harness.mjs';
import { joinWithPage, shot } from './page.mjs';

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

/** Comes to the room as far as it goes without help. */
async function comeTo(room, name) {
    const page = await tab(browser);

    await page.goto(`https://127.0.0.1:8443/${room}`);
    await page.locator('[data-test=display-name]').fill(name);
    await page.locator('[data-test=join]').click();

    return page;
}

async function openDoorSettings(page) {
    await page.locator('[data-test=more]').click();
    await page.locator('[data-test=more-lock]').click();
}

test('a password is set, asked for, refused when wrong, and taken away again', async () => {
    const ada = await joinWithPage(browser, { room: 'secret', name: 'Ada', camera: false });

    await openDoorSettings(ada);
    await ada.locator('[data-test=new-password]').fill('Plum 7');
    await shot(ada, 'door-settings');
    await ada.locator('[data-test=set-password]').click();
    await ada.locator('[data-test=password-state]').filter({ hasText: 'The password is “Plum 7”.' }).waitFor({ timeout: PATIENCE });
    await ada.keyboard.press('Escape');
    await ada.locator('[aria-label="Password needed to come in"]').waitFor({ timeout: PATIENCE });

    const grace = await comeTo('secret', 'Grace');

    await grace.locator('[data-test=password]').fill('plum 7');
    await grace.locator('[data-test=password]').press('Enter');
    await grace.getByText('That was not it. Capital letters count.').waitFor({ timeout: PATIENCE });
    await shot(grace, 'door-wrong-password');
    await grace.locator('[data-test=password]').fill('Plum 7');
    await grace.locator('[data-test=password]').press('Enter');
    await until(grace, () => window.moothall.state().phase === 'meeting', undefined, PATIENCE);

    const other = await tab(browser);

    await other.goto(library.url({ room: 'secret', name: 'Library' }));
    await until(other, () => JSON.stringify(window.meeting?.events ?? []).includes('passwordRequired'), undefined, PATIENCE);

    await openDoorSettings(ada);
    await ada.locator('[data-test=remove-password]').click();
    await ada.locator('[data-test=password-state]').filter({ hasText: 'No password' }).waitFor({ timeout: PATIENCE });
    const mary = await comeTo('secret', 'Mary');

    await until(mary, () => window.moothall.state().phase === 'meeting', undefined, PATIENCE);
    await Promise.all([ ada, grace, other, mary ].map(page => page.context().close()));
});

test('whoever comes waits at the door: is heard, refused, knocks again, and is let in', async () => {
    const ada = await joinWithPage(browser, { room: 'door', name: 'Ada', camera: false });

    await openDoorSettings(ada);
    await ada.locator('[data-test=door-switch]').click();
    await ada.locator('[data-test=door-switch][aria-checked=true]').waitFor({ timeout: PATIENCE });
    await ada.keyboard.press('Escape');
    await ada.locator('.lintel [aria-label="Somebody opens the door"]').waitFor({ timeout: PATIENCE });

    const grace = await comeTo('door', 'Grace');

    await until(grace, () => window.moothall.state().phase === 'door', undefined, PATIENCE);
    await ada.locator('[data-notice^=knock]').filter({ hasText: 'Grace is at the door' }).waitFor({ timeout: PATIENCE });
    await grace.locator('[data-test=door-input]').fill('It is me.');
    await grace.locator('[data-test=door-send]').click();
    await until(ada, () => window.moothall.state().chat === 1, undefined, PATIENCE);
    await shot(ada, 'door-knock');
    await shot(grace, 'door-waiting');
    await ada.locator('[data-test=notice-refuse]').click();
    await grace.getByText('You were not let in this time').first().waitFor({ timeout: PATIENCE });
    await shot(grace, 'door-refused');
    await grace.locator('[data-test=knock-again]').click();
    await ada.locator('[data-test=people]').click();
    await ada.locator('[data-test=admit]').waitFor({ timeout: PATIENCE });
    await shot(ada, 'door-people');
    await ada.locator('[data-test=people-panel] [data-test=admit]').click();
    await until(grace, () => window.moothall.state().phase === 'meeting', undefined, PATIENCE);
    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);

    await openDoorSettings(ada);
    await ada.locator('[data-test=door-switch]').click();
    await ada.locator('[data-test=door-switch][aria-checked=false]').waitFor({ timeout: PATIENCE });
    const mary = await comeTo('door', 'Mary');

    await until(mary, () => window.moothall.state().phase === 'meeting', undefined, PATIENCE);
    await Promise.all([ ada, grace, mary ].map(page => page.context().close()));
});
