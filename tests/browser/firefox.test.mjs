// The core of a meeting in Debian's Firefox: two of them and one Chromium in one room.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, openChromium, openFirefox, until } from './harness.mjs';
import { id, joinWithPage, pageReceives, shot, state } from './page.mjs';

let server, chromium, firefox;

before(async () => {
    server = await Server.start();
    chromium = await openChromium();
    firefox = await openFirefox();
});
after(async () => {
    await firefox?.close();
    await chromium?.close();
    await server?.stop();
});

test('checklist 5: two Firefox and one Chromium: video and sound both ways, chat, mute, hand, leave', async () => {
    const pages = [
        await joinWithPage(chromium, { room: 'foxes', name: 'Chromium' }),
        await joinWithPage(firefox, { room: 'foxes', name: 'Fox one' }),
        await joinWithPage(firefox, { room: 'foxes', name: 'Fox two' })
    ];
    const [ , one, two ] = pages;
    const ids = await Promise.all(pages.map(id));

    for (const [ index, page ] of pages.entries()) {
        await pageReceives(page, ids.filter((_, other) => other !== index), 60_000);
    }
    await shot(one, 'firefox-three');

    await one.locator('[data-test=chat]').click();
    await one.locator('[data-test=chat-input]').fill('From a fox');
    await one.locator('[data-test=chat-send]').click();
    for (const page of [ pages[0], two ]) {
        await until(page, () => window.moothall.state().chat > 0, undefined, 15_000);
    }

    await two.locator('[data-test=mic]').click();
    await two.locator('[data-test=camera]').click();
    for (const page of [ pages[0], one ]) {
        await until(page, who => window.moothall.state().participants.some(p => p.id === who && p.audioMuted && p.videoMuted), ids[2], 15_000);
    }
    await two.locator('[data-test=mic]').click();
    await two.locator('[data-test=camera]').click();
    for (const page of [ pages[0], one ]) {
        await pageReceives(page, [ ids[2] ], 60_000);
    }

    // On a window of this size the chat lies over the keys.
    await one.locator('[data-test=chat-panel] [aria-label^=Close]').click();
    await one.locator('[data-test=leave]').click();
    await until(one, () => window.moothall.state().phase === 'left', undefined, 15_000);
    for (const page of [ pages[0], two ]) {
        await until(page, () => window.moothall.state().participants.length === 1, undefined, 15_000);
    }
    await pageReceives(pages[0], [ ids[2] ], 60_000);
    await pageReceives(two, [ ids[0] ], 60_000);
    assert.equal((await state(two)).phase, 'meeting');
    await Promise.all(pages.map(page => page.context().close()));
});
