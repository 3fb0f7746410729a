// The password of a room.
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
