// Shared screens: a source of their own, with sound, on everybody's stage, for our page and for the library of 2022.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, joinWithLibrary, openChromium, until } from './harness.mjs';
import { id, joinWithPage, pageReceives, shot, state, stats } from './page.mjs';

const WIDE = { viewport: { width: 1440, height: 900 } };
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

/** Waits until the page decodes more and more pictures of this screen. */
async function sees(page, screen, timeout = 40_000) {
    const from = (await stats(page))[screen]?.framesDecoded ?? 0;

    try {
        await until(page, async ([ name, base ]) => (await window.moothall.stats())[name]?.framesDecoded > base + 2, [ screen, from ], timeout);
    } catch (error) {
        throw new Error(`${error.message}\n${JSON.stringify(await stats(page))}\n${JSON.stringify(await state(page))}\n${page.lines.slice(-10).join('\n')}`);
    }
}

const staged = page => page.locator('[data-test=tile].onstage').evaluateAll(tiles => tiles.map(tile => tile.dataset.id));

test('a screen goes on the stage of the others, its sound is heard with the microphone off, and all of it ends', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'share', name: 'Ada', options: WIDE }),
        await joinWithPage(browser, { room: 'share', name: 'Grace', options: WIDE }),
        await joinWithPage(browser, { room: 'share', name: 'Mary', options: WIDE })
    ];
    const [ ada ] = await Promise.all(pages.map(id));

    await pageReceives(pages[1], [ ada ]);
    await pages[0].locator('[data-test=mic]').click();
    await pages[0].locator('[data-test=share]').click();
    await pages[0].locator('[data-test=sharing]').waitFor();
    for (const page of pages.slice(1)) {
        await sees(page, `${ada}-v1`);
        assert.deepEqual(await staged(page), [ `${ada}-v1` ]);
    }
    assert.deepEqual(await staged(pages[0]), [], 'nobody looks at their own screen');
    const { audioEnergy } = (await stats(pages[1]))[ada];

    await until(pages[1], async ([ who, before ]) => (await window.moothall.stats())[who].audioEnergy > before, [ ada, audioEnergy ], 15_000);
    await shot(pages[0], 'share-own');
    await shot(pages[1], 'share-stage');
    // The camera is still to be seen beside it.
    await pageReceives(pages[1], [ ada ]);
    await pages[0].locator('[data-test=share-stop]').click();
    for (const page of pages.slice(1)) {
        await page.locator(`[data-id="${ada}-v1"]`).waitFor({ state: 'detached', timeout: 15_000 });
        await page.locator('.hall[data-layout=tiles]').waitFor();
    }
    assert.equal(await pages[0].locator('[data-test=sharing]').isVisible(), false);
    // A second time, in the same section.
    await pages[0].locator('[data-test=share]').click();
    await sees(pages[1], `${ada}-v1`);
    // The browser's own button ends it as well.
    await pages[0].keyboard.press('d');
    await pages[1].locator(`[data-id="${ada}-v1"]`).waitFor({ state: 'detached', timeout: 15_000 });
    await close(pages);
});

test('two screens share the stage, a click chooses one, and who comes late sees both', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'screens', name: 'Ada', options: WIDE }),
        await joinWithPage(browser, { room: 'screens', name: 'Grace', options: WIDE })
    ];
    const [ ada, grace ] = await Promise.all(pages.map(id));

    for (const page of pages) {
        await page.locator('[data-test=share]').click();
        await page.locator('[data-test=sharing]').waitFor();
    }
    await sees(pages[0], `${grace}-v1`);
    pages.push(await joinWithPage(browser, { room: 'screens', name: 'Mary', options: WIDE }));
    await sees(pages[2], `${ada}-v1`);
    await sees(pages[2], `${grace}-v1`);
    assert.deepEqual((await staged(pages[2])).sort(), [ `${ada}-v1`, `${grace}-v1` ].sort());
    await shot(pages[2], 'share-two');
    await pages[2].locator(`[data-id="${ada}-v1"]`).click();
    await pages[2].locator(`[data-id="${ada}-v1"] [data-test=pinned]`).waitFor();
    assert.deepEqual(await staged(pages[2]), [ `${ada}-v1` ]);
    // Who leaves takes the screen along.
    await pages[0].context().close();
    await pages[2].locator(`[data-id="${grace}-v1"].onstage`).waitFor({ timeout: 15_000 });
    await close(pages.slice(1));
});

test('the library of 2022 sees the screen, and the camera again when it ends', async () => {
    const page = await joinWithPage(browser, { room: 'share-2022', name: 'Ada', options: WIDE });
    const other = await joinWithLibrary(browser, library, { room: 'share-2022', name: 'Library' });
    const pictures = () => other.evaluate(async () => {
        const frames = {};

        for (const pc of window.meeting.peerConnections) {
            for (const report of (await pc.getStats()).values()) {
                if (report.type === 'inbound-rtp' && report.kind === 'video' && report.framesDecoded) {
                    frames[report.ssrc] = report.framesDecoded;
                }
            }
        }

        return frames;
    });
    /** Waits until pictures of more come than of these; says of which SSRC. */
    const grows = async (known, more) => {
        const end = Date.now() + 40_000;

        for (;;) {
            const found = Object.entries(await pictures()).find(([ ssrc, frames ]) => (more ? !(ssrc in known) && frames > 2 : frames > known[ssrc] + 5));

            if (found) {
                return found[0];
            }
            if (Date.now() > end) {
                const seen = await other.evaluate(async () => [ await window.meeting.media(), window.meeting.events ]);

                throw new Error(`no more than ${JSON.stringify(known)}: ${JSON.stringify([ await pictures(), ...seen ])}\n${other.lines.slice(-15).join('\n')}`);
            }
            await new Promise(resolve => setTimeout(resolve, 250));
        }
    };
    const camera = await grows({}, true);

    await page.locator('[data-test=share]').click();
    await page.locator('[data-test=sharing]').waitFor();
    await grows({ [camera]: 0 }, true);
    await page.locator('[data-test=share-stop]').click();
    await page.locator('[data-test=sharing]').waitFor({ state: 'hidden' });
    await grows({ [camera]: (await pictures())[camera] ?? 0 }, false);
    await close([ page, other ]);
});

test('a screen that is shared when the box restarts is shared again afterwards', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'share-restart', name: 'Ada', options: WIDE }),
        await joinWithPage(browser, { room: 'share-restart', name: 'Grace', options: WIDE })
    ];

    await pages[0].locator('[data-test=share]').click();
    await sees(pages[1], `${await id(pages[0])}-v1`);
    await server.stop();
    server = await Server.start();
    for (const page of pages) {
        await page.waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 60_000 });
    }
    await sees(pages[1], `${await id(pages[0])}-v1`, 40_000);
    await close(pages);
});
