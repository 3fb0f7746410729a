// Our page in Chromium and Firefox, with real media, alone and mixed with the unmodified library.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium, openFirefox } from './harness.mjs';
import { id, joinWithPage, pageReceives, shot, state } from './page.mjs';

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

function close(pages) {
    return Promise.all(pages.map(page => page.context().close()));
}

async function everybodyReceives(pages) {
    const ids = await Promise.all(pages.map(id));

    for (const [ index, page ] of pages.entries()) {
        await pageReceives(page, ids.filter((_, other) => other !== index));
    }
}

test('three people see and hear each other, the third comes late', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'hall', name: 'Ada' }),
        await joinWithPage(browser, { room: 'hall', name: 'Grace' })
    ];

    await everybodyReceives(pages);
    pages.push(await joinWithPage(browser, { room: 'hall', name: 'Mary' }));
    await everybodyReceives(pages);
    await shot(pages[0], 'meeting-three');
    const seen = await state(pages[0]);

    assert.deepEqual(seen.participants.map(p => p.name).sort(), [ 'Grace', 'Mary' ]);
    await close(pages);
});

test('mute is seen by the others and nothing is heard', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'mute', name: 'Ada' }),
        await joinWithPage(browser, { room: 'mute', name: 'Grace' })
    ];
    const ada = await id(pages[0]);

    await everybodyReceives(pages);
    await pages[0].locator('[data-test=mic]').click();
    await pages[0].locator('[data-test=camera]').click();
    await pages[1].waitForFunction(who => {
        const person = window.moothall.state().participants.find(p => p.id === who);

        return person?.audioMuted && person?.videoMuted;
    }, ada, { timeout: 10_000 });
    await shot(pages[1], 'meeting-muted');
    await pages[0].locator('[data-test=mic]').click();
    await pages[0].locator('[data-test=camera]').click();
    await pageReceives(pages[1], [ ada ]);
    await close(pages);
});

test('who leaves is gone, and sees everybody again after coming back', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'again', name: 'Ada' }),
        await joinWithPage(browser, { room: 'again', name: 'Grace' })
    ];

    await everybodyReceives(pages);
    await pages[1].locator('[data-test=leave]').click();
    await pages[0].waitForFunction(() => window.moothall.state().participants.length === 0, undefined, { timeout: 10_000 });
    await shot(pages[0], 'meeting-alone');
    await shot(pages[1], 'left');
    await pages[1].context().close();
    pages[1] = await joinWithPage(browser, { room: 'again', name: 'Grace' });
    await everybodyReceives(pages);
    await close(pages);
});

test('chat reaches the others as text, never as markup', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'chat', name: 'Ada' }),
        await joinWithPage(browser, { room: 'chat', name: 'Grace' })
    ];

    await pages[0].waitForFunction(() => window.moothall.state().participants.length === 1, undefined, { timeout: 10_000 });
    await pages[0].locator('[data-test=chat]').click();
    await pages[0].locator('[data-test=chat-input]').fill('<b>hello</b> & "you"');
    await pages[0].locator('[data-test=chat-send]').click();
    await pages[1].waitForFunction(() => window.moothall.state().chat > 0, undefined, { timeout: 10_000 });
    await pages[1].locator('[data-test=chat]').click();
    await pages[1].getByText('<b>hello</b> & "you"').waitFor({ timeout: 5000 });
    await shot(pages[1], 'meeting-chat');
    await close(pages);
});

test('our page and the library of 2022 in one room', async () => {
    const page = await joinWithPage(browser, { room: 'mixed', name: 'Ada' });
    const other = await joinWithLibrary(browser, library, { room: 'mixed', name: 'Library' });
    const [ mine, theirs ] = [ await id(page), await me(other) ];

    await pageReceives(page, [ theirs ]);
    await libraryReceives(other, [ mine ]);
    await close([ page, other ]);
});

test('Firefox and Chromium in one room', async () => {
    const fox = await openFirefox();

    try {
        const pages = [
            await joinWithPage(browser, { room: 'foxes', name: 'Chromium' }),
            await joinWithPage(fox, { room: 'foxes', name: 'Firefox' })
        ];

        await everybodyReceives(pages);
        await close(pages);
    } finally {
        await fox.close();
    }
});

test('the server is restarted in mid-meeting, and everybody comes back by themselves', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'restart', name: 'Ada' }),
        await joinWithPage(browser, { room: 'restart', name: 'Grace' })
    ];

    await everybodyReceives(pages);
    await server.stop();
    await pages[0].waitForFunction(() => window.moothall.state().phase !== 'meeting', undefined, { timeout: 20_000 });
    assert.match(await pages[0].locator('[data-test^=state-]').innerText(), /Next try in \d+ s\.|just now/);
    await shot(pages[0], 'server-gone');
    server = await Server.start();
    for (const page of pages) {
        await page.waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 60_000 });
    }
    await everybodyReceives(pages);
    await close(pages);
});
