// The unmodified lib-jitsi-meet of 2022 shares a screen in place of its camera, and gives the camera its place back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, joinWithLibrary, me, openChromium, until } from './harness.mjs';
import { joinWithPage } from './page.mjs';

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

/** A screen on which something moves: no browser here has a real one. */
function paintScreen() {
    navigator.mediaDevices.getDisplayMedia = () => {
        const canvas = document.createElement('canvas');
        const context = canvas.getContext('2d');

        [ canvas.width, canvas.height ] = [ 640, 360 ];
        setInterval(() => {
            context.fillStyle = `hsl(${performance.now() / 20 % 360} 80% 50%)`;
            context.fillRect(0, 0, canvas.width, canvas.height);
        }, 100);

        return Promise.resolve(canvas.captureStream(10));
    };
}

/** Another client of the library decodes more and more of Ada's video, which is of this kind. */
async function librarySees(page, ada, kind) {
    try {
        await libraryDecodes(page, ada, kind);
    } catch (error) {
        const seen = await page.evaluate(async () => [ await window.meeting.media(),
            [ ...window.meeting.remote ].map(([ name, track ]) => [ name, track.getVideoType?.() ]), window.meeting.events ]);

        throw new Error(`${kind}: ${error.message}\n${JSON.stringify(seen)}\n${page.lines.slice(-20).join('\n')}`);
    }
}

async function libraryDecodes(page, ada, kind) {
    await until(page, ([ name, screen ]) => window.meeting.remote.has(name)
        && (window.meeting.remote.get(name).getVideoType() === 'desktop') === screen, [ `${ada}/video`, kind === 'desktop' ], 30_000);
    const before = await page.evaluate(async name => (await window.meeting.media())[name], `${ada}/video`);

    await until(page, async ([ name, was ]) => {
        const now = (await window.meeting.media())[name];

        return now.frames > (now.ssrc === was.ssrc ? was.frames : 0) + 10;
    }, [ `${ada}/video`, before ], 40_000);
}

/** Our page does. */
async function pageSees(page, ada) {
    const frames = async () => page.evaluate(async id => (await window.moothall.stats())[id]?.framesDecoded ?? 0, ada);
    const before = await frames();

    await until(page, async ([ id, was ]) => (await window.moothall.stats())[id]?.framesDecoded > was + 10, [ ada, before ], 40_000);
}

test('a screen in place of the camera gives the place back, and again', async () => {
    const pages = [
        await joinWithLibrary(browser, library, { room: 'instead', name: 'Ada' }),
        await joinWithLibrary(browser, library, { room: 'instead', name: 'Grace' })
    ];
    const ours = await joinWithPage(browser, { room: 'instead', name: 'Mary' });
    const ada = await me(pages[0]);

    await pages[0].evaluate(paintScreen);
    await librarySees(pages[1], ada, 'camera');
    for (let round = 0; round < 2; round++) {
        await pages[0].evaluate(() => window.meeting.share());
        await librarySees(pages[1], ada, 'desktop');
        await pageSees(ours, ada);
        await pages[0].evaluate(() => window.meeting.unshare());
        await librarySees(pages[1], ada, 'camera');
        await pageSees(ours, ada);
    }
    for (const page of pages) {
        const events = await page.evaluate(() => window.meeting.events);

        assert.deepEqual(events.filter(e => [ 'error', 'rejection', 'conference failed' ].includes(e.what)), []);
        assert.deepEqual(page.lines.filter(line => line.includes('a=msid')), []);
    }
    await Promise.all([ ...pages, ours ].map(page => page.context().close()));
});
