// Reactions float over the hall of everybody, once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, openChromium, until } from './harness.mjs';
import { joinWithPage, shot } from './page.mjs';

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

/** Counts every reaction that ever floats. */
function watch(page) {
    return page.evaluate(() => {
        window.floated = [];
        new MutationObserver(changes => changes.forEach(change => change.addedNodes.forEach(node => window.floated.push(node.textContent))))
            .observe(document.querySelector('[data-test=floaters]'), { childList: true });
    });
}

test('a reaction shows once to everybody, to who sent it too', async () => {
    const ada = await joinWithPage(browser, { room: 'react', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'react', name: 'Grace', camera: false });

    for (const page of [ ada, grace ]) {
        await until(page, async () => (await window.moothall.stats()).local?.channel === true, undefined, PATIENCE);
        await watch(page);
    }
    await ada.locator('[data-test=react]').click();
    await shot(ada, 'react-sheet');
    await ada.locator('[data-test=react-clap]').click();
    await until(grace, () => window.floated.length > 0, undefined, PATIENCE);
    await shot(grace, 'react-floats');
    await grace.locator('[data-test=react]').click();
    await grace.locator('[data-test=react-love]').click();
    // What Grace sent after Ada's has come back round: an echo of Ada's would be here by now.
    await until(ada, () => window.floated.length >= 2, undefined, PATIENCE);
    assert.deepEqual(await ada.evaluate(() => window.floated), [ '👏You', '💖Grace' ]);
    assert.deepEqual(await grace.evaluate(() => window.floated), [ '👏Ada', '💖You' ]);
    await Promise.all([ ada, grace ].map(page => page.context().close()));
});
